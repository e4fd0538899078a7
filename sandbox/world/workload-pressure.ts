import type { Chance } from './kernel.ts';
import type { MetricSource } from './monitoring-sources.ts';
import type { Project } from './project.ts';

// A Deployment with more to do than its pods take.
//
// W1. Crowded: its pods are busy and turn the rest away (503); so many would do. Its autoscaler gets no metrics meanwhile, or it
//     would have scaled by itself.
// W2. Stuck: its requests wait for something else, half of them fail however many pods there are, and no pod is busy.

/** What presses on a Deployment. */
export type WorkloadPressure = { readonly kind: 'crowded'; readonly pods: number } | { readonly kind: 'stuck' };

/** Use of CPU on a calm day, in percent of one pod's request: three pods at 53 %. */
const CALM_DEMAND = 160;

/** A busy pod uses all that it requested. */
const BUSY = 100;

/** A Deployment's load. */
export class PressedWorkload {
  readonly #luck: Chance;
  #pressure: WorkloadPressure | undefined;

  constructor(luck: Chance) {
    this.#luck = luck;
  }

  press(pressure: WorkloadPressure | undefined): void {
    this.#pressure = pressure;
  }

  /** What its requests would use, in percent of one pod's CPU request. */
  demand(): number {
    return this.#pressure?.kind === 'crowded' ? this.#pressure.pods * BUSY : CALM_DEMAND;
  }

  /** Whether its autoscaler can measure it. */
  isMeasured(): boolean {
    return this.#pressure?.kind !== 'crowded';
  }

  /** Whether the next request is turned away by so many ready pods. */
  turnsAway(ready: number): boolean {
    if (this.#pressure === undefined) return false;
    return this.#luck.next() >= (this.#pressure.kind === 'crowded' ? ready / this.#pressure.pods : 1 / 2);
  }

  /** What each of so many ready pods uses, as a share of its request. */
  utilization(ready: number): number {
    return ready === 0 ? 0 : Math.min(1, this.demand() / BUSY / ready);
  }
}

/** CPU of each ready pod of a Deployment (`kubernetes.io/container/cpu/request_utilization`). */
export function cpuSource(
  project: Project,
  about: {
    readonly cluster: string;
    readonly location: string;
    readonly namespace: string;
    readonly container: string;
    readonly readyPods: () => readonly string[];
    readonly load: PressedWorkload;
  },
): MetricSource {
  return {
    name: `cpu/${about.cluster}/${about.container}`,
    visibleAfter: [20, 50],
    samples: () => {
      const pods = about.readyPods();
      return pods.map((pod) => ({
        resource: {
          type: 'k8s_container',
          labels: {
            project_id: project.id,
            location: about.location,
            cluster_name: about.cluster,
            namespace_name: about.namespace,
            pod_name: pod,
            container_name: about.container,
          },
        },
        metric: { type: 'kubernetes.io/container/cpu/request_utilization', labels: {} },
        kind: 'GAUGE',
        valueType: 'DOUBLE',
        value: about.load.utilization(pods.length),
      }));
    },
  };
}

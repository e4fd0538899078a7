import { REFERENCE } from '../sandbox/world/reference-system.ts';
import { after, type Instant, millis } from '../shared/core/time.ts';
import { effects } from '../test/stories/judge.ts';
import type { Stage } from '../test/stories/story.ts';

// What the simulated cloud itself took for a recovery, as the world saw it: requests by its audit, Cloud SQL by its operations, pods
// and instances by when they were gone, ready or serving. Their sum is the critical path: no recovery of that order can be shorter.

/** How closely pods and services are watched, clock milliseconds. */
const SAMPLE = millis(50);

/** One thing that the cloud did on a critical path. */
export interface Leg {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/** What the world's workloads were seen to do, as moments of clock time. */
export class Watched {
  readonly #stage: Stage;
  /** When the Deployment had that many ready pods, for each change. */
  readonly ready: { readonly at: Instant; readonly pods: number; readonly ready: number }[] = [];
  /** When the Cloud Run service changed between settled and not, and whether an instance of it served. */
  readonly service: { readonly at: Instant; readonly settled: boolean; readonly serving: boolean }[] = [];

  /** When the Deployment's present template was on all of its pods, and these were available, and when not. */
  readonly rollout: { readonly at: Instant; readonly complete: boolean }[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#sample();
  }

  /** The first moment at or after `from` at which it held. */
  first<T extends { readonly at: Instant }>(seen: readonly T[], from: number, holds: (one: T) => boolean): number {
    // A state lasts until the next one is seen: what held at `from` already counts from there.
    const before = seen.findLast(({ at }) => at <= from);
    if (before !== undefined && holds(before)) return from;
    const found = seen.find((one) => one.at > from && holds(one));
    if (found === undefined) throw new Error('the story ended before that happened');
    return found.at;
  }

  #sample(): void {
    const { clock, world } = this.#stage.sandbox;
    const { namespace, api, region } = REFERENCE;
    const at = clock.now();
    const pods = world.kubernetes.store
      .list('Pod', namespace)
      .filter(({ metadata }) => metadata.name.startsWith(`${api}-`)).length;
    const ready = world.kubernetes.readyPods(namespace, api).length;
    const last = this.ready.at(-1);
    if (last?.pods !== pods || last.ready !== ready) this.ready.push({ at, pods, ready });
    const { settled } = world.run.service({ location: region, service: api });
    const instances = world.run.instances({ location: region, service: api });
    const serving = instances.some(({ application }) => application.state() === 'serving');
    const known = this.service.at(-1);
    if (known?.settled !== settled || known.serving !== serving) this.service.push({ at, settled, serving });
    const { metadata, spec, status } = world.kubernetes.store.read('Deployment', namespace, api);
    const complete =
      status.observedGeneration === metadata.generation &&
      [status.replicas, status.updatedReplicas, status.availableReplicas].every((count) => count === spec.replicas);
    if (this.rollout.at(-1)?.complete !== complete) this.rollout.push({ at, complete });
    clock.schedule(after(at, SAMPLE), () => this.#sample());
  }
}

/** What the cloud did for our own recovery, in the order of the committed section. */
export function legsOfRun(stage: Stage, watched: Watched): readonly Leg[] {
  const [hold = 0, release = 0] = effects(stage, 'k8s.apps.deployments/scale.patch').map(({ at }) => at);
  const [holdRun = 0, releaseRun = 0] = effects(stage, 'run.services.update').map(({ at }) => at);
  const settled = (from: number): number => watched.first(watched.service, from + SAMPLE, (one) => one.settled);
  const opened = settled(releaseRun);
  const allServe = Math.max(
    watched.first(watched.ready, release, ({ pods, ready }) => pods === 3 && ready === 3),
    watched.first(watched.service, releaseRun, ({ serving }) => serving),
  );
  return [
    { what: 'pods end', from: hold, to: watched.first(watched.ready, hold, ({ pods }) => pods === 0) },
    { what: 'Cloud Run goes to zero', from: holdRun, to: settled(holdRun) },
    operation(stage, 'UPDATE', 'coditect-dms-db'),
    operation(stage, 'PROMOTE_REPLICA', 'coditect-dms-db-replica'),
    {
      what: 'the first pod starts',
      from: release,
      to: watched.first(watched.ready, release, ({ ready }) => ready > 0),
    },
    { what: 'Cloud Run comes back', from: releaseRun, to: opened },
    { what: 'the last consumer starts', from: opened, to: Math.max(opened, allServe) },
  ];
}

/** What the cloud did for whoever followed the runbook by hand: the promotion, and the rollout that moves the application. */
export function legsOfRunbook(stage: Stage, watched: Watched): readonly Leg[] {
  const [patched] = effects(stage, 'k8s.apps.deployments.patch').map(({ at }) => at);
  if (patched === undefined) throw new Error('the Deployment was never changed');
  const rolled = watched.first(watched.rollout, patched + SAMPLE, ({ complete }) => complete);
  return [
    operation(stage, 'PROMOTE_REPLICA', 'coditect-dms-db-replica'),
    { what: 'the Deployment rolls out', from: patched, to: rolled },
  ];
}

/** The last operation of that type on that instance since things broke. */
function operation(stage: Stage, type: string, target: string): Leg {
  const found = stage.sandbox.world.sql.fleet.operations
    .list(target)
    .findLast((one) => one.type === type && one.insertedAt >= stage.brokenAt);
  return { what: `${type} of ${target}`, from: found?.insertedAt ?? 0, to: found?.endedAt ?? 0 };
}

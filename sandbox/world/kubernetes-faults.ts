import type { Chance } from './kernel.ts';
import { type Pod, type PodTemplate, isActive, isReady } from './kubernetes-objects.ts';
import type { PodRecord } from './kubernetes-pod-record.ts';
import { isMadeFrom, templateHash } from './kubernetes-rollout.ts';
import type { Store } from './kubernetes-store.ts';

// What can go wrong inside a cluster. Each fault lasts until it is taken away or until what it struck is gone; a new pod
// starts without it.

/** A Deployment, or any other object of a namespace, by name. */
export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** The faults of one cluster. */
export interface ClusterFaults {
  /**
   * Hangs one pod's application: it accepts connections and answers none, its liveness answers, its readiness fails. Without
   * a name a ready pod of the Deployment is drawn. Returns the pod's name; throws when there is none.
   */
  hangPod(target: { readonly deployment: Named } | { readonly pod: Named }): string;
  /** Ends a hang; the process serves again. Nothing happens when the pod is gone. */
  unhangPod(pod: Named): void;
  /**
   * Every container of a template crashes soon after its start, as with a broken configuration: of `this` template (running
   * pods crash too) or of every `next` one. Returns a function that ends it.
   */
  crashLoop(deployment: Named, template: 'this' | 'next'): () => void;
  /**
   * Somebody deploys a revision that is no good: its image does not exist, it names a Secret that does not exist, or it ends soon
   * after each start. Returns a function that gives the Deployment its former template again, if it still runs the bad one.
   */
  badRevision(deployment: Named, how: BadRevision): () => void;
  /** The image can't be pulled any more. Running containers stay. Returns a function that ends it. */
  breakImage(image: string): () => void;
  /** The pod's node never finishes ending it. Returns a function that lets it. */
  holdTermination(pod: Named): () => void;
  /** A ready pod of the Deployment hangs, and its node never finishes ending it until `mend` lets it. */
  stickPod(deployment: Named): { readonly pod: string; readonly mend: () => void };
  /** The pod's process ends with that exit code now. */
  crashPod(pod: Named, exitCode?: number): void;
}

/** What can be wrong with a revision. */
export type BadRevision = 'image' | 'config' | 'crash';

/** What the kubelet asks of the faults, and what they do to its pods. */
export interface PodFaults {
  crashes(record: PodRecord): boolean;
  imageBroken(image: string): boolean;
}

/** What the faults can do to a pod on its node. */
export interface Struck {
  records(): readonly PodRecord[];
  hang(record: PodRecord): void;
  unhang(record: PodRecord): void;
  crash(record: PodRecord, exitCode: number): void;
  /** Ends what was held back. */
  release(record: PodRecord): void;
}

interface CrashRule extends Named {
  readonly strikes: (template: string | undefined) => boolean;
}

/** No faults yet: what the kubelet reads, and `bind` to hand its pods to the faults. */
export function createClusterFaults(
  store: Store,
  chance: Chance,
): { readonly read: PodFaults; bind(struck: Struck): ClusterFaults } {
  const crashRules = new Set<CrashRule>();
  const brokenImages = new Map<string, number>();

  const presentTemplate = ({ namespace, name }: Named): string | undefined => {
    const deployment = store.read('Deployment', namespace, name);
    const sets = store.list('ReplicaSet', namespace).filter((set) => set.metadata.name.startsWith(`${name}-`));
    const current = sets.find((set) => isMadeFrom(set, deployment.spec.template));
    return current?.metadata.labels?.['pod-template-hash'];
  };

  const find = (struck: Struck, { namespace, name }: Named): PodRecord => {
    const found = struck.records().find((record) => record.namespace === namespace && record.name === name);
    if (found === undefined) throw new Error(`no pod ${namespace}/${name} runs`);
    return found;
  };

  const drawReady = (struck: Struck, { namespace, name }: Named): PodRecord => {
    const ready = (pod: Pod | undefined): boolean => pod !== undefined && isActive(pod) && isReady(pod);
    const [first, ...rest] = struck
      .records()
      .filter((one) => one.deployment === name && one.namespace === namespace && !one.hung)
      .filter((one) => ready(store.get('Pod', namespace, one.name)));
    if (first === undefined) throw new Error(`no pod of ${namespace}/${name} is ready`);
    return chance.pick([first, ...rest]);
  };

  return {
    read: {
      crashes: ({ namespace, deployment, template }) =>
        [...crashRules].some(
          (rule) => rule.namespace === namespace && rule.name === deployment && rule.strikes(template),
        ),
      imageBroken: (image) => (brokenImages.get(image) ?? 0) > 0,
    },
    bind: (struck) => ({
      badRevision(named, how) {
        const { namespace, name } = named;
        const { template: former } = store.read('Deployment', namespace, name).spec;
        const bad = badTemplate(former, how);
        const stop = how === 'crash' ? this.crashLoop(named, 'next') : () => undefined;
        const deploy = (template: PodTemplate): void => {
          const deployment = store.read('Deployment', namespace, name);
          store.replace('Deployment', { ...deployment, spec: { ...deployment.spec, template } });
        };
        const ends = how === 'image' ? bad.spec.containers.map(({ image }) => this.breakImage(image)) : [];
        deploy(bad);
        return () => {
          stop();
          for (const end of ends) end();
          if (templateHash(store.read('Deployment', namespace, name).spec.template) === templateHash(bad))
            deploy(former);
        };
      },
      hangPod(target) {
        const record = 'pod' in target ? find(struck, target.pod) : drawReady(struck, target.deployment);
        struck.hang(record);
        return record.name;
      },
      unhangPod({ namespace, name }) {
        const record = struck.records().find((one) => one.namespace === namespace && one.name === name);
        if (record !== undefined) struck.unhang(record);
      },
      crashLoop(deployment, template) {
        const present = presentTemplate(deployment);
        const rule = {
          ...deployment,
          strikes: (hash: string | undefined) => (hash === present) === (template === 'this'),
        };
        crashRules.add(rule);
        return () => void crashRules.delete(rule);
      },
      breakImage(image) {
        brokenImages.set(image, (brokenImages.get(image) ?? 0) + 1);
        return () => void brokenImages.set(image, (brokenImages.get(image) ?? 1) - 1);
      },
      holdTermination(pod) {
        const record = find(struck, pod);
        record.held = true;
        return () => {
          record.held = false;
          struck.release(record);
        };
      },
      stickPod(deployment) {
        const { namespace, name } = drawReady(struck, deployment);
        const release = this.holdTermination({ namespace, name });
        this.hangPod({ pod: { namespace, name } });
        const mend = (): void => {
          release();
          this.unhangPod({ namespace, name });
        };
        return { pod: name, mend };
      },
      crashPod: (pod, exitCode = 1) => struck.crash(find(struck, pod), exitCode),
    }),
  };
}

/** What the next release would have been, had it been tried out. */
function badTemplate({ spec, ...rest }: PodTemplate, how: BadRevision): PodTemplate {
  const release = (image: string): string => `${image.slice(0, image.lastIndexOf(':'))}:1.15.0`;
  const missing = { name: 'API_LICENCE', valueFrom: { secretKeyRef: { name: 'licence', key: 'key' } } };
  const containers = spec.containers.map((container) => ({
    ...container,
    image: release(container.image),
    ...(how === 'config' ? { env: [...(container.env ?? []), missing] } : {}),
  }));
  return { ...rest, spec: { ...spec, containers } };
}

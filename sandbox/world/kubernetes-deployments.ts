import { isComplete, judge, progressing } from './kubernetes-deployment-status.ts';
import {
  type Deployment,
  type Labels,
  type ReplicaSet,
  conditionOf,
  controlledBy,
  controllerOf,
  withCondition,
} from './kubernetes-objects.ts';
import { type ClusterParts, type WorkQueue, createQueue, queueKey, splitKey } from './kubernetes-parts.ts';
import {
  REVISION,
  type Scaling,
  TEMPLATE_HASH,
  isMadeFrom,
  isScaling,
  newSize,
  rescale,
  revisionOf,
  rollOn,
  scaleAnnotations,
  templateHash,
} from './kubernetes-rollout.ts';
import { testOf } from './kubernetes-selectors.ts';
import type { Change } from './kubernetes-store.ts';

/** Annotations of a Deployment that its ReplicaSets don't carry. */
const NOT_INHERITED: ReadonlySet<string> = new Set(['kubectl.kubernetes.io/last-applied-configuration', REVISION]);

/** Starts the controller. It moves each Deployment to its template, one step at a look; what a step changes brings the next look. */
export function runDeployments(parts: ClusterParts): void {
  const controller = new DeploymentController(parts);
  parts.store.subscribe((change) => controller.hear(change));
}

class DeploymentController {
  readonly #parts: ClusterParts;
  readonly #queue: WorkQueue;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#queue = createQueue(parts, (key) => this.#reconcile(key));
  }

  hear({ object }: Change): void {
    if (object.kind === 'Deployment') this.#queue.add(queueKey(object));
    const owner = object.kind === 'ReplicaSet' || object.kind === 'Pod' ? this.#ownerOf(object) : undefined;
    if (owner !== undefined) this.#queue.add(`${object.metadata.namespace ?? ''}/${owner}`);
  }

  /** The Deployment's name behind a ReplicaSet or one of its pods. */
  #ownerOf({ metadata }: { readonly metadata: ReplicaSet['metadata'] }): string | undefined {
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner?.kind === 'Deployment') return owner.name;
    const set = owner && this.#parts.store.get('ReplicaSet', metadata.namespace ?? '', owner.name);
    return set?.metadata.ownerReferences?.find(({ kind }) => kind === 'Deployment')?.name;
  }

  #reconcile(key: string): void {
    const { store, clock } = this.#parts;
    const [namespace, name] = splitKey(key);
    const deployment = store.get('Deployment', namespace, name);
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
    const current = this.#step(deployment);
    const latest = store.read('Deployment', namespace, name);
    const sets = this.#setsOf(latest);
    const shown = sets.find((set) => set.metadata.uid === current?.metadata.uid);
    const { status, lookAgainIn } = judge(latest, shown, sets, clock.now());
    const revision = shown?.metadata.annotations?.[REVISION];
    const annotations = { ...latest.metadata.annotations, ...(revision === undefined ? {} : { [REVISION]: revision }) };
    const before = conditionOf(latest.status.conditions, 'Progressing')?.reason;
    store.replace('Deployment', { ...latest, metadata: { ...latest.metadata, annotations }, status });
    if (lookAgainIn !== undefined && before !== 'ProgressDeadlineExceeded') this.#queue.addAfter(key, lookAgainIn);
  }

  /** Does the next step, and returns the ReplicaSet of the present template if there is one. */
  #step(deployment: Deployment): ReplicaSet | undefined {
    const { spec } = deployment;
    const sets = this.#setsOf(deployment);
    if (spec.paused === true || isScaling(deployment, sets)) return this.#rescale(deployment, sets);
    const current = this.#currentSet(deployment, sets);
    const old = this.#setsOf(deployment).filter((set) => set.metadata.uid !== current.metadata.uid);
    const waits = spec.strategy.type === 'Recreate' && this.#hasPods(old);
    for (const scaling of rollOn(spec, current, old, waits)) this.#scale(deployment, scaling);
    if (isComplete(deployment)) this.#forgetOld(spec, old);
    return current;
  }

  #rescale(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
    const current = sets.find((set) => isMadeFrom(set, deployment.spec.template));
    const old = sets.filter((set) => set !== current);
    for (const scaling of rescale(deployment.spec, current, old)) this.#scale(deployment, scaling);
    // What kept its size learns the new wish too, or the next look would scale again.
    for (const set of this.#setsOf(deployment)) {
      if (set.spec.replicas > 0) this.#scale(deployment, { set, to: set.spec.replicas });
    }
    return current;
  }

  #setsOf({ metadata }: Deployment): readonly ReplicaSet[] {
    const all = this.#parts.store.list('ReplicaSet', metadata.namespace ?? '');
    return all.filter((set) => controllerOf(set) === metadata.uid);
  }

  #scale(deployment: Deployment, { set, to }: Scaling): void {
    const { name, annotations: own } = set.metadata;
    const annotations = { ...own, ...scaleAnnotations(deployment.spec) };
    const spec = { ...set.spec, replicas: to };
    this.#parts.store.replace('ReplicaSet', { ...set, metadata: { ...set.metadata, annotations }, spec });
    if (to !== set.spec.replicas) this.#tellScaling(deployment, name, set.spec.replicas, to);
  }

  #tellScaling(about: Deployment, name: string, from: number, to: number): void {
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`;
    this.#parts.events.tell({
      about,
      type: 'Normal',
      reason: 'ScalingReplicaSet',
      message,
      from: 'deployment-controller',
    });
  }

  /** The set of the present template, made if need be, with the highest revision. */
  #currentSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet {
    const { spec, metadata } = deployment;
    const found = sets.find((set) => isMadeFrom(set, spec.template));
    const highest = Math.max(0, ...sets.filter((set) => set !== found).map(revisionOf));
    const revision = String(Math.max(highest + 1, found === undefined ? 0 : revisionOf(found)));
    const inherited = Object.entries(metadata.annotations ?? {}).filter(([name]) => !NOT_INHERITED.has(name));
    const annotations = { ...Object.fromEntries(inherited), [REVISION]: revision };
    if (found !== undefined) return this.#annotate(found, annotations);
    const created = this.#createSet(deployment, sets, { ...annotations, ...scaleAnnotations(spec) });
    this.#noteCreated(deployment, created.metadata.name);
    if (created.spec.replicas > 0) this.#tellScaling(deployment, created.metadata.name, 0, created.spec.replicas);
    return created;
  }

  #annotate(set: ReplicaSet, added: Labels): ReplicaSet {
    const annotations = { ...set.metadata.annotations, ...added };
    return this.#parts.store.replace('ReplicaSet', { ...set, metadata: { ...set.metadata, annotations } });
  }

  #noteCreated({ metadata }: Deployment, set: string): void {
    const { store, clock } = this.#parts;
    const deployment = store.read('Deployment', metadata.namespace ?? '', metadata.name);
    const condition = progressing('NewReplicaSetCreated', `Created new replica set "${set}"`, clock.now());
    const conditions = withCondition(deployment.status.conditions, condition);
    store.replace('Deployment', { ...deployment, status: { ...deployment.status, conditions } });
  }

  #createSet(deployment: Deployment, sets: readonly ReplicaSet[], annotations: Labels): ReplicaSet {
    const { metadata, spec } = deployment;
    const hash = templateHash(spec.template);
    const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH]: hash };
    const selector = { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH]: hash } };
    const template = { ...spec.template, metadata: { ...spec.template.metadata, labels } };
    const waits = spec.strategy.type === 'Recreate' && sets.some((set) => set.status.replicas > 0);
    const minReady = spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds };
    return this.#parts.store.create('ReplicaSet', {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${metadata.name}-${hash}`,
        namespace: metadata.namespace ?? '',
        labels,
        annotations,
        ownerReferences: [controlledBy(deployment)],
      },
      spec: { replicas: waits ? 0 : newSize(spec, 0, sets), selector, template, ...minReady },
      status: { replicas: 0 },
    });
  }

  /** Old sets beyond `revisionHistoryLimit` go, the oldest first; until then they are what `rollout undo` returns to. */
  #forgetOld({ revisionHistoryLimit = 10 }: Deployment['spec'], old: readonly ReplicaSet[]): void {
    const empty = old.filter((set) => set.spec.replicas === 0 && set.status.replicas === 0);
    const excess = Math.max(0, empty.length - revisionHistoryLimit);
    const oldest = empty.toSorted((a, b) => revisionOf(a) - revisionOf(b)).slice(0, excess);
    for (const { metadata } of oldest) this.#parts.store.remove('ReplicaSet', metadata.namespace ?? '', metadata.name);
  }

  #hasPods(old: readonly ReplicaSet[]): boolean {
    return old.some((set) => {
      const test = testOf(set.spec.selector);
      const pods = this.#parts.store.list('Pod', set.metadata.namespace ?? '');
      return pods.some((pod) => test(pod.metadata.labels ?? {}));
    });
  }
}

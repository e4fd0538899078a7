import { testOf } from './kubernetes-selectors.ts';
import { progressing, isComplete, judge } from './kubernetes-deployment-status.ts';
import {
  type Deployment,
  type ReplicaSet,
  conditionOf,
  controlledBy,
  controllerOf,
  withCondition,
} from './kubernetes-objects.ts';
import { type ClusterParts, createQueue, queueKey, splitKey } from './kubernetes-parts.ts';
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

// Moves each Deployment to its template, one step at a look; what a step changes brings the next look.

/** Annotations of a Deployment that its ReplicaSets don't carry. */
const NOT_INHERITED: ReadonlySet<string> = new Set(['kubectl.kubernetes.io/last-applied-configuration', REVISION]);

/** Starts the controller. */
export function runDeployments(parts: ClusterParts): void {
  const { clock, store, events } = parts;

  const setsOf = ({ metadata }: Deployment): readonly ReplicaSet[] =>
    store.list('ReplicaSet', metadata.namespace ?? '').filter((set) => controllerOf(set) === metadata.uid);

  const tellScaling = (about: Deployment, name: string, from: number, to: number): void => {
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`;
    events.tell({ about, type: 'Normal', reason: 'ScalingReplicaSet', message, from: 'deployment-controller' });
  };

  const scale = (deployment: Deployment, { set, to }: Scaling): void => {
    const annotations = { ...set.metadata.annotations, ...scaleAnnotations(deployment.spec) };
    store.replace('ReplicaSet', {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas: to },
    });
    if (to !== set.spec.replicas) tellScaling(deployment, set.metadata.name, set.spec.replicas, to);
  };

  const note = (deployment: Deployment, reason: string, message: string): void => {
    const conditions = withCondition(deployment.status.conditions, progressing(reason, message, clock.now()));
    store.replace('Deployment', { ...deployment, status: { ...deployment.status, conditions } });
  };

  /** The set of the present template, made if need be, with the highest revision. */
  const currentSet = (deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet => {
    const { spec, metadata } = deployment;
    const found = sets.find((set) => isMadeFrom(set, spec.template));
    const highest = Math.max(0, ...sets.filter((set) => set !== found).map(revisionOf));
    const revision = String(Math.max(highest + 1, found === undefined ? 0 : revisionOf(found)));
    const inherited = Object.entries(metadata.annotations ?? {}).filter(([name]) => !NOT_INHERITED.has(name));
    const annotations = { ...Object.fromEntries(inherited), [REVISION]: revision };
    if (found !== undefined) return revise(found, annotations);
    const created = createSet(deployment, sets, { ...annotations, ...scaleAnnotations(spec) });
    note(
      store.read('Deployment', metadata.namespace ?? '', metadata.name),
      'NewReplicaSetCreated',
      `Created new replica set "${created.metadata.name}"`,
    );
    if (created.spec.replicas > 0) tellScaling(deployment, created.metadata.name, 0, created.spec.replicas);
    return created;
  };

  const revise = (set: ReplicaSet, annotations: Readonly<Record<string, string>>): ReplicaSet =>
    store.replace('ReplicaSet', {
      ...set,
      metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, ...annotations } },
    });

  const createSet = (
    deployment: Deployment,
    sets: readonly ReplicaSet[],
    annotations: Readonly<Record<string, string>>,
  ): ReplicaSet => {
    const { metadata, spec } = deployment;
    const hash = templateHash(spec.template);
    const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH]: hash };
    const selector = { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH]: hash } };
    const template = { ...spec.template, metadata: { ...spec.template.metadata, labels } };
    const waits = spec.strategy.type === 'Recreate' && sets.some((set) => set.status.replicas > 0);
    const minReady = spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds };
    return store.create('ReplicaSet', {
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
  };

  /** Old sets beyond `revisionHistoryLimit` go, the oldest first; until then they are what `rollout undo` returns to. */
  const forgetOld = ({ spec }: Deployment, old: readonly ReplicaSet[]): void => {
    const empty = old.filter((set) => set.spec.replicas === 0 && set.status.replicas === 0);
    const excess = Math.max(0, empty.length - (spec.revisionHistoryLimit ?? 10));
    const oldest = empty.toSorted((a, b) => revisionOf(a) - revisionOf(b)).slice(0, excess);
    for (const { metadata } of oldest) store.remove('ReplicaSet', metadata.namespace ?? '', metadata.name);
  };

  const hasPods = (old: readonly ReplicaSet[]): boolean =>
    old.some((set) => {
      const test = testOf(set.spec.selector);
      return store.list('Pod', set.metadata.namespace ?? '').some((pod) => test(pod.metadata.labels ?? {}));
    });

  const step = (deployment: Deployment): ReplicaSet | undefined => {
    const sets = setsOf(deployment);
    const existing = sets.find((set) => isMadeFrom(set, deployment.spec.template));
    const others = (current: ReplicaSet | undefined): readonly ReplicaSet[] =>
      setsOf(deployment).filter((set) => set.metadata.uid !== current?.metadata.uid);
    if (deployment.spec.paused === true || isScaling(deployment, sets)) {
      for (const scaling of rescale(deployment.spec, existing, others(existing))) scale(deployment, scaling);
      // What kept its size learns the new wish too, or the next look would scale again.
      for (const set of setsOf(deployment).filter((one) => one.spec.replicas > 0))
        scale(deployment, { set, to: set.spec.replicas });
      return existing;
    }
    const current = currentSet(deployment, sets);
    const old = others(current);
    const waits = deployment.spec.strategy.type === 'Recreate' && hasPods(old);
    for (const scaling of rollOn(deployment.spec, current, old, waits)) scale(deployment, scaling);
    if (isComplete(deployment)) forgetOld(deployment, old);
    return current;
  };

  const reconcile = (key: string): void => {
    const [namespace, name] = splitKey(key);
    const deployment = store.get('Deployment', namespace, name);
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
    const current = step(deployment);
    const latest = store.read('Deployment', namespace, name);
    const sets = setsOf(latest);
    const shown = sets.find((set) => set.metadata.uid === current?.metadata.uid);
    const { status, lookAgainIn } = judge(latest, shown, sets, clock.now());
    const revision = shown?.metadata.annotations?.[REVISION];
    const annotations = { ...latest.metadata.annotations, ...(revision === undefined ? {} : { [REVISION]: revision }) };
    const before = conditionOf(latest.status.conditions, 'Progressing')?.reason;
    store.replace('Deployment', { ...latest, metadata: { ...latest.metadata, annotations }, status });
    if (lookAgainIn !== undefined && before !== 'ProgressDeadlineExceeded') queue.addAfter(key, lookAgainIn);
  };

  const queue = createQueue(parts, reconcile);
  store.subscribe(({ object }) => {
    if (object.kind === 'Deployment') queue.add(queueKey(object));
    const owner = object.kind === 'ReplicaSet' || object.kind === 'Pod' ? ownerOf(object) : undefined;
    if (owner !== undefined) queue.add(`${object.metadata.namespace ?? ''}/${owner}`);
  });

  /** The Deployment's name behind a ReplicaSet or one of its pods. */
  const ownerOf = (object: { readonly metadata: ReplicaSet['metadata'] }): string | undefined => {
    const owner = object.metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner?.kind === 'Deployment') return owner.name;
    const set = owner === undefined ? undefined : store.get('ReplicaSet', object.metadata.namespace ?? '', owner.name);
    return set?.metadata.ownerReferences?.find(({ kind }) => kind === 'Deployment')?.name;
  };
}

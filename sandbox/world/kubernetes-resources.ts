import type { Kind } from './kubernetes-objects.ts';

/** One resource of the API: how it is addressed, what discovery says of it, and which verbs it has. */
export interface Resource {
  readonly kind: Kind;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly namespaced: boolean;
  /** `metadata.generation` counts changes of its spec. */
  readonly counts: boolean;
  readonly verbs: readonly string[];
}

const ALL = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const;
const READ = ['get', 'list', 'watch'] as const;

/** What this API server serves, in the order of discovery. */
export const RESOURCES: readonly Resource[] = [
  core({ kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'] }),
  core({ kind: 'Endpoints', plural: 'endpoints', singular: 'endpoints', shortNames: ['ep'], verbs: READ }),
  core({ kind: 'Event', plural: 'events', shortNames: ['ev'], verbs: ['delete', ...READ] }),
  core({ kind: 'Namespace', plural: 'namespaces', shortNames: ['ns'], namespaced: false, verbs: READ }),
  core({ kind: 'Node', plural: 'nodes', shortNames: ['no'], namespaced: false, verbs: ['patch', 'update', ...READ] }),
  core({ kind: 'Pod', plural: 'pods', shortNames: ['po'], categories: ['all'] }),
  core({ kind: 'Secret', plural: 'secrets' }),
  core({ kind: 'Service', plural: 'services', shortNames: ['svc'], categories: ['all'] }),
  resource('apps', 'v1', { kind: 'Deployment', plural: 'deployments', shortNames: ['deploy'], categories: ['all'] }),
  resource('apps', 'v1', { kind: 'ReplicaSet', plural: 'replicasets', shortNames: ['rs'], categories: ['all'] }),
  resource('autoscaling', 'v2', {
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    shortNames: ['hpa'],
    categories: ['all'],
    counts: false,
  }),
  resource('networking.k8s.io', 'v1', { kind: 'NetworkPolicy', plural: 'networkpolicies', shortNames: ['netpol'] }),
  resource('policy', 'v1', { kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', shortNames: ['pdb'] }),
];

const BY_KIND: ReadonlyMap<Kind, Resource> = new Map(RESOURCES.map((entry) => [entry.kind, entry]));

/** The resource in which a kind is served. */
export function resourceOf(kind: Kind): Resource {
  const found = BY_KIND.get(kind);
  if (found === undefined) throw new Error(`no resource serves ${kind}`);
  return found;
}

/** The resource with that plural name in a group and version. */
export function findResource(group: string, version: string, plural: string): Resource | undefined {
  return RESOURCES.find((entry) => entry.group === group && entry.version === version && entry.plural === plural);
}

/** `apps/v1`, or `v1` for the core group. */
export const apiVersionOf = ({ group, version }: Pick<Resource, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`;

/** `deployments.apps`, or `pods` for the core group: how messages name a resource. */
export const qualified = ({ group, plural }: Pick<Resource, 'group' | 'plural'>): string =>
  group === '' ? plural : `${plural}.${group}`;

type Described = Pick<Resource, 'kind' | 'plural'> & Partial<Omit<Resource, 'group' | 'version'>>;

function core(described: Described): Resource {
  return resource('', 'v1', { counts: false, ...described });
}

function resource(group: string, version: string, described: Described): Resource {
  const singular = described.kind.toLowerCase();
  return { singular, namespaced: true, counts: true, verbs: ALL, ...described, group, version };
}

import { REVIEW_GROUP, REVIEWS } from '../world/kubernetes-review.ts';
import { RESOURCES, type Resource, apiVersionOf } from '../world/kubernetes-resources.ts';

// What the API server says about itself: versions, groups, resources. kubectl asks this before everything else and keeps
// the answers in a folder of its own.

type Body = Readonly<Record<string, unknown>>;

/** `/version`. */
export function versionInfo(gitVersion: string): Body {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '7b1e9a4f0d2c3e5a6b8c9d0e1f2a3b4c5d6e7f80',
    gitTreeState: 'clean',
    buildDate: '2025-10-14T04:36:05Z',
    goVersion: 'go1.24.6 X:boringcrypto',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}

/** Groups in the order in which kubectl prefers them. `events.k8s.io` shows the same Events in their newer form. */
const GROUPS: readonly (readonly [group: string, version: string])[] = [
  ['events.k8s.io', 'v1'],
  [REVIEW_GROUP, 'v1'],
  ['apps', 'v1'],
  ['autoscaling', 'v2'],
  ['networking.k8s.io', 'v1'],
  ['policy', 'v1'],
];

const groupInfo = (group: string, version: string): Body => {
  const preferred = { groupVersion: `${group}/${version}`, version };
  return { name: group, versions: [preferred], preferredVersion: preferred };
};

/** `/api`. */
export const coreVersions: Body = {
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1' }],
};

/** `/apis`. */
export const groupList: Body = {
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: GROUPS.map(([group, version]) => groupInfo(group, version)),
};

/** `/apis/<group>`; `undefined` for a group that isn't served. */
export function groupOf(name: string): Body | undefined {
  const found = GROUPS.find(([group]) => group === name);
  return found === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupInfo(...found) };
}

/** `/api/v1` and `/apis/<group>/<version>`; `undefined` for one that isn't served. */
export function resourceList(group: string, version: string): Body | undefined {
  const entries = RESOURCES.filter((one) => one.group === group && one.version === version).flatMap(entriesOf);
  const all = [...entries, ...(EXTRA[`${group}/${version}`] ?? [])];
  if (all.length === 0) return undefined;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf({ group, version }), resources: all };
}

const EXTRA: Readonly<Record<string, readonly Body[]>> = {
  'events.k8s.io/v1': [
    {
      name: 'events',
      singularName: 'event',
      namespaced: true,
      kind: 'Event',
      verbs: ['get', 'list', 'watch'],
      shortNames: ['ev'],
    },
  ],
  [`${REVIEW_GROUP}/v1`]: REVIEWS.map(({ kind, plural, namespaced }) => ({
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced,
    kind,
    verbs: ['create'],
  })),
};

function entriesOf(resource: Resource): readonly Body[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = resource;
  const own = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames === undefined ? {} : { shortNames }),
    ...(categories === undefined ? {} : { categories }),
  };
  return [
    own,
    ...(SUBRESOURCES[plural] ?? []).map((sub) => ({
      ...sub,
      name: `${plural}/${sub.name}`,
      singularName: '',
      namespaced,
    })),
  ];
}

const SCALE = { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] };

const SUBRESOURCES: Readonly<Record<string, readonly (Body & { readonly name: string })[]>> = {
  pods: [
    { name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
  ],
  deployments: [SCALE],
  replicasets: [SCALE],
};

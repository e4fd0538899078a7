import type { ClusterPlace, ClusterRule } from '../ports/cluster-access.ts';
import { FUNCTIONS, type FunctionName } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { neededBy } from './check-permissions.ts';
import type { Facts, NeededPermissions } from './facts.ts';
import { fine, type Finding, judge, wrong } from './finding.ts';
import { accountOf } from './wanted.ts';

// Whether each function may do in the clusters what its steps need: what the cluster itself answers, against what the code needs in the
// modes of `dr.yaml`.
//
// Not seen: reading that no step needs, but for that of secrets; what a function may do in other namespaces; and admission.yaml, which holds
// heal to one direction (a cluster is asked about roles only). A cluster's own list of somebody's rules would tell more, and is never whole on
// GKE, where IAM gives rights too: so it is asked rule by rule.

/** API groups by the first part of their name, as permissions have them (shared/providers/permissions.ts). */
const GROUPS: Readonly<Record<string, string>> = { networking: 'networking.k8s.io' };

/** What a Role can't say: it is the admission policy's. */
const DIRECTION = /\/scale\.down$/;

const ANYTHING: ClusterRule = { group: '*', resource: '*', subresource: '', verb: '*' };

/**
 * What nothing of ours ever does, whatever the mode, and what a role that is wider than its manifest gives: secrets that are read, programs
 * that are begun in others' pods, things that don't come back, and ways to more rights.
 */
const NEVER: readonly ClusterRule[] = [
  never('get', 'secrets'),
  never('list', 'secrets'),
  never('create', 'pods'),
  never('create', 'pods', '', 'exec'),
  never('delete', 'namespaces'),
  never('delete', 'deployments', 'apps'),
  never('delete', 'persistentvolumeclaims'),
  never('delete', 'nodes'),
  never('create', 'serviceaccounts', '', 'token'),
  never('create', 'rolebindings', 'rbac.authorization.k8s.io'),
  never('impersonate', 'users'),
  // By which admission.yaml would be lifted.
  never('delete', 'validatingadmissionpolicybindings', 'admissionregistration.k8s.io'),
];

function never(verb: string, resource: string, group = '', subresource = ''): ClusterRule {
  return { group, resource, subresource, verb };
}

/** Where an application of ours runs; each namespace once. */
export function clusterPlaces({ applications }: System): readonly ClusterPlace[] {
  const places = applications.flatMap((application) => (application.kind === 'gke' ? [application] : []));
  return places
    .map(({ cluster, location, namespace }) => ({ cluster, location, namespace }))
    .filter((place, index, all) => all.findIndex((other) => nameOf(other) === nameOf(place)) === index);
}

/** One question: which of some rules a function has in a place. */
export interface ClusterQuestion {
  /** By this name its answer stands in `Facts.clusterRules`. */
  readonly name: string;
  readonly place: ClusterPlace;
  readonly user: string;
  readonly rules: readonly ClusterRule[];
}

/** All that is asked: what each function needs, every change that any of ours may make, what none ever does, and whether it may do anything at all. */
export function clusterQuestions(system: System, needed: NeededPermissions): readonly ClusterQuestion[] {
  return clusterPlaces(system).flatMap((place) =>
    FUNCTIONS.map((name) => {
      const wanted = wantedBy(system, name, needed);
      const others = changes(needed).filter((rule) => !has(wanted, rule));
      const user = accountOf(name, system.project);
      return { name: keyOf(place, name), place, user, rules: [...wanted, ...others, ...NEVER, ANYTHING] };
    }),
  );
}

/** Place by place, function by function. */
export function checkCluster(system: System, facts: Pick<Facts, 'clusterRules' | 'needed'>): readonly Finding[] {
  return clusterPlaces(system).flatMap((place) => {
    const each = FUNCTIONS.map((name) => facts.clusterRules[keyOf(place, name)]);
    const [first] = each;
    // Where nobody could be asked about, that is one thing to mend and not seven.
    const isSilent = each.every((reading) => reading?.kind !== 'read' && reading?.kind === first?.kind);
    const asked = isSilent ? FUNCTIONS.slice(0, 1) : FUNCTIONS;
    return asked.flatMap((name) => {
      const check = isSilent ? `cluster roles in ${nameOf(place)}` : `cluster roles of ${name} in ${nameOf(place)}`;
      const user = accountOf(name, system.project);
      return judge(check, `who may do what in ${nameOf(place)}`, facts.clusterRules[keyOf(place, name)], {
        mend: `dr.yaml, applications: cluster, location and namespace. gcloud container clusters list --project ${system.project}`,
        ask: `ask with the right to create localsubjectaccessreviews there, which the cluster’s own role admin has, or to act as others; by hand: kubectl auth can-i --list -n ${place.namespace} --as ${user}`,
        holds: (allowed) => checkFunction(check, place, user, { allowed, ...askedOf(system, name, facts.needed) }),
      });
    });
  });
}

interface Rules {
  readonly allowed: readonly ClusterRule[];
  readonly wanted: readonly ClusterRule[];
  readonly others: readonly ClusterRule[];
  readonly manifest: string;
  readonly more: string;
}

function askedOf(system: System, name: FunctionName, needed: NeededPermissions): Omit<Rules, 'allowed'> {
  const wanted = wantedBy(system, name, needed);
  const others = changes(needed).filter((rule) => !has(wanted, rule));
  const manifest = name === 'heal' || name === 'recover' ? name : 'look';
  // Its role lets heal scale either way.
  const more =
    name === 'heal' && wanted.length > 0
      ? '; that it scales upwards only, admission.yaml says, which was not asked for'
      : '';
  return { wanted, others, manifest: `terraform/kubernetes/${manifest}.yaml`, more };
}

function checkFunction(
  check: string,
  { namespace }: ClusterPlace,
  user: string,
  { allowed, wanted, others, manifest, more }: Rules,
): readonly Finding[] {
  const bindings = `kubectl get rolebindings,clusterrolebindings -n ${namespace} -o wide | grep ${user}   # and take away what gives it`;
  if (has(allowed, ANYTHING))
    return [wrong(check, 'it may do anything: far more than any of its steps needs', bindings)];
  const lacks = wanted.filter((rule) => !has(allowed, rule));
  const excess = others.filter((rule) => has(allowed, rule));
  const beyond = NEVER.filter((rule) => has(allowed, rule));
  const [first] = lacks;
  const found: readonly Finding[] = [
    ...(first === undefined
      ? []
      : [
          wrong(
            check,
            `it lacks: ${lacks.map(show).join(', ')}`,
            `kubectl apply -f ${manifest}   # with your namespace and project in it; then: ${ask(first, namespace, user)}`,
          ),
        ]),
    ...(excess.length === 0
      ? []
      : [wrong(check, `it has, and no step of it needs: ${excess.map(show).join(', ')}`, bindings)]),
    ...(beyond.length === 0
      ? []
      : [wrong(check, `it may, and nothing of ours ever does: ${beyond.map(show).join(', ')}`, bindings)]),
  ];
  if (found.length > 0) return found;
  const says =
    wanted.length === 0
      ? 'it may change nothing'
      : `all ${wanted.length} rules that its code needs, and no change besides`;
  return [fine(check, `${says}${more}`)];
}

function wantedBy(system: System, name: FunctionName, needed: NeededPermissions): readonly ClusterRule[] {
  return rulesOf(neededBy(system, name, needed)['cluster'] ?? []);
}

/** Every change that a function of ours may make in some mode. */
function changes({ look, runbooks }: NeededPermissions): readonly ClusterRule[] {
  const scopes = [...Object.values(look), ...Object.values(runbooks).flatMap((by) => Object.values(by))];
  return rulesOf(scopes.flatMap(({ cluster = [] }) => cluster)).filter(({ verb }) => verb !== 'get' && verb !== 'list');
}

/** `k8s.GROUP.RESOURCE/SUBRESOURCE.VERB`, without the group for the core one. */
function rulesOf(permissions: readonly string[]): readonly ClusterRule[] {
  return [...new Set(permissions)]
    .filter((permission) => !DIRECTION.test(permission))
    .toSorted()
    .map((permission) => {
      const parts = permission.split('.').slice(1);
      const [verb = '', named = '', group = ''] = parts.toReversed();
      const [resource = '', subresource = ''] = named.split('/');
      return { group: GROUPS[group] ?? group, resource, subresource, verb };
    });
}

const has = (rules: readonly ClusterRule[], rule: ClusterRule): boolean =>
  rules.some((other) => show(other) === show(rule));

const resourceOf = ({ group, resource }: ClusterRule): string => (group === '' ? resource : `${resource}.${group}`);

const show = (rule: ClusterRule): string =>
  `${rule.verb} ${resourceOf(rule)}${rule.subresource === '' ? '' : `/${rule.subresource}`}`;

const ask = (rule: ClusterRule, namespace: string, user: string): string =>
  [
    `kubectl auth can-i ${rule.verb} ${resourceOf(rule)}`,
    ...(rule.subresource === '' ? [] : [`--subresource ${rule.subresource}`]),
    `-n ${namespace} --as ${user}`,
  ].join(' ');

const nameOf = ({ cluster, location, namespace }: ClusterPlace): string => `${location}/${cluster}/${namespace}`;
const keyOf = (place: ClusterPlace, name: FunctionName): string => `${nameOf(place)} ${name}`;

import type { LabelSelector, Labels, NetworkPolicy, NetworkPolicyPeer } from './kubernetes-objects.ts';
import { testOf } from './kubernetes-selectors.ts';
import type { Store } from './kubernetes-store.ts';

// What NetworkPolicies do to traffic, in a cluster whose dataplane enforces them: a pod that some policy selects for a direction lets
// through only what one of those policies allows; a pod that none selects lets everything through (networking.k8s.io/v1).
// Left out: ports, and peers by pod or namespace, which the world's clients outside of the cluster never are. The kubelet's probes come from
// the pod's own node and are let through by every dataplane that GKE has.

/** Whether traffic between a pod and the outside passes in a direction. */
export function passes(store: Store, namespace: string, name: string, direction: 'Ingress' | 'Egress'): boolean {
  const policies = store.list('NetworkPolicy', namespace);
  const pod = policies.length === 0 ? undefined : store.get('Pod', namespace, name);
  if (pod === undefined) return true;
  const labels = pod.metadata.labels ?? {};
  const selecting = policies.filter(
    ({ spec }) => typesOf(spec).includes(direction) && selects(spec.podSelector, labels),
  );
  return selecting.length === 0 || selecting.some(({ spec }) => rulesOf(spec, direction).some(isOpen));
}

type Spec = NetworkPolicy['spec'];

/** Unlike a budget's, an empty selector of a policy selects every pod of its namespace. */
function selects(selector: LabelSelector = {}, labels: Labels): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const isEmpty = Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
  return isEmpty || testOf(selector)(labels);
}

const typesOf = ({ policyTypes, egress }: Spec): readonly string[] =>
  policyTypes ?? (egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);

const rulesOf = ({ ingress = [], egress = [] }: Spec, direction: 'Ingress' | 'Egress') =>
  direction === 'Ingress' ? ingress.map(({ from }) => from) : egress.map(({ to }) => to);

/** A rule without peers is for everybody, and so is one for the whole of IPv4. */
const isOpen = (peers: readonly NetworkPolicyPeer[] | undefined): boolean =>
  peers === undefined || peers.length === 0 || peers.some(({ ipBlock }) => ipBlock?.cidr === '0.0.0.0/0');

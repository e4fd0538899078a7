import type { Container, Draft, Kind, PodSpec, PodTemplate, Probe } from './kubernetes-objects.ts';

// What the API server fills in when a client leaves it out (k8s.io/kubernetes pkg/apis/*/v1/defaults.go).

const ONE_REPLICA = { replicas: 1 };
const ROLLOUT = { revisionHistoryLimit: 10, progressDeadlineSeconds: 600 };

type Defaults = { readonly [K in Kind]?: (draft: Draft<K>) => Draft<K> };

const DEFAULTS: Defaults = {
  Pod: (draft) => ({ ...draft, spec: podSpec(draft.spec), status: { phase: 'Pending', qosClass: 'Burstable' } }),
  Deployment: (draft) => {
    const { strategy, ...spec } = draft.spec;
    const type = strategy?.type ?? 'RollingUpdate';
    const rollingUpdate = { maxSurge: '25%', maxUnavailable: '25%', ...strategy?.rollingUpdate };
    const full = {
      ...ONE_REPLICA,
      ...ROLLOUT,
      ...spec,
      strategy: type === 'RollingUpdate' ? { type, rollingUpdate } : { type },
      template: podTemplate(spec.template),
    };
    return { ...draft, spec: full, status: {} };
  },
  ReplicaSet: (draft) => ({
    ...draft,
    spec: { ...ONE_REPLICA, ...draft.spec, template: podTemplate(draft.spec.template) },
    status: { replicas: 0 },
  }),
  HorizontalPodAutoscaler: (draft) => {
    const cpu = {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
    };
    const { metrics = [], ...spec } = draft.spec;
    const full = { minReplicas: 1, ...spec, metrics: metrics.length > 0 ? metrics : [cpu] };
    return { ...draft, spec: full, status: { currentReplicas: 0, desiredReplicas: 0 } };
  },
  PodDisruptionBudget: (draft) => ({
    ...draft,
    status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
  }),
  NetworkPolicy: (draft) => {
    const egress = 'egress' in draft.spec ? ['Egress'] : [];
    return { ...draft, spec: { podSelector: {}, policyTypes: ['Ingress', ...egress], ...draft.spec } };
  },
  Service: (draft) => {
    const ports = (draft.spec.ports ?? []).map((port) => ({ protocol: 'TCP', targetPort: port.port, ...port }));
    const clusterIP = serviceAddress(`${draft.metadata.namespace ?? ''}/${draft.metadata.name}`);
    const spec = { type: 'ClusterIP', clusterIP, sessionAffinity: 'None', ...draft.spec, ports };
    return { ...draft, spec, status: { loadBalancer: {}, ...draft.status } };
  },
  Secret: (draft) => {
    const { stringData = {}, ...rest }: Draft<'Secret'> & { readonly stringData?: Readonly<Record<string, string>> } =
      draft;
    const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    return { type: 'Opaque', ...rest, data: { ...rest.data, ...Object.fromEntries(encoded) } };
  },
  Namespace: (draft) => ({ ...draft, status: { phase: 'Active' } }),
};

/** The draft with its defaults, and with the status of an object that nothing has happened to yet. */
export function withDefaults<K extends Kind>(kind: K, draft: Draft<K>): Draft<K> {
  const fill: ((draft: Draft<K>) => Draft<K>) | undefined = DEFAULTS[kind];
  return fill === undefined ? draft : fill(draft);
}

/** An address in the range of services that goes with the name. A real cluster draws one; nothing here connects to it. */
function serviceAddress(key: string): string {
  const hash = Array.from(key).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 62_500, 7);
  return `10.12.${Math.floor(hash / 250)}.${(hash % 250) + 2}`;
}

function podTemplate(template: PodTemplate): PodTemplate {
  return { ...template, metadata: { ...template.metadata }, spec: podSpec(template.spec) };
}

function podSpec(spec: PodSpec): PodSpec {
  const defaults = {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  } as const;
  return { ...defaults, ...spec, containers: spec.containers.map(container) };
}

function container(given: Container): Container {
  const { image, ports, readinessProbe, livenessProbe } = given;
  const latest = image.endsWith(':latest') || !/[:@][^/]*$/.test(image);
  const defaults = {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: latest ? 'Always' : 'IfNotPresent',
  };
  return {
    ...defaults,
    ...given,
    ...(ports === undefined ? {} : { ports: ports.map((port) => ({ protocol: 'TCP', ...port })) }),
    ...(readinessProbe === undefined ? {} : { readinessProbe: probe(readinessProbe) }),
    ...(livenessProbe === undefined ? {} : { livenessProbe: probe(livenessProbe) }),
  };
}

function probe(given: Probe): Probe {
  const { httpGet } = given;
  const defaults = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  return {
    ...defaults,
    ...given,
    ...(httpGet === undefined ? {} : { httpGet: { path: '/', scheme: 'HTTP', ...httpGet } }),
  };
}

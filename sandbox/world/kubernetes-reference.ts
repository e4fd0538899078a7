import type { Kubernetes } from './kubernetes.ts';
import { REFERENCE } from './reference-system.ts';

// What runs in the reference cluster: the API behind a Service, kept by an autoscaler and a budget, and the prober that stays
// when the API is held.

const REGISTRY = 'us-central1-docker.pkg.dev/coditect-prod/dms';

/** The containers whose process the application launcher makes, with the secret that each reads when it starts. */
export const REFERENCE_APPLICATIONS = {
  api: { secret: REFERENCE.databaseSecret },
  prober: { secret: REFERENCE.databaseSecret },
} as const;

const probes = {
  readinessProbe: {
    httpGet: { path: '/ready', port: 8080 },
    initialDelaySeconds: 3,
    periodSeconds: 5,
    failureThreshold: 3,
  },
  livenessProbe: { httpGet: { path: '/live', port: 8080 }, periodSeconds: 10, failureThreshold: 3 },
};

function deployment(name: string, container: string, replicas: number): unknown {
  const labels = { app: name };
  const env = [
    { name: 'API_LOG_LEVEL', value: 'INFO' },
    { name: 'API_DATABASE_SECRET', value: REFERENCE.databaseSecret },
  ];
  const resources = { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } };
  const image = `${REGISTRY}/${container}:1.14.2`;
  const containers = [{ name: container, image, ports: [{ containerPort: 8080 }], env, resources, ...probes }];
  return {
    metadata: { name, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}

/** A job that runs beside the application until somebody ends it. */
export interface RunningJob {
  /** Whether a pod of it runs. */
  isRunning(): boolean;
  end(): void;
}

/** Somebody deploys the bulk import: one pod, which runs from some seconds later on. One that is there already is taken as it is. */
export function deployBulkImport(cluster: Kubernetes): RunningJob {
  const { namespace, bulkImport: name } = REFERENCE;
  const labels = { app: name };
  const containers = [{ name: 'bulk-import', image: `${REGISTRY}/bulk-import:0.3.0` }];
  const spec = {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
  };
  if (cluster.store.get('Deployment', namespace, name) === undefined)
    cluster.seed('Deployment', namespace, { metadata: { name, labels }, spec });
  return {
    isRunning: () => (cluster.store.get('Deployment', namespace, name)?.status.readyReplicas ?? 0) > 0,
    end: () => void cluster.store.remove('Deployment', namespace, name),
  };
}

/** Puts the reference system's objects into a cluster. Its pods are ready about 15 s later. */
export function seedReference(cluster: Kubernetes): void {
  const { namespace, api, prober } = REFERENCE;
  cluster.seed('Namespace', '', { metadata: { name: namespace } });
  cluster.seed('Deployment', namespace, deployment(api, 'api', 3));
  cluster.seed('Deployment', namespace, deployment(prober, 'prober', 1));
  for (const name of [api, prober]) {
    const spec = { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
    cluster.seed('Service', namespace, { metadata: { name }, spec });
  }
  cluster.seed('HorizontalPodAutoscaler', namespace, {
    metadata: { name: api },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: api },
      minReplicas: 3,
      maxReplicas: 10,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      ],
    },
  });
  cluster.seed('PodDisruptionBudget', namespace, {
    metadata: { name: api },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: api } } },
  });
}

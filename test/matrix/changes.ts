import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import type { Change } from './plan.ts';

// The changes of the world that steps make in the reference system, as its audit names them.

const API = `namespaces/${REFERENCE.namespace}/deployments/${REFERENCE.api}`;

/** A Deployment gets a number of replicas. */
export const scale = (deployment: string): Change => ({
  permission: 'k8s.apps.deployments/scale.patch',
  resource: `namespaces/${REFERENCE.namespace}/deployments/${deployment}/scale`,
});

/** The API on GKE gets a number of replicas. */
export const scaleGke = scale(REFERENCE.api);

/** A Cloud Run service is changed: its limits, or its template. */
export const runService = (service: string): Change => ({
  permission: 'run.services.update',
  resource: `services/${service}`,
});

/** The API on Cloud Run is changed. */
export const updateRun = runService(REFERENCE.api);

/** What the API on GKE runs is changed, or it is restarted. */
export const template: Change = { permission: 'k8s.apps.deployments.patch', resource: API };

/** A pod of the API is evicted, under its disruption budget. */
export const eviction: Change = {
  permission: 'k8s.pods/eviction.create',
  resource: `namespaces/${REFERENCE.namespace}/pods/${REFERENCE.api}-*`,
};

/** A pod of the API is deleted by its uid. */
export const deletion: Change = { ...eviction, permission: 'k8s.pods.delete' };

/** A call of Cloud SQL on an instance. */
export const sql = (verb: string, instance: string, method = ''): Change => ({
  permission: `cloudsql.${verb}`,
  resource: `instances/${instance}${method}`,
});

/** A secret gets a version. */
export const addVersion = (secret: string): Change => ({
  permission: 'secretmanager.versions.add',
  resource: `secrets/${secret}:addVersion`,
});

/** A version of a secret is disabled. */
export const disable = (secret: string): Change => ({
  permission: 'secretmanager.versions.disable',
  resource: `secrets/${secret}/*`,
});

/** The floor of an autoscaler is changed. */
export const floor: Change = { permission: 'k8s.autoscaling.horizontalpodautoscalers.patch', resource: '*' };

/** A policy lets nothing in or out, or is taken away. */
export const policy = (verb: 'create' | 'delete'): Change => ({
  permission: `k8s.networking.networkpolicies.${verb}`,
  resource: '*',
});

/** The entrance leads elsewhere. */
export const move: Change = { permission: 'compute.urlMaps.update', resource: 'urlMaps/coditect-dms-ingress' };

/** Files that are written for people. */
export const files: Change = { permission: 'storage.objects.create', resource: '*' };

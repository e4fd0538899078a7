import type { Instant } from '../core/time.ts';
import type { Application } from '../system/system.ts';
import type { LogEntry } from './lookout.ts';

/** What Cloud Logging keeps of applications, beside what their copies still know themselves. Rejects with `PortError`. */
export interface LogArchive {
  /** The newest entries of an application between two moments, oldest first, and whether there were more than `limit`. */
  entries(
    application: string,
    from: Instant,
    to: Instant,
    limit: number,
  ): Promise<{ readonly entries: readonly LogEntry[]; readonly more: boolean }>;
}

/** A filter in Logging's language for the containers of a Deployment, or of one of its pods, or for a Cloud Run service. */
export function logFilterOf(project: string, application: Application, pod?: string): string {
  if (application.kind === 'cloudRun')
    return [
      'resource.type="cloud_run_revision"',
      `resource.labels.project_id="${project}"`,
      `resource.labels.location="${application.region}"`,
      `resource.labels.service_name="${application.service}"`,
    ].join(' AND ');
  const { location, cluster, namespace, deployment } = application;
  return [
    'resource.type="k8s_container"',
    `resource.labels.project_id="${project}"`,
    `resource.labels.location="${location}"`,
    `resource.labels.cluster_name="${cluster}"`,
    `resource.labels.namespace_name="${namespace}"`,
    pod === undefined
      ? `resource.labels.pod_name=~"^${deployment}-[a-z0-9]+-[a-z0-9]+$"`
      : `resource.labels.pod_name="${pod}"`,
  ].join(' AND ');
}

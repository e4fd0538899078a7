import type { JsonObject } from '../../shared/core/json.ts';
import { assert } from '../../shared/core/assert.ts';
import { toIso } from '../../shared/core/time.ts';
import type { DataAudits } from './data-audits.ts';
import type { AuditEntry, Kernel } from './kernel.ts';
import type { Logs } from './logs.ts';
import type { Project } from './project.ts';

// Cloud Audit Logs: what the door sees of some calls, as entries of Cloud Logging that alert policies can match.
//
// Admin Activity is always written, Data Access where the project's policy says so (data-audits.ts): else nobody would ever hear who reads a
// secret. Refused calls are written too, with their
// status (cloud.google.com/logging/docs/audit, read 2026-11-27).

/** google.rpc.Code of a call that its caller may not make. */
const PERMISSION_DENIED = 7;

/** An entry, beside what all of them say. */
interface Audited {
  readonly log: 'activity' | 'data_access';
  readonly service: string;
  readonly method: string;
  readonly resourceName: string;
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> };
}

/** Writes such entries from now on. `regionOf`: where an instance is. */
export function writeAuditLogs(
  { audit }: Pick<Kernel, 'audit'>,
  parts: {
    readonly logs: Logs;
    readonly project: Project;
    readonly audits: Pick<DataAudits, 'covers'>;
    readonly regionOf: (instance: string) => string;
  },
): void {
  const { logs, audits } = parts;
  audit.listen((entry) => {
    const found = entry.result === 'lost' ? undefined : auditedOf(entry, parts);
    if (found === undefined) return;
    if (found.log === 'data_access' && !audits.covers(found.service, 'DATA_READ', entry.call.principal)) return;
    logs.write({
      log: `cloudaudit.googleapis.com/${found.log}`,
      resource: found.resource,
      severity: found.log === 'activity' ? 'NOTICE' : 'INFO',
      at: entry.at,
      text: '',
      protoPayload: payloadOf(entry, found),
    });
  });
}

function auditedOf(
  { call: { permission, resource } }: AuditEntry,
  { project, regionOf }: { readonly project: Project; readonly regionOf: (instance: string) => string },
): Audited | undefined {
  switch (permission) {
    case 'secretmanager.versions.access': {
      const service = 'secretmanager.googleapis.com';
      const method = 'google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion';
      return {
        log: 'data_access',
        service,
        method,
        resourceName: `projects/${project.number}/${resource.replace(/:access$/, '')}`,
        resource: { type: 'audited_resource', labels: { project_id: project.id, service, method } },
      };
    }
    case 'cloudsql.users.update': {
      const instance = /^instances\/([^/]+)/.exec(resource)?.[1];
      assert(instance !== undefined, 'a user is one of an instance');
      return {
        log: 'activity',
        service: 'cloudsql.googleapis.com',
        method: 'cloudsql.users.update',
        resourceName: `projects/${project.id}/instances/${instance}`,
        resource: {
          type: 'cloudsql_database',
          labels: {
            project_id: project.id,
            database_id: `${project.id}:${instance}`,
            region: regionOf(instance),
          },
        },
      };
    }
    case 'resourcemanager.projects.setIamPolicy':
      return {
        log: 'activity',
        service: 'cloudresourcemanager.googleapis.com',
        method: 'SetIamPolicy',
        resourceName: `projects/${project.id}`,
        resource: { type: 'project', labels: { project_id: project.id } },
      };
    default:
      return undefined;
  }
}

function payloadOf({ at, call, result, status }: AuditEntry, { service, method, resourceName }: Audited): JsonObject {
  return {
    '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
    serviceName: service,
    methodName: method,
    resourceName,
    authenticationInfo: { principalEmail: call.principal },
    requestMetadata: {
      callerIp: call.from === 'internet' ? '203.0.113.66' : 'private',
      requestAttributes: { time: toIso(at) },
    },
    ...(result === 'refused' ? { status: { code: status === 403 ? PERMISSION_DENIED : 2 } } : {}),
  };
}

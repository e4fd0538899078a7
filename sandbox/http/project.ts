import { z } from 'zod';
import type { DataAudit } from '../world/data-audits.ts';
import { EVERY_OTHER, type ProjectApi, type Role } from '../world/project-api.ts';
import { answer } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import { json, type Route } from './router.ts';

// A project's own APIs: Resource Manager v1 (get, getIamPolicy, testIamPermissions), IAM v1 (roles.get) and Service Usage v1
// (services.list, and the quotas of Cloud Run in v1beta1), as `gcloud projects`, `gcloud iam roles describe` and `gcloud services list` call them.

const PROJECT = String.raw`/v1/projects/(?<project>[^/:]+)`;

/** Services in one page at most (docs: 200). */
const SERVICES_MAX = 200;

/** Policies of version 3 have conditions, and are given to whoever asks for that version. */
const policyWire = z.strictObject({
  options: z.strictObject({ requestedPolicyVersion: z.number().int().optional() }).optional(),
});

/** Docs: names with a wildcard are not allowed. */
const testWire = z.strictObject({ permissions: z.array(z.string().regex(/^[\w.]+$/)) });

/** The routes of a project. */
export function projectRoutes({ projectApi: api }: { readonly projectApi: ProjectApi }): readonly Route[] {
  const { project } = api;
  return [
    {
      method: 'GET',
      pattern: new RegExp(PROJECT),
      handle(request, { project: named }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.get(callerOf(request)), ({ id, number }) => ({
          projectNumber: number,
          projectId: id,
          lifecycleState: 'ACTIVE',
          name: id,
        }));
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(`${PROJECT}:getIamPolicy`),
      handle(request, { project: named }) {
        checkProject(project, named);
        queryOf(request, []);
        const version = bodyOf(policyWire, request).options?.requestedPolicyVersion ?? 1;
        return answer(api.policy(callerOf(request)), ({ bindings, audits }) => ({
          version: version >= 3 && bindings.some(({ condition }) => condition !== undefined) ? 3 : 1,
          etag: 'BwYxsandbox=',
          // Without version 3 a conditional binding loses its condition, and its role says so (docs: "Requesting a policy version").
          bindings: bindings.map(({ condition, role, members }) =>
            condition === undefined
              ? { role, members }
              : version >= 3
                ? { role, members, condition }
                : { role: `${role}_withcond_0`, members },
          ),
          ...(audits.length === 0 ? {} : { auditConfigs: auditConfigsJson(audits) }),
        }));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(String.raw`${PROJECT}/secrets/(?<secret>[^/:]+):getIamPolicy`),
      handle(request, { project: named, secret = '' }) {
        checkProject(project, named);
        queryOf(request, ['options.requestedPolicyVersion']);
        return answer(api.secretPolicy(callerOf(request), secret), (bindings) => ({
          version: 1,
          etag: 'BwYxsecret0=',
          ...(bindings.length === 0 ? {} : { bindings }),
        }));
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(`${PROJECT}:testIamPermissions`),
      handle(request, { project: named }) {
        checkProject(project, named);
        queryOf(request, []);
        const { permissions } = bodyOf(testWire, request);
        return answer(api.tested(callerOf(request), permissions), (own) =>
          own.length === 0 ? {} : { permissions: own },
        );
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(String.raw`${PROJECT}/roles/(?<role>[\w.]+)`),
      handle(request, { project: named, role = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.role(callerOf(request), `projects/${project.id}/roles/${role}`), roleJson);
      },
    },
    {
      method: 'GET',
      pattern: /\/v1\/(?<role>roles\/[\w.]+)/,
      handle(request, { role = '' }) {
        queryOf(request, []);
        return answer(api.role(callerOf(request), role), roleJson);
      },
    },
    {
      method: 'GET',
      pattern: /\/v1beta1\/projects\/(?<project>[^/:]+)\/services\/run\.googleapis\.com\/consumerQuotaMetrics/,
      handle(request, { project: named }) {
        checkProject(project, named);
        queryOf(request, ['pageSize', 'pageToken', 'view']);
        return answer(api.runProcessors(callerOf(request)), (limits) => ({
          metrics: [runQuotaJson(project.number, limits)],
        }));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${PROJECT}/services`),
      handle(request, { project: named }) {
        checkProject(project, named);
        const { filter, pageSize: size, pageToken: token } = queryOf(request, ['filter', 'pageSize', 'pageToken']);
        if (filter !== 'state:ENABLED')
          return json(
            { error: { code: 501, status: 'UNIMPLEMENTED', message: 'The sandbox lists enabled services.' } },
            501,
          );
        return answer(api.enabled(callerOf(request)), (all) => {
          const { items, ...rest } = pageOf(all, { size, token }, SERVICES_MAX);
          return {
            services: items.map((name) => ({
              name: `projects/${project.number}/services/${name}`,
              config: { name },
              state: 'ENABLED',
              parent: `projects/${project.number}`,
            })),
            ...rest,
          };
        });
      },
    },
  ];
}

/** By service, as a policy has them; an empty list of exemptions is left out. */
const auditConfigsJson = (audits: readonly DataAudit[]): unknown =>
  [...Map.groupBy(audits, ({ service }) => service)].map(([service, own]) => ({
    service,
    auditLogConfigs: own.map(({ type, exempted }) => ({
      ...(exempted.length === 0 ? {} : { exemptedMembers: exempted }),
      logType: type,
    })),
  }));

/** Of Cloud Run's quotas the one that instances take of; int64 as text. */
function runQuotaJson(number: string, limits: ReadonlyMap<string, number>): unknown {
  const metric = 'run.googleapis.com/cpu_allocation';
  const name = `projects/${number}/services/run.googleapis.com/consumerQuotaMetrics/${encodeURIComponent(metric)}`;
  return {
    name,
    metric,
    displayName: 'Total CPU allocation, in milli vCPU',
    unit: '1',
    consumerQuotaLimits: [
      {
        name: `${name}/limits/%2Fproject%2Fregion`,
        metric,
        unit: '1/{project}/{region}',
        quotaBuckets: [...limits].map(([region, milli]) => ({
          effectiveLimit: String(milli),
          defaultLimit: String(milli),
          ...(region === EVERY_OTHER ? {} : { dimensions: { region } }),
        })),
      },
    ],
  };
}

const roleJson = ({ name, title, permissions }: Role): unknown => ({
  name,
  title,
  includedPermissions: permissions,
  stage: 'GA',
  etag: 'AA==',
});

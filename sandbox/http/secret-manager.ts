import { z } from 'zod';
import { toIso } from '../../shared/core/time.ts';
import type { Project } from '../world/project.ts';
import { type Secret, secretName, type SecretVersion, type SecretVersionState, versionName } from '../world/secrets.ts';
import type { SecretsApi } from '../world/secrets-api.ts';
import { answer, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { Route } from './router.ts';

// Secret Manager v1 as @google-cloud/secret-manager and `gcloud secrets` call it (google/cloud/secretmanager/v1/service.proto).

const SECRETS = String.raw`/v1/projects/(?<project>[^/]+)/secrets`;
const SECRET = String.raw`${SECRETS}/(?<secret>[^/:]+)`;
const VERSION = String.raw`${SECRET}/versions/(?<version>[^/:]+)`;

/** Versions and secrets in one page at most (docs: default and maximum 25,000). */
const PAGE_MAX = 25_000;

/** A payload as proto JSON has it: base64 in either alphabet; int64 as text or number. */
const addVersionWire = z.strictObject({
  payload: z.strictObject({
    data: z.string().regex(/^[\w+/-]*={0,2}$/, 'not base64'),
    dataCrc32c: z.union([z.string().regex(/^-?\d+$/), z.number().int()]).optional(),
  }),
});
const changeWire = z.strictObject({ etag: z.string().optional() });
const createWire = z.strictObject({
  replication: z.unknown().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  versionAliases: z.record(z.string(), z.string()).optional(),
  topics: z.array(z.unknown()).optional(),
  tags: z.record(z.string(), z.string()).optional(),
});

/** What Secret Manager's routes are made with. */
export type SecretManagerParts = { readonly project: Project; readonly api: SecretsApi };

/** The routes of Secret Manager v1. */
export function secretManagerRoutes({ project, api }: SecretManagerParts): readonly Route[] {
  return [...secretRoutes(project, api), ...versionRoutes(project, api)];
}

function secretRoutes(project: Project, api: SecretsApi): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(SECRETS),
      handle(request, params) {
        checkProject(project, params['project']);
        const { pageSize: size, pageToken: token } = queryOf(request, ['pageSize', 'pageToken']);
        return answer(api.list(callerOf(request)), (all) => {
          const page = pageOf(all, { size, token }, PAGE_MAX);
          return {
            secrets: page.items.map((secret) => secretJson(project, secret)),
            ...rest(page),
            totalSize: all.length,
          };
        });
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(SECRETS),
      handle(request, params) {
        checkProject(project, params['project']);
        const { secretId } = queryOf(request, ['secretId']);
        bodyOf(createWire, request);
        if (!secretId || !/^[\w-]{1,255}$/.test(secretId)) throw invalidArgument('The provided Secret ID is invalid.');
        return answer(api.create(callerOf(request), secretId), (secret) => secretJson(project, secret));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(SECRET),
      handle(request, { project: named, secret = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.get(callerOf(request), secret), (found) => secretJson(project, found));
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(`${SECRET}:addVersion`),
      handle(request, { project: named, secret = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        const { payload } = bodyOf(addVersionWire, request);
        const data = Buffer.from(payload.data, 'base64');
        const checksum = payload.dataCrc32c === undefined ? undefined : Number(payload.dataCrc32c);
        return answer(api.addVersion(callerOf(request), secret, data, checksum), (version) =>
          versionJson(project, version),
        );
      },
    },
  ];
}

function versionRoutes(project: Project, api: SecretsApi): readonly Route[] {
  const change = (verb: string, state: SecretVersionState): Route => ({
    method: 'POST',
    pattern: new RegExp(`${VERSION}:${verb}`),
    handle(request, { project: named, secret = '', version = '' }) {
      checkProject(project, named);
      queryOf(request, []);
      const { etag } = bodyOf(changeWire, request);
      // gax sends an empty etag for one that was not given.
      const wanted = { secret, version, state, ...(etag ? { etag } : {}) };
      return answer(api.setState(callerOf(request), wanted), (changed) => versionJson(project, changed));
    },
  });

  return [
    {
      method: 'GET',
      pattern: new RegExp(`${SECRET}/versions`),
      handle(request, { project: named, secret = '' }) {
        checkProject(project, named);
        const { pageSize: size, pageToken: token, filter } = queryOf(request, ['pageSize', 'pageToken', 'filter']);
        const keeps = filterOf(filter);
        return answer(api.listVersions(callerOf(request), secret), (all) => {
          const kept = all.filter(keeps);
          const page = pageOf(kept, { size, token }, PAGE_MAX);
          return {
            versions: page.items.map((version) => versionJson(project, version)),
            ...rest(page),
            totalSize: kept.length,
          };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(VERSION),
      handle(request, { project: named, secret = '', version = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getVersion(callerOf(request), secret, version), (found) => versionJson(project, found));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${VERSION}:access`),
      handle(request, { project: named, secret = '', version = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.access(callerOf(request), secret, version), (found) => ({
          name: versionName(project, found.version),
          payload: { data: Buffer.from(found.data).toString('base64'), dataCrc32c: String(found.crc32c) },
        }));
      },
    },
    change('enable', 'ENABLED'),
    change('disable', 'DISABLED'),
    change('destroy', 'DESTROYED'),
  ];
}

/** The one filter that is modelled: by state. Another is refused, never ignored. */
function filterOf(filter: string | undefined): (version: SecretVersion) => boolean {
  if (filter === undefined || filter === '') return () => true;
  const state = /^state\s*[:=]\s*"?(ENABLED|DISABLED|DESTROYED)"?$/.exec(filter)?.[1];
  if (state === undefined) throw invalidArgument(`The sandbox filters versions by state only, not by: ${filter}`);
  return (version) => version.state === state;
}

function rest(page: { readonly nextPageToken?: string }): { nextPageToken?: string } {
  return page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken };
}

function secretJson(project: Project, secret: Secret): unknown {
  const { name, createdAt, etag } = secret;
  return { name: secretName(project, name), replication: { automatic: {} }, createTime: toIso(createdAt), etag };
}

function versionJson(project: Project, version: SecretVersion): unknown {
  return {
    name: versionName(project, version),
    createTime: toIso(version.createdAt),
    state: version.state,
    replicationStatus: { automatic: {} },
    etag: version.etag,
    ...(version.destroyedAt === undefined ? {} : { destroyTime: toIso(version.destroyedAt) }),
    ...(version.checksumGiven ? { clientSpecifiedPayloadChecksum: true } : {}),
  };
}

import type { z } from 'zod';
import { toIso } from '../../shared/core/time.ts';
import type { Caller } from '../world/caller.ts';
import { ApiError, type ApiOutcome } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import type { SqlAdmin } from '../world/sql-admin.ts';
import type { SqlOperation } from '../world/sql-operations.ts';
import { answer, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { HttpRequest, Route } from './router.ts';
import { backupBody, cloneBody, failoverBody, insertBody, isDuration, noBody, patchBody } from './sql-body.ts';
import { backupJson, databaseJson, instanceJson, operationJson, userJson } from './sql-json.ts';
import { databaseBody, exportBody, importBody, restoreBody, userBody } from './sql-transfer-body.ts';

// Cloud SQL Admin: `/v1/…` as `@google-cloud/sql` calls it, `/sql/v1beta4/…` as gcloud does. Same JSON.

const PREFIX = String.raw`/(?:sql/v1beta4|sql/v1|v1)/projects/(?<project>[^/]+)`;
const INSTANCE = String.raw`/instances/(?<instance>[^/:]+)`;

/** Most items in one page. */
const PAGE_MAX = 1_000;

/** Routes of the Admin API. */
export function sqlRoutes({
  project,
  admin,
}: {
  readonly project: Project;
  readonly admin: SqlAdmin;
}): readonly Route[] {
  const routes = new RouteMaker(project);
  return [
    ...reading(project, admin, routes),
    ...changing(admin, routes),
    ...backups(project, admin, routes),
    ...transfers(project, admin, routes),
    ...users(project, admin, routes),
  ];
}

function reading(project: Project, admin: SqlAdmin, routes: RouteMaker): readonly Route[] {
  return [
    routes.read('/instances', ['maxResults', 'pageToken', 'filter'], (caller, { query }) =>
      answer(admin.list(caller), (all) => {
        const { items, ...rest } = pageOf(all, page(query), PAGE_MAX);
        return { kind: 'sql#instancesList', items: items.map((one) => instanceJson(project, one)), ...rest };
      }),
    ),
    routes.read(INSTANCE, [], (caller, { instance }) =>
      answer(admin.get(caller, instance), (found) => instanceJson(project, found)),
    ),
    routes.read(`${INSTANCE}/getLatestRecoveryTime`, [], (caller, { instance }) =>
      answer(admin.recoveryWindow(caller, instance), ({ earliest, latest }) => ({
        kind: 'sql#getLatestRecoveryTime',
        earliestRecoveryTime: toIso(earliest),
        latestRecoveryTime: toIso(latest),
      })),
    ),
    routes.read('/operations', ['instance', 'maxResults', 'pageToken', 'filter'], (caller, { query }) =>
      answer(admin.operations(caller, query['instance']), (all) => {
        const { items, ...rest } = pageOf(all, page(query), PAGE_MAX);
        return { kind: 'sql#operationsList', items: items.map((one) => operationJson(project, one)), ...rest };
      }),
    ),
    routes.read(String.raw`/operations/(?<operation>[^/]+)`, [], (caller, { operation }) =>
      answer(admin.operation(caller, operation), (found) => operationJson(project, found)),
    ),
  ];
}

function changing(admin: SqlAdmin, routes: RouteMaker): readonly Route[] {
  return [
    routes.change('PATCH', INSTANCE, patchBody, [], (caller, { instance, body }) =>
      admin.patch(caller, instance, body),
    ),
    routes.change('POST', '/instances', insertBody, [], (caller, { body }) => admin.insert(caller, body)),
    routes.change('DELETE', INSTANCE, noBody, [], (caller, { instance }) => admin.delete(caller, instance)),
    routes.change('POST', `${INSTANCE}/promoteReplica`, noBody, ['failover'], (caller, { instance, query }) =>
      admin.promoteReplica(caller, instance, booleanOf(query['failover'])),
    ),
    routes.change('POST', `${INSTANCE}/restart`, noBody, [], (caller, { instance }) => admin.restart(caller, instance)),
    routes.change('POST', `${INSTANCE}/failover`, failoverBody, [], (caller, { instance, body }) =>
      admin.failover(caller, instance, body),
    ),
    routes.change('POST', `${INSTANCE}/switchover`, noBody, ['dbTimeout'], (caller, { instance, query }) => {
      const { dbTimeout = '600s' } = query;
      if (!isDuration(dbTimeout)) throw invalidArgument(`Invalid value at 'db_timeout': ${dbTimeout}`);
      return admin.switchover(caller, instance);
    }),
    routes.change('POST', `${INSTANCE}/clone`, cloneBody, [], (caller, { instance, body }) =>
      admin.clone(caller, instance, body.name, body.pointInTime),
    ),
  ];
}

function backups(project: Project, admin: SqlAdmin, routes: RouteMaker): readonly Route[] {
  return [
    routes.change('POST', `${INSTANCE}/backupRuns`, backupBody, [], (caller, { instance, body }) =>
      admin.insertBackup(caller, instance, body),
    ),
    routes.read(`${INSTANCE}/backupRuns`, ['maxResults', 'pageToken'], (caller, { instance, query }) =>
      answer(admin.backups(caller, instance), (all) => {
        const { items, ...rest } = pageOf(all, page(query), PAGE_MAX);
        return { kind: 'sql#backupRunsList', items: items.map((one) => backupJson(project, one)), ...rest };
      }),
    ),
    routes.read(`${INSTANCE}/backupRuns/(?<backup>[^/]+)`, [], (caller, { instance, backup }) =>
      answer(admin.backup(caller, instance, backup), (found) => backupJson(project, found)),
    ),
  ];
}

function transfers(project: Project, admin: SqlAdmin, routes: RouteMaker): readonly Route[] {
  return [
    routes.change('POST', `${INSTANCE}/export`, exportBody, [], (caller, { instance, body }) =>
      admin.export(caller, instance, body),
    ),
    routes.change('POST', `${INSTANCE}/import`, importBody, [], (caller, { instance, body }) =>
      admin.import(caller, instance, body),
    ),
    routes.change('POST', `${INSTANCE}/restoreBackup`, restoreBody, [], (caller, { instance, body }) =>
      admin.restoreBackup(caller, instance, { ...body, source: body.source || instance }),
    ),
    routes.change('POST', `${INSTANCE}/databases`, databaseBody, [], (caller, { instance, body }) =>
      admin.createDatabase(caller, instance, body),
    ),
    routes.read(`${INSTANCE}/databases`, [], (caller, { instance }) =>
      answer(admin.databases(caller, instance), (all) => ({
        kind: 'sql#databasesList',
        items: all.map((name) => databaseJson(project, instance, name)),
      })),
    ),
  ];
}

function users(project: Project, admin: SqlAdmin, routes: RouteMaker): readonly Route[] {
  return [
    routes.read(`${INSTANCE}/users`, [], (caller, { instance }) =>
      answer(admin.users(caller, instance), (all) => ({
        kind: 'sql#usersList',
        items: all.map((name) => userJson(project, instance, name)),
      })),
    ),
    routes.change('PUT', `${INSTANCE}/users`, userBody, ['name', 'host'], (caller, { instance, query, body }) =>
      admin.updateUser(caller, instance, query['name'] ?? body.name ?? '', body.password),
    ),
  ];
}

interface Asked {
  readonly instance: string;
  readonly operation: string;
  readonly backup: string;
  readonly query: Readonly<Record<string, string | undefined>>;
}

/** Makes routes that have read the path, the query and the body before a method sees them. */
class RouteMaker {
  readonly #project: Project;

  constructor(project: Project) {
    this.#project = project;
  }

  read(
    path: string,
    query: readonly string[],
    handle: (caller: Caller, asked: Asked) => ReturnType<Route['handle']>,
  ): Route {
    return {
      method: 'GET',
      pattern: new RegExp(PREFIX + path),
      handle: (request, params) => handle(callerOf(request), this.#asked(request, params, query)),
    };
  }

  change<T>(
    method: string,
    path: string,
    body: z.ZodType<T>,
    query: readonly string[],
    change: (caller: Caller, asked: Asked & { readonly body: T }) => ApiOutcome<SqlOperation>,
  ): Route {
    return {
      method,
      pattern: new RegExp(PREFIX + path),
      handle: (request, params) => {
        const asked = { ...this.#asked(request, params, query), body: bodyOf(body, request) };
        return answer(change(callerOf(request), asked), (operation) => operationJson(this.#project, operation));
      },
    };
  }

  #asked(request: HttpRequest, params: Readonly<Record<string, string>>, names: readonly string[]): Asked {
    checkProject(this.#project, params['project']);
    const query = queryOf(request, names);
    if (query['filter'] !== undefined) {
      throw new ApiError(501, 'notImplemented', 'The sandbox does not evaluate the list filter of Cloud SQL.');
    }
    return { instance: '', operation: '', backup: '', ...params, query };
  }
}

const page = (query: Asked['query']): { readonly size: string | undefined; readonly token: string | undefined } => ({
  size: query['maxResults'],
  token: query['pageToken'],
});

/** `true` as the npm client writes it, `True` as gcloud does. */
function booleanOf(text: string | undefined): boolean {
  if (text === undefined || /^false$/i.test(text)) return false;
  if (/^true$/i.test(text)) return true;
  throw invalidArgument(`Invalid value at 'failover': ${text}`);
}

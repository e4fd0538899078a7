import type { Caller } from './caller.ts';
import { type ApiCall, type ApiDoor, ApiError, type ApiOutcome } from './kernel.ts';
import type { Run, RunOperation, RunUpdate } from './run.ts';
import type { RevisionView } from './run-revision.ts';
import type { RunServiceView } from './run-service.ts';
import type { RunServiceRef } from './run-spec.ts';

/** Cloud Run as its callers reach it: every method passes the door. Permissions: cloud.google.com/run/docs/reference/iam/permissions. */
export interface RunApi {
  getService(caller: Caller, ref: RunServiceRef): ApiOutcome<RunServiceView>;
  listServices(caller: Caller, location?: string): ApiOutcome<readonly RunServiceView[]>;
  /** The operation, and the service as it is right after the update was accepted. */
  updateService(caller: Caller, update: RunUpdate): ApiOutcome<RunUpdated>;
  getRevision(caller: Caller, ref: RunServiceRef, revision: string): ApiOutcome<RunRevisionAnswer>;
  listRevisions(caller: Caller, ref: RunServiceRef): ApiOutcome<RunRevisionsAnswer>;
  getOperation(caller: Caller, name: string): ApiOutcome<RunUpdated>;
}

/** An operation with the service that it is about. */
export interface RunUpdated {
  readonly operation: RunOperation;
  readonly service: RunServiceView;
}

/** A revision with its service. */
export interface RunRevisionAnswer {
  readonly service: RunServiceView;
  readonly revision: RevisionView;
}

/** Revisions with their service, newest first. */
export interface RunRevisionsAnswer {
  readonly service: RunServiceView;
  readonly revisions: readonly RevisionView[];
}

/** Puts the door before Cloud Run. */
export function createRunApi(door: ApiDoor, run: Run): RunApi {
  const call = (caller: Caller, permission: string, resource: string, writes = false): ApiCall => ({
    api: 'run',
    permission: `run.${permission}`,
    resource,
    writes,
    ...caller,
  });
  const withService = (operation: RunOperation): RunUpdated => ({ operation, service: run.service(operation.ref) });

  return {
    getService: (caller, ref) =>
      door.call(call(caller, 'services.get', `services/${ref.service}`), () => run.service(ref)),
    listServices: (caller, location) =>
      door.call(call(caller, 'services.list', 'services'), () => run.services(location)),
    updateService: (caller, update) =>
      door.call(call(caller, 'services.update', `services/${update.ref.service}`, true), () =>
        withService(run.update(update)),
      ),
    getRevision: (caller, ref, wanted) =>
      door.call(call(caller, 'revisions.get', `services/${ref.service}/revisions/${wanted}`), () => {
        const service = run.service(ref);
        const revision = service.revisions.find(({ name }) => name === wanted);
        if (!revision)
          throw new ApiError(404, 'notFound', `Revision '${wanted}' of service '${ref.service}' was not found`);
        return { service, revision };
      }),
    listRevisions: (caller, ref) =>
      door.call(call(caller, 'revisions.list', `services/${ref.service}/revisions`), () => {
        const service = run.service(ref);
        return { service, revisions: service.revisions.toReversed() };
      }),
    getOperation: (caller, name) =>
      door.call(call(caller, 'operations.get', name.replace(/^.*\/operations\//, 'operations/')), () =>
        withService(run.operation(name)),
      ),
  };
}

import type { Caller } from './caller.ts';
import { type ApiCall, type ApiDoor, ApiError, type ApiOutcome } from './kernel.ts';
import type { Run, RunCreation, RunOperation, RunUpdate } from './run.ts';
import type { RevisionView } from './run-revision.ts';
import type { RunServiceView } from './run-view.ts';
import type { RunServiceRef } from './run-spec.ts';

/** Of the forty that Google has, those that the reference system and its control regions are in, and two more. */
const LOCATIONS = ['us-central1', 'us-east1', 'us-east4', 'us-west1', 'europe-west1', 'europe-west4'] as const;

/** Cloud Run as its callers reach it: every method passes the door. Permissions: cloud.google.com/run/docs/reference/iam/permissions. */
export interface RunApi {
  getService(caller: Caller, ref: RunServiceRef): ApiOutcome<RunServiceView>;
  /** Where services can be. */
  listLocations(caller: Caller): ApiOutcome<readonly string[]>;
  /** In every location unless one is named. */
  listServices(caller: Caller, location?: string): ApiOutcome<readonly RunServiceView[]>;
  createService(caller: Caller, creation: RunCreation): ApiOutcome<RunUpdated>;
  deleteService(caller: Caller, ref: RunServiceRef, etag: string | undefined): ApiOutcome<RunUpdated>;
  /** The operation, and the service as it is right after the update was accepted. */
  updateService(caller: Caller, update: RunUpdate): ApiOutcome<RunUpdated>;
  /** The v1 API names a revision without its service. */
  getRevision(caller: Caller, where: RevisionsOf, revision: string): ApiOutcome<ServiceRevision>;
  /** Newest first. */
  listRevisions(caller: Caller, where: RevisionsOf): ApiOutcome<readonly ServiceRevision[]>;
  getOperation(caller: Caller, name: string): ApiOutcome<RunUpdated>;
}

/** An operation with the service that it is about. */
export interface RunUpdated {
  readonly operation: RunOperation;
  readonly service: RunServiceView;
}

/** Whose revisions: of one service, or of all services of a location. */
export interface RevisionsOf {
  readonly location: string;
  readonly service?: string;
}

/** A revision with its service. */
export interface ServiceRevision {
  readonly service: RunServiceView;
  readonly revision: RevisionView;
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
  const withService = (operation: RunOperation): RunUpdated => ({ operation, service: operation.view });
  const revisionsOf = ({ location, service: wanted }: RevisionsOf): readonly ServiceRevision[] => {
    const services = wanted === undefined ? run.services(location) : [run.service({ location, service: wanted })];
    const found = services.flatMap((service) => service.revisions.map((revision) => ({ service, revision })));
    return found.toSorted((a, b) => b.revision.createdAt - a.revision.createdAt);
  };

  return {
    getService: (caller, ref) =>
      door.call(call(caller, 'services.get', `services/${ref.service}`), () => run.service(ref)),
    listLocations: (caller) => door.call(call(caller, 'locations.list', 'locations'), () => LOCATIONS),
    listServices: (caller, location) =>
      door.call(call(caller, 'services.list', 'services'), () => run.services(location)),
    createService: (caller, creation) =>
      door.call(call(caller, 'services.create', `services/${creation.ref.service}`, true), () =>
        withService(run.create(creation)),
      ),
    deleteService: (caller, ref, etag) =>
      door.call(call(caller, 'services.delete', `services/${ref.service}`, true), () =>
        withService(run.remove(ref, etag)),
      ),
    updateService: (caller, update) =>
      door.call(call(caller, 'services.update', `services/${update.ref.service}`, true), () =>
        withService(run.update(update)),
      ),
    getRevision: (caller, where, wanted) =>
      door.call(call(caller, 'revisions.get', `revisions/${wanted}`), () => {
        const found = revisionsOf(where).find(({ revision }) => revision.name === wanted);
        if (!found) throw new ApiError(404, 'notFound', `Revision '${wanted}' was not found`);
        return found;
      }),
    listRevisions: (caller, where) => door.call(call(caller, 'revisions.list', 'revisions'), () => revisionsOf(where)),
    getOperation: (caller, name) =>
      door.call(call(caller, 'operations.get', name.replace(/^.*\/operations\//, 'operations/')), () =>
        withService(run.operation(name)),
      ),
  };
}

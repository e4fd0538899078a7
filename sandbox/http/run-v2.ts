import type { Project } from '../world/project.ts';
import type { RunApi } from '../world/run-api.ts';
import { answer, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { Route } from './router.ts';
import { BLANK, editOf, serviceWire } from './run-v2-body.ts';
import { operationJson, revisionJson, serviceJson } from './run-v2-json.ts';

// Cloud Run Admin v2 as @google-cloud/run calls it. gcloud speaks v1: run-knative.ts.

const LOCATION = String.raw`/v2/projects/(?<project>[^/]+)/locations/(?<location>[^/]+)`;
const SERVICE = String.raw`${LOCATION}/services/(?<service>[^/:]+)`;
const REVISION = String.raw`${SERVICE}/revisions/(?<revision>[^/:]+)`;

/** Items in one page at most. */
const PAGE_MAX = 100;

/** What Cloud Run's routes are made with. */
export type RunFaceParts = { readonly project: Project; readonly api: RunApi };

/** The routes of Cloud Run Admin v2. */
export function runV2Routes({ project, api }: RunFaceParts): readonly Route[] {
  return [
    locationsRoute(project, api),
    ...serviceRoutes(project, api),
    ...revisionRoutes(project, api),
    operationRoute(project, api),
  ];
}

function serviceRoutes(project: Project, api: RunApi): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${LOCATION}/services`),
      handle(request, { project: named, location = '' }) {
        checkProject(project, named);
        const { pageSize: size, pageToken: token } = queryOf(request, ['pageSize', 'pageToken', 'showDeleted']);
        // service.proto: the parent "cannot be the "-" wildcard".
        if (location === '-') throw invalidArgument('The location must be named.');
        return answer(api.listServices(callerOf(request), location), (all) => {
          const { items, ...rest } = pageOf(all, { size, token }, PAGE_MAX);
          return { services: items.map((service) => serviceJson(project, service)), ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(SERVICE),
      handle(request, { project: named, location = '', service = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getService(callerOf(request), { location, service }), (view) => serviceJson(project, view));
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(`${LOCATION}/services`),
      handle(request, { project: named, location = '' }) {
        checkProject(project, named);
        const { serviceId: service = '', validateOnly } = queryOf(request, ['serviceId', 'validateOnly']);
        const spec = editOf(undefined, bodyOf(serviceWire, request))(BLANK);
        const creation = { ref: { location, service }, spec, validateOnly: validateOnly === 'true' };
        return answer(api.createService(callerOf(request), creation), (made) => operationJson(project, made));
      },
    },
    {
      method: 'DELETE',
      pattern: new RegExp(SERVICE),
      handle(request, { project: named, location = '', service = '' }) {
        checkProject(project, named);
        const { etag, validateOnly } = queryOf(request, ['etag', 'validateOnly']);
        if (validateOnly === 'true')
          throw invalidArgument('The sandbox deletes or does not: validateOnly must be false.');
        const gone = api.deleteService(callerOf(request), { location, service }, etag === '' ? undefined : etag);
        return answer(gone, (deleted) => operationJson(project, deleted));
      },
    },
    {
      method: 'PATCH',
      pattern: new RegExp(SERVICE),
      handle(request, { project: named, location = '', service = '' }) {
        checkProject(project, named);
        const { updateMask, validateOnly, allowMissing } = queryOf(request, [
          'updateMask',
          'validateOnly',
          'allowMissing',
        ]);
        if (allowMissing === 'true')
          throw invalidArgument('The sandbox creates services by POST alone: allowMissing must be false.');
        const sent = bodyOf(serviceWire, request);
        const update = {
          ref: { location, service },
          etag: sent.etag || undefined,
          validateOnly: validateOnly === 'true',
          edit: editOf(updateMask, sent),
        };
        return answer(api.updateService(callerOf(request), update), (updated) => operationJson(project, updated));
      },
    },
  ];
}

function revisionRoutes(project: Project, api: RunApi): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${SERVICE}/revisions`),
      handle(request, { project: named, location = '', service = '' }) {
        checkProject(project, named);
        const { pageSize: size, pageToken: token } = queryOf(request, ['pageSize', 'pageToken', 'showDeleted']);
        return answer(api.listRevisions(callerOf(request), { location, service }), (all) => {
          const { items, ...rest } = pageOf(all, { size, token }, PAGE_MAX);
          return { revisions: items.map((found) => revisionJson(project, found)), ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(REVISION),
      handle(request, { project: named, location = '', service = '', revision = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getRevision(callerOf(request), { location, service }, revision), (found) =>
          revisionJson(project, found),
        );
      },
    },
  ];
}

/** v2 lists no locations; v1 does, at the same host. */
function locationsRoute(project: Project, api: RunApi): Route {
  return {
    method: 'GET',
    pattern: new RegExp(String.raw`/v1/projects/(?<project>[^/]+)/locations`),
    handle(request, { project: named }) {
      checkProject(project, named);
      const { pageSize: size, pageToken: token } = queryOf(request, ['pageSize', 'pageToken', 'filter']);
      return answer(api.listLocations(callerOf(request)), (all) => {
        const { items, ...rest } = pageOf(all, { size, token }, PAGE_MAX);
        const locations = items.map((id) => ({ name: `projects/${project.id}/locations/${id}`, locationId: id }));
        return { locations, ...rest };
      });
    },
  };
}

function operationRoute(project: Project, api: RunApi): Route {
  return {
    method: 'GET',
    pattern: new RegExp(String.raw`${LOCATION}/operations/(?<operation>[^/:]+)`),
    handle(request, { project: named, location = '', operation = '' }) {
      checkProject(project, named);
      queryOf(request, []);
      const name = `projects/${project.id}/locations/${location}/operations/${operation}`;
      return answer(api.getOperation(callerOf(request), name), (updated) => operationJson(project, updated));
    },
  };
}

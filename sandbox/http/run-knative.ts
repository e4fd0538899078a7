import type { Project } from '../world/project.ts';
import type { RunServiceView } from '../world/run-view.ts';
import { answer, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, checkProject, queryOf } from './google-request.ts';
import type { HttpRequest, Route } from './router.ts';
import { knativeServiceWire, specOf } from './run-knative-body.ts';
import { knativeRevision, knativeService } from './run-knative-json.ts';
import type { RunFaceParts } from './run-v2.ts';

// Cloud Run's v1 API (Knative) as `gcloud run` calls it: at a host that begins with the region, with namespaces for projects.

const NAMESPACE = String.raw`/apis/serving\.knative\.dev/v1/namespaces/(?<project>[^/]+)`;
const SERVICE = String.raw`${NAMESPACE}/services/(?<service>[^/:]+)`;
const REVISION = String.raw`${NAMESPACE}/revisions/(?<revision>[^/:]+)`;
const GLOBAL = String.raw`/v1/projects/(?<project>[^/]+)/locations/(?<location>[^/]+)/services`;

/** What the v1 face is made with. `region` is meant where the host names none. */
export type RunKnativeParts = RunFaceParts & { readonly region: string };

/** The routes of Cloud Run v1 that gcloud's `run services` and `run revisions` need. */
export function runKnativeRoutes(parts: RunKnativeParts): readonly Route[] {
  return [...serviceRoutes(parts), ...revisionRoutes(parts)];
}

function serviceRoutes({ project, api, region }: RunKnativeParts): readonly Route[] {
  const list = (request: HttpRequest, location: string | undefined) => {
    queryOf(request, ['limit', 'labelSelector', 'fieldSelector', 'continue', 'watch', 'includeUninitialized']);
    return answer(api.listServices(callerOf(request), location), (all) => listJson(project, all));
  };
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${NAMESPACE}/services`),
      handle(request, { project: named }) {
        checkProject(project, named);
        return list(request, regionOf(request, region));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(GLOBAL),
      handle(request, { project: named, location }) {
        checkProject(project, named);
        return list(request, location === '-' ? undefined : location);
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(SERVICE),
      handle(request, { project: named, service = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        const ref = { location: regionOf(request, region), service };
        return answer(api.getService(callerOf(request), ref), (view) => knativeService(project, view));
      },
    },
    {
      method: 'PUT',
      pattern: new RegExp(SERVICE),
      handle(request, { project: named, service = '' }) {
        checkProject(project, named);
        const { dryRun } = queryOf(request, ['dryRun']);
        const sent = bodyOf(knativeServiceWire, request);
        if (sent.metadata.name !== service)
          throw invalidArgument("metadata.name must be the name in the service's path.");
        const version = sent.metadata.resourceVersion;
        const spec = specOf(sent);
        const update = {
          ref: { location: regionOf(request, region), service },
          etag: version === undefined ? undefined : `"${version}"`,
          validateOnly: dryRun === 'all',
          edit: () => spec,
        };
        return answer(api.updateService(callerOf(request), update), (done) => knativeService(project, done.service));
      },
    },
  ];
}

function revisionRoutes({ project, api, region }: RunKnativeParts): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${NAMESPACE}/revisions`),
      handle(request, { project: named }) {
        checkProject(project, named);
        const { labelSelector } = queryOf(request, ['limit', 'labelSelector', 'continue']);
        const service = serviceSelected(labelSelector);
        const where = { location: regionOf(request, region), ...(service === undefined ? {} : { service }) };
        return answer(api.listRevisions(callerOf(request), where), (all) => ({
          apiVersion: 'serving.knative.dev/v1',
          kind: 'RevisionList',
          metadata: {},
          items: all.map((found) => knativeRevision(project, found)),
        }));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(REVISION),
      handle(request, { project: named, revision = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        const location = regionOf(request, region);
        return answer(api.getRevision(callerOf(request), { location }, revision), (found) =>
          knativeRevision(project, found),
        );
      },
    },
  ];
}

/** `us-central1-run.sim.test` names `us-central1`. */
function regionOf(request: HttpRequest, otherwise: string): string {
  return /^([a-z]+-[a-z]+\d+)-/.exec(request.host)?.[1] ?? otherwise;
}

function serviceSelected(selector: string | undefined): string | undefined {
  if (selector === undefined) return undefined;
  const service = /^serving\.knative\.dev\/service\s*=\s*([\w-]+)$/.exec(selector)?.[1];
  if (service === undefined)
    throw invalidArgument(`The sandbox selects revisions by service only, not by: ${selector}`);
  return service;
}

function listJson(project: Project, services: readonly RunServiceView[]): unknown {
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'ServiceList',
    metadata: {},
    items: services.map((service) => knativeService(project, service)),
  };
}

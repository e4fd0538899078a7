import { shortId } from '../../shared/core/digest.ts';
import { canonicalJson } from '../../shared/core/json.ts';
import type { Millis } from '../../shared/core/time.ts';
import { ApiError, type Place } from './kernel.ts';
import type { Logs } from './logs.ts';
import type { Project } from './project.ts';
import type { RunInstance } from './run-instances.ts';
import type { RevisionFailure, RunOptions } from './run-revision.ts';
import { createRunService, type RunService } from './run-service.ts';
import { checkSpec, normalScaling, type RunServiceRef, type ServiceSpec } from './run-spec.ts';
import type { RunOutcome, RunPressure, RunRoute, RunServiceView } from './run-view.ts';

// Cloud Run: services, their revisions, and the operations that change them.
//
// R1. A change of anything is a new generation and a new etag; so is the end of a reconciliation a new etag. A stale one is
//     refused with 409 ABORTED, subject to the assumption `runEtagChecked`.
// R2. Only a changed template makes a revision. Service-level scaling and traffic make none.
// R3. An operation is done when the service has settled, well or badly; then its error says so. Done doesn't mean that the
//     instances which are to end are gone (they have ten seconds), nor that a minimum is warm.

/** A long-running operation on a service. */
export interface RunOperation {
  /** `projects/P/locations/L/operations/ID`. */
  readonly name: string;
  readonly ref: RunServiceRef;
  readonly state: RunOutcome;
  /** The service as it is now, or was when it was deleted. */
  readonly view: RunServiceView;
}

/** A change of a service. `etag` is what the caller read; absent means whatever it is now. */
export interface RunUpdate {
  readonly ref: RunServiceRef;
  readonly etag: string | undefined;
  /** Checks everything and changes nothing. */
  readonly validateOnly: boolean;
  /** The new specification, from the present one. Throws `ApiError` for what can't be asked. */
  readonly edit: (present: ServiceSpec) => ServiceSpec;
}

/** A new service. */
export interface RunCreation {
  readonly ref: RunServiceRef;
  readonly spec: ServiceSpec;
  /** Checks everything and makes nothing. */
  readonly validateOnly: boolean;
}

/** The Cloud Run of a project. Methods throw `ApiError` as the API refuses. */
export interface Run {
  services(location?: string): readonly RunServiceView[];
  service(ref: RunServiceRef): RunServiceView;
  /** Its first revision is deployed like any other: it serves when that is ready. */
  create(creation: RunCreation): RunOperation;
  update(update: RunUpdate): RunOperation;
  /** With its revisions, and its instances end. */
  remove(ref: RunServiceRef, etag: string | undefined): RunOperation;
  operation(name: string): RunOperation;
  /** Where a request to the service goes now; an idle service that scales from zero starts an instance for it. */
  route(ref: RunServiceRef): RunRoute;
  instances(ref: RunServiceRef): readonly RunInstance[];
  /** The next revision of the service will not become ready. */
  failNextRevision(ref: RunServiceRef, failure?: RevisionFailure): void;
  /** From now on the service's requests are so many. */
  press(ref: RunServiceRef, pressure: RunPressure | undefined): void;
  /** Instances that are serving requests. */
  active(ref: RunServiceRef): number;
  /** How long its next request waits before it is worked on. */
  delay(ref: RunServiceRef): Millis;
  /** What its busy instances use of their CPU, as a share. */
  cpu(ref: RunServiceRef): number;
  /** While withheld, the region starts no instance of any service. */
  withholdCapacity(withheld: boolean): void;
  /** The project's quota lets a service have so many instances at the most; `undefined` for one that nobody meets. */
  limitInstances(most: number | undefined): void;
}

/** Names of services (docs: lower-case letters, digits and hyphens, fewer than 50 characters). */
const SERVICE_NAME = /^[a-z]([-a-z0-9]{0,47}[a-z0-9])?$/;

/** How a project's Cloud Run is made: services that serve from the start. */
export type CreateRunOptions = RunOptions & {
  readonly project: Project;
  readonly logs: Pick<Logs, 'write'>;
  readonly services: readonly { readonly ref: RunServiceRef; readonly spec: ServiceSpec }[];
  /** Where the instances of a location are; `cloudRun` unless given. */
  readonly placeOf?: (location: string) => Place;
};

/** Cloud Run with the given services, whose first revisions are ready and whose minimum instances are starting. */
export function createRun({ project, services, placeOf = () => 'cloudRun', ...options }: CreateRunOptions): Run {
  let capacity = true;
  let quota: number | undefined;
  const draws = options.chance.fork('run');
  const parts = { ...options, chance: draws, project, capacity: () => capacity };
  const all = services.map(({ ref, spec }) => ({
    ref,
    service: createRunService({ ...parts, place: placeOf(ref.location) }, ref, spec),
  }));
  const operations: { readonly name: string; readonly service: RunService; readonly generation: number }[] = [];

  const find = (ref: RunServiceRef): RunService => {
    const found = all.find(({ ref: { location, service } }) => location === ref.location && service === ref.service);
    if (found) return found.service;
    const name = `projects/${project.id}/locations/${ref.location}/services/${ref.service}`;
    throw new ApiError(404, 'notFound', `Resource '${name}' was not found`);
  };

  const operation = (name: string): RunOperation => {
    const found = operations.find((each) => each.name === name);
    if (!found) throw new ApiError(404, 'notFound', `Operation '${name}' was not found`);
    const view = found.service.view();
    return { name, ref: view.ref, state: found.service.outcomeOf(found.generation), view };
  };
  const begin = (service: RunService): RunOperation => {
    const { ref, generation } = service.view();
    const name = nameOfNext(ref);
    operations.push({ name, service, generation });
    return operation(name);
  };
  const nameOfNext = (ref: RunServiceRef): string =>
    operationName(project, ref, `${operations.length}-${canonicalJson(ref)}`);
  const checkEtag = ({ etag: current, ref }: RunServiceView, etag: string | undefined): void => {
    if (etag === undefined || etag === current || !options.assumptions.runEtagChecked) return;
    const was = `etag '${etag}' was specified but the current etag is '${current}'`;
    throw new ApiError(409, 'aborted', `Conflict for resource '${ref.service}': ${was}.`);
  };

  return {
    services: (location) =>
      all.filter(({ ref }) => location === undefined || ref.location === location).map(({ service }) => service.view()),
    service: (ref) => find(ref).view(),
    create({ ref, spec: asked, validateOnly }) {
      if (!SERVICE_NAME.test(ref.service))
        throw new ApiError(400, 'badRequest', `Violation in CreateServiceRequest.service_id: '${ref.service}'`);
      if (all.some(({ ref: { location, service } }) => location === ref.location && service === ref.service))
        throw new ApiError(409, 'alreadyExists', `Resource '${ref.service}' already exists.`);
      const spec = { ...asked, scaling: normalScaling(asked.scaling, asked.scaling) };
      checkSpec(ref.service, spec, []);
      const service = createRunService({ ...parts, place: placeOf(ref.location) }, ref, spec, 'now');
      if (validateOnly) {
        service.retire();
        return { name: nameOfNext(ref), ref, state: { kind: 'done' }, view: service.view() };
      }
      all.push({ ref, service });
      return begin(service);
    },
    remove(ref, etag) {
      const service = find(ref);
      checkEtag(service.view(), etag);
      service.retire();
      all.splice(
        all.findIndex((each) => each.service === service),
        1,
      );
      return begin(service);
    },
    update({ ref, etag, validateOnly, edit }) {
      const service = find(ref);
      const present = service.view();
      checkEtag(present, etag);
      const edited = edit(present.spec);
      const spec = { ...edited, scaling: normalScaling(edited.scaling, present.spec.scaling) };
      checkSpec(
        ref.service,
        spec,
        present.revisions.map(({ name }) => name),
      );
      service.checkRevisionName(spec.template);
      const { max } = spec.scaling;
      if (quota !== undefined && max !== undefined && max > quota && max !== present.spec.scaling.max)
        throw new ApiError(
          400,
          'badRequest',
          `Max instances must be set to ${quota} or fewer (quota of ${ref.location}).`,
        );
      if (validateOnly) return { name: nameOfNext(ref), ref, state: { kind: 'done' }, view: present };
      service.apply(spec);
      return begin(service);
    },
    operation,
    route: (ref) => find(ref).route(),
    instances: (ref) => find(ref).instances(),
    failNextRevision: (ref, failure) => find(ref).failNextRevision(failure),
    press: (ref, pressure) => find(ref).press(pressure),
    active: (ref) => find(ref).active(),
    delay: (ref) => find(ref).delay(),
    cpu: (ref) => find(ref).cpu(),
    withholdCapacity(withheld) {
      capacity = !withheld;
    },
    limitInstances(most) {
      quota = most;
    },
  };
}

function operationName(project: Project, { location }: RunServiceRef, unique: string): string {
  return `projects/${project.id}/locations/${location}/operations/${shortId(unique, 24)}`;
}

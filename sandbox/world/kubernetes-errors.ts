import { ApiError } from './kernel.ts';
import type { Kind } from './kubernetes-objects.ts';
import { type Resource, qualified, resourceOf } from './kubernetes-resources.ts';

// Refusals of the API server, worded as apimachinery's pkg/api/errors/errors.go words them (read 2026-07): clients show the
// message and decide on code, reason and causes.

/** One cause in the details of a `Status`. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

/** What a `Status` says about the object that it concerns. */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** A refusal with the details of its `Status`. */
export class KubernetesError extends ApiError {
  readonly details: StatusDetails | undefined;

  constructor(status: number, reason: string, message: string, details?: StatusDetails) {
    super(status, reason, message, details?.retryAfterSeconds);
    this.details = details;
  }
}

/** What a refusal is about: a resource of the table, or anything else that has a group and a plural name. */
export type About = Kind | Pick<Resource, 'group' | 'plural'>;

const resourceAbout = (about: About): Pick<Resource, 'group' | 'plural'> =>
  typeof about === 'string' ? resourceOf(about) : about;

function detailsOf(about: About, name: string, rest: StatusDetails = {}): StatusDetails {
  const { group, plural } = resourceAbout(about);
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: plural, ...rest };
}

export const notFound = (about: About, name: string): KubernetesError =>
  new KubernetesError(
    404,
    'NotFound',
    `${qualified(resourceAbout(about))} "${name}" not found`,
    detailsOf(about, name),
  );

/** 404 for a path that names nothing. */
export const noSuchPath = (): KubernetesError =>
  new KubernetesError(404, 'NotFound', 'the server could not find the requested resource', {});

export const alreadyExists = (about: About, name: string): KubernetesError =>
  new KubernetesError(
    409,
    'AlreadyExists',
    `${qualified(resourceAbout(about))} "${name}" already exists`,
    detailsOf(about, name),
  );

export const conflict = (about: About, name: string, why: string): KubernetesError =>
  new KubernetesError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resourceAbout(about))} "${name}": ${why}`,
    detailsOf(about, name),
  );

/** The conflict of optimistic concurrency. */
export const modified = (about: About, name: string): KubernetesError =>
  conflict(about, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const forbidden = (about: About, name: string, why: string): KubernetesError => {
  const subject = qualified(resourceAbout(about)) + (name === '' ? '' : ` "${name}"`);
  return new KubernetesError(403, 'Forbidden', `${subject} is forbidden: ${why}`, detailsOf(about, name));
};

export const badRequest = (message: string): KubernetesError => new KubernetesError(400, 'BadRequest', message);

/** One reason why an object is invalid. `type`: a cause type of apimachinery's field package. */
export interface FieldFault {
  readonly field: string;
  readonly type: 'FieldValueRequired' | 'FieldValueInvalid' | 'FieldValueForbidden';
  readonly message: string;
}

/** Kinds that are sent and never stored, by their group. */
const PASSING = {
  Eviction: 'policy',
  LocalSubjectAccessReview: 'authorization.k8s.io',
  Scale: 'autoscaling',
  SelfSubjectAccessReview: 'authorization.k8s.io',
  SubjectAccessReview: 'authorization.k8s.io',
} as const;

const isPassing = (kind: string): kind is keyof typeof PASSING => Object.hasOwn(PASSING, kind);

export function invalid(
  kind: Kind | keyof typeof PASSING,
  name: string,
  faults: readonly FieldFault[],
): KubernetesError {
  const group = isPassing(kind) ? PASSING[kind] : resourceOf(kind).group;
  const subject = `${kind}${group === '' ? '' : `.${group}`} "${name}"`;
  const texts = faults.map(({ field, message }) => `${field}: ${message}`);
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const causes = faults.map(({ field, type, message }) => ({ reason: type, message, field }));
  const details = { name, ...(group === '' ? {} : { group }), kind, causes };
  return new KubernetesError(422, 'Invalid', `${subject} is invalid: ${text}`, details);
}

/** 422 for a patch that can't be applied or whose result can't be decoded; it names no object. */
export const unprocessable = (message: string): KubernetesError =>
  new KubernetesError(422, 'Invalid', message, {
    causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }],
  });

export const unsupportedMediaType = (accepted: readonly string[]): KubernetesError =>
  new KubernetesError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

export const notAcceptable = (accepted: readonly string[]): KubernetesError =>
  new KubernetesError(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);

export const methodNotAllowed = (about: About, verb: string): KubernetesError =>
  new KubernetesError(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind "${qualified(resourceAbout(about))}"`,
    detailsOf(about, ''),
  );

/** 410: that version of the past is no longer kept. */
export const expired = (message: string): KubernetesError => new KubernetesError(410, 'Expired', message);

export const notImplemented = (message: string): KubernetesError => new KubernetesError(501, 'NotImplemented', message);

/** 429 of the eviction API. Kubernetes asks to wait only when its budget is being recomputed (`retryAfterSeconds` 10, else 0). */
export const disruptionRefused = (why: string, retryAfterSeconds: number): KubernetesError =>
  new KubernetesError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why }],
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
  });

import { assert } from '../../shared/core/assert.ts';
import { parseInstant } from '../../shared/core/time.ts';
import type { Caller } from '../world/caller.ts';
import type { Principal } from '../world/kernel.ts';
import type { FieldValidation } from '../world/kubernetes-admission.ts';
import type { WriteOptions } from '../world/kubernetes-context.ts';
import { isPlainObject } from '../world/kubernetes-decode.ts';
import { badRequest, KubernetesError, notAcceptable, unsupportedMediaType } from '../world/kubernetes-errors.ts';
import type { LogOptions } from '../world/kubernetes-logs.ts';
import { PATCH_TYPES, type Patch } from '../world/kubernetes-patch.ts';
import { type DeleteOptions, readDeleteOptions, readPropagation } from '../world/kubernetes-writes.ts';
import type { ReviewKind } from '../world/kubernetes-review.ts';
import { PROTOBUF, readReview } from './kubernetes-protobuf.ts';
import type { IncludeObject } from './kubernetes-table.ts';
import type { HttpRequest } from './router.ts';

// What a request asks for in its headers and its query. An unknown parameter is ignored, as Kubernetes ignores it; a known
// one with a senseless value is refused.

/** Who calls. */
export function callerOf({ principal, from }: HttpRequest): Caller {
  assert(principal !== undefined, 'no route of the Kubernetes face is anonymous');
  return { principal, from };
}

/** Whom the caller asks to be taken for. Throws 500, as the API server does, for groups of nobody. */
export function impersonated({
  headers,
}: HttpRequest): { readonly user: Principal; readonly groups: readonly string[] } | undefined {
  const groups = (headers['impersonate-group'] ?? '').split(', ').filter((group) => group !== '');
  const user = headers['impersonate-user'] ?? '';
  if (user !== '') return { user, groups };
  if (groups.length === 0) return undefined;
  const why = `Internal error occurred: requested [${groups.join(' ')}] without impersonating a user`;
  throw new KubernetesError(500, 'InternalError', why, {});
}

/** The forms that an answer may take. */
export type AnswerForm =
  | { readonly kind: 'object' }
  | { readonly kind: 'table'; readonly include: IncludeObject }
  | { readonly kind: 'metadata' };

/** The first form that the client accepts and this server has. Throws 406. */
export function answerForm({ headers, query }: HttpRequest): AnswerForm {
  const ranges = (headers['accept'] ?? '*/*').split(',').map(mediaRange);
  for (const { type, parameters } of ranges) {
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') continue;
    const form = parameters.get('as');
    if (form === undefined) return { kind: 'object' };
    const known = parameters.get('g') === 'meta.k8s.io' && /^v1(beta1)?$/.test(parameters.get('v') ?? '');
    if (known && form === 'Table') return { kind: 'table', include: includeObject(query.get('includeObject')) };
    if (known && form.startsWith('PartialObjectMetadata')) return { kind: 'metadata' };
  }
  throw notAcceptable(['application/json']);
}

function includeObject(value: string | null): IncludeObject {
  if (value === null || value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: "${value}"`);
}

function mediaRange(text: string): { readonly type: string; readonly parameters: ReadonlyMap<string, string> } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = rest.map((part): [string, string] => {
    const [name = '', value = ''] = part.split('=');
    return [name, value];
  });
  return { type: type.toLowerCase(), parameters: new Map(parameters) };
}

const contentType = ({ headers }: HttpRequest): string => mediaRange(headers['content-type'] ?? '').type;

/** The body of a POST or PUT. Throws 415 for another form than JSON. */
export function bodyOf(request: HttpRequest): unknown {
  const type = contentType(request);
  if (type !== '' && type !== 'application/json') throw unsupportedMediaType(['application/json']);
  return request.body;
}

/** The body of a POST of a review, which kubectl sends as protobuf. Throws 400 or 415. */
export const reviewOf = (kind: ReviewKind, request: HttpRequest): unknown =>
  contentType(request) === PROTOBUF ? readReview(kind, request.bytes) : bodyOf(request);

/** The body of a PATCH. Throws 415 for a way of patching that this server hasn't. */
export function patchOf(request: HttpRequest): Patch {
  const type = contentType(request);
  const known = Object.entries(PATCH_TYPES).find(([name]) => name === type);
  if (known === undefined) throw unsupportedMediaType(Object.keys(PATCH_TYPES));
  return { type: known[1], body: request.body };
}

function fieldValidation(value: string | null): FieldValidation {
  if (value === null || value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw badRequest(
    `Invalid value: "${value}": fieldValidation parameter unsupported value: must be one of Ignore, Warn, Strict`,
  );
}

function dryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) throw badRequest('Invalid value: dryRun: supported values: "All"');
  return values.length > 0;
}

/** How a write is meant, by its query. */
export function writeOptions({ query }: HttpRequest): WriteOptions {
  return { dryRun: dryRun(query), fieldValidation: fieldValidation(query.get('fieldValidation')) };
}

/** A number in the query. Throws 400 for anything else. */
export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax (${name})`);
}

/** A flag in the query: present and not plainly false, as Kubernetes converts it. */
export function flagOf(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text !== null && text !== 'false' && text !== '0';
}

/** How a DELETE is meant: by its body, and by its query when it has none. */
export function deleteOptions(request: HttpRequest): DeleteOptions {
  const { query } = request;
  const body = bodyOf(request);
  if (isPlainObject(body)) return { ...readDeleteOptions(body), ...(dryRun(query) ? { dryRun: true } : {}) };
  const grace = numberOf(query, 'gracePeriodSeconds');
  const propagation = query.get('propagationPolicy');
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(propagation === null ? {} : { propagationPolicy: readPropagation(propagation) }),
    ...(dryRun(query) ? { dryRun: true } : {}),
  };
}

/** Which part of a log is asked for. `now`: the moment that `sinceSeconds` counts back from. */
export function logOptions({ query }: HttpRequest, now: number): LogOptions {
  const container = query.get('container');
  const [tailLines, limitBytes] = [numberOf(query, 'tailLines'), numberOf(query, 'limitBytes')];
  const sinceSeconds = numberOf(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const since = parseInstant(
    sinceTime ?? (sinceSeconds === undefined ? '' : new Date(now - sinceSeconds * 1_000).toISOString()),
  );
  if (sinceTime !== null && since === undefined) throw badRequest(`parsing time "${sinceTime}": invalid`);
  return {
    ...(container === null ? {} : { container }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined ? {} : { since }),
    previous: flagOf(query, 'previous'),
    timestamps: flagOf(query, 'timestamps'),
  };
}

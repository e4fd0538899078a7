import { z } from 'zod';
import type { Millis } from '../core/time.ts';
import { parseDuration } from '../core/time.ts';
import { instanceName, personId } from './names.ts';

// The words that the schema of `dr.yaml` is made of. Every part says in its message what would be right, and in its
// description what it means: the first goes into faults, the second into editors (docs/dr.schema.json).

const DURATION = 'a length of time such as 90s, 15m, 4h or 1d';
const DURATION_FORM = /^\d{1,6}(ms|s|m|h|d)$/;
const BUDGET = 'runs/window, such as 3/1h';
const MASS = 'targets/window, such as `5 targets/2m`';

/** A map with exactly these keys. The message for an unknown key is the list of the known ones (schema-faults.ts reads it). */
export function map<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? known : `a map with the keys ${known}`),
  });
}

/** A text of a stated form. */
export function text(wanted: string, form: RegExp) {
  return z.string({ error: wanted }).regex(form, { error: wanted });
}

/** A free text of one line. */
export function line(wanted: string) {
  return text(`${wanted} (1 to 200 characters, one line)`, /^\S(.{0,198}\S)?$/);
}

/** A list; what it may hold together with the rest of the file is judged by `contradictions`. */
export function list<Item extends z.ZodType>(item: Item, wanted: string) {
  return z.array(item, { error: `a list of ${wanted}` });
}

/** A key that may be left out; its value is then `undefined`. */
export function optional<Item extends z.ZodType>(item: Item) {
  return item.optional().transform((value) => value);
}

/** `90s`, `15m`, `4h`. */
export function duration() {
  return text(DURATION, DURATION_FORM).transform((written, context) => lengthOf(written, context));
}

/** `3/1h`: at most 3 runs within any hour. */
export function budget() {
  return text(BUDGET, /^\d{1,4}\/\d{1,6}(ms|s|m|h|d)$/).transform((written, context) => {
    const [runs = '', window = ''] = written.split('/');
    return { runs: Number(runs), window: lengthOf(window, context) };
  });
}

/** `5 targets/2m`: more than 5 targets within two minutes. */
export function massFailure() {
  return text(MASS, /^\d{1,4} targets\/\d{1,6}(ms|s|m|h|d)$/).transform((written, context) => {
    const [targets = '', window = ''] = written.split(' targets/');
    return { targets: Number(targets), window: lengthOf(window, context) };
  });
}

/** A whole number of at least `min`. */
export function count(min: number) {
  const wanted = min > 0 ? `a whole number from ${min} to 10000` : 'a whole number';
  return z.number({ error: wanted }).int({ error: wanted }).min(min, { error: wanted }).max(10_000, { error: wanted });
}

/** One of some words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `one of: ${words.join(', ')}` });
}

/** An absolute HTTP address; that it carries no credential is judged by `contradictions`. */
export function url() {
  const wanted = 'an address such as https://api.example.com/dr/health';
  return z.url({ error: wanted, protocol: /^https?$/ }).regex(/^https?:\/\/[^\s/]/, { error: wanted });
}

/** Names of one kind to addresses. */
export function addresses(names: string, form: RegExp) {
  const wanted = `a map of ${names} to addresses`;
  return z.record(z.string().regex(form, { error: names }), url(), { error: wanted }).prefault({});
}

function lengthOf(written: string, context: z.RefinementCtx<string>): Millis {
  const length = parseDuration(written);
  if (length !== undefined) return length;
  context.addIssue({ code: 'custom', message: DURATION });
  return z.NEVER;
}

/** A region. */
export const region = () => text('a region of Google Cloud, such as us-central1', /^[a-z]+-[a-z]+[0-9]+$/);
/** A region or a zone. */
export const location = () => text('a region or a zone, such as us-central1-a', /^[a-z]+-[a-z]+[0-9]+(-[a-z])?$/);
/** A name as Kubernetes allows it. */
export const kubernetesName = (what: string) => text(`the name of ${what}`, /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/);
/** A Cloud SQL instance. */
export const instance = () =>
  text('a Cloud SQL instance without its project, such as orders-db', /^[a-z][a-z0-9-]{0,97}$/).transform(instanceName);

/** An id of this file; `what` it is. */
export const id = (what: string) =>
  text(`${what}: lower-case letters, digits and dashes, such as api-gke`, /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
/** A Google identity, as audit logs name who calls: the e-mail of a service account or of a person. */
export const identity = () => text('an e-mail address', /^[^\s@"\\]+@[^\s@"\\]+\.[^\s@"\\]+$/);
/** Somebody of `people`. */
export const person = () => id('the id of a person of `people`').transform(personId);

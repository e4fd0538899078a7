import type { Preconditions } from '../world/storage-bucket.ts';
import { invalidArgument } from './google-error.ts';
import { queryOf } from './google-request.ts';
import type { HttpRequest } from './router.ts';

// What stands in the query of Cloud Storage's methods.

/** One query, by name. */
export type StorageQuery = Readonly<Record<string, string | undefined>>;

const CONDITIONS = [
  'ifGenerationMatch',
  'ifGenerationNotMatch',
  'ifMetagenerationMatch',
  'ifMetagenerationNotMatch',
] as const;

/** Of a copy's source. */
const SOURCE_CONDITIONS = [
  'ifSourceGenerationMatch',
  'ifSourceGenerationNotMatch',
  'ifSourceMetagenerationMatch',
  'ifSourceMetagenerationNotMatch',
] as const;

/** What every method takes besides its own: how much of a resource is answered, and who pays for it. */
const EVERYWHERE = ['projection', 'userProject', 'provisionalUserProject'] as const;

/** The query, with `uploadType`, which is a system parameter elsewhere. Throws 400 for a name that the method doesn't have. */
export function storageQuery(request: HttpRequest, own: readonly string[]): StorageQuery {
  const query = queryOf(request, [...own, ...CONDITIONS, ...SOURCE_CONDITIONS, ...EVERYWHERE]);
  const uploadType = request.query.get('uploadType');
  return uploadType === null ? query : { ...query, uploadType };
}

/** The preconditions of a call. */
export const conditionsOf = (query: StorageQuery): Preconditions => read(query, CONDITIONS);

/** The preconditions on a copy's source, by the same names. */
export const sourceConditionsOf = (query: StorageQuery): Preconditions => read(query, SOURCE_CONDITIONS);

function read(query: StorageQuery, names: readonly string[]): Preconditions {
  const given = names.flatMap((name, index): [string, number][] => {
    const value = numberOf(query, name);
    const condition = CONDITIONS[index];
    return value === undefined || condition === undefined ? [] : [[condition, value]];
  });
  return Object.fromEntries(given);
}

/** A whole number, such as a generation. They are below 2^53 until the year 2255. */
export function numberOf(query: StorageQuery, name: string): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  if (/^\d{1,16}$/.test(text)) return Number(text);
  throw invalidArgument(`Invalid unsigned integer value: '${text}' for parameter ${name}`);
}

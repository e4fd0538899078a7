import type { z } from 'zod';
import { assert } from '../../shared/core/assert.ts';
import type { Caller } from '../world/caller.ts';
import { ApiError } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import { invalidArgument } from './google-error.ts';
import type { HttpRequest } from './router.ts';

/** What every Google API takes in the query (docs: "System parameters"); `$alt` is what gax sends. */
const SYSTEM_PARAMETERS: ReadonlySet<string> = new Set([
  'alt',
  '$alt',
  'fields',
  '$fields',
  'key',
  'prettyPrint',
  '$prettyPrint',
  'quotaUser',
  'access_token',
  'callback',
  'oauth_token',
  'uploadType',
  'upload_protocol',
  '$.xgafv',
]);

/** Who calls. A route that may be called without a token has no caller and must not ask. */
export function callerOf(request: HttpRequest): Caller {
  assert(request.principal !== undefined, 'a route that needs a caller is not anonymous');
  return { principal: request.principal, from: request.from };
}

/** The query without system parameters. Throws 400 for one that the method doesn't have, as Google does. */
export function queryOf(
  request: HttpRequest,
  allowed: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const own = [...request.query].filter(([name]) => !SYSTEM_PARAMETERS.has(name));
  for (const [name] of own) {
    if (allowed.includes(name)) continue;
    throw invalidArgument(`Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter.`);
  }
  return Object.fromEntries(own);
}

/** The body by a strict schema. Throws 400 and names the field that is unknown or wrong. A missing body counts as `{}`. */
export function bodyOf<T>(schema: z.ZodType<T>, request: HttpRequest): T {
  const parsed = schema.safeParse(request.body ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  if (issue?.code === 'unrecognized_keys') {
    const at = path === '' ? '' : ` at '${path}'`;
    throw invalidArgument(
      `Invalid JSON payload received. Unknown name "${issue.keys[0] ?? ''}"${at}: Cannot find field.`,
    );
  }
  throw invalidArgument(`Invalid value at '${path}': ${issue?.message ?? 'malformed'}`);
}

/** Refuses a project that isn't the world's. Google answers 403 for one that the caller may not see, whether it exists or not. */
export function checkProject(project: Project, named: string | undefined): void {
  if (named === project.id || named === project.number) return;
  throw new ApiError(403, 'forbidden', `Permission denied on resource project ${named ?? ''}.`);
}

/** A slice of a list, with the token of the next one. `most` bounds what a caller may ask for; 0 or nothing asks for all of that. */
export function pageOf<T>(
  items: readonly T[],
  query: { readonly size: string | undefined; readonly token: string | undefined },
  most: number,
): { readonly items: readonly T[]; readonly nextPageToken?: string } {
  const asked = Number(query.size ?? 0);
  if (!Number.isInteger(asked) || asked < 0) throw invalidArgument('The page size must be a non-negative integer.');
  const size = asked === 0 ? most : Math.min(asked, most);
  const start =
    query.token === undefined || query.token === '' ? 0 : Number(Buffer.from(query.token, 'base64url').toString());
  if (!Number.isInteger(start) || start < 0) throw invalidArgument('The page token is invalid.');
  const end = start + size;
  const page = items.slice(start, end);
  if (end >= items.length) return { items: page };
  return { items: page, nextPageToken: Buffer.from(String(end)).toString('base64url') };
}

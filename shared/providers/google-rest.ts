import { below } from './addresses.ts';
import type { Call } from './deadline.ts';
import { callGoogle, type GoogleAccess } from './google-call.ts';

// Google APIs for which the product carries no generated client: their REST face, with the same credentials, deadlines and errors.

/** By the names that stand in `endpoints.google`; elsewhere they are at `https://NAME.googleapis.com`. */
export const REST_APIS = [
  'cloudresourcemanager',
  'compute',
  'container',
  'dns',
  'iam',
  'logging',
  'monitoring',
  'pubsub',
  'redis',
  'run',
  'secretmanager',
  'serviceusage',
  'sqladmin',
  'storage',
] as const;
export type RestApi = (typeof REST_APIS)[number];

/** What is asked. */
export interface RestQuestion {
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Asks and hands the parsed answer over. Rejects with `PortError` only; an answer that `parse` can't read is `unreadable`. */
export function askGoogle<T>(
  access: GoogleAccess,
  api: RestApi,
  call: Call,
  { method, path, query = {}, body }: RestQuestion,
  parse: (answer: unknown) => T,
): Promise<T> {
  const url = below(access.endpoints.google[api] ?? `https://${api}.googleapis.com`, path);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return callGoogle(
    access,
    call,
    () => access.identity.client(),
    async (client, { timeout, signal }) => {
      const answer = await client.request<unknown>({
        url,
        method,
        timeout,
        signal,
        responseType: 'json',
        retry: false,
        ...(body === undefined ? {} : { data: body }),
      });
      return parse(answer.data);
    },
  );
}

import type { AuthClient } from 'google-auth-library';
import { assert } from '../core/assert.ts';
import type { Millis } from '../core/time.ts';
import { isPortError } from '../ports/port-error.ts';
import type { Endpoints } from '../system/system.ts';
import { callWithin, limitOf, shorter } from './deadline.ts';
import type { Call } from './deadline.ts';
import type { GoogleIdentity } from './google-auth.ts';

/** The Google APIs that the product calls, by the names that stand in `endpoints.google`. */
export const GOOGLE_APIS = [
  'compute',
  'container',
  'dns',
  'monitoring',
  'pubsub',
  'run',
  'secretmanager',
  'sqladmin',
  'storage',
] as const;
export type GoogleApi = (typeof GOOGLE_APIS)[number];

/** What every adapter of a Google API is made with. */
export interface GoogleAccess {
  readonly project: string;
  readonly endpoints: Endpoints;
  readonly identity: GoogleIdentity;
  /**
   * Wall time that a call may take, where a lease leaves less than the limits of `deadline.ts`; they are never
   * prolonged.
   */
  readonly limits?: { readonly reads: Millis; readonly writes: Millis };
}

/**
 * Options of every generated client. `fallback` is REST: Cloud SQL answers nothing else, and it starts faster (facts.md
 * 3.1, 15).
 */
export type ClientOptions = {
  readonly fallback: true;
  readonly projectId: string;
  readonly authClient: AuthClient;
  readonly apiEndpoint?: string;
  readonly port?: number;
  readonly protocol?: string;
};

/** Options of one call: no retry of the client's own (the engine owns that), its deadline and ours the same. */
export interface CallOptions {
  readonly retry: null;
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * Makes a client once, at its first use, and only with credentials that work (google-auth.ts, A2). Throws at once when
 * its configured address can't be used.
 */
export function lazyClient<C>(
  access: GoogleAccess,
  api: GoogleApi,
  make: (options: ClientOptions) => Promise<C>,
): () => Promise<C> {
  const address = addressOf(access.endpoints, api);
  let known: C | undefined;
  return async () => {
    const authClient = await access.identity.client();
    known ??= await make({
      fallback: true,
      projectId: access.project,
      authClient,
      ...address,
    });
    return known;
  };
}

/** The same call with the limit that the access sets on it. */
export function limited(access: GoogleAccess, call: Call): Call {
  const most = call.effect === 'reads' ? access.limits?.reads : access.limits?.writes;
  return { ...call, limit: shorter(limitOf(call), most) };
}

/**
 * One call of a generated client, within our deadline. `prepare` makes the client, and may read what a change is based
 * on. Rejects with `PortError` only.
 */
export async function callGoogle<P, T>(
  access: GoogleAccess,
  call: Call,
  prepare: (options: CallOptions) => Promise<P>,
  send: (prepared: P, options: CallOptions) => Promise<T>,
): Promise<T> {
  const within = limited(access, call);
  const options = (signal: AbortSignal): CallOptions => ({ retry: null, timeout: limitOf(within), signal });
  try {
    return await callWithin(
      within,
      (signal) => prepare(options(signal)),
      (prepared, signal) => send(prepared, options(signal)),
    );
  } catch (error) {
    if (isPortError(error) && error.code === 'unauthenticated') access.identity.forget();
    throw error;
  }
}

function addressOf(endpoints: Endpoints, api: GoogleApi): Pick<ClientOptions, 'apiEndpoint' | 'port' | 'protocol'> {
  const base = endpoints.google[api];
  if (base === undefined) return {};
  const url = new URL(base);
  assert(url.pathname === '/', `endpoints.google.${api} has a path, which Google's clients can't carry: ${base}`);
  const secure = url.protocol === 'https:';
  return {
    apiEndpoint: url.hostname,
    port: Number(url.port === '' ? (secure ? 443 : 80) : url.port),
    protocol: secure ? 'https' : 'http',
  };
}

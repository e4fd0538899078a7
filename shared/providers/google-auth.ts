import type { AuthClient } from 'google-auth-library';
import { PortError } from '../ports/port-error.ts';
import { callWithin } from './deadline.ts';

// Who we are, once for all clients of a process: Application Default Credentials, from the metadata server in the cloud
// as in the sandbox (decisions.md 20).
//
// A1. Credentials are fetched before a call, never inside it: otherwise a 404 of the metadata server would read as
//     "instance not found", and its silence as a write whose reply was lost.
// A2. Only success is remembered. The library remembers for ever that it found no metadata server, and Google's clients
//     keep a failed start for ever (google-auth-library 11.3, google-gax 6.17): both get a client that already works.

/** `userinfo.email`: clusters map the e-mail of a service account to RBAC (facts.md 6.1). */
const SCOPES = ['https://www.googleapis.com/auth/cloud-platform', 'https://www.googleapis.com/auth/userinfo.email'];

/** The identity of this process. Every method rejects with a retryable `PortError` while there are no credentials. */
export interface GoogleIdentity {
  /** For Google's clients; holds a token that is good for some minutes. */
  client(): Promise<AuthClient>;
  /** A bearer token, for Kubernetes and for the data plane. */
  token(): Promise<string>;
  /** Forgets the token that was just refused; the next call fetches another. */
  forget(): void;
}

/**
 * Credentials from where the library finds them; nothing is read before the first use. `project` is the id in
 * `dr.yaml`.
 */
export function createGoogleIdentity(project: string): GoogleIdentity {
  let known: AuthClient | undefined;

  const find = async (): Promise<AuthClient> => {
    const { GoogleAuth } = await import('./auth-client.ts');
    // Without a project the library runs `gcloud config config-helper` to find one, for half a second where there is a
    // gcloud.
    return new GoogleAuth({ scopes: SCOPES, projectId: project }).getClient();
  };
  const authenticate = (): Promise<{ client: AuthClient; token: string }> =>
    callWithin(
      { doing: 'getting our credentials', effect: 'reads' },
      () => undefined,
      async () => {
        const client = known ?? (await find());
        const { token } = await client.getAccessToken();
        if (typeof token !== 'string' || token === '') throw new Error('the credentials hold no token');
        known = client;
        return { client, token };
      },
    ).catch((error: unknown) => {
      throw new PortError('retryable', 'credentials', 'getting our credentials', error);
    });

  return {
    client: async () => (await authenticate()).client,
    token: async () => (await authenticate()).token,
    // Expired, not empty: the library keeps a mark there without which it fetches no token any more.
    forget: () => known?.setCredentials({ ...known.credentials, expiry_date: 1 }),
  };
}

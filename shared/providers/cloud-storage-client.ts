import type { Storage } from '@google-cloud/storage';
import { type ClientOptions, type GoogleAccess, lazyClient } from './google-call.ts';

/** Cloud Storage's client, made at its first use. */
export const storageClient = (access: GoogleAccess): (() => Promise<Storage>) =>
  lazyClient(access, 'storage', async (options): Promise<Storage> => {
    const storage = await import('./storage-client.ts');
    return new storage.Storage(ownOptions(options));
  });

/** The client has a form of its own for an address. It repeats nothing: that is the engine's part. */
function ownOptions({ projectId, authClient, apiEndpoint, port, protocol }: ClientOptions): object {
  const own = { projectId, authClient, retryOptions: { autoRetry: false } };
  return apiEndpoint === undefined
    ? own
    : {
        ...own,
        apiEndpoint: `${protocol ?? 'https'}://${apiEndpoint}:${port ?? 443}`,
        useAuthWithCustomEndpoint: true,
      };
}

import { startServer } from '../../sandbox/http/server.ts';
import { storageRoutes } from '../../sandbox/http/storage.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import type { WorldClock } from '../../sandbox/world/kernel.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { Storage } from '../../sandbox/world/storage.ts';
import { StorageApi } from '../../sandbox/world/storage-api.ts';
import { principals } from './sql-sandbox.ts';

export const BUCKET = 'coditect-dms-backups';

/** Cloud Storage with one bucket on a port of its own. */
export async function startStorageSandbox(clock: WorldClock, options: { readonly versioning?: boolean } = {}) {
  const { door, iam } = createKernel({ clock, seed: 1 });
  grantReferenceRoles(iam);
  const storage = new Storage(clock);
  storage.addBucket(BUCKET, 'us', options);
  const api = new StorageApi(door, storage, iam);
  const server = await startServer({
    clock,
    principals,
    routes: storageRoutes({ project: REFERENCE_PROJECT, storage, api }),
  });
  return { ...server, storage, iam };
}

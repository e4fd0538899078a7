import type { Applications } from './applications.ts';
import type { Backups, Copies } from './backups.ts';
import type { Chance, Clock } from './clock.ts';
import type { Contents } from './contents.ts';
import type { DataPlane } from './data-plane.ts';
import type { DatabaseUsers } from './database-users.ts';
import type { DatabaseRedundancy, DatabaseRemedies, Databases } from './databases.ts';
import type { EvidenceVault } from './evidence-vault.ts';
import type { Isolation } from './isolation.ts';
import type { LogArchive } from './log-archive.ts';
import type { Messages } from './messages.ts';
import type { Metrics } from './metrics.ts';
import type { RowFiles } from './row-files.ts';
import type { Rows } from './rows.ts';
import type { Rollouts } from './rollouts.ts';
import type { Secrets } from './secrets.ts';
import type { ServiceRestarts } from './service-restarts.ts';
import type { Services } from './services.ts';
import type { Sessions } from './sessions.ts';
import type { Store } from './store.ts';
import type { Traffic } from './traffic.ts';
import type { Workloads } from './workloads.ts';

/**
 * All that the product can ask of other people's systems: the table of contents of our power over them, and the first file
 * that a security reviewer reads. Permissions of each function's identity narrow it further (docs/security.md).
 */
export interface World {
  readonly databases: Databases;
  readonly remedies: DatabaseRemedies;
  readonly redundancy: DatabaseRedundancy;
  readonly databaseUsers: DatabaseUsers;
  readonly backups: Backups;
  readonly copies: Copies;
  readonly dataPlane: DataPlane;
  readonly contents: Contents;
  readonly rows: Rows;
  readonly rowFiles: RowFiles;
  readonly applications: Applications;
  readonly workloads: Workloads;
  readonly rollouts: Rollouts;
  readonly services: Services;
  readonly traffic: Traffic;
  readonly serviceRestarts: ServiceRestarts;
  readonly secrets: Secrets;
  readonly sessions: Sessions;
  readonly isolation: Isolation;
  readonly logArchive: LogArchive;
  readonly vault: EvidenceVault;
  readonly metrics: Metrics;
}

/** What a function needs to run at all, whatever it may touch. */
export interface Home {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly store: Store;
  readonly messages: Messages;
}

import type { Assumptions } from './assumptions.ts';
import type { Kernel } from './kernel.ts';
import type { Project } from './project.ts';
import type { ReferenceInstance } from './reference-system.ts';
import { RowDisasters } from './row-disasters.ts';
import { SqlAdmin } from './sql-admin.ts';
import { SqlChanges } from './sql-changes.ts';
import { SqlInventory } from './sql-inventory.ts';
import { SqlDataPlane } from './sql-data-plane.ts';
import { SqlDisasters } from './sql-disasters.ts';
import { SqlFleet } from './sql-fleet.ts';
import { backUpNightly } from './sql-nightly.ts';
import { SqlProvisioning } from './sql-provisioning.ts';
import { SqlRestore } from './sql-restore.ts';
import { type Buckets, SqlTransfers } from './sql-transfers.ts';
import { SqlUsers } from './sql-users.ts';

/**
 * Cloud SQL in one world: `admin` is the management API behind the door, `dataPlane` and `inventory` what the servers answer,
 * `disasters` and `rowDisasters` what breaks, `fleet` the state behind all of them.
 */
export interface Sql {
  readonly fleet: SqlFleet;
  readonly admin: SqlAdmin;
  readonly dataPlane: SqlDataPlane;
  readonly inventory: SqlInventory;
  readonly disasters: SqlDisasters;
  readonly rowDisasters: RowDisasters;
}

/** Cloud SQL with the given instances, all of them healthy. */
export function createSql(options: {
  readonly kernel: Kernel;
  readonly project: Project;
  readonly assumptions: Assumptions;
  readonly instances: readonly ReferenceInstance[];
  readonly buckets: Buckets;
}): Sql {
  const fleet = new SqlFleet(options);
  backUpNightly(fleet);
  const changes = new SqlChanges(fleet);
  const admin = new SqlAdmin(options.kernel.door, fleet, {
    changes,
    provisioning: new SqlProvisioning(fleet),
    restore: new SqlRestore(fleet),
    transfers: new SqlTransfers(fleet, options.buckets),
    users: new SqlUsers(fleet),
  });
  const dataPlane = new SqlDataPlane(fleet, options.kernel.iam);
  const inventory = new SqlInventory(fleet, options.kernel.iam);
  return {
    fleet,
    admin,
    dataPlane,
    inventory,
    disasters: new SqlDisasters(fleet, changes),
    rowDisasters: new RowDisasters(fleet),
  };
}

import type { Assumptions } from './assumptions.ts';
import type { Kernel } from './kernel.ts';
import type { Project } from './project.ts';
import type { ReferenceInstance } from './reference-system.ts';
import { SqlAdmin } from './sql-admin.ts';
import { SqlChanges } from './sql-changes.ts';
import { SqlDisasters } from './sql-disasters.ts';
import { SqlFleet } from './sql-fleet.ts';
import { SqlProvisioning } from './sql-provisioning.ts';

/** Cloud SQL in one world: `admin` is the management API behind the door, `fleet.servers` the data plane, `disasters` what breaks. */
export interface Sql {
  readonly fleet: SqlFleet;
  readonly admin: SqlAdmin;
  readonly disasters: SqlDisasters;
}

/** Cloud SQL with the given instances, all of them healthy. */
export function createSql(options: {
  readonly kernel: Kernel;
  readonly project: Project;
  readonly assumptions: Assumptions;
  readonly instances: readonly ReferenceInstance[];
}): Sql {
  const fleet = new SqlFleet(options);
  const changes = new SqlChanges(fleet);
  const admin = new SqlAdmin(options.kernel.door, fleet, changes, new SqlProvisioning(fleet));
  return { fleet, admin, disasters: new SqlDisasters(fleet, changes) };
}

import { isDivided } from '../classify/topology-now.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { isPortError } from '../ports/port-error.ts';
import { regionKey, regionRecordWire } from '../ports/region-record.ts';
import type { DocumentStore } from '../ports/store.ts';
import type { InstanceName } from '../system/names.ts';
import type { Database } from '../system/system.ts';

/**
 * What a region failover promoted of a database, as far as it is written down; asked only while more than one of its instances is a
 * primary. It names one of those, and makes none: what it says counts only of instances that the management API calls primaries.
 */
export async function successorOf(
  database: Database,
  fleet: readonly InstanceStatus[],
  documents: Pick<DocumentStore, 'get'>,
): Promise<InstanceName | undefined> {
  if (!isDivided(database, fleet)) return undefined;
  try {
    return regionRecordWire.safeParse((await documents.get(regionKey(database.region)))?.value).data?.promoted;
  } catch (error) {
    if (!isPortError(error)) throw error;
    return undefined;
  }
}

import type { BackupsFacts } from '../classify/facts.ts';
import { topologyNow } from '../classify/topology-now.ts';
import type { Database } from '../system/system.ts';
import { consumersOf } from '../system/topology.ts';
import { addressesInUse } from './addresses-in-use.ts';
import { attempt } from './attempt.ts';
import type { GatherHome } from './gather-application.ts';
import { successorOf } from './successor.ts';

/** Backups that are kept as evidence: a week of nights, and what people took beside them. */
const RUNS_MAX = 20;

/** The backups of whichever instance is the primary now. Never rejects for the world's sake. */
export async function backupsFacts(database: Database, home: GatherHome): Promise<BackupsFacts> {
  const { world, system, documents } = home;
  const { instance } = database;
  const [fleet, addresses] = await Promise.all([
    attempt(() => world.databases.fleet()),
    addressesInUse(consumersOf(system, instance), world),
  ]);
  if ('unreadable' in fleet) return { database: instance, source: instance, runs: fleet };
  const { primary } = topologyNow(database, fleet, addresses, await successorOf(database, fleet, documents));
  if (primary === undefined) return { database: instance, source: instance, runs: { unreadable: 'no primary' } };
  const runs = await attempt(() => world.backups.runs(primary.instance));
  return { database: instance, source: primary.instance, runs: 'unreadable' in runs ? runs : runs.slice(0, RUNS_MAX) };
}

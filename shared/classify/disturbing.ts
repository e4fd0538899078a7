import type { OperationStatus } from '../ports/databases.ts';
import { type DatabaseFacts, isReadable } from './facts.ts';

/** Operations that take a primary away for a while, whoever asked for them (facts.md 3.3). */
const DISTURBING: ReadonlySet<string> = new Set([
  'MAINTENANCE',
  'UPDATE',
  'RESTART',
  'AUTO_RESTART',
  'FAILOVER',
  'SWITCHOVER',
  'PROMOTE_REPLICA',
  'RECONFIGURE_OLD_PRIMARY',
  'RESTORE_VOLUME',
  'DELETE',
  'MAJOR_VERSION_UPGRADE',
  'SELF_SERVICE_MAINTENANCE',
  'RECREATE_REPLICA',
]);

/** The operation under way that explains why a database does not answer; the oldest of several. */
export function disturbingOperation({ operations }: DatabaseFacts): OperationStatus | undefined {
  if (!isReadable(operations)) return undefined;
  return operations
    .filter(({ state, type }) => state !== 'done' && DISTURBING.has(type))
    .toSorted((a, b) => a.insertedAt - b.insertedAt)[0];
}

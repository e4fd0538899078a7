import { after, instant, minutes } from '../../shared/core/time.ts';
import type { SqlFleet } from './sql-fleet.ts';

// The automated backups that Cloud SQL takes of every instance which has them enabled, once a night. They are not shown as operations here: in
// the reference system nothing else would happen at that hour.

const NIGHT = minutes(24 * 60);

/** How long one takes. */
const TAKES = minutes(2);

/** Automated backups that are kept of an instance (Cloud SQL: 7 unless it is told otherwise). */
const KEPT = 7;

/** Begins with the night after the newest automated backup. */
export function backUpNightly(fleet: SqlFleet): void {
  const { clock } = fleet;
  const newest = Math.max(...fleet.backups.map(({ startedAt }) => startedAt ?? 0));
  const run = (at: number): void => {
    for (const { name, settings, state } of fleet.all())
      if (settings.backupConfiguration.enabled && settings.activationPolicy === 'ALWAYS' && state === 'RUNNABLE')
        takeAutomated(fleet, name, !fleet.failingBackups.has(name));
    clock.schedule(instant(at + NIGHT), () => run(at + NIGHT));
  };
  clock.schedule(instant(newest + NIGHT), () => run(newest + NIGHT));
}

/** Takes one now; it fails where it is to, or where the server is down. */
export function takeAutomated(fleet: SqlFleet, name: string, succeeds: boolean): void {
  const { clock, backups, snapshots } = fleet;
  const startedAt = clock.now();
  const id = String(startedAt);
  const isGood = succeeds && fleet.server(name).up();
  const held = fleet.server(name).history.copy();
  const run = {
    id,
    instance: name,
    databaseVersion: fleet.instance(name).databaseVersion,
    type: 'AUTOMATED',
    description: '',
    enqueuedAt: startedAt,
    startedAt,
  } as const;
  backups.push({ ...run, status: 'RUNNING', endedAt: undefined });
  clock.schedule(after(startedAt, TAKES), () => {
    const index = backups.findIndex((known) => known.id === id && known.instance === name);
    if (index < 0) return; // it went with its instance
    if (isGood) snapshots.set(`${name}/${id}`, held);
    backups[index] = { ...run, status: isGood ? 'SUCCESSFUL' : 'FAILED', endedAt: clock.now() };
    forget(fleet, name);
  });
}

function forget({ backups, snapshots }: SqlFleet, name: string): void {
  const own = backups.filter(({ instance, type }) => instance === name && type === 'AUTOMATED');
  for (const { id } of own.slice(0, Math.max(0, own.length - KEPT))) {
    backups.splice(
      backups.findIndex((run) => run.id === id && run.instance === name),
      1,
    );
    snapshots.delete(`${name}/${id}`);
  }
}

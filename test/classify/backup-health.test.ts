import { describe, expect, it } from '@jest/globals';
import { backupFault } from '../../shared/classify/backup-health.ts';
import { after, instant, minutes } from '../../shared/core/time.ts';
import type { BackupRun } from '../../shared/ports/backups.ts';
import { instanceName } from '../../shared/system/names.ts';

const NOW = instant(Date.parse('2026-01-06T10:00:00Z'));
const hours = (count: number) => minutes(60 * count);

const run = (hoursAgo: number, state: BackupRun['state'], kind: BackupRun['kind'] = 'automated'): BackupRun => ({
  id: `of-${hoursAgo}h`,
  instance: instanceName('db'),
  kind,
  state,
  startedAt: after(NOW, -hours(hoursAgo)),
  endedAt: state === 'pending' ? undefined : after(NOW, -hours(hoursAgo) + minutes(2)),
  databaseVersion: 'POSTGRES_15',
});

const fault = (...runs: readonly BackupRun[]) => backupFault('db', runs, hours(26), NOW);

describe('the backups of a database', () => {
  it('are good while the newest is good and young enough, whatever failed before it', () => {
    expect(fault(run(8, 'successful'), run(32, 'failed'))).toBeUndefined();
    expect(fault(run(1, 'successful', 'onDemand'), run(8, 'failed'))).toBeUndefined();
  });

  it('are not once the last automated one failed, with the age of the newest that is good', () => {
    expect(fault(run(8, 'failed'), run(32, 'successful'))).toEqual({
      of: 'of-8h',
      text: 'the automated backup of db of 2026-01-06T02:00:00.000Z failed, and the newest good one is of 2026-01-05T02:00:00.000Z, 32h 00m ago',
    });
  });

  it('are not once the newest good one is too old, though nothing failed', () => {
    expect(fault(run(30, 'successful'))).toMatchObject({
      of: 'of-30h',
      text: expect.stringContaining('above 26h 00m'),
    });
  });

  it('are not where none is good, and are waited for where the first is being taken', () => {
    expect(fault()).toMatchObject({ text: 'Cloud SQL keeps no good backup of db' });
    expect(fault(run(0, 'pending'))).toBeUndefined();
  });

  it('are no worse for one that a person took and that failed', () => {
    expect(fault(run(1, 'failed', 'onDemand'), run(8, 'successful'))).toBeUndefined();
    expect(fault(run(1, 'failed', 'onDemand'), run(8, 'failed'), run(32, 'successful'))?.of).toBe('of-8h');
  });
});

import { describe, expect, it } from '@jest/globals';
import { chooseBackup, judgeDumps } from '../../shared/classify/choose-backup.ts';
import { minutes } from '../../shared/core/time.ts';
import type { BackupRun, Dump, InstanceTemplate } from '../../shared/ports/backups.ts';
import { at, PRIMARY } from './looks.ts';

const DAY = minutes(24 * 60);
const HOUR = 3_600;

const run = (id: string, change: Partial<BackupRun> = {}): BackupRun => ({
  id,
  instance: PRIMARY,
  kind: 'automated',
  state: 'successful',
  startedAt: at(-7 * HOUR),
  endedAt: at(-7 * HOUR + 120),
  databaseVersion: 'POSTGRES_15',
  ...change,
});

const template: InstanceTemplate = {
  databaseVersion: 'POSTGRES_15',
  tier: 'db-custom-4-16384',
  region: 'us-central1',
  edition: undefined,
  diskGb: undefined,
  privateNetwork: undefined,
  flags: [],
};

const choose = (...runs: readonly BackupRun[]) => chooseBackup({ runs, template }, { maximumAge: DAY }, at(0));

describe('the backup that a copy is made from', () => {
  it('is the newest that fits, and what was passed over is named with its reason', () => {
    const choice = choose(
      run('3', { state: 'failed' }),
      run('2', { state: 'pending' }),
      run('1', { startedAt: at(-8 * HOUR) }),
    );

    expect(choice).toEqual({
      kind: 'chosen',
      backup: { id: '1', takenAt: at(-8 * HOUR) },
      passedOver: ['backup 3: it failed', 'backup 2: it is not complete yet'],
    });
  });

  it.each([
    ['older than dr.yaml lets it be', { startedAt: at(-25 * HOUR) }, 'old, and maximumAge is'],
    ['of another version of the database', { databaseVersion: 'POSTGRES_14' }, 'is of POSTGRES_14'],
    ['of a time that nobody knows', { startedAt: undefined }, 'nobody knows when'],
  ] satisfies [string, Partial<BackupRun>, string][])('is never one that is %s', (_, change, why) => {
    const choice = choose(run('1', change));

    expect(choice).toMatchObject({ kind: 'none' });
    expect(choice.kind === 'none' ? choice.because.join() : '').toContain(why);
  });

  it('is none where nothing can be read', () => {
    const choice = chooseBackup({ runs: { unreadable: 'timeout' }, template }, { maximumAge: DAY }, at(0));

    expect(choice).toEqual({ kind: 'none', because: ['the backups can’t be listed (timeout)'] });
  });
});

describe('dumps in a bucket', () => {
  const dump = (bytes: number, seconds: number): Dump => ({
    bucket: 'backups',
    name: `daily/${seconds}.sql.gz`,
    generation: '17',
    bytes,
    crc32c: 'r5sJTQ==',
    writtenAt: at(seconds),
  });

  it('are told by the newest one, with generation, size and checksum', () => {
    const { text } = judgeDumps([dump(900, -HOUR), dump(1_000, -25 * HOUR)], { maximumAge: DAY }, at(0));

    expect(text).toContain('generation 17, 900 bytes, crc32c r5sJTQ==');
    expect(text).not.toContain('in doubt');
  });

  it.each([
    ['less than half of the one before', [dump(400, -HOUR), dump(1_000, -25 * HOUR)], 'the one before it 1000'],
    ['empty', [dump(0, -HOUR)], 'it is empty'],
    ['old', [dump(900, -49 * HOUR)], 'old'],
  ])('are in doubt when the newest is %s', (_, dumps, why) => {
    expect(judgeDumps(dumps, { maximumAge: DAY }, at(0)).text).toContain(why);
  });
});

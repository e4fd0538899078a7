import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { BROKEN_AT, atEach, atEvent, atStep, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Deed, Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// A copy from a backup, that a person asks for: made once, checked, and left to people, whatever happens to the worker meanwhile.

/** Until a copy is made; and until somebody has handed it over as well, which nobody waits for unless it comes. */
const MADE: Partial<Plot> = { endsAtMs: BROKEN_AT + minutes(120), faultsUntilMs: BROKEN_AT + minutes(20) };
const DECIDED: Partial<Plot> = { ...MADE, faultsUntilMs: BROKEN_AT + minutes(60) };

/** Plays a plot in which everything must hold; the restore is asked for at the moment of the break. */
async function played(happenings: readonly Happening[], length: Partial<Plot> = MADE): Promise<Run> {
  const asks = later(0, { kind: 'operate', operation: { by: 'command', verb: 'start', runbook: 'backup-restore' } });
  const run = await simulate(1, { ...calm([], length), happenings: [asks, ...happenings] });
  expect(violations(run)).toEqual([]);
  return run;
}

const blow = (when: 'before' | 'after'): Deed => ({ kind: 'blow', of: 'recover', blow: { calls: 1, when } });
const lost = (kind: 'loseReplyBefore' | 'loseReplyAfter'): Deed => ({
  kind: 'calls',
  of: 'recover',
  what: { kind },
  writes: true,
  count: 1,
});

const times = ({ witness }: Run, permission: string): number =>
  witness.effects.filter(({ call }) => call.permission === permission).length;

/** The person hands the copy over, and accepts what is lost by that. */
const HANDED_OVER = (['hand-over-restore', 'accept-loss'] as const).map((wall, index) =>
  atEvent('needsPerson', { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall } }, minutes(1 + index)),
);

/** What was done for the copy. */
const made = (run: Run) => ({
  created: times(run, 'cloudsql.instances.create'),
  restored: times(run, 'cloudsql.instances.restoreBackup'),
  documents: run.stage.world.sql.fleet.servers.server(REFERENCE.restored)?.history.applicationRows().length ?? 0,
});

const about = (run: Run) => run.incidents.find(({ state }) => state.target.startsWith('copy/'));

/** Documents of before the world began that last night's backup holds: eight days, less the eight hours since. */
const IN_BACKUP = 184;

describe('A restore that a person asks for', () => {
  it('makes a copy of the newest backup, and leaves it to people with what production has that it lacks', async () => {
    const run = await played([]);

    expect(made(run)).toEqual({ created: 1, restored: 1, documents: IN_BACKUP });
    expect(about(run)?.state.phase.kind).toBe('needsPerson');
    expect(about(run)?.events).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringMatching(/documents: \d+ rows newer in production/) }),
      }),
    );
    expect(about(run)?.events).toContainEqual(
      expect.objectContaining({
        kind: 'noticeDue',
        data: { notice: expect.objectContaining({ text: expect.stringContaining('hand-over-restore') }) },
      }),
    );
  });

  it.each(troubles('recover'))('is made once when at each step %s', async (_what, deed) => {
    const run = await played(atEach(['create-copy', 'restore-copy', 'validate-copy'], deed));

    expect(made(run)).toEqual({ created: 1, restored: 1, documents: IN_BACKUP });
  });

  it('takes the place of production on a person’s word, within a loss that was accepted', async () => {
    const run = await played(HANDED_OVER, DECIDED);

    const { world, load } = run.stage;
    expect(about(run) ?? run.incidents[0]).toMatchObject({ state: { phase: { kind: 'resolved' } } });
    expect(world.primaryInUse()).toBe(REFERENCE.restored);
    expect(world.sql.fleet.server('coditect-dms-db').power).toBe('stopped');
    expect(load.report().every(({ outages }) => outages.every(({ until }) => until !== undefined))).toBe(true);
  });

  it('is not handed over while the loss is above the budget and nobody accepts it', async () => {
    const run = await played(HANDED_OVER.slice(0, 1), DECIDED);

    expect(run.stage.world.primaryInUse()).toBe('coditect-dms-db');
    expect(times(run, 'cloudsql.instances.update')).toBe(0);
  });

  const isHandedOverOnce = async (steps: readonly string[], deed: Deed): Promise<void> => {
    const run = await played([...HANDED_OVER, ...atEach(steps, deed)], DECIDED);

    expect(run.stage.world.primaryInUse()).toBe(REFERENCE.restored);
    expect(times(run, 'cloudsql.instances.restoreBackup')).toBe(1);
  };

  it.each(troubles('recover', ['before', 'after']))(
    'is handed over once when at each step that changes something %s',
    (_what, deed) => isHandedOverOnce(['stop-instance', 'point-secret'], deed),
  );

  // A reply that is lost before the effect waits for the next write, which is another step's.
  const [dies] = troubles('recover', ['before']);
  it.each([...(dies === undefined ? [] : [dies]), ...troubles('recover')])(
    'is handed over once when at each step that only looks %s',
    (_what, deed) => isHandedOverOnce(['prove-fence', 'adopt-copy'], deed),
  );

  it('is of the newest dump where no backup is left, and may read the bucket no longer than that takes', async () => {
    const deeds: (Deed | undefined)[] = [undefined, blow('before'), blow('after'), lost('loseReplyAfter')];
    for (const deed of deeds) {
      const run = await played([
        later(-1_000, { kind: 'break', fault: 'failed-backups' }),
        ...(deed === undefined ? [] : [atStep('import-dump', deed)]),
      ]);

      expect(made(run)).toMatchObject({ created: 1, restored: 0 });
      expect(times(run, 'cloudsql.instances.import')).toBe(1);
      expect(made(run).documents).toBeGreaterThan(180);
      const { bindings } = run.stage.world.storage.bucket('coditect-dms-backups').policy;
      expect(bindings.map(({ role }) => role)).toEqual(['roles/storage.objectCreator']);
    }
  });

  it('is nothing where the dump is replaced before it is read, and the bucket is closed again', async () => {
    const run = await played([
      later(-1_000, { kind: 'break', fault: 'failed-backups' }),
      atStep('admit-copy', { kind: 'hand', what: 'replaceDump' }),
    ]);

    expect(times(run, 'cloudsql.instances.import')).toBe(0);
    expect(about(run)?.state.phase.kind).toBe('needsPerson');
    const { bindings } = run.stage.world.storage.bucket('coditect-dms-backups').policy;
    expect(bindings.map(({ role }) => role)).toEqual(['roles/storage.objectCreator']);
  });

  it('holds back no failover of the database that it is a copy of', async () => {
    const run = await played([
      atStep('restore-copy', { kind: 'break', fault: 'primary-database', variant: 'refuses' }),
    ]);

    const failover = run.incidents.find(({ state }) => state.target === 'database/coditect-dms-db');
    expect(failover?.state.phase.kind).toBe('resolved');
    expect(times(run, 'cloudsql.instances.promoteReplica')).toBe(1);
    expect(made(run)).toMatchObject({ restored: 1, documents: IN_BACKUP });
  });
});

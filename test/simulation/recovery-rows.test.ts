import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { isSpoilt, textIn } from '../../sandbox/world/sql-schema.ts';
import { SqlTables } from '../../sandbox/world/sql-tables.ts';
import { after, minutes, toIso } from '../../shared/core/time.ts';
import { IMPORT_ROWS } from '../../shared/ports/copy-labels.ts';
import { DELETE_CLONES } from '../../shared/ports/recovery-words.ts';
import { BROKEN_AT, atEach, atEvent, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// Rows that were spoilt are compared, reviewed and brought back, on the model's rows; what users wrote since stays as they wrote it.

const LENGTH: Partial<Plot> = { endsAtMs: BROKEN_AT + minutes(150), faultsUntilMs: BROKEN_AT + minutes(75) };

const says = (wall: string, ms: number): Happening =>
  atEvent('needsPerson', { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall } }, minutes(ms));

/** Something spoils rows, two minutes later somebody asks, and whoever reviews the set says that it may be imported. */
async function played(fault: 'data-corruption' | 'mass-delete', happenings: readonly Happening[]): Promise<Run> {
  const breaks = later(0, { kind: 'break', fault });
  const asks = later(minutes(2), {
    kind: 'operate',
    operation: { by: 'command', verb: 'start', runbook: 'point-in-time-recovery' },
  });
  const run = await simulate(1, { ...calm([], LENGTH), happenings: [breaks, asks, ...happenings] });
  expect(violations(run)).toEqual([]);
  return run;
}

/**
 * Production's documents of before the break: how many are spoilt; how many that users wrote at any time are missing; and how many
 * imports there were. What was written after the moment and then spoilt is in no clone of that moment.
 */
function production(run: Run) {
  const { world, load } = run.stage;
  const { history } = world.sql.fleet.server('coditect-dms-db');
  const tables = SqlTables.of(history);
  const documents = tables.rows('documents');
  const broken = toIso(after(world.startedAt, BROKEN_AT));
  const spoilt = documents.filter((row) => textIn(row, 'created_at') < broken && isSpoilt(row)).length;
  const lostWrites = load.loss((id) => history.hasApplicationRow(id), undefined, undefined).lost;
  return { spoilt, lost: lostWrites, imports: tables.rows('dr_row_imports').length };
}

const about = (run: Run) => run.incidents.find(({ state }) => state.target.startsWith('recovery/'));

describe('Rows that were spoilt', () => {
  it('are brought back after a review, and nothing that users wrote since is lost', async () => {
    const run = await played('data-corruption', [says(IMPORT_ROWS, 2)]);

    expect(production(run)).toEqual({ spoilt: 0, lost: 0, imports: 1 });
    expect(about(run)?.state.phase.kind).toBe('needsPerson');
    expect(about(run)?.events).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringContaining('undo set: gs://coditect-dms-recovery/') }),
      }),
    );
  });

  it('stay as they are until somebody has reviewed the set', async () => {
    const run = await played('data-corruption', []);

    expect(production(run)).toMatchObject({ lost: 0, imports: 0 });
    expect(production(run).spoilt).toBeGreaterThan(10);
    expect(run.stage.world.storage.list('coditect-dms-recovery', {}).map(({ name }) => name)).toContain(
      `rows/${about(run)?.state.id}/${REFERENCE.clones[0]}/rows.jsonl`,
    );
  });

  it.each(troubles('recover'))('are brought back once when at each step %s', async (_what, deed) => {
    const run = await played('data-corruption', [
      says(IMPORT_ROWS, 2),
      ...atEach(['compare-clone-rows', 'import-rows'], deed),
    ]);

    expect(production(run)).toEqual({ spoilt: 0, lost: 0, imports: 1 });
  });

  it('are left as they are for a second review when somebody has put them right meanwhile', async () => {
    const mends = atEvent('needsPerson', { kind: 'hand', what: 'mendRow' }, minutes(1));
    const run = await played('data-corruption', [mends, says(IMPORT_ROWS, 2)]);

    expect(run.witness.hands.map(({ accepted }) => accepted)).toEqual([true]);
    expect(production(run)).toEqual({ spoilt: 0, lost: 0, imports: 1 });
    expect(about(run)?.events).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringContaining(' 1 for a second review') }),
      }),
    );
  });

  it('are brought back, and then all that was made for it is deleted on people’s word', async () => {
    const run = await played('data-corruption', [says(IMPORT_ROWS, 2), says(DELETE_CLONES, 20)]);

    expect(about(run)?.state.phase.kind).toBe('resolved');
    expect(production(run)).toEqual({ spoilt: 0, lost: 0, imports: 1 });
    expect(run.stage.world.sql.fleet.find(REFERENCE.clones[0])).toBeUndefined();
  });
});

describe('Rows that were deleted', () => {
  it('come back, with what hung on them', async () => {
    const run = await played('mass-delete', [says(IMPORT_ROWS, 2)]);

    expect(production(run)).toEqual({ spoilt: 0, lost: 0, imports: 1 });
  });
});

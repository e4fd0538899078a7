import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_ROW_FILES } from '../../sandbox/world/reference-world.ts';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import { SqlTables } from '../../sandbox/world/sql-tables.ts';
import { type Instant, minutes, toIso } from '../../shared/core/time.ts';
import { BROKEN_AT, atEach, atEvent, atStep, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Deed, Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// One tenant's documents, deleted by mistake, come back from a backup after two approvals, whatever happens to the worker meanwhile.

const PRIMARY = 'coditect-dms-db';
const { id: TENANT } = TENANTS[1];

const LENGTH: Partial<Plot> = { endsAtMs: BROKEN_AT + minutes(150), faultsUntilMs: BROKEN_AT + minutes(60) };
const asked = (momentAgoMs?: number): Happening =>
  later(minutes(1), {
    kind: 'operate',
    operation: {
      by: 'command',
      verb: 'start',
      runbook: 'tenant-restore',
      target: `tenant/${PRIMARY}/${TENANT}`,
      ...(momentAgoMs === undefined ? {} : { momentAgoMs }),
    },
  });
const ASKED = asked();
/** The same, as they were half a minute before somebody deleted them. */
const ASKED_OF_A_MOMENT = asked(minutes(1.5));
const LONG_AGO = minutes(60 * 24 * 9);
const REVIEWED: Happening = atEvent(
  'needsPerson',
  { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall: 'import-reviewed-rows' } },
  minutes(5),
);

/** Plays a plot in which everything must hold; the tenant's documents are deleted at the moment of the break. */
async function played(happenings: readonly Happening[], asks = ASKED): Promise<Run> {
  const deleted = later(0, { kind: 'break', fault: 'mass-delete', variant: 'tenant' });
  const run = await simulate(1, { ...calm([], LENGTH), happenings: [deleted, asks, ...happenings] });
  expect(violations(run)).toEqual([]);
  return run;
}

// What fell before the effect is for seeds and the crash matrix.
const BLOW: Deed = { kind: 'blow', of: 'recover', blow: { calls: 1, when: 'after' } };
const LOST: Deed = { kind: 'calls', of: 'recover', what: { kind: 'loseReplyAfter' }, writes: true, count: 1 };

const about = (run: Run) => run.incidents.find(({ state }) => state.target.startsWith('tenant/'));
const filesOf = ({ stage }: Run): readonly string[] =>
  stage.world.storage.list(REFERENCE_ROW_FILES.name, {}).map(({ name }) => name.replace(/^.*\//, ''));
const tablesOf = ({ stage }: Run): SqlTables => SqlTables.of(stage.world.sql.fleet.server(PRIMARY).history);
const imports = (run: Run): number => tablesOf(run).rows('dr_row_imports').length;

const isBefore = (written: unknown, at: Instant): boolean => typeof written === 'string' && written < toIso(at);
const isFormer = (id: unknown): boolean => typeof id === 'string' && id.startsWith('before-');

/** The tenant's documents that are there now. */
const documents = (run: Run) =>
  tablesOf(run)
    .rows('documents')
    .filter((row) => row['tenant_id'] === TENANT);
/** Those of before the world began. */
const former = (run: Run): number => documents(run).filter((row) => isFormer(row['request_id'])).length;
/** Those that were written between that and the deletion. */
const writtenSince = (run: Run): number =>
  documents(run).filter((row) => !isFormer(row['request_id']) && isBefore(row['created_at'], run.brokenAt)).length;
/** One of three tenants, of 184 documents in the backup. */
const FORMER_IN_BACKUP = 61;

describe('One tenant’s rows', () => {
  it('are compared and written down for a review, and production is only read', async () => {
    const run = await played([]);

    expect(about(run)?.state.phase.kind).toBe('needsPerson');
    expect(filesOf(run)).toEqual([expect.stringMatching(/^\d+-comparison.json$/), 'rows.jsonl']);
    expect([imports(run), former(run)]).toEqual([0, 0]);
  });

  it('come back on a person’s word, once, and the copy is deleted', async () => {
    const run = await played([REVIEWED]);

    expect(about(run)?.state.phase.kind).toBe('resolved');
    expect(imports(run)).toBe(1);
    expect(former(run)).toBeGreaterThanOrEqual(FORMER_IN_BACKUP);
    expect(run.stage.world.sql.fleet.find(REFERENCE.restored)).toBeUndefined();
  });

  it('come back as they were at the moment that a person names, from a clone that is deleted again', async () => {
    const run = await played([REVIEWED], ASKED_OF_A_MOMENT);

    expect(about(run)?.state.phase.kind).toBe('resolved');
    expect(imports(run)).toBe(1);
    // The backup of the night lacks what was written since; the clone does not.
    expect(writtenSince(run)).toBeGreaterThan(0);
    expect(run.stage.world.sql.fleet.find(REFERENCE.restored)).toBeUndefined();
  });

  it('go to people when the moment is no longer kept', async () => {
    const run = await played([], asked(LONG_AGO));

    expect(about(run)?.state.phase.kind).toBe('needsPerson');
    expect(
      about(run)
        ?.state.diagnosis?.reasons.map(({ text }) => text)
        .join(),
    ).toContain('no longer kept');
    expect(run.stage.world.sql.fleet.find(REFERENCE.restored)).toBeUndefined();
  });

  it.each([
    ['makes the clone dies, and a reply to the label is lost', BLOW, LOST],
    ['labels the clone dies, and a reply to the clone is lost', LOST, BLOW],
  ])('come back once when the worker that %s', async (_what, clone, mark) => {
    const run = await played([REVIEWED, atStep('clone-at', clone), atStep('mark-clone', mark)], ASKED_OF_A_MOMENT);

    expect([imports(run), about(run)?.state.phase.kind]).toEqual([1, 'resolved']);
  });

  it('go to people with the reason when nobody can look into production any more', async () => {
    const stopped = atEvent('needsPerson', { kind: 'hand', what: 'stopPrimary' }, minutes(4.5));
    const run = await played([REVIEWED, stopped]);

    expect(about(run)?.events).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringContaining('nobody can look') }),
      }),
    );
  });

  it.each(troubles('recover'))('come back once when at each step %s', async (_what, deed) => {
    const run = await played([REVIEWED, ...atEach(['compare-rows', 'import-rows', 'delete-copy'], deed)]);

    expect([imports(run), about(run)?.state.phase.kind]).toEqual([1, 'resolved']);
    expect(former(run)).toBeGreaterThanOrEqual(FORMER_IN_BACKUP);
  });
});

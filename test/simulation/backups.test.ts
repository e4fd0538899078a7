import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { BROKEN_AT, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// An automated backup fails, and nobody would hear of it before somebody needs one: `tick` looks once an hour, people are told once, and a good
// backup ends it.

const FAILS: Happening = later(0, { kind: 'break', fault: 'failed-backups', variant: 'next' });
const MENDS: Happening = later(minutes(100), { kind: 'mend', fault: 'failed-backups' });
const CANCELS: Happening = later(minutes(90), { kind: 'operate', operation: { by: 'wish', verb: 'cancel' } });

/** Long enough for two looks beside the one of the beginning. */
async function played(happenings: readonly Happening[], more: Partial<Plot> = {}): Promise<Run> {
  const length = { endsAtMs: BROKEN_AT + minutes(150), faultsUntilMs: BROKEN_AT + minutes(140) };
  const run = await simulate(1, { ...calm([], { ...length, ...more }), happenings });
  expect(violations(run)).toEqual([]);
  return run;
}

const about = ({ incidents }: Run) => incidents.map(({ state }) => [state.target, state.phase.kind, state.run]);
const pages = ({ witness }: Run, destination: string): readonly string[] =>
  witness.pages.filter((page) => page.destination === destination).map(({ subject }) => subject);
const lists = ({ stage }: Run, who: string): number =>
  stage.world.kernel.audit
    .entries()
    .filter(({ call }) => call.permission === 'cloudsql.backupRuns.list' && call.principal.startsWith(who)).length;

describe('Backups', () => {
  it('that fail are told to everybody once, within an hour, and nothing is done about them', async () => {
    const run = await played([FAILS]);

    expect(about(run)).toEqual([['backups/coditect-dms-db', 'needsPerson', undefined]]);
    const [{ state } = { state: undefined }] = run.incidents;
    expect((state?.openedAt ?? 0) - run.brokenAt).toBeLessThanOrEqual(minutes(60));
    expect(state?.headline).toContain('the automated backup of coditect-dms-db of');
    expect(pages(run, 'oncall-pager')).toEqual(['backups-failing of coditect-dms-db: needs a person']);
  });

  it('end the incident by themselves once there is a good one', async () => {
    const run = await played([FAILS, MENDS]);

    expect(about(run)).toEqual([['backups/coditect-dms-db', 'dismissed', undefined]]);
  });

  it('are not told of again where people have cancelled what was opened for them', async () => {
    const run = await played([FAILS, CANCELS]);

    expect(about(run)).toEqual([['backups/coditect-dms-db', 'dismissed', undefined]]);
  });

  it('are asked for once an hour while all is well, by whichever region comes first', async () => {
    const run = await played([], { regions: 2 });

    expect(about(run)).toEqual([]);
    expect(lists(run, 'dr-tick')).toBe(3);
  });
});

import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { atEvent, atStep, BROKEN_AT, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// What seeds found, as plots made by hand: they stay as they are when the drawing of plots changes.

/** Plays a plot in which everything must hold. */
async function played(plot: Plot): Promise<Run> {
  const run = await simulate(1, plot);
  expect(violations(run)).toEqual([]);
  return run;
}

const phases = (run: Run): readonly string[] => run.incidents.map(({ state }) => state.phase.kind);

const promotions = (run: Run): number =>
  run.stage.world.kernel.audit.effects('cloudsql.instances.promoteReplica').length;

const pagesAbout = (run: Run, words: RegExp): number =>
  run.witness.pages.filter(({ destination, subject }) => destination === 'cto-pager' && words.test(subject)).length;

const eventsOf = (run: Run, kind: string): number =>
  run.incidents.flatMap(({ events }) => events).filter((event) => event.kind === kind).length;

describe('What the simulation found', () => {
  it('a plan that was denied pages nobody again while nothing else is found', async () => {
    const run = await played(calm([], { habits: { 'oncall-pager': 'denies' } }));
    expect(phases(run)).toEqual(['needsPerson']);
    expect(pagesAbout(run, /needs a person/)).toBe(1);
  });

  it('an approved run that the kill switch held back is told, and goes on when it is released', async () => {
    const run = await played(
      calm(
        [
          later(seconds(86), { kind: 'operate', operation: { by: 'command', verb: 'stop' } }),
          later(minutes(6), { kind: 'operate', operation: { by: 'wish', verb: 'release' } }),
        ],
        { habits: { 'oncall-pager': 'quick' } },
      ),
    );
    expect(pagesAbout(run, /held back/)).toBe(1);
    expect(eventsOf(run, 'released')).toBe(1);
    expect(phases(run)).toEqual(['resolved']);
  });

  it('a section that had to wait past its approval’s time is not begun on a database that serves again', async () => {
    const run = await played(
      calm(
        [
          atEvent('runStarted', { kind: 'break', fault: 'control-plane' }),
          later(minutes(30), { kind: 'mend', fault: 'primary-database' }),
          later(minutes(36), { kind: 'mend', fault: 'control-plane' }),
        ],
        { mood: 'hostile' },
      ),
    );
    expect(run.stage.world.kernel.audit.effects('k8s.apps.deployments/scale.patch')).toEqual([]);
    expect(promotions(run)).toBe(0);
  });

  it('a store that nobody reaches when the run should begin delays it and does not stop it', async () => {
    const run = await played(calm([later(seconds(75), { kind: 'storeOutage', how: 'refuses', lastsMs: minutes(3) })]));
    expect(phases(run)).toEqual(['resolved']);
  });

  it('what can’t be read for a minute voids no approval while people are asked, and a run that rests on it asks anew', async () => {
    const down = { kind: 'weather', rates: [[{ kind: 'serverError' }, 1]], lastsMs: minutes(2) } as const;
    const run = await played(calm([later(seconds(120), down)], { habits: { 'oncall-pager': 'slow' } }));
    const kinds = run.incidents.flatMap(({ events }) => events.map(({ kind }) => kind));
    expect(kinds.indexOf('approvalVoided')).toBeGreaterThan(kinds.indexOf('runStarted'));
    expect(eventsOf(run, 'approvalVoided')).toBe(1);
    expect(phases(run)).toEqual(['resolved']);
  });

  it('a primary that came back while nobody could look, and failed again, is not replaced beyond the approved loss', async () => {
    const run = await played(
      calm(
        [
          later(-seconds(50), {
            kind: 'break',
            fault: 'frozen-replica',
            variant: 'receiver',
            target: 'coditect-dms-db-replica',
          }),
          later(-seconds(50), {
            kind: 'break',
            fault: 'frozen-replica',
            variant: 'receiver',
            target: 'coditect-dms-db-east',
          }),
          atStep('confirm-database-failed', { kind: 'mend', fault: 'primary-database' }),
          atStep('confirm-database-failed', { kind: 'storeOutage', how: 'refuses', lastsMs: seconds(194) }),
          atStep(
            'confirm-database-failed',
            { kind: 'break', fault: 'primary-database', variant: 'refuses' },
            minutes(2.5),
          ),
        ],
        { mood: 'hostile' },
      ),
    );
    expect(eventsOf(run, 'approvalAsked')).toBe(2);
  });

  it('a run that stops again after people handed it back is told again', async () => {
    const refuses = { stopPrimaryWithReplicas: false };
    const plot = calm([later(minutes(6), { kind: 'operate', operation: { by: 'wish', verb: 'resume' } })]);
    const run = await played({ ...plot, assumptions: { ...plot.assumptions, ...refuses } });
    expect(eventsOf(run, 'landed')).toBe(2);
    expect(pagesAbout(run, /landed/)).toBe(2);
  });

  it('a primary that hangs is named by what its applications say, and failed over', async () => {
    const plot = calm([]);
    const hangs = later(0, { kind: 'break', fault: 'primary-database', variant: 'hangs' });
    expect(phases(await played({ ...plot, happenings: [hangs] }))).toEqual(['resolved']);
  });

  it.each(['fenceProved', 'everythingBeforePromotion'] as const)(
    'a promotion believes no fence and no loss that only the log knows of (%s)',
    async (what) => {
      const run = await played(calm([atStep('drain-replica', { kind: 'forge', what })]));
      expect(run.witness.forged).toHaveLength(1);
      expect(promotions(run)).toBe(0);
      expect(phases(run)).toEqual(['needsPerson']);
    },
  );

  it('a primary that takes writes after the end that was approved is not replaced beyond the approved loss', async () => {
    const frozen = ['coditect-dms-db-replica', 'coditect-dms-db-east'].map((target) =>
      later(-seconds(32), { kind: 'break', fault: 'frozen-replica', variant: 'receiver', target }),
    );
    const run = await played(calm([...frozen, atEvent('decided', { kind: 'mend', fault: 'primary-database' })]));
    expect(promotions(run)).toBe(0);
    expect(eventsOf(run, 'landed')).toBe(1);
  });

  it('a worker that froze while it read the secret writes it only if it still may', async () => {
    const freezes = { kind: 'blow', of: 'recover', blow: { calls: 1, when: 'before', lasts: minutes(4) } } as const;
    const run = await played(calm([atStep('point-secret', freezes)], { storeLatencyMs: 60 }));
    expect(phases(run)).toEqual(['resolved']);
  });

  it('a plan that stands in the log under another one’s digest is not performed: the one that was approved goes on', async () => {
    const run = await played(calm([atStep('hold-workload', { kind: 'forge', what: 'planUnderFalseDigest' })]));
    expect(run.witness.forged).toHaveLength(1);
    expect(run.stage.world.kernel.audit.effects('cloudsql.instances.update').length).toBeGreaterThan(0);
    expect(phases(run)).toEqual(['resolved']);
  });

  it('people who took over keep the run, though its approval is asked for again in the log', async () => {
    const takeover = { kind: 'operate', operation: { by: 'wish', verb: 'takeover' } } as const;
    const again = atEvent('takenOver', { kind: 'forge', what: 'denyForgotten' }, 2_000);
    const run = await played(calm([atStep('stop-instance', takeover, 4_000), again]));
    expect(phases(run)).toEqual(['takenOver']);
    expect(promotions(run)).toBe(0);
  });

  it('what has landed is not begun anew, though its plan is drawn again in the log', async () => {
    const plot = calm([atEvent('landed', { kind: 'forge', what: 'planAgain' }, seconds(60))]);
    const refuses = { stopPrimaryWithReplicas: false };
    const run = await played({ ...plot, assumptions: { ...plot.assumptions, ...refuses } });
    expect(run.witness.forged).toHaveLength(1);
    expect(eventsOf(run, 'runStarted')).toBe(1);
  });

  it('a request that somebody else puts into the log is not taken for the one that was approved', async () => {
    const run = await played(calm([atStep('hold-service', { kind: 'forge', what: 'lossAccepted' })]));
    expect(eventsOf(run, 'attemptRefused')).toBe(1);
  });

  it('a secret is pointed at nothing that is no primary, whatever the log says was promoted', async () => {
    const run = await played(calm([atStep('prove-fence', { kind: 'forge', what: 'promotionDone' })]));
    expect(run.witness.forged).toHaveLength(1);
    expect(run.witness.effects.filter(({ call }) => call.permission === 'secretmanager.versions.add')).toEqual([]);
  });

  it('a primary that fails after its own promotion is known as the database of dr.yaml', async () => {
    const again = { kind: 'break', fault: 'primary-database', variant: 'refuses' } as const;
    const plot = calm([later(minutes(20), again)]);
    const run = await played({ ...plot, faultsUntilMs: plot.faultsUntilMs + minutes(15) });
    const targets = run.incidents.map(({ state }) => state.target);
    expect(targets.filter((target) => target === 'database/coditect-dms-db')).toHaveLength(2);
    expect(targets).not.toContain('database/coditect-dms-db-replica');
  });

  it('a service that is still changing when the reply is lost is not changed once more', async () => {
    const lost = { kind: 'calls', of: 'recover', what: { kind: 'serverErrorAfter' }, writes: true, count: 1 } as const;
    expect(phases(await played(calm([atStep('release-service', lost)])))).toEqual(['resolved']);
  });

  it('a process that freezes before it promotes promotes nothing twice', async () => {
    const frozen = { kind: 'blow', of: 'recover', blow: { calls: 1, when: 'before', lasts: seconds(130) } } as const;
    expect(phases(await played(calm([atStep('promote-replica', frozen)], { copies: 2 })))).toEqual(['resolved']);
  });

  it('a pod that a cooldown holds back is healed when that has cleared, without a storm of looks and with nobody paged', async () => {
    const plot = calm([], { faultsUntilMs: BROKEN_AT + minutes(40), endsAtMs: BROKEN_AT + minutes(90) });
    const hangs = { kind: 'break', fault: 'pod' } as const;
    const awake = later(minutes(30), { kind: 'garbage', text: 'not JSON' });
    const run = await played({ ...plot, happenings: [later(0, hangs), later(minutes(7.6), hangs), awake] });

    expect(phases(run)).toEqual(['resolved', 'resolved']);
    expect(eventsOf(run, 'held')).toBe(1);
    expect(eventsOf(run, 'needsPerson')).toBe(0);
    const looks = run.incidents.flatMap(({ events }) => events.filter(({ kind }) => kind === 'looked'));
    const withinAMinute = looks.map(({ at }) => looks.filter((other) => other.at >= at && other.at < at + minutes(1)));
    expect(Math.max(...withinAMinute.map(({ length }) => length))).toBeLessThanOrEqual(4);
  });
});

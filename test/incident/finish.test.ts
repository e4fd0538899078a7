import { describe, expect, it } from '@jest/globals';
import { instant } from '../../shared/core/time.ts';
import { event, type IncidentEvent } from '../../shared/incident/events.ts';
import { replay } from '../../shared/incident/evolve.ts';
import { decideFinish } from '../../shared/incident/finish.ts';
import type { IncidentState, RunState, StepProgress } from '../../shared/incident/state.ts';
import { stepId } from '../../shared/plan/plan.ts';
import { incidentId } from '../../shared/system/names.ts';

/** A step of a run about an application: the action, and what became of it. */
type Step = readonly [action: string, progress: 'done' | { readonly failed: string; readonly detail: string }];

function run(runbook: string, steps: readonly Step[]): RunState {
  const progress = ([, became]: Step): StepProgress =>
    became === 'done'
      ? { kind: 'done', startedAt: instant(0), at: instant(0), already: false, detail: '', output: null }
      : {
          kind: 'failed',
          at: instant(0),
          failure: { kind: 'notVerified', code: became.failed, detail: became.detail, block: null },
        };
  const made = {
    plan: {
      runbook,
      steps: steps.map(([action], index) => ({
        id: stepId(`s${index}`),
        action,
        input: { application: 'api-run' },
        undo: { kind: 'none' },
      })),
    },
    steps: new Map(steps.map((step, index) => [stepId(`s${index}`), progress(step)])),
    startedAt: instant(0),
  };
  return made as unknown as RunState; // all of a run that its end reads
}

function ended(former: readonly RunState[], last: RunState): string {
  const opened = event('opened', {
    dedupeKey: 'k',
    source: 'alert',
    target: 'application/api-run',
    runbook: null,
    headline: 'it broke',
    drill: false,
  });
  const log = [{ ...opened, sequence: 1, at: 0, id: 'e' }] as unknown as IncidentEvent[]; // as the log would
  const state: IncidentState | undefined = replay(incidentId('inc-aaaaaaaaaa'), log);
  if (state === undefined) throw new Error('a log with events has a state');
  const resolved = decideFinish({ ...state, run: last, formerRuns: former }).find(({ kind }) => kind === 'resolved');
  return resolved?.kind === 'resolved' ? resolved.data.text : '';
}

const failback = run('cluster-failback', []);
const unverified = run('database-failover', [
  ['verify-consumer', { failed: 'timeLimit', detail: '1 of 3 answers of api-run agree' }],
]);

describe('the end of an incident', () => {
  it('names an application that an earlier plan could not verify, and that nobody has seen well since', () => {
    expect(ended([unverified], failback)).toContain('Not seen well since: 1 of 3 answers of api-run agree.');
  });

  it('names one that fell ill again while it was watched', () => {
    const relapsed = run('cluster-failover', [
      ['stay-healthy', { failed: 'relapsed', detail: 'api-run fell ill again' }],
    ]);
    expect(ended([relapsed], failback)).toContain('Not seen well since: api-run fell ill again.');
  });

  it('names none that a later plan has seen well, or that failed at something else', () => {
    const well = run('cluster-failback', [['stay-healthy', 'done']]);
    const verified = run('database-failover', [['verify-consumer', 'done']]);
    const other = run('cluster-failover', [['raise-service', { failed: 'refused', detail: 'no quota' }]]);
    for (const text of [ended([unverified], well), ended([unverified], verified), ended([other], failback)])
      expect(text).not.toContain('Not seen well');
  });
});

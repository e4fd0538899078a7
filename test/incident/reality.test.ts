import { describe, expect, it } from '@jest/globals';
import { instant } from '../../shared/core/time.ts';
import { decideFinish } from '../../shared/incident/finish.ts';
import { hasChanged, realityAfter } from '../../shared/incident/reality.ts';
import type { RunState, StepProgress } from '../../shared/incident/state.ts';
import { type Plan, stepId } from '../../shared/plan/plan.ts';
import { stageOf, step } from '../engine/rehearsal.ts';

type Deed = readonly [action: string, input: Plan['steps'][number]['input'], progress?: 'done' | 'undone' | 'failed'];

const became = (kind: 'done' | 'undone' | 'failed'): StepProgress => {
  const at = instant(0);
  if (kind === 'done') return { kind, startedAt: at, at, already: false, detail: '', output: null };
  if (kind === 'undone') return { kind, at, detail: '' };
  return { kind, at, failure: { kind: 'permanent', code: 'x', detail: '', block: null } };
};

/** The state of an incident whose last run did this, after others that did that. */
async function after(deeds: readonly Deed[], before: readonly Deed[] = []) {
  const { journal } = await stageOf([step('one')]);
  const state = journal.state();
  const { run } = state;
  if (run === undefined) throw new Error('no run');
  const runOf = (done: readonly Deed[]): RunState => ({
    ...run,
    plan: { ...run.plan, steps: done.map(([action, input], index) => step(`s${index}`, { action, input })) },
    steps: new Map(done.map(([, , kind = 'done'], index) => [stepId(`s${index}`), became(kind)])),
  });
  return { ...state, run: runOf(deeds), formerRuns: before.length === 0 ? [] : [runOf(before)] };
}

const PROMOTED: readonly Deed[] = [
  ['stop-instance', { instance: 'old' }],
  ['promote-replica', { replica: 'new', upstream: 'old' }],
  ['point-secret', { secret: 'url', host: '10.0.0.1' }],
  ['protect-instance', { instance: 'new' }],
  ['create-replica', { primary: 'new', replica: 'newer', region: 'r' }],
];

describe('the new reality', () => {
  it('is what was done, by the inputs of the steps that did it', async () => {
    expect(realityAfter(await after(PROMOTED))).toEqual({
      instances: [
        { instance: 'old', stopped: 'seen' },
        { instance: 'new', tookPlaceOf: { former: 'old', as: 'replica' }, isProtected: true },
        { instance: 'newer', madeAsReplicaOf: { primary: 'new', region: 'r' } },
      ],
      secrets: ['url'],
      entrances: [],
      limits: [],
    });
  });

  it('is not what was taken back, or failed', async () => {
    const reality = realityAfter(
      await after([
        ['stop-instance', { instance: 'old' }, 'undone'],
        ['promote-replica', { replica: 'new', upstream: 'old' }, 'failed'],
      ]),
    );

    expect(hasChanged(reality)).toBe(false);
  });

  it('is what a later run left, where it changed the same thing again', async () => {
    const there: Deed = ['move-traffic', { entrance: 'web', from: 'home', to: 'away' }];
    const raised: Deed = ['raise-service', { application: 'away', before: {}, wanted: { min: 3, max: null } }];
    const back: Deed = ['move-traffic', { entrance: 'web', from: 'away', to: 'home' }];
    const lowered: Deed = ['restore-service', { application: 'away' }];

    expect(realityAfter(await after([back, lowered], [there, raised]))).toMatchObject({
      entrances: [{ entrance: 'web', application: 'home' }],
      limits: [],
    });
  });

  it('says of a stop in a dark region that nobody saw it, until somebody has', async () => {
    const asked: Deed = ['ask-stop', { instance: 'old' }];

    expect(realityAfter(await after([asked])).instances).toEqual([{ instance: 'old', stopped: 'asked' }]);
    expect(realityAfter(await after([PROMOTED[0] ?? asked], [asked])).instances).toEqual([
      { instance: 'old', stopped: 'seen' },
    ]);
  });

  it('is named to people when the incident ends, with what to type, where Terraform would undo it', async () => {
    const textOf = (events: ReturnType<typeof decideFinish>): string =>
      events.map((event) => (event.kind === 'noticeDue' ? event.data.notice.text : '')).join('');

    expect(textOf(decideFinish(await after(PROMOTED)))).toMatch(
      /Terraform has to declare what is true now before its next apply: \.\/dr reality inc-aaaaaaaaaa\./,
    );
    expect(textOf(decideFinish(await after([['point-secret', { secret: 'url', host: 'h' }]])))).not.toContain(
      'Terraform',
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { drive } from '../../shared/engine/drive.ts';
import { event, type NewEvent } from '../../shared/incident/events.ts';
import { planDigest, stepId } from '../../shared/plan/plan.ts';
import { planOf, settingAction, type Stage, stageOf, step } from './rehearsal.ts';

// Somebody who can write the log puts events between ours. The engine may stop for people; it may never spin, and never take a
// step that was taken back for one that may begin again.

const STEPS = [
  step('look', { risk: 'observe', undo: { kind: 'nothing' } }),
  step('hold', { committed: true, needs: [stepId('look')] }),
  step('stop', { committed: true, needs: [stepId('hold')] }),
  step('promote', {
    committed: true,
    needs: [stepId('stop')],
    undo: { kind: 'pointOfNoReturn', because: 'it is a primary now' },
  }),
  step('open', { needs: [stepId('promote')] }),
];

const DIGEST = planDigest(planOf(STEPS));

const because = { kind: 'permanent', code: 'forged', detail: 'forged', block: null } as const;

/** Runs the plan while `forged` are appended at the given calls of the actions, by another writer. */
async function played(
  forged: readonly { readonly atCall: number; readonly events: readonly NewEvent[] }[],
): Promise<Stage> {
  let calls = 0;
  const staged: { stage?: Stage } = {};
  const strike = async (): Promise<void> => {
    calls += 1;
    const other = await staged.stage?.open();
    for (const { events } of forged.filter(({ atCall }) => atCall === calls)) await other?.append(() => events);
  };
  const stage = await stageOf(STEPS, (world) => {
    const [set, unset] = [settingAction('set', world), settingAction('unset', world, { to: false })];
    return [set, unset].map((action) => ({
      ...action,
      observe: async (input, context) => {
        await strike();
        return await action.observe(input, context);
      },
    }));
  });
  staged.stage = stage;
  for (let worker = 0; worker < 3; worker += 1) await drive(await stage.open(), stage.driver());
  return stage;
}

const ids = fc.constantFrom(...STEPS.map(({ id }) => id), 'no such step');
const direction = fc.constantFrom('do' as const, 'undo' as const);
const landing = fc.constantFrom('unfence' as const, 'hold' as const);
const askedAs = (approval: string): NewEvent =>
  event('approvalAsked', {
    approval,
    planDigest: DIGEST,
    evidence: 'e',
    lossLimitMs: 0,
    approvers: ['ann'],
    quorum: 1,
    expiresAt: 9_999_999_999_999,
    startWithinMs: 600_000,
    opens: [],
  });
const decidedOn = (approval: string): NewEvent =>
  event('decided', { approval, approver: 'ann', identity: null, decision: 'approve', token: 't' });
const [asked, decided] = [askedAs('apr-2'), decidedOn('apr-2')];

const anyForgery: fc.Arbitrary<NewEvent> = fc.oneof(
  fc
    .record({ step: ids, direction })
    .map((at) => event('stepDone', { ...at, already: false, detail: '', output: null })),
  fc.record({ step: ids, direction }).map((at) => event('stepFailed', { ...at, failure: because })),
  fc.record({ step: ids, direction }).map((at) => event('stepStarted', { ...at, attempt: 1, version: null })),
  fc.record({ step: ids, direction }).map((at) => event('stepWaiting', { ...at, handle: null, detail: '' })),
  fc.constant(event('runStarted', { run: DIGEST, planDigest: DIGEST, leaseToken: 1, worker: 'mallory' })),
  fc.constantFrom(asked, decided),
  landing.map((kind) => event('landingStarted', { landing: kind, because })),
  landing.map((kind) => event('landed', { landing: kind, position: '', next: [] })),
  fc.constantFrom(
    event('released', { because: '' }),
    event('resumed', { by: 'mallory' }),
    event('takenOver', { by: 'mallory', position: '', next: [] }),
    event('needsPerson', { because: '', tried: [], next: [] }),
    event('resolved', { measures: {}, text: '' }),
    event('dismissed', { because: '' }),
  ),
);

const bursts = fc.array(
  fc.record({ atCall: fc.integer({ min: 1, max: 14 }), events: fc.array(anyForgery, { minLength: 1, maxLength: 3 }) }),
  { minLength: 1, maxLength: 4 },
);

describe('A log into which somebody else writes', () => {
  it('never makes the engine spin: each worker stops, whatever was written', async () => {
    await fc.assert(
      fc.asyncProperty(bursts, async (forged) => {
        const { world } = await played(forged);
        expect(world.effects.length).toBeLessThan(40);
      }),
      { numRuns: 300 },
    );
  });

  it('never starts again what was taken back: an approval that is asked for anew wakes no landed run', async () => {
    const fails = { atCall: 3, events: [event('stepFailed', { step: 'hold', direction: 'do', failure: because })] };
    const stage = await played([fails]);
    const before = stage.world.effects.length;

    await (await stage.open()).append(() => [asked, decided]);
    const outcome = await drive(await stage.open(), stage.driver());

    expect(outcome).toEqual({ kind: 'idle' });
    expect(stage.world.effects).toHaveLength(before);
    expect((await stage.open()).state().phase.kind).toBe('needsPerson');
  });

  it('makes no approval good that is void: one that is asked for under its name again is none', async () => {
    const over = [
      event('approvalVoided', { approval: 'apr-1', because: 'taken over' }),
      event('takenOver', { by: 'ann', position: '', next: [] }),
    ];
    const stage = await played([{ atCall: 3, events: over }]);
    const before = stage.world.effects.length;

    await (await stage.open()).append(() => [askedAs('apr-1'), decidedOn('apr-1')]);
    const outcome = await drive(await stage.open(), stage.driver());

    expect(outcome).toEqual({ kind: 'idle' });
    expect(stage.world.effects).toHaveLength(before);
    expect((await stage.open()).state().phase.kind).toBe('takenOver');
  });

  it('begins nothing anew that has landed: a plan that is drawn again is the one that landed', async () => {
    const fails = { atCall: 3, events: [event('stepFailed', { step: 'hold', direction: 'do', failure: because })] };
    const stage = await played([fails]);
    const before = stage.world.effects.length;

    const again = { plan: planOf(STEPS), digest: DIGEST, evidence: 'e', needsApproval: true, performed: true };
    await (await stage.open()).append(() => [event('planDrawn', again)]);
    const outcome = await drive(await stage.open(), stage.driver());

    expect(outcome).toEqual({ kind: 'idle' });
    expect(stage.world.effects).toHaveLength(before);
  });

  it('takes people to a run in which a step is said to be undone while nothing landed', async () => {
    const stage = await played([
      {
        atCall: 2,
        events: [event('stepDone', { step: 'look', direction: 'undo', already: true, detail: '', output: null })],
      },
    ]);

    expect((await stage.open()).state().phase.kind).toBe('needsPerson');
  });

  it('changes nothing once the incident has ended', async () => {
    const stage = await played([]);
    const ended = (await stage.open()).state();
    await (await stage.open()).append(() => [asked, decided, event('resumed', { by: 'mallory' })]);

    expect(ended.phase.kind).toBe('resolved');
    expect((await stage.open()).state().phase).toEqual(ended.phase);
    expect(await drive(await stage.open(), stage.driver())).toEqual({ kind: 'idle' });
  });
});

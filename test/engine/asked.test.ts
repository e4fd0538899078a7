import { describe, expect, it } from '@jest/globals';
import { drive } from '../../shared/engine/drive.ts';
import { waitsForPeople } from '../../shared/engine/next-move.ts';
import { decideAcknowledge } from '../../shared/incident/acknowledge.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import type { Journal } from '../../shared/log/journal.ts';
import { type PlannedStep, stepId } from '../../shared/plan/plan.ts';
import { personId } from '../../shared/system/names.ts';
import { settingAction, stageOf, step } from './rehearsal.ts';

// A step that waits for a person.

const ANN = { id: personId('ann'), email: 'ann@example.com' };
/** How often the slow step is looked at, at the most. */
const LOOKS = 20;

const BOB = { id: personId('bob'), email: 'bob@example.com' };

const answer = (journal: Journal): Promise<IncidentState> =>
  journal.append((state) => {
    const said = decideAcknowledge(state, { step: 'ask', by: ANN, reason: 'there it is' });
    return typeof said === 'string' ? [] : said;
  });

/** A run with a step that asks Ann beside one that nobody need answer, and one that waits for her answer. */
const asking = (own: Partial<PlannedStep> = {}, whilePolled: (first: boolean) => Promise<void> = async () => {}) =>
  stageOf(
    [
      step('ask', { action: 'ask', risk: 'observe', input: { fact: 'ask', person: 'ann' } }),
      step('own', own),
      step('then', { needs: [stepId('ask')] }),
    ],
    (world) => {
      const look = (acknowledged: boolean) =>
        acknowledged
          ? ({ kind: 'done', detail: 'she says so' } as const)
          : ({
              kind: 'running',
              handle: null,
              detail: 'waiting for ann',
              ask: { subject: 'ann: a key', text: 'please' },
            } as const);
      return [
        settingAction('set', world),
        settingAction('slow', world, {
          start: async () => ({ kind: 'running', handle: 0, detail: 'begun' }),
          poll: async (handle) => {
            const [looked, then] = [Number(handle) + 1, world.facts.get('then') === true];
            await whilePolled(looked === 1);
            return then || looked > LOOKS
              ? { kind: 'done', detail: then ? 'after the answer' : 'before the answer' }
              : { kind: 'running', handle: looked, detail: 'under way' };
          },
          verify: async () => ({ ok: true, detail: '' }),
        }),
        settingAction('ask', world, {
          risk: 'observe',
          observe: async () => ({ kind: 'toDo', version: null }),
          start: async () => look(false),
          poll: async (_handle, _input, { run }) => look(run.acknowledged.has(stepId('ask'))),
          verify: async () => ({ ok: true, detail: '' }),
        }),
      ];
    },
  );

describe('a step that asks a person', () => {
  it('holds up nothing else, and keeps no worker and no lock', async () => {
    const stage = await asking();

    const outcome = await drive(stage.journal, stage.driver());

    expect(outcome).toEqual({ kind: 'later', because: 'people are asked' });
    expect(stage.world.effects).toEqual(['own=true']);
    expect(stage.journal.state().phase.kind).toBe('running');
    const { run } = stage.journal.state();
    expect(run !== undefined && waitsForPeople(run)).toBe(true);
    expect(await stage.store.leases.acquire('target/thing/one', 'somebody', stage.driver().guards.lease)).toMatchObject(
      {
        kind: 'held',
      },
    );
  });

  it('tells the person once, however often it is looked at', async () => {
    const stage = await asking();
    for (let visit = 0; visit < 3; visit += 1) await drive(stage.journal, stage.driver());

    const events = await stage.store.log.read(stage.journal.id, 0, 100);
    const notices = events.filter(({ kind }) => kind === 'noticeDue');
    expect(notices.map(({ data }) => data['notice'])).toEqual([
      expect.objectContaining({ kind: 'needsPerson', urgent: true, subject: expect.stringContaining('ann: a key') }),
    ]);
    expect(events.filter(({ kind }) => kind === 'stepWaiting')).toHaveLength(1);
  });

  it('goes on when that person says that it is done', async () => {
    const stage = await asking();
    await drive(stage.journal, stage.driver());
    await answer(stage.journal);

    await drive(stage.journal, stage.driver());

    expect(stage.world.effects).toEqual(['own=true', 'then=true']);
    expect(stage.journal.state().phase.kind).toBe('resolved');
  });

  it('goes on in the worker that is at another step when the answer comes', async () => {
    const stage = await asking({ action: 'slow' }, async (first) => {
      if (first) await answer(stage.journal);
    });

    await drive(stage.journal, stage.driver());

    const { phase, run } = stage.journal.state();
    expect(phase.kind).toBe('resolved');
    expect(run?.steps.get(stepId('own'))).toMatchObject({ kind: 'done', detail: 'after the answer' });
  });

  it('is answered by nobody else, once, and only while it asks', async () => {
    const stage = await asking();
    const say = (by = ANN, id = 'ask') => decideAcknowledge(stage.journal.state(), { step: id, by, reason: 'done' });

    expect(say()).toBe('the step ask does not wait for an answer');
    await drive(stage.journal, stage.driver());
    expect(say(BOB)).toBe('the step ask asks ann, not bob');
    expect(say(ANN, 'own')).toBe('the step own asks nobody');
    expect(say(ANN, 'nothing')).toBe('inc-aaaaaaaaaa has no step nothing');
    await answer(stage.journal);
    expect(say()).toBe('ask was acknowledged already');
  });
});

describe('a run on a target that another run is at work on', () => {
  it('waits, and gives its locks back', async () => {
    const stage = await asking();

    const outcome = await drive(stage.journal, stage.driver({ otherRun: async () => 'inc-bbbbbbbbbb' }));

    expect(outcome).toEqual({ kind: 'later', because: 'inc-bbbbbbbbbb is at work on the same target' });
    expect(stage.world.effects).toEqual([]);
    expect(await stage.store.leases.acquire('target/thing/one', 'somebody', stage.driver().guards.lease)).toMatchObject(
      {
        kind: 'held',
      },
    );
  });
});

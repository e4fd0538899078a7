import { describe, expect, it } from '@jest/globals';
import { type Millis, millis, minutes, seconds } from '../../shared/core/time.ts';
import { failure } from '../../shared/engine/action.ts';
import { drive } from '../../shared/engine/drive.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { stepId } from '../../shared/plan/plan.ts';
import { factOf, settingAction, stageOf, step } from './rehearsal.ts';

const needs = (...ids: string[]) => ids.map(stepId);

/** What ends a worker that is killed. */
const DEATH = new Error('killed');

describe('driving a run', () => {
  it('performs the steps in their order and resolves the incident', async () => {
    const stage = await stageOf([step('a'), step('b', { needs: needs('a') }), step('c', { needs: needs('b') })]);

    const outcome = await drive(stage.journal, stage.driver());

    expect(outcome).toEqual({ kind: 'ended' });
    expect(stage.world.effects).toEqual(['a=true', 'b=true', 'c=true']);
    expect(stage.journal.state().phase.kind).toBe('resolved');
  });

  it('writes down who began each step, since others may go on with it', async () => {
    const stage = await stageOf([step('a'), step('b', { needs: needs('a') })], (world, clock) => [
      settingAction('set', world, {
        start: async (input) => {
          clock.advance(seconds(40));
          world.set(factOf(input), true);
          return { kind: 'done', detail: 'set' };
        },
      }),
    ]);
    await drive(stage.journal, stage.driver({ worker: 'recover@1/x/1', budget: seconds(30) }));
    await drive(await stage.open(), stage.driver({ worker: 'recover@2/x/1' }));

    const records = await stage.store.log.read(stage.journal.id, 0, 100);
    expect(
      records.flatMap(({ kind, data }) => (kind === 'stepStarted' ? [[data['step'], data['worker']]] : [])),
    ).toEqual([
      ['a', 'recover@1/x/1'],
      ['b', 'recover@2/x/1'],
    ]);
  });

  it('leaves out what is so already', async () => {
    const stage = await stageOf([step('a'), step('b')]);
    stage.world.facts.set('a', true);

    await drive(stage.journal, stage.driver());

    expect(stage.world.effects).toEqual(['b=true']);
    expect(stage.journal.state().run?.steps.get(stepId('a'))).toMatchObject({ kind: 'done', already: true });
  });

  it('runs independent steps side by side', async () => {
    const order: string[] = [];
    const stage = await stageOf([step('slow'), step('quick')], (world) => [
      settingAction('set', world, {
        start: async (input) => {
          order.push(`start ${factOf(input)}`);
          return { kind: 'running', handle: null, detail: 'under way' };
        },
        poll: async (_handle, input) => {
          order.push(`end ${factOf(input)}`);
          world.set(factOf(input), true);
          return { kind: 'done', detail: 'set' };
        },
      }),
      settingAction('unset', world, { to: false }),
    ]);

    await drive(stage.journal, stage.driver());

    expect(order.slice(0, 2).toSorted()).toEqual(['start quick', 'start slow']);
  });

  it('gives up a step that nobody can look at, and goes on with one that answers in time', async () => {
    const blind = (until: Millis) =>
      stageOf([step('a', { timeLimitMs: minutes(20) })], (world, clock) => {
        const first = clock.now();
        const setting = settingAction('set', world);
        return [
          {
            ...setting,
            observe: async (input, context) => {
              if (clock.now() - first < until) throw new PortError('retryable', 'unavailable', 'looking at a');
              return await setting.observe(input, context);
            },
          },
        ];
      });
    const [lost, late] = [await blind(minutes(600)), await blind(minutes(19))];

    for (const stage of [lost, late])
      for (let turn = 0; turn < 20 && (await drive(stage.journal, stage.driver())).kind === 'again'; turn += 1);

    expect(late.journal.state().phase.kind).toBe('resolved');
    expect(lost.journal.state().phase.kind).toBe('needsPerson');
    expect(lost.world.effects).toEqual([]);
    expect(lost.journal.state().run?.steps.get(stepId('a'))).toMatchObject({
      kind: 'failed',
      failure: { kind: 'timeLimit', code: 'notLookedAt', detail: expect.stringContaining('looking at a') },
    });
  });

  it('resolves a lost reply by looking, without a second effect', async () => {
    let lost = true;
    const stage = await stageOf([step('a')], (world) => [
      settingAction('set', world, {
        start: async (input) => {
          world.set(factOf(input), true);
          if (lost) {
            lost = false;
            throw new PortError('ambiguous', 'timeout', 'setting a');
          }
          return { kind: 'done', detail: 'set' };
        },
      }),
    ]);

    await drive(stage.journal, stage.driver());

    expect(stage.world.effects).toEqual(['a=true']);
    expect(stage.journal.state().phase.kind).toBe('resolved');
  });

  it('waits the late-arrival time before it repeats a serialised step of unknown outcome', async () => {
    const starts: number[] = [];
    const stage = await stageOf([step('a', { repeat: 'serialised' })], (world, clock) => [
      settingAction('set', world, {
        repeat: 'serialised',
        start: async (input) => {
          starts.push(clock.now());
          if (starts.length === 1) throw new PortError('ambiguous', 'timeout', 'setting a');
          world.set(factOf(input), true);
          return { kind: 'done', detail: 'set' };
        },
      }),
    ]);

    await drive(stage.journal, stage.driver());

    const [first = 0, second = 0] = starts;
    expect(second - first).toBeGreaterThanOrEqual(minutes(5));
  });

  it('repeats a serialised step at once when its call was refused', async () => {
    const starts: number[] = [];
    const stage = await stageOf([step('a', { repeat: 'serialised' })], (world, clock) => [
      settingAction('set', world, {
        repeat: 'serialised',
        start: async (input) => {
          starts.push(clock.now());
          if (starts.length === 1) throw new PortError('retryable', 'http 429', 'setting a');
          world.set(factOf(input), true);
          return { kind: 'done', detail: 'set' };
        },
      }),
    ]);

    await drive(stage.journal, stage.driver());

    const [first = 0, second = 0] = starts;
    expect(second - first).toBeLessThan(minutes(1));
  });

  it('gives a step that must never be repeated to a person at the first doubt', async () => {
    const stage = await stageOf([step('a', { repeat: 'never' })], (world) => [
      settingAction('set', world, {
        repeat: 'never',
        start: async () => {
          throw new PortError('ambiguous', 'timeout', 'setting a');
        },
      }),
    ]);

    await drive(stage.journal, stage.driver());

    expect(stage.journal.state().phase).toMatchObject({ kind: 'needsPerson' });
  });

  it('takes a committed section back in reverse order when a step fails before the point of no return', async () => {
    const committed = { committed: true };
    const stage = await stageOf(
      [step('a', committed), step('b', committed), step('c', { ...committed, action: 'fail' })],
      (world) => [
        settingAction('set', world),
        settingAction('unset', world, { to: false }),
        settingAction('fail', world, {
          start: async () => ({ kind: 'failed', failure: failure('permanent', 'no', 'it says no') }),
        }),
      ],
    );

    await drive(stage.journal, stage.driver());

    expect(stage.world.effects).toEqual(['a=true', 'b=true', 'b=false', 'a=false']);
    expect(stage.journal.state().run?.landing).toMatchObject({ kind: 'unfence', landed: true });
    expect(
      [...stage.journal.state().notices.values()].some(({ notice }) => notice.kind === 'landing' && notice.urgent),
    ).toBe(true);
  });

  it('takes nothing back once the point of no return has begun', async () => {
    const noReturn = { kind: 'pointOfNoReturn', because: 'it is a promotion' } as const;
    const stage = await stageOf(
      [
        step('a', { committed: true }),
        step('b', { committed: true, undo: noReturn }),
        step('c', { committed: true, action: 'fail' }),
      ],
      (world) => [
        settingAction('set', world),
        settingAction('unset', world, { to: false }),
        settingAction('fail', world, {
          start: async () => ({ kind: 'failed', failure: failure('permanent', 'no', 'it says no') }),
        }),
      ],
    );

    await drive(stage.journal, stage.driver());

    expect(stage.world.effects).toEqual(['a=true', 'b=true']);
    expect(stage.journal.state().run?.landing).toMatchObject({ kind: 'hold', landed: true });
  });

  it('goes on past a failed optional step and names it in the end', async () => {
    const stage = await stageOf(
      [step('a', { optional: true, action: 'fail' }), step('b'), step('c', { needs: needs('a'), optional: true })],
      (world) => [
        settingAction('set', world),
        settingAction('fail', world, {
          start: async () => ({ kind: 'failed', failure: failure('permanent', 'no', 'it says no') }),
        }),
      ],
    );

    await drive(stage.journal, stage.driver());

    expect(stage.world.effects).toEqual(['b=true']);
    expect(stage.journal.state().phase.kind).toBe('resolved');
  });

  it('stops where somebody else acts, though only an optional step met them', async () => {
    const found = failure('foreignWork', 'foreignOperation', 'somebody is promoting another replica');
    const stage = await stageOf([step('a', { optional: true }), step('b', { needs: needs('a') })]);

    await drive(stage.journal, stage.driver({ refusal: async ({ id }) => (id === stepId('a') ? found : undefined) }));

    expect(stage.world.effects).toEqual([]);
    expect(stage.journal.state().phase.kind).toBe('needsPerson');
  });

  it('ends a step whose time is over, whoever began it', async () => {
    const stage = await stageOf([step('a', { timeLimitMs: minutes(2) })], (world) => [
      settingAction('set', world, {
        start: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
        poll: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
      }),
    ]);

    await drive(stage.journal, stage.driver());

    expect(stage.journal.state().run?.steps.get(stepId('a'))).toMatchObject({
      kind: 'failed',
      failure: { kind: 'timeLimit' },
    });
  });

  it.each([
    { deaths: 2, risk: 'observe', end: 'done' },
    { deaths: 2, risk: 'destructive', end: 'failed' },
    { deaths: 40, risk: 'observe', end: 'failed' },
  ] as const)(
    'after $deaths workers that died, a step of the kind $risk that is taken over too late is $end',
    async ({ deaths, risk, end }) => {
      let tries = 0;
      const stage = await stageOf([step('a', { risk, timeLimitMs: minutes(9) })], (world) => [
        settingAction('set', world, {
          risk,
          start: async (input) => {
            tries += 1;
            if (tries <= deaths) throw DEATH;
            world.set(factOf(input), true);
            return { kind: 'done', detail: 'set' };
          },
        }),
        settingAction('unset', world, { to: false }),
      ]);
      const found = () => stage.journal.state().run?.steps.get(stepId('a'))?.kind;
      for (let worker = 0; worker <= deaths && found() !== end; worker += 1) {
        const journal = await stage.open();
        // Only a death ends a worker otherwise than by its own word.
        await drive(journal, stage.driver()).catch((error: unknown) => expect(error).toBe(DEATH));
        await stage.journal.refresh();
        stage.clock.advance(minutes(5));
      }

      expect(found()).toBe(end);
      expect(tries).toBeLessThanOrEqual(5);
    },
  );

  it.each([
    { dies: 'after', end: 'done' },
    { dies: 'before', end: 'failed' },
  ] as const)(
    'a step that acts and is taken over too late is $end where its workers died $dies its effect, and starts no more',
    async ({ dies, end }) => {
      let starts = 0;
      const stage = await stageOf([step('a', { risk: 'destructive', timeLimitMs: minutes(9) })], (world) => [
        settingAction('set', world, {
          risk: 'destructive',
          repeat: 'serialised',
          start: async (input) => {
            starts += 1;
            if (dies === 'after') world.set(factOf(input), true);
            throw DEATH;
          },
        }),
        settingAction('unset', world, { to: false }),
      ]);
      const journal = await stage.open();
      await expect(drive(journal, stage.driver())).rejects.toBe(DEATH);
      stage.clock.advance(minutes(10));

      await drive(await stage.open(), stage.driver());

      await stage.journal.refresh();
      expect(stage.journal.state().run?.steps.get(stepId('a'))?.kind).toBe(end);
      expect(starts).toBe(1);
    },
  );

  it('hands over when its time budget is used up, and a successor goes on', async () => {
    let polls = 0;
    const stage = await stageOf([step('a', { timeLimitMs: minutes(60) })], (world) => [
      settingAction('set', world, {
        start: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
        poll: async (_handle, input) => {
          polls += 1;
          if (polls < 30) return { kind: 'running', handle: null, detail: 'waiting' };
          world.set(factOf(input), true);
          return { kind: 'done', detail: 'set' };
        },
      }),
    ]);

    const first = await drive(stage.journal, stage.driver({ budget: minutes(1) }));
    const second = await drive(await stage.open(), stage.driver());

    expect(first).toEqual({ kind: 'again' });
    expect(second).toEqual({ kind: 'ended' });
    expect(stage.world.effects).toEqual(['a=true']);
  });

  it('does nothing while another worker holds the incident', async () => {
    const stage = await stageOf([step('a')]);
    await stage.store.leases.acquire(`incident/${stage.journal.id}`, 'another', seconds(60));

    const outcome = await drive(stage.journal, stage.driver());

    expect(outcome.kind).toBe('later');
    expect(stage.world.effects).toEqual([]);
  });

  it('does nothing while another run holds one of its targets', async () => {
    const stage = await stageOf([step('a')]);
    await stage.store.leases.acquire('target/thing/one', 'another', seconds(60));

    expect((await drive(stage.journal, stage.driver())).kind).toBe('later');
    expect(stage.world.effects).toEqual([]);
  });

  it('sends no call when what remains of the lease is shorter than the call may take', async () => {
    const stage = await stageOf([step('a')]);
    const clock = stage.clock;
    const slow = { ...stage.store.leases, renew: async () => undefined };

    await drive(
      stage.journal,
      stage.driver({ leases: slow, mayStart: async () => (clock.advance(millis(50_000)), { kind: 'go' }) }),
    );

    expect(stage.world.effects).toEqual([]);
  });
});

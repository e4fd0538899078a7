import { describe, expect, it } from '@jest/globals';
import type { Action } from '../../shared/engine/action.ts';
import { failure } from '../../shared/engine/action.ts';
import { drive } from '../../shared/engine/drive.ts';
import { event } from '../../shared/incident/events.ts';
import { stepId } from '../../shared/plan/plan.ts';
import { survivesACrashAnywhere } from '../laws/crashes.ts';
import { settingAction, type Stage, stageOf, step, type TinyWorld } from './rehearsal.ts';

// A plan with several ways of reaching the same end, the least first: each gives way once an earlier one has held.

const ids = (...names: string[]) => names.map(stepId);
const nothing = { undo: { kind: 'nothing' } } as const;

/** Two cures before a committed section; those that are named do not help. */
const withCures = (...useless: readonly string[]): Promise<Stage> =>
  stageOf(
    [
      step('look', nothing),
      ...['mild', 'strong'].flatMap((cure, index) => [
        step(cure, {
          optional: true,
          action: useless.includes(cure) ? 'fail' : 'set',
          needs: ids('look'),
          ...(index === 0 ? {} : { unless: ids('mild-holds') }),
          ...nothing,
        }),
        step(`${cure}-holds`, {
          optional: true,
          action: useless.includes(`${cure}-holds`) ? 'fail' : 'set',
          needs: ids(cure),
          stage: 'after',
          ...nothing,
        }),
      ]),
      step('confirm', { needs: ids('look'), unless: ids('mild-holds', 'strong-holds'), ...nothing }),
      step('hold', { committed: true, needs: ids('confirm') }),
      step('promote', {
        committed: true,
        needs: ids('confirm'),
        undo: { kind: 'pointOfNoReturn', because: 'it is a primary now' },
      }),
      step('verify', { needs: ids('promote'), stage: 'verify' }),
    ],
    actions,
  );

const actions = (world: TinyWorld): readonly Action[] => [
  settingAction('set', world),
  settingAction('unset', world, { to: false }),
  settingAction('fail', world, {
    start: async () => ({ kind: 'failed', failure: failure('notVerified', 'didNotHelp', 'it did not help') }),
  }),
];

const done = ({ world }: Stage): readonly string[] => world.effects.map((effect) => effect.replace('=true', ''));

const resolution = async (stage: Stage): Promise<string> => {
  const records = await stage.store.log.read(stage.journal.id, 0, 10_000);
  const last = records.find(({ kind }) => kind === 'resolved');
  return typeof last?.data['text'] === 'string' ? last.data['text'] : '';
};

describe('A plan with several ways', () => {
  it('ends well with the first that holds, and leaves the others out', async () => {
    const stage = await withCures();

    await drive(stage.journal, stage.driver());

    expect(done(stage)).toEqual(['look', 'mild', 'mild-holds']);
    expect(stage.journal.state().phase.kind).toBe('resolved');
    expect(await resolution(stage)).toContain('That was enough: nothing was promoted.');
  });

  it('goes the next way when one fails, or does not hold', async () => {
    for (const useless of ['mild', 'mild-holds']) {
      const stage = await withCures(useless);
      await drive(stage.journal, stage.driver());
      expect(done(stage).slice(-2)).toEqual(['strong', 'strong-holds']);
      expect(done(stage)).not.toContain('confirm');
      expect(await resolution(stage)).toContain(`Tried in vain: set ${useless} (it did not help).`);
    }
  });

  it('goes the last way to its end when none of the others helps', async () => {
    const stage = await withCures('mild', 'strong-holds');

    await drive(stage.journal, stage.driver());

    expect(done(stage)).toEqual(['look', 'strong', 'confirm', 'hold', 'promote', 'verify']);
    expect(stage.journal.state().phase.kind).toBe('resolved');
    expect(await resolution(stage)).not.toContain('nothing was promoted');
  });

  it.each([[[]], [['mild']], [['mild', 'strong']]])(
    'comes to the same end wherever its worker dies (in vain: %s)',
    (useless) => survivesACrashAnywhere(() => withCures(...useless)),
  );

  it('goes on after a step that failed where it only has to come after it, and leaves out what needs it', async () => {
    const stage = await stageOf(
      [
        step('capture', { optional: true, action: 'fail', ...nothing }),
        step('copy', { optional: true, needs: ids('capture'), ...nothing }),
        step('rotate', { after: ids('capture', 'copy'), ...nothing }),
      ],
      actions,
    );

    await drive(stage.journal, stage.driver());

    expect(done(stage)).toEqual(['rotate']);
    expect(stage.journal.state().phase.kind).toBe('resolved');
    expect(await resolution(stage)).toContain('Left to do by hand: capture: it did not help.');
  });

  it('leaves nothing out that has begun, whatever is written into its log afterwards', async () => {
    const stage = await withCures('mild', 'strong');
    const forged = event('stepDone', {
      step: 'strong-holds',
      direction: 'do',
      already: true,
      detail: 'forged',
      output: null,
    });
    const driver = stage.driver();
    const set = driver.catalogue['set'];
    if (set === undefined) throw new Error('no action');
    const strike: Action = {
      ...set,
      observe: async (input, context) => {
        if (input['fact'] === 'hold') await (await stage.open()).append(() => [forged]);
        return await set.observe(input, context);
      },
    };

    await drive(stage.journal, { ...driver, catalogue: { ...driver.catalogue, set: strike } });

    expect(done(stage)).toEqual(['look', 'confirm', 'hold', 'promote', 'verify']);
  });
});

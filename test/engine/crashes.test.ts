import { describe, it } from '@jest/globals';
import { failure } from '../../shared/engine/action.ts';
import { drive } from '../../shared/engine/drive.ts';
import { stepId } from '../../shared/plan/plan.ts';
import { replaysToTheSameState, survivesACrashAnywhere } from '../laws/crashes.ts';
import { factOf, settingAction, stageOf, step } from './rehearsal.ts';

const needs = (...ids: string[]) => ids.map(stepId);

/** An action whose effect comes with the second poll, as a cloud operation's does. */
const operations = () =>
  stageOf(
    [
      step('a'),
      step('b', { committed: true, needs: needs('a') }),
      step('c', { committed: true, needs: needs('a') }),
      step('d', { needs: needs('b', 'c') }),
    ],
    (world) => [
      settingAction('set', world, {
        observe: async (input) => {
          const name = factOf(input);
          if (world.facts.get(name) === true) return { kind: 'already', detail: 'so it is' };
          return world.facts.get(`${name} asked`) === true
            ? { kind: 'inProgress', handle: name, detail: 'under way' }
            : { kind: 'toDo', version: null };
        },
        start: async (input) => {
          world.set(`${factOf(input)} asked`, true);
          return { kind: 'running', handle: factOf(input), detail: 'under way' };
        },
        poll: async (handle) => {
          const name = typeof handle === 'string' ? handle : '';
          if (world.facts.get(`${name} seen`) !== true) {
            world.facts.set(`${name} seen`, true);
            return { kind: 'running', handle: name, detail: 'under way' };
          }
          if (world.facts.get(name) !== true) world.set(name, true);
          return { kind: 'done', detail: 'set' };
        },
      }),
      settingAction('unset', world, { to: false }),
    ],
  );

const failing = () =>
  stageOf(
    [step('a', { committed: true }), step('b', { committed: true }), step('c', { committed: true, action: 'fail' })],
    (world) => [
      settingAction('set', world),
      settingAction('unset', world, { to: false }),
      settingAction('fail', world, {
        start: async () => ({ kind: 'failed', failure: failure('permanent', 'no', 'it says no') }),
      }),
    ],
  );

describe('a worker that is killed', () => {
  it('at any call of a plan is continued to the same end without a second effect', () =>
    survivesACrashAnywhere(operations));

  it('at any call of a landing is continued until everything is taken back', () => survivesACrashAnywhere(failing));

  it('leaves a log that replays to the state that was folded on the way', async () => {
    const stage = await operations();
    await drive(stage.journal, stage.driver());
    await replaysToTheSameState(stage);
  });
});

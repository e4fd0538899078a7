import { expect } from '@jest/globals';
import { seconds } from '../../shared/core/time.ts';
import type { Action, Catalogue } from '../../shared/engine/action.ts';
import { drive } from '../../shared/engine/drive.ts';
import { replay } from '../../shared/incident/evolve.ts';
import { parseEvent } from '../../shared/incident/events.ts';
import type { Stage } from '../engine/rehearsal.ts';

// Laws that every plan must satisfy, written once (style.md 2.6): whatever call a worker dies at, before or after its effect,
// the next one brings the run to the same end, and no effect happens twice.

/** The end of a process: nothing catches it on the way, as nothing catches SIGKILL. */
class Crash extends Error {}

/** More calls than any rehearsed plan makes; a law that needs more has a loop. */
const CALLS_MAX = 400;

/** Kills the worker at its n-th call, before or after the call's effect. */
function killer(at: number, when: 'before' | 'after') {
  let calls = 0;
  return {
    reached: () => calls >= at,
    async guard<T>(call: () => Promise<T>): Promise<T> {
      calls += 1;
      const fatal = calls === at;
      if (fatal && when === 'before') throw new Crash();
      const answer = await call();
      if (fatal) throw new Crash();
      return answer;
    },
  };
}

type Killer = ReturnType<typeof killer>;

const mortal = (catalogue: Catalogue, kill: Killer): Catalogue =>
  Object.fromEntries(
    Object.values(catalogue).map((action): [string, Action] => [
      action.kind,
      {
        ...action,
        observe: (input, context) => kill.guard(() => action.observe(input, context)),
        start: (input, version, context) => kill.guard(() => action.start(input, version, context)),
        poll: (handle, input, context) => kill.guard(() => action.poll(handle, input, context)),
        verify: (input, context) => kill.guard(() => action.verify(input, context)),
      },
    ]),
  );

/** Performs the staged plan with a death at every call in turn, and checks that the end and the effects are those of a calm run. */
export async function survivesACrashAnywhere(makeStage: () => Promise<Stage>): Promise<void> {
  const calm = await makeStage();
  await drive(calm.journal, calm.driver());
  const wanted = {
    phase: calm.journal.state().phase.kind,
    facts: Object.fromEntries(calm.world.facts),
    effects: calm.world.effects.toSorted(),
  };
  for (const when of ['before', 'after'] as const) {
    for (let at = 1; at < CALLS_MAX; at += 1) {
      const kill = killer(at, when);
      const stage = await makeStage();
      const driver = stage.driver();
      const killed = await drive(stage.journal, { ...driver, catalogue: mortal(driver.catalogue, kill) }).then(
        () => false,
        isCrash,
      );
      if (!kill.reached()) break;
      if (killed) await finish(stage);
      const seen = {
        phase: stage.journal.state().phase.kind,
        facts: Object.fromEntries(stage.world.facts),
        effects: stage.world.effects.toSorted(),
      };
      expect({ at, when, ...seen }).toEqual({ at, when, ...wanted });
    }
  }
}

function isCrash(error: unknown): true {
  if (error instanceof Crash) return true;
  throw error;
}

/** A successor comes once the dead worker's lease has expired. */
async function finish(stage: Stage): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    stage.clock.advance(seconds(61));
    const journal = await stage.open();
    await drive(journal, stage.driver());
    await stage.journal.refresh();
  }
}

/** Whatever the run did, its log replays to the state that was folded on the way. */
export async function replaysToTheSameState(stage: Stage): Promise<void> {
  const records = await stage.store.log.read(stage.journal.id, 0, 10_000);
  expect(replay(stage.journal.id, records.map(parseEvent))).toEqual(await stage.journal.refresh());
}

import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { type Millis, millis } from '../../shared/core/time.ts';
import { VERSION } from '../../shared/core/version.ts';
import { anotherVersion } from './another-version.ts';
import { changes, deadLetters, FAILOVER, leaks, loss, promotions, unbalanced, withoutService } from './judge.ts';
import { lossOnPage, onStage, READING, type Stage } from './story.ts';

const NEXT = '0.1.1-next';

/** Deploys another version of every function, as Cloud Run does it: new ones serve, former ones finish what they have, or end. */
async function deploy(stage: Stage, former: 'finishes' | 'ends'): Promise<void> {
  const module = anotherVersion(join(stage.folder, NEXT), NEXT);
  stage.note(`deploy ${NEXT}; what runs ${former}`);
  // The worker first, while it is where it is; one after the other, since two cores share the starts.
  const { functions } = stage.sandbox;
  await functions.get('recover')?.deploy([module], former);
  for (const [name, process] of functions) if (name !== 'recover') await process.deploy([module], former);
  stage.note(`${NEXT} serves`);
}

/** Which version began each step of the run. */
async function workers(stage: Stage): Promise<ReadonlyMap<string, string>> {
  const { events } = await stage.incident();
  return new Map(
    events.flatMap((event) =>
      event.kind === 'stepStarted' ? [[event.data.step, event.data.worker?.split('/')[0] ?? 'unknown'] as const] : [],
    ),
  );
}

/**
 * Approves each plan that the engineer on call is asked about, as a person does whom a busy machine asks twice, until the old side is
 * proved shut and nothing is open yet: the worst moment for a worker to go. Returns the most that the last page said can be lost.
 */
async function fenced(stage: Stage): Promise<Millis> {
  let seen = 0;
  let atMost = millis(0);
  await stage.until('the fence is proved', async () => {
    const pages = stage.paged.filter(({ person, link }) => person === 'oncall' && link !== undefined);
    const links = pages.length > seen ? pages.at(-1)?.links : undefined;
    seen = pages.length;
    if (links !== undefined) {
      atMost = (await lossOnPage(links)).atMost;
      await stage.pass(READING);
      await stage.decide(links, 'approve');
    }
    const events = (await stage.incidents()).flatMap((incident) => incident.events);
    return events.find(({ kind, data }) => kind === 'stepDone' && 'step' in data && data.step === 'fence');
  });
  return atMost;
}

describe('a new version that is deployed in the middle of a recovery', () => {
  it.each([
    { former: 'ends', opens: NEXT },
    // It hands over when its time is used up, beyond the section: what is left then is the next version's.
    { former: 'finishes', opens: VERSION },
  ] as const)('changes nothing in its outcome, where the worker of the former version $former', ({ former, opens }) =>
    onStage({ name: `deployment/${former}` }, async (stage) => {
      stage.break('primary-database');
      const promised = await fenced(stage);
      await deploy(stage, former);

      const { state } = await stage.settled();
      await Promise.all([...stage.sandbox.functions.values()].map((process) => process.drained()));

      expect(state.phase.kind).toBe('resolved');
      const by = await workers(stage);
      expect(by.get('fence')).toBe(`recover@${VERSION}`);
      expect(by.get('epoch')).toBe(`recover@${opens}`);
      expect([...by.values()].at(-1)).toBe(`recover@${NEXT}`);
      expect(promotions(stage).length).toBe(1);
      expect(changes(stage)).toEqual(FAILOVER.map((change) => expect.stringMatching(change)));
      expect(withoutService(stage)).toEqual([]);
      expect(loss(stage).rpo).toBeLessThanOrEqual(promised);
      expect((await stage.incidents()).length).toBe(1);
      expect(unbalanced(stage)).toEqual([]);
      expect(deadLetters(stage)).toBe(0);
      expect(leaks(stage)).toEqual([]);
    }),
  );
});

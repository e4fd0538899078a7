import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { changes, deadLetters, unbalanced } from './judge.ts';
import { MemoryWatch, publishStorm, serveHealth, withTargets } from './mass-storm.ts';
import { onStage } from './story.ts';

/** `DR_STORM=1000 npm run stories -- --all mass-storm` plays a smaller one. */
const NOTIFICATIONS = Number(process.env['DR_STORM'] ?? 10_000);
const TARGETS = 200;

const ENGINES = process.env['DR_STORY_ENGINES'] === 'google' ? 'google' : 'embedded';

/** How fast the clock runs: as slowly as lets the story end within minutes. Firestore's emulator writes a tenth as much in a second. */
const RATE = ENGINES === 'google' ? 1 : 4;

/** Clock time of the storm: a minute of the wall's. */
const WITHIN = seconds(60 * RATE);

/** Longer than the storm, so that none of its incidents has ended before its last signal. */
const CONFIRMATION = ENGINES === 'google' ? '15m' : '8m';

/** Resident memory of one function, MiB: three quarters of what it has in the cloud (docs/deployment.md). */
const MEMORY_MAX = 768;

/** Pages that a person can get before anybody knows that it is a storm, and the cards: a few for each of four people. */
const PAGES_MAX = 150;

describe('notifications of two hundred targets, which are well, while one pod really hangs', () => {
  it('are all accounted for, make one incident each and one card, and freeze the cure of the pod until they have ended', async () => {
    const health = await serveHealth();
    const config = (document: Parameters<typeof withTargets>[0]): void => {
      withTargets(document, TARGETS, health.address);
      for (const guard of ['confirmationWindow', 'holdTime']) document.setIn(['guards', guard], CONFIRMATION);
    };
    const play = onStage({ name: 'mass-storm', rate: RATE, config }, async (stage) => {
      const { courier } = stage.sandbox.messaging;
      const memory = new MemoryWatch(stage);
      stage.break('pod');
      await stage.until('the pod has an incident', async () => (await stage.incidents())[0]);
      const sick = (await stage.incident()).state.id;

      const published = publishStorm(stage, { notifications: NOTIFICATIONS, targets: TARGETS, within: WITHIN });
      await stage.until(
        'every notification is taken',
        () =>
          courier
            .ledger()
            .find(
              ({ subscription, accepted, waiting }) =>
                subscription === 'classify-dr-alerts' && accepted > NOTIFICATIONS && waiting === 0,
            ),
        minutes(40),
      );
      memory.stop();

      // What is acknowledged is in the inbox, from which incidents take it in batches.
      await stage.until(
        'every notification has its incident',
        async () => (await stage.isAbsorbed()) || undefined,
        minutes(40),
      );

      // Every message: in a log, once; or recorded as unreadable; or a repetition.
      const incidents = await stage.until('every log is read', async () => await stage.incidents(2 * TARGETS));
      const storms = incidents.flatMap(({ events }) =>
        events.flatMap((event) =>
          event.kind === 'signalsAbsorbed'
            ? event.data.signals.flatMap(({ key }) => /^alert\/(0\.mass\d+)\/open$/.exec(key)?.[1] ?? [])
            : [],
        ),
      );
      expect(storms.length).toBe(published.different.size);
      expect(new Set(storms)).toEqual(published.different);
      expect(await stage.refused()).toBe(published.unreadable);
      expect(unbalanced(stage)).toEqual([]);
      expect(deadLetters(stage)).toBe(0);

      // The right incidents: one for each target, and the pod's.
      const about = incidents.map(({ state }) => state.targets.map(String));
      expect(about.flat().filter((target) => target.startsWith('application/mass-')).length).toBe(TARGETS);
      expect(incidents.length).toBe(TARGETS + 1);

      // Nothing is done while they fail together, and one card says so.
      expect(changes(stage)).toEqual([]);
      const cards = stage.paged.filter(({ subject }) => /^\d+ targets fail at once/.test(subject));
      expect(new Set(cards.map(({ person }) => person)).size).toBeGreaterThan(1);
      expect(stage.paged.length).toBeLessThan(PAGES_MAX);

      const { state } = await stage.until('the pod is cured', async () => {
        const one = await stage.incident(sick);
        return one.state.phase.kind === 'resolved' ? one : undefined;
      });
      expect(state.run?.plan.runbook).toBe('pod-heal');
      expect(changes(stage).length).toBe(1);
      for (const [name, { first, peak, last }] of memory.seen) {
        stage.note(`${name}: ${first} MiB at first, ${peak} at most, ${last} at last`);
        expect([name, peak]).toEqual([name, Math.min(peak, MEMORY_MAX)]);
      }
      if (process.env['DR_STORY_VERBOSE'] === '1')
        for (const [name, seen] of memory.seen) console.log(name, JSON.stringify(seen));
    });
    await play.finally(() => health.close());
  }, 5_400_000);
});

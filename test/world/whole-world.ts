import type { JsonObject } from '../../shared/core/json.ts';
import { type Instant, instant, minutes, seconds } from '../../shared/core/time.ts';
import { Load } from '../../sandbox/load/load.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { createWorld, type WorldOptions } from '../../sandbox/world/world.ts';

/** One alert as it reached the topic. */
export interface PublishedAlert {
  readonly at: Instant;
  readonly topic: string;
  readonly message: JsonObject;
}

/** The whole reference system under load on a virtual clock, after its first minutes of calm. */
export function createWholeWorld(options: Partial<WorldOptions> = {}) {
  const clock = createVirtualClock(instant(1_767_607_200_000));
  const published: PublishedAlert[] = [];
  const publish = (topic: string, message: JsonObject): void => {
    published.push({ at: clock.now(), topic, message });
  };
  const world = createWorld({ seed: 11, publish, ...options, clock });
  clock.advanceBy(minutes(2));
  if (!world.ready()) throw new Error('the world is not ready after two minutes');
  const load = new Load({ clock, front: world.front, services: [SERVICES.entrance, SERVICES.apiRun] });
  load.start();
  clock.advanceBy(minutes(10));
  return {
    ...world,
    clock,
    load,
    published,
    // Both members are texts in every notification (facts of the schema, tested where it is made).
    /** Incidents as the topic told of them: policy and state, in order, each once. */
    told: (): readonly string[] => {
      const lines = published.map(({ message }) => message['incident'] as JsonObject);
      return [...new Set(lines.map(({ policy_name: policy, state }) => `${policy as string} ${state as string}`))];
    },
    /** Waits until `holds`, at most so many minutes; returns how long it took in seconds. */
    until(holds: () => boolean, most = 60): number {
      const from = clock.now();
      while (!holds()) {
        if (clock.now() - from > minutes(most)) throw new Error(`it does not happen within ${most} minutes`);
        clock.advanceBy(seconds(1));
      }
      return (clock.now() - from) / 1_000;
    },
  };
}

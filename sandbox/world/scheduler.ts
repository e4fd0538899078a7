import { after, instant, type Millis, minutes } from '../../shared/core/time.ts';
import { dataOf, type Draft } from './broker-message.ts';
import type { Caller } from './caller.ts';
import type { Chance, WorldClock } from './kernel.ts';

// Cloud Scheduler's job: a message on a topic at every full minute of clock time.
//
// S1. At least once: now and then a minute is published twice, as Scheduler's documentation warns.
// S2. A minute that could not be published is not made up for; the next one comes in a minute.
// S3. Minutes that passed unseen (a process that slept) are skipped, not fired in a burst.

/** A job of Cloud Scheduler, as `* * * * *`: the shortest interval that it knows. */
export interface SchedulerOptions {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly pubsub: { publish(caller: Caller, topic: string, drafts: readonly Draft[]): unknown };
  /** The identity that publishes: Cloud Scheduler's service agent. */
  readonly caller: Caller;
  readonly topic: string;
  /** The same text every time: a job has no templates. */
  readonly text: string;
  /** Probability that a minute is published twice. */
  readonly duplicates: number;
}

const INTERVAL: Millis = minutes(1);

/** Starts the job; the first message comes at the next full minute. Returns a function that ends it. */
export function startScheduler(options: SchedulerOptions): () => void {
  const { clock, chance, pubsub, caller, topic, text, duplicates } = options;
  const tick = [{ data: dataOf(text), attributes: {} }];
  let cancel = (): void => undefined;

  const arm = (): void => {
    const thisMinute = instant(Math.floor(clock.now() / INTERVAL) * INTERVAL);
    cancel = clock.schedule(after(thisMinute, INTERVAL), () => {
      const times = chance.next() < duplicates ? 2 : 1;
      for (let time = 0; time < times; time += 1) pubsub.publish(caller, topic, tick); // S2: whatever the answer
      arm();
    });
  };

  arm();
  return () => cancel();
}

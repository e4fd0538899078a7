import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Message, textOf } from '../../sandbox/world/broker-message.ts';
import { balances, type DeliveryAnswer, type Ledger } from '../../sandbox/world/broker-delivery.ts';
import type { VirtualClock } from '../../sandbox/world/clock.ts';
import { instant, millis, seconds } from '../../shared/core/time.ts';
import { DEAD, numbered, type Pushed, PUSHED, rowOf, settle, started } from './broker-setting.ts';

describe('whatever receivers do', () => {
  const behaviour = fc.record({
    answer: fc.constantFrom<DeliveryAnswer | 'throw' | 'silence'>('ack', 'nack', 'timeout', 'throw', 'silence'),
    afterMs: fc.integer({ min: 0, max: 150_000 }),
  });
  const world = fc.record({
    seed: fc.integer(),
    messages: fc.integer({ min: 1, max: 30 }),
    attemptsMax: fc.integer({ min: 5, max: 8 }),
    outstandingMax: fc.integer({ min: 1, max: 20 }),
    duplicates: fc.double({ min: 0, max: 1, noNaN: true }),
    delayMax: fc.integer({ min: 0, max: 30_000 }),
    behaviours: fc.array(behaviour, { minLength: 1, maxLength: 40 }),
  });

  it('the ledger always balances, every message ends, and no attempt exceeds the maximum', async () => {
    await fc.assert(
      fc.asyncProperty(
        world,
        async ({ seed, messages, attemptsMax, outstandingMax, duplicates, delayMax, behaviours }) => {
          let calls = 0;
          // Collected, because what a receiver throws is a nack.
          const unbalanced: Ledger[] = [];
          const answer = (_: Pushed, clock: VirtualClock) =>
            new Promise<DeliveryAnswer>((resolve, reject) => {
              unbalanced.push(...broker.ledger().filter((row) => !balances(row)));
              const next = behaviours[calls++ % behaviours.length];
              clock.schedule(instant(clock.now() + (next?.afterMs ?? 0)), () => {
                if (next?.answer === 'throw') reject(new Error('the function threw'));
                else if (next && next.answer !== 'silence') resolve(next.answer);
              });
            });
          const { broker, clock, pushes } = started({
            seed,
            answer,
            disorder: { duplicates, delayMax: millis(delayMax) },
            subscriptions: [
              DEAD,
              {
                ...PUSHED,
                delivery: { kind: 'push', endpoint: 'http://127.0.0.1:1', oidc: undefined, outstandingMax },
                deadLetter: { topic: 'dr-alerts-dead', attemptsMax },
              },
            ],
          });

          broker.publish('dr-alerts', numbered(messages));
          await settle(clock);

          const pushed = rowOf(broker, 'classify-dr-alerts');
          const dead = rowOf(broker, 'dr-alerts-dead');
          expect([...unbalanced, ...broker.ledger().filter((row) => !balances(row))]).toEqual([]);
          expect(pushes.filter(({ attempt }) => attempt > attemptsMax)).toEqual([]);
          expect(pushed).toMatchObject({ accepted: messages, waiting: 0, expired: 0 });
          expect(dead?.accepted).toBe(pushed?.deadLettered);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('a message that is never acknowledged is always among the dead letters, with its content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.uniqueArray(fc.integer({ min: 0, max: 30 })), async (seed, failing) => {
        const answer = async ({ text: content }: Pushed): Promise<DeliveryAnswer> =>
          failing.includes(Number(content)) ? 'nack' : 'ack';
        const { broker, clock } = started({ seed, answer, disorder: { duplicates: 0.2, delayMax: seconds(10) } });

        broker.publish('dr-alerts', numbered(31));
        await settle(clock);

        const dead = new Set(
          broker.pull('dr-alerts-dead', 1_000).map(({ message }: { message: Message }) => textOf(message)),
        );
        expect(dead).toEqual(new Set(failing.map(String)));
      }),
      { numRuns: 50 },
    );
  });
});

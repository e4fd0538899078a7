import { describe, expect, it } from '@jest/globals';
import { type Effect, cross, verdictOf } from '../../sandbox/in-process/crossing.ts';
import { codeOf, googleErrorBody } from '../../sandbox/http/google-error.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { ApiError, type ApiOutcome } from '../../sandbox/world/kernel.ts';
import { instant, seconds } from '../../shared/core/time.ts';
import { isPortError } from '../../shared/ports/port-error.ts';
import { normalizeError } from '../../shared/providers/normalize-error.ts';
import { clockPort, Outside, runUntil } from '../simulation/virtual.ts';

const EFFECTS: readonly Effect[] = ['reads', 'writes', 'writesIfUnchanged'];

/** Every refusal that a part of the world makes, and some that only a proxy would. */
const REFUSALS: readonly (readonly [number, string])[] = [
  [400, 'invalidRequest'],
  [400, 'failedPrecondition'],
  [401, 'authError'],
  [403, 'notAuthorized'],
  [403, 'rateLimitExceeded'],
  [404, 'notFound'],
  [408, 'timeout'],
  [409, 'operationInProgress'],
  [409, 'alreadyExists'],
  [410, 'gone'],
  [412, 'conditionNotMet'],
  [429, 'rateLimitExceeded'],
  [499, 'cancelled'],
  [500, 'backendError'],
  [501, 'notImplemented'],
  [503, 'backendError'],
  [504, 'backendError'],
];

/** Numbers of google.rpc.Code that Google's REST client puts on its errors, by the name in the body. */
const RPC: Readonly<Record<string, number>> = { ALREADY_EXISTS: 6, FAILED_PRECONDITION: 9, ABORTED: 10 };

/** A refusal as the vendors' clients throw it: the status, and the body that the HTTP face sends. */
const asThrown = (error: ApiError): unknown =>
  Object.assign(new Error(JSON.stringify(googleErrorBody(error))), {
    response: { status: error.status },
    code: RPC[codeOf(error)],
  });

const START = instant(1_767_600_000_000);

/** What a call comes to, and when, counted from its start. */
async function crossed(effect: Effect, outcome: ApiOutcome<string>): Promise<readonly [string, number]> {
  const clock = createVirtualClock(START);
  const crossing = {
    caller: { principal: 'somebody', from: 'functions' },
    clock: clockPort(clock),
    chance: createChance(1),
  };
  let end: readonly [string, number] = ['nothing', 0];
  const call = cross(crossing, 'calling', effect, () => outcome).then(
    (value) => {
      end = [value, clock.now() - START];
    },
    (error: unknown) => {
      end = [isPortError(error) ? `${error.kind} ${error.code}` : 'a bug', clock.now() - START];
    },
  );
  await runUntil(clock, instant(START + seconds(60)), new Outside(), () => false);
  await call;
  return end;
}

describe('A call into the model of the cloud', () => {
  it('is refused in the words in which the adapters of the vendors’ clients refuse it', () => {
    for (const [status, reason] of REFUSALS) {
      for (const effect of EFFECTS) {
        const error = new ApiError(status, reason, 'no');
        const { kind, code } = normalizeError(asThrown(error), { doing: 'calling', effect });
        expect({ status, reason, effect, ...verdictOf(error, effect) }).toEqual({ status, reason, effect, kind, code });
      }
    }
  });

  it('answers after a while', async () => {
    const [value, took] = await crossed('reads', { kind: 'answer', value: 'so it is' });
    expect(value).toBe('so it is');
    expect(took).toBeGreaterThan(0);
    expect(took).toBeLessThan(seconds(1));
  });

  it('answers later when a fault makes it slow', async () => {
    const [value, took] = await crossed('reads', { kind: 'answer', value: 'so it is', delay: seconds(4) });
    expect(value).toBe('so it is');
    expect(took).toBeGreaterThan(seconds(4));
  });

  it('that is slower than the deadline is a lost reply', async () => {
    const slow = { kind: 'answer', value: 'so it is', delay: seconds(15) } as const;
    expect((await crossed('reads', slow))[0]).toBe('retryable timeout');
    expect((await crossed('writes', slow))[0]).toBe('ambiguous timeout');
  });

  it('that nobody answers ends at the deadline', async () => {
    const [read, took] = await crossed('reads', { kind: 'silence' });
    expect(read).toBe('retryable timeout');
    expect(took).toBeLessThan(seconds(11));
    expect((await crossed('writesIfUnchanged', { kind: 'silence' }))[0]).toBe('ambiguous timeout');
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { after, instant, millis, seconds } from '../../shared/core/time.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { type Wall, createScaledClock, createVirtualClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import type { ApiFaultKind } from '../../sandbox/world/faults.ts';
import { createIam } from '../../sandbox/world/iam.ts';
import { type ApiCall, ApiError } from '../../sandbox/world/kernel.ts';

const START = instant(1_767_607_200_000);

describe('the virtual clock', () => {
  it('always runs callbacks in order of time, then of scheduling', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: -5, max: 50 }), fc.boolean()), { maxLength: 60 }), (delays) => {
        const clock = createVirtualClock(START);
        const ran: number[] = [];
        const kept = delays.flatMap(([delay, keep], index) => {
          const cancel = clock.schedule(after(START, delay), () => ran.push(index));
          if (!keep) cancel();
          return keep ? [{ index, delay }] : [];
        });
        clock.advanceBy(100);
        expect(ran).toEqual(kept.toSorted((a, b) => a.delay - b.delay || a.index - b.index).map(({ index }) => index));
      }),
    );
  });

  it('runs what a callback schedules for the past at once, but not inside of it', () => {
    const clock = createVirtualClock(START);
    const ran: string[] = [];
    clock.schedule(after(START, 10), () => {
      clock.schedule(START, () => ran.push('scheduled'));
      ran.push('scheduler');
    });
    clock.advanceBy(10);
    expect(ran).toEqual(['scheduler', 'scheduled']);
    expect(clock.now()).toBe(after(START, 10));
  });

  it('shows a callback its own moment, and stands still in between', () => {
    const clock = createVirtualClock(START);
    let seen = START;
    clock.schedule(after(START, seconds(3)), () => {
      seen = clock.now();
    });
    clock.advanceBy(seconds(2));
    expect(seen).toBe(START);
    expect(clock.runNext()).toBe(true);
    expect(seen).toBe(after(START, seconds(3)));
    expect(clock.runNext()).toBe(false);
  });
});

/** A wall whose time moves by hand. */
function createHandWall(): Wall & { move(ms: number): void } {
  const timers = createVirtualClock(instant(0));
  return {
    now: () => timers.now(),
    startTimer: (ms, what) => timers.schedule(after(timers.now(), ms), what),
    move: (ms) => timers.advanceBy(ms),
  };
}

describe('the scaled clock', () => {
  it('runs that many times faster than the wall', () => {
    const wall = createHandWall();
    const clock = createScaledClock(20, START, wall);
    const fired: number[] = [];
    clock.schedule(after(START, seconds(10)), () => fired.push(wall.now()));
    wall.move(499);
    expect(fired).toEqual([]);
    wall.move(1);
    expect(fired).toEqual([500]);
    expect(clock.now()).toBe(after(START, seconds(10)));
  });

  it('lets an earlier callback overtake the one that it waits for', () => {
    const wall = createHandWall();
    const clock = createScaledClock(1, START, wall);
    const ran: string[] = [];
    clock.schedule(after(START, 100), () => ran.push('later'));
    clock.schedule(after(START, 10), () => ran.push('sooner'));
    wall.move(10);
    expect(ran).toEqual(['sooner']);
    clock.close();
    wall.move(1000);
    expect(ran).toEqual(['sooner']);
  });
});

describe('chance', () => {
  it('is the same for the same seed, and does not shift when another stream is read', () => {
    const [a, b] = [createChance(7), createChance(7)];
    b.fork('someone else').next();
    const forkAfterDraws = (() => (b.next(), b.fork('mine').next()))();
    expect(a.fork('mine').next()).toBe(forkAfterDraws);
    expect(createChance(8).next()).not.toBe(createChance(7).next());
  });

  it('always stays within its bounds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -9, max: 9 }), fc.nat(20), (seed, low, width) => {
        const chance = createChance(seed);
        const drawn = chance.between(low, low + width);
        expect(drawn).toBeGreaterThanOrEqual(low);
        expect(drawn).toBeLessThanOrEqual(low + width);
        expect(chance.next()).toBeLessThan(1);
      }),
    );
  });

  it('reaches both ends and keeps a flat mean', () => {
    const chance = createChance('ends');
    const drawn = Array.from({ length: 4000 }, () => chance.between(1, 4));
    expect(new Set(drawn)).toEqual(new Set([1, 2, 3, 4]));
    expect(drawn.reduce((a, b) => a + b) / drawn.length).toBeCloseTo(2.5, 1);
  });
});

describe('permissions', () => {
  it('are denied to everybody until granted, and the later of two rules counts', () => {
    const iam = createIam();
    expect(iam.allows('a@x', 'cloudsql.instances.get')).toBe(false);
    iam.grant('a@x', ['cloudsql.*']);
    iam.revoke('a@x', ['cloudsql.instances.promoteReplica']);
    expect(iam.allows('a@x', 'cloudsql.instances.get')).toBe(true);
    expect(iam.allows('a@x', 'cloudsql.instances.promoteReplica')).toBe(false);
    expect(iam.allows('b@x', 'cloudsql.instances.get')).toBe(false);
    iam.grant('a@x', ['cloudsql.instances.promoteReplica']);
    expect(iam.allows('a@x', 'cloudsql.instances.promoteReplica')).toBe(true);
  });
});

const CALL: ApiCall = {
  api: 'sqladmin',
  permission: 'cloudsql.instances.promoteReplica',
  resource: 'instances/replica:promoteReplica',
  writes: true,
  principal: 'dr-recover@p.iam.gserviceaccount.com',
  from: 'functions',
};

function setUp() {
  const clock = createVirtualClock(START);
  const kernel = createKernel({ clock, seed: 1 });
  kernel.iam.grant(CALL.principal, [CALL.permission]);
  let effects = 0;
  const call = () => kernel.door.call(CALL, () => ++effects);
  return { clock, kernel, call, effects: () => effects };
}

describe('the door', () => {
  it('lets an allowed call in and writes it into the audit', () => {
    const { kernel, call } = setUp();
    expect(call()).toEqual({ kind: 'answer', value: 1 });
    expect(kernel.audit.effects(CALL.permission)).toEqual([{ at: START, call: CALL, result: 'effect', status: 200 }]);
  });

  it('refuses without the permission, and does nothing', () => {
    const { kernel, call, effects } = setUp();
    kernel.iam.revoke(CALL.principal, [CALL.permission]);
    expect(call()).toMatchObject({ kind: 'error', error: { status: 403 } });
    expect(effects()).toBe(0);
    expect(kernel.audit.entries()).toMatchObject([{ result: 'refused', status: 403 }]);
  });

  it('passes on what the effect refuses with, and no bug of ours', () => {
    const { kernel } = setUp();
    const refusal = new ApiError(409, 'operationInProgress', 'busy');
    expect(
      kernel.door.call(CALL, () => {
        throw refusal;
      }),
    ).toEqual({ kind: 'error', error: refusal });
    expect(() =>
      kernel.door.call(CALL, () => {
        throw new TypeError('bug');
      }),
    ).toThrow('bug');
  });

  it('is silent when the network does not reach the API', () => {
    const { kernel, call, effects } = setUp();
    kernel.network.cut('functions', 'google');
    expect(call()).toEqual({ kind: 'silence' });
    expect(effects()).toBe(0);
    kernel.network.mend('functions', 'google');
    expect(call()).toMatchObject({ kind: 'answer' });
  });

  const cases: readonly (readonly [ApiFaultKind, string, number])[] = [
    [{ kind: 'down' }, 'silence', 0],
    [{ kind: 'loseReplyBefore' }, 'silence', 0],
    [{ kind: 'loseReplyAfter' }, 'silence', 1],
    [{ kind: 'throttled' }, 'error', 0],
    [{ kind: 'serverError' }, 'error', 0],
    [{ kind: 'serverErrorAfter' }, 'error', 1],
    [{ kind: 'slow', delay: millis(500) }, 'answer', 1],
    [{ kind: 'arriveLate', delay: millis(500) }, 'silence', 0],
  ];
  it.each(cases)('answers %j with %s after %i effects', (what, kind, expected) => {
    const { kernel, call, effects } = setUp();
    kernel.faults.inject({ what, on: { api: 'sqladmin' }, count: 1 });
    expect(call()).toMatchObject({ kind });
    expect(effects()).toBe(expected);
    expect(kernel.audit.effects(CALL.permission)).toHaveLength(expected);
    expect(call()).toMatchObject({ kind: 'answer' });
  });

  it('lets a late request take effect when it arrives, if it is still allowed then', () => {
    const { clock, kernel, call, effects } = setUp();
    kernel.faults.inject({
      what: { kind: 'arriveLate', delay: seconds(30) },
      on: { permission: 'cloudsql.*' },
      count: 2,
    });
    call();
    call();
    clock.advanceBy(seconds(29));
    expect(effects()).toBe(0);
    clock.advanceBy(seconds(1));
    expect(effects()).toBe(2);
    expect(kernel.audit.entries().map(({ at }) => at)).toEqual([after(START, seconds(30)), after(START, seconds(30))]);
  });

  it('tells judges of each effect when it happens, and of each fault when it strikes', () => {
    const { kernel, call, effects } = setUp();
    const heard: unknown[] = [];
    kernel.audit.listen(({ result }) => heard.push([result, effects()]));
    kernel.faults.listen(({ kind }, { permission }) => heard.push([kind, permission]));
    kernel.faults.inject({ what: { kind: 'loseReplyAfter' }, on: {}, count: 1 });
    call();
    call();
    expect(heard).toEqual([
      ['loseReplyAfter', CALL.permission],
      ['effect', 1],
      ['effect', 2],
    ]);
  });

  it('ends a fault at its moment and leaves other calls alone', () => {
    const { clock, kernel, call } = setUp();
    kernel.faults.inject({ what: { kind: 'throttled' }, on: { api: 'run' } });
    kernel.faults.inject({ what: { kind: 'throttled' }, on: { writes: true }, until: after(START, seconds(5)) });
    expect(call()).toMatchObject({ kind: 'error', error: { status: 429, reason: 'rateLimitExceeded' } });
    clock.advanceBy(seconds(5));
    expect(call()).toMatchObject({ kind: 'answer' });
  });

  it('draws faults by chance at about the given rate', () => {
    const { kernel, call } = setUp();
    const stop = kernel.faults.draw({
      on: {},
      rates: [
        [{ kind: 'throttled' }, 0.2],
        [{ kind: 'down' }, 0.1],
      ],
    });
    const kinds = Array.from({ length: 2000 }, () => call().kind);
    expect(kinds.filter((kind) => kind === 'error').length / 2000).toBeCloseTo(0.2, 1);
    expect(kinds.filter((kind) => kind === 'silence').length / 2000).toBeCloseTo(0.1, 1);
    stop();
    expect(call().kind).toBe('answer');
  });
});

import { describe, expect, it } from '@jest/globals';
import { clockTime, environmentOf, parseFunctionSettings } from '../../sandbox/host/function-settings.ts';
import { createScaledClock } from '../../sandbox/world/clock.ts';
import { instant } from '../../shared/core/time.ts';

const clock = { start: instant(1_000_000), wallStart: 500, rate: 20 };
const admission = { kind: 'invokers', issuer: 'http://127.0.0.1:1', invokers: ['a@b', 'c@d'] } as const;

describe('the settings of a function’s process', () => {
  it.each([admission, { kind: 'public' } as const])('survive the environment', (admitted) => {
    const environment = environmentOf({ target: 'heal', admission: admitted, clock });

    expect(parseFunctionSettings({ ...environment, PORT: '8080' })).toEqual({
      target: 'heal',
      port: 8_080,
      admission: admitted,
      clock,
    });
  });

  it('admit nobody rather than everybody when half of the admission is missing', () => {
    const { SANDBOX_ISSUER: _, ...half } = environmentOf({ target: 'heal', admission, clock });

    expect(() => parseFunctionSettings({ ...half, PORT: '8080' })).toThrow('come together');
  });

  it('tell the time of the sandbox’s own clock', () => {
    let wall = 1_767_600_000_000;
    const own = createScaledClock(20, instant(5), { now: () => wall, startTimer: () => () => undefined });

    wall += 1_234;

    expect(clockTime(own, wall)).toBe(own.now());
  });
});

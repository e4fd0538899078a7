import { describe, expect, it } from '@jest/globals';
import { instant, millis } from '../../shared/core/time.ts';
import { GOOGLE_APIS } from '../../shared/providers/google-call.ts';
import { createSystemChance } from '../../shared/providers/system-chance.ts';
import { createSystemClock, refuseScaledClock } from '../../shared/providers/system-clock.ts';

describe('the clock', () => {
  it('is the machine’s own unless it was told otherwise', () => {
    const before = Date.now();
    const now = createSystemClock().now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('shows the same time in every process that was given the same start', () => {
    const startWall = instant(Date.now() - 60_000);
    const start = { rate: 20, startWall, startClock: instant(1_000_000_000_000) };
    const [one, other] = [createSystemClock(start), createSystemClock(start)];
    const elapsed = one.now() - 1_000_000_000_000;
    expect(elapsed).toBeGreaterThanOrEqual(20 * 60_000);
    expect(Math.abs(other.now() - one.now())).toBeLessThan(20_000);
    expect(one.spanOf(millis(1_000))).toBe(20_000);
  });

  it('wakes a sleeper after its time on this clock', async () => {
    const clock = createSystemClock({ rate: 1_000, startWall: instant(0), startClock: instant(0) });
    const before = clock.monotonic();
    await clock.sleep(millis(5_000));
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(5_000);
  });

  it('wakes a sleeper at once when it is called, before or during its sleep', async () => {
    const clock = createSystemClock();
    const call = new AbortController();
    const asleep = clock.sleep(millis(3_600_000), call.signal);
    call.abort();
    await asleep;
    await clock.sleep(millis(3_600_000), call.signal);
  });

  it('does not run backwards or stand still', () => {
    expect(() => createSystemClock({ rate: 0, startWall: instant(0), startClock: instant(0) })).toThrow();
    expect(() => createSystemClock({ rate: -1, startWall: instant(0), startClock: instant(0) })).toThrow();
  });
});

describe('a scaled clock', () => {
  const google = Object.fromEntries(GOOGLE_APIS.map((api) => [api, 'http://127.0.0.1:8080']));
  const sandbox = {
    google,
    kubernetes: { c: 'http://[::1]:8081' },
    hosts: { 'x.example': 'http://localhost:8082' },
    dataPlane: { db: 'http://127.0.0.1:8083' },
    postgres: {},
    approve: ['http://127.0.0.1:8084'],
  };

  it('may run where every address is on this machine', () => {
    expect(refuseScaledClock(sandbox, 20)).toBeUndefined();
  });

  it.each([
    ['an API is left at Google', { ...sandbox, google: { ...google, sqladmin: undefined } }],
    ['an API is somewhere else', { ...sandbox, google: { ...google, run: 'https://run.googleapis.com' } }],
    ['a cluster is somewhere else', { ...sandbox, kubernetes: { c: 'https://10.0.0.1' } }],
    ['a probe is somewhere else', { ...sandbox, hosts: { 'x.example': 'http://127.0.0.1.example' } }],
    ['a data plane is somewhere else', { ...sandbox, dataPlane: { db: 'http://10.0.0.3:8083' } }],
    ['a link would lead somewhere else', { ...sandbox, approve: ['https://dr.example'] }],
  ])('is refused when %s', (_, endpoints) => {
    // `undefined` stands for an entry that is not there.
    const present = Object.entries(endpoints.google).flatMap(([api, base]) =>
      base === undefined ? [] : [[api, base] as const],
    );
    expect(refuseScaledClock({ ...endpoints, google: Object.fromEntries(present) }, 20)).toMatch(
      /^a clock at the rate 20/,
    );
  });

  it('is refused in the cloud, where no address is configured, and real time never is', () => {
    const cloud = { google: {}, kubernetes: {}, hosts: {}, dataPlane: {}, postgres: {}, approve: [] };
    expect(refuseScaledClock(cloud, 20)).toBeDefined();
    expect(refuseScaledClock(cloud, 1)).toBeUndefined();
    expect(refuseScaledClock(sandbox, Number.NaN)).toBeDefined();
  });
});

it('takes chance from the machine', () => {
  const chance = createSystemChance();
  expect(chance.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(chance.bytes(16)).toHaveLength(16);
  expect(chance.fraction()).toBeLessThan(1);
});

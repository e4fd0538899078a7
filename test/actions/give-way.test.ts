import { describe, expect, it } from '@jest/globals';
import { stayHealthy } from '../../shared/actions/heal-pod.ts';
import { after, type Instant, instant, millis, seconds } from '../../shared/core/time.ts';
import type { Json } from '../../shared/core/json.ts';
import type { DeepHealth } from '../../shared/ports/applications.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { SYSTEM } from '../classify/looks.ts';
import { contextOf } from './context.ts';

const T0 = instant(Date.parse('2026-01-05T10:00:00.000Z'));
const INPUT = { application: 'api-run', kind: 'cloudRun', holdMs: 120_000 };

const answers = (kind: DeepHealth['kind'], writable?: boolean): DeepHealth => ({
  kind,
  detail: kind,
  instance: 'one',
  database:
    writable === undefined ? undefined : { address: '10.20.0.3:5432', epoch: undefined, inRecovery: false, writable },
});
const NOT_WRITABLE = answers('failing', false);

const clockAt = (now: Instant): Clock => ({
  now: () => now,
  monotonic: () => millis(now),
  spanOf: (ms) => ms,
  sleep: async () => undefined,
});

/** What comes of watching an application that answers so, one look each half minute; and what the last look left. */
async function watched(
  looks: readonly DeepHealth[],
  more: { readonly holds?: readonly string[]; readonly done?: boolean } = {},
) {
  const undo = more.done === true ? { kind: 'pointOfNoReturn', because: 'it is done' } : { kind: 'nothing' };
  const run = {
    plan: { holds: more.holds ?? ['application/api-run'], steps: [{ id: 'act', undo }] },
    steps: new Map([['act', { kind: 'done' }]]),
    intents: new Map([['do:act', T0]]),
  };
  let handle: Json = { sinceMs: null, relapses: 0 };
  for (const [index, health] of looks.entries()) {
    const clock = clockAt(after(T0, index * seconds(30)));
    const world = { applications: { deepHealth: async () => health } };
    const progress = await stayHealthy.poll(handle, INPUT, contextOf({ run, clock, world, system: SYSTEM }));
    if (progress.kind !== 'running') return progress;
    handle = progress.handle;
  }
  return { kind: 'running', handle } as const;
}

describe('A step that waits for an application to be well', () => {
  it('gives way when the application has said for the confirmation window that its database takes no writes', async () => {
    expect(await watched([NOT_WRITABLE, NOT_WRITABLE])).toMatchObject({ kind: 'running' });
    expect(await watched([NOT_WRITABLE, NOT_WRITABLE, NOT_WRITABLE])).toMatchObject({
      kind: 'failed',
      failure: { kind: 'voided', code: 'databaseFails' },
    });
  });

  it('counts silence neither as a failure of the database nor as its end', async () => {
    expect(await watched([NOT_WRITABLE, answers('silent'), NOT_WRITABLE])).toMatchObject({ kind: 'failed' });
    expect(await watched([answers('silent'), answers('silent'), answers('silent')])).toMatchObject({ kind: 'running' });
  });

  it('waits on where the application was served meanwhile, or fails for something else', async () => {
    expect(await watched([NOT_WRITABLE, answers('serving', true), NOT_WRITABLE])).toMatchObject({ kind: 'running' });
    expect(await watched([1, 2, 3].map(() => answers('failing', true)))).toMatchObject({ kind: 'running' });
  });

  it('waits on in a run that holds a database: it is at it itself', async () => {
    const holds = ['application/api-run', 'database/coditect-dms-db'];

    expect(await watched([NOT_WRITABLE, NOT_WRITABLE, NOT_WRITABLE], { holds })).toMatchObject({ kind: 'running' });
  });

  it('tells people where its plan can not be dropped any more', async () => {
    expect(await watched([NOT_WRITABLE, NOT_WRITABLE, NOT_WRITABLE], { done: true })).toMatchObject({
      failure: { kind: 'notVerified', code: 'databaseFails' },
    });
  });

  it('looks again what has failed where an application that was well has answered nobody for five minutes', async () => {
    const silence = (looks: number) => Array.from({ length: looks }, () => answers('silent'));
    const well = answers('serving', true);

    expect(await watched([well, ...silence(10)])).toMatchObject({ kind: 'running' });
    expect(await watched([well, ...silence(11)])).toMatchObject({ failure: { kind: 'voided', code: 'silent' } });
    // Who was never well is waited for, as long as the step may take.
    expect(await watched(silence(20))).toMatchObject({ kind: 'running' });
  });
});

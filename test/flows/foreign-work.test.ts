import { describe, expect, it } from '@jest/globals';
import { after, type Instant, seconds } from '../../shared/core/time.ts';
import { foreignOperation } from '../../shared/flows/foreign-work.ts';
import { event } from '../../shared/incident/events.ts';
import type { PlannedStep } from '../../shared/plan/plan.ts';
import type { OperationStatus } from '../../shared/ports/databases.ts';
import { instanceName } from '../../shared/system/names.ts';
import { stageOf, step } from '../engine/rehearsal.ts';

const US = 'dr-recover@coditect-prod.iam.gserviceaccount.com';
const DB = instanceName('coditect-dms-db');

/** A run that has asked for the stop of the primary, or another deed, and what it finds among these operations. */
async function found(
  operations: (from: Instant) => readonly Partial<OperationStatus>[],
  deed: Pick<PlannedStep, 'action' | 'input'> = { action: 'stop-instance', input: { instance: DB } },
) {
  const stop = step('stop', deed);
  const { journal } = await stageOf([stop]);
  await journal.append(() => [event('stepStarted', { step: 'stop', direction: 'do', attempt: 1, version: '7' })]);
  const state = await journal.append(() => [
    event('stepWaiting', { step: 'stop', direction: 'do', handle: { operation: 'op-stop' }, detail: 'under way' }),
  ]);
  if (state.run === undefined) throw new Error('no run');
  const list = operations(state.lastAt).map(
    (operation): OperationStatus => ({
      name: 'op',
      instance: DB,
      type: 'UPDATE',
      state: 'running',
      error: undefined,
      insertedAt: state.lastAt,
      endedAt: undefined,
      user: US,
      ...operation,
    }),
  );
  return foreignOperation(list, state, state.run, seconds(5))?.name;
}

const ours = { name: 'op-stop' };

describe('Foreign work', () => {
  it('is not what our log names, nor a repeat of it whose reply was lost', async () => {
    expect(await found(() => [ours, { name: 'op-repeat' }])).toBeUndefined();
  });

  it.each([
    { action: 'restart-instance', type: 'RESTART' },
    { action: 'failover-instance', type: 'FAILOVER' },
  ])('is not the $type that our own remedy asks for', async ({ action, type }) => {
    const remedy = { action, input: { instance: DB, latestStartMs: null } };
    expect(await found(() => [{ name: 'op-remedy', type }], remedy)).toBeUndefined();
    expect(await found(() => [{ name: 'op-remedy', type }])).toBe('op-remedy');
  });

  it('is an operation of the same kind on the same instance that somebody else asked for', async () => {
    const start = { name: 'op-start', user: 'operator@coditect.ai' };
    expect(await found((at) => [{ ...start, insertedAt: after(at, seconds(60)) }, ours])).toBe('op-start');
  });

  it('is any other operation that began after our look', async () => {
    expect(await found(() => [ours, { name: 'op-promote', type: 'PROMOTE_REPLICA' }])).toBe('op-promote');
  });

  it('is nobody’s when the platform does it by itself', async () => {
    expect(await found(() => [ours, { name: 'op-maintenance', type: 'MAINTENANCE' }])).toBeUndefined();
  });
});

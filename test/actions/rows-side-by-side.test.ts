import { describe, expect, it } from '@jest/globals';
import { type Sides, sideBySide } from '../../shared/actions/rows-side-by-side.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import { LEASE_LOST, type Progress } from '../../shared/engine/action.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { instanceName } from '../../shared/system/names.ts';
import { contextOf } from './context.ts';

const SINCE = instant(0);

const ASKED = {
  copy: instanceName('orders-restore'),
  source: instanceName('orders'),
  rows: { database: 'orders', login: 'orders-url' },
  patience: minutes(5),
};

/** Compares after so many minutes and tries, with both databases open. */
async function compared(after: number, tries: number, write: (sides: Sides) => Promise<Progress>): Promise<Progress> {
  const clock = { now: () => instant(minutes(after)) };
  const reading = async (_place: never, use: (reader: object) => Promise<Progress>): Promise<Progress> => await use({});
  const context = contextOf({ clock: clock as Clock, world: { rows: { reading } } }); // of a clock only `now` is read
  return await sideBySide(ASKED, { sinceMs: SINCE, tries }, context, write);
}

const rejects = (error: Error) => async (): Promise<Progress> => await Promise.reject(error);

const gone = new PortError('retryable', 'unreachable', 'reading rows of orders-restore');

describe('a comparison of a copy with production', () => {
  it('waits for a copy that does not answer yet', async () => {
    expect(await compared(1, 9, rejects(gone))).toMatchObject({ kind: 'running', handle: { sinceMs: 0 } });
  });

  it('goes to people when the copy has not answered for all of its time', async () => {
    expect(await compared(6, 9, rejects(gone))).toMatchObject({ kind: 'failed', failure: { code: 'rowsUnreadable' } });
  });

  it('is tried some times, however long the first try took', async () => {
    expect(await compared(20, 0, rejects(gone))).toMatchObject({ kind: 'running', handle: { tries: 1 } });
    expect(await compared(40, 1, rejects(gone))).toMatchObject({ kind: 'running', handle: { tries: 2 } });
  });

  it('is no failure where its worker may not act any more: another one goes on', async () => {
    const lost = new PortError('retryable', LEASE_LOST, 'looking whether we may still act');

    await expect(compared(6, 9, rejects(lost))).rejects.toBe(lost);
  });
});

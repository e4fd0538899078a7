import { describe, expect, it } from '@jest/globals';
import { awaitDrain, moveTraffic, seeTrafficShift } from '../../shared/actions/move-traffic.ts';
import { after, minutes, seconds } from '../../shared/core/time.ts';
import type { Action, ActionContext, Progress } from '../../shared/engine/action.ts';
import type { EntranceAnswer } from '../../shared/ports/traffic.ts';
import { SYSTEM } from '../classify/looks.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const MOVE = { entrance: 'dms-api', from: 'api-gke', to: 'api-run' };
const SHIFT = { entrance: 'dms-api', application: 'api-run', ttlMs: 0 };
const DRAIN = { entrance: 'dms-api', application: 'api-gke' };

/** An entrance, who answers at it, and what its load balancer counts. */
class Door {
  readonly clock = new JumpingClock();
  leadsTo: string | undefined = 'api-gke';
  version = 1;
  answeredBy: string | undefined = 'api-run';
  kind: EntranceAnswer['kind'] = 'serving';
  counted: readonly { readonly at: number; readonly value: number }[] = [];

  get context(): ActionContext {
    return contextOf({
      clock: this.clock,
      chance: countingChance(),
      system: SYSTEM,
      run: { plan: { holds: [] } },
      world: {
        traffic: {
          inspect: async () => ({
            leadsTo: this.leadsTo,
            detail: `leads to ${this.leadsTo}`,
            version: String(this.version),
          }),
          move: async (_id: string, application: string) => {
            this.leadsTo = application;
            return 'operation';
          },
          operation: async () => ({ done: true, error: undefined }),
          ask: async () => ({ kind: this.kind, detail: 'http 200', application: this.answeredBy }),
        },
        applications: { deepHealth: async () => ({ kind: 'serving', detail: 'ok' }) },
        metrics: { series: async () => [{ resource: {}, metric: {}, points: this.counted }] },
      },
    });
  }

  /** Polls for so long, or until it ends; `during` makes what happens meanwhile. */
  async watched(
    action: Action,
    input: Parameters<Action['start']>[0],
    within: number,
    during: (since: number) => void = () => undefined,
  ): Promise<Progress> {
    const began = this.clock.now();
    let progress = await action.start(input, null, this.context);
    while (progress.kind === 'running' && this.clock.now() - began < within) {
      await this.clock.sleep(seconds(5));
      during(this.clock.now() - began);
      progress = await action.poll(progress.handle, input, this.context);
    }
    return progress;
  }

  /** The load balancer has counted so many requests of the minute that has just ended. */
  count(value: number): void {
    this.counted = [{ at: this.clock.now(), value }];
  }
}

describe('moving traffic', () => {
  it('is decided on what was read, and done when the entrance leads there', async () => {
    const door = new Door();
    expect(await moveTraffic.observe(MOVE, door.context)).toEqual({ kind: 'toDo', version: '1' });

    await moveTraffic.start(MOVE, '1', door.context);

    expect(await moveTraffic.observe(MOVE, door.context)).toMatchObject({ kind: 'already' });
    expect(await moveTraffic.verify(MOVE, door.context)).toMatchObject({ ok: true });
  });

  it.each([undefined, 'api-other'])(
    'is void when the entrance leads to %s: somebody else is at it',
    async (leadsTo) => {
      const door = new Door();
      door.leadsTo = leadsTo;
      expect(await moveTraffic.observe(MOVE, door.context)).toMatchObject({
        kind: 'refused',
        failure: { kind: 'voided', code: 'movedByOthers' },
      });
    },
  );
});

describe('seeing traffic shift', () => {
  it('takes our own questions and the count of the load balancer', async () => {
    const door = new Door();
    const progress = await door.watched(seeTrafficShift, SHIFT, minutes(10), (since) => {
      if (since > minutes(3)) door.count(40);
    });
    expect(progress).toMatchObject({ kind: 'done' });
  });

  it.each<[string, (door: Door) => void]>([
    ['nobody counts a request', () => undefined],
    ['the former home still answers', (door) => ((door.answeredBy = 'api-gke'), door.count(40))],
    ['whoever answers does not say who it is', (door) => ((door.answeredBy = undefined), door.count(40))],
    ['the standby answers that it fails', (door) => ((door.kind = 'failing'), door.count(40))],
  ])('is not done while %s', async (_, arrange) => {
    const door = new Door();
    const progress = await door.watched(seeTrafficShift, SHIFT, minutes(10), () => arrange(door));
    expect(progress.kind).toBe('running');
  });

  it('waits until the ttl of what clients know has run out', async () => {
    const door = new Door();
    const slow = { ...SHIFT, ttlMs: minutes(8) };
    expect((await door.watched(seeTrafficShift, slow, minutes(7), () => door.count(40))).kind).toBe('running');
    expect((await door.watched(seeTrafficShift, slow, minutes(12), () => door.count(40))).kind).toBe('done');
  });
});

describe('draining', () => {
  it('is done when nothing has come for two minutes', async () => {
    const door = new Door();
    const progress = await door.watched(awaitDrain, DRAIN, minutes(12), (since) => {
      if (since > minutes(4)) door.count(0);
    });
    expect(progress).toMatchObject({ kind: 'done' });
  });

  it('is done as well where no point is written for nothing', async () => {
    expect((await new Door().watched(awaitDrain, DRAIN, minutes(12))).kind).toBe('done');
  });

  it('is not done while requests come', async () => {
    const door = new Door();
    expect((await door.watched(awaitDrain, DRAIN, minutes(20), () => door.count(3))).kind).toBe('running');
  });

  it('does not count what came before the move', async () => {
    const door = new Door();
    door.counted = [{ at: after(door.clock.now(), seconds(20)), value: 90 }];
    expect((await door.watched(awaitDrain, DRAIN, minutes(12))).kind).toBe('done');
  });
});

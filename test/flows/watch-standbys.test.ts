import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { watchStandbys } from '../../shared/flows/watch-standbys.ts';
import { standbyKey } from '../../shared/ports/standby-record.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { watchHome } from './watch-home.ts';

const RECORD = {
  version: 1,
  incident: 'inc-aaaaaaaaaa',
  home: 'api-gke',
  standby: 'api-run',
  before: { min: 1, max: 4 },
  wanted: { min: 3, max: 4 },
  recordedAtMs: 0,
};

/** A cluster that a test makes well or ill, watched once a minute. */
class Watched {
  readonly clock = new JumpingClock();
  readonly store = createMemoryStore(this.clock);
  isWell = true;
  asked = 0;

  readonly home = watchHome(this, {
    applications: {
      deepHealth: async () => {
        this.asked += 1;
        return { kind: this.isWell ? 'serving' : 'silent' };
      },
    },
    workloads: { inspect: async () => ({ replicas: 3, ready: 3 }) },
  });

  async remember(): Promise<void> {
    await this.store.documents.put(standbyKey('api-gke'), RECORD, 0);
  }

  /** Watches for so many minutes; how many signals wait afterwards. */
  async signals(times: number): Promise<number> {
    for (let time = 0; time < times; time += 1) {
      await watchStandbys(this.home);
      await this.clock.sleep(minutes(1));
    }
    return (await this.store.log.waiting('unassigned', 10)).length;
  }
}

describe('a standby that is more than it was', () => {
  it('is told of once its cluster has been well for the hold time, and once only', async () => {
    const watched = new Watched();
    await watched.remember();

    expect(await watched.signals(2)).toBe(0);
    expect(await watched.signals(5)).toBe(1);
  });

  it('is not told of while the cluster comes and goes', async () => {
    const watched = new Watched();
    await watched.remember();
    for (let time = 0; time < 6; time += 1) {
      watched.isWell = time % 2 === 0;
      expect(await watched.signals(1)).toBe(0);
    }
  });

  it('costs nothing where there is none', async () => {
    const watched = new Watched();
    expect(await watched.signals(3)).toBe(0);
    expect(watched.asked).toBe(0);
  });
});

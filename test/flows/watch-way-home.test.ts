import { describe, expect, it } from '@jest/globals';
import { watchRegions } from '../../shared/flows/watch-regions.ts';
import { minutes } from '../../shared/core/time.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { regionKey } from '../../shared/ports/region-record.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { instanceName } from '../../shared/system/names.ts';
import { EAST, east, instance, WENT_ELSEWHERE } from '../classify/looks.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { watchHome } from './watch-home.ts';

const HOME = instanceName('coditect-dms-db-2');

const stopped = instance({ activation: 'never' });
const there = east({ upstream: undefined, role: 'primary' });
const home = (change: Partial<InstanceStatus> = {}): InstanceStatus =>
  instance({ instance: HOME, upstream: EAST, address: '10.20.0.7', ...change });

/** A region whose old primary is dealt with, as the management API and its applications tell it. */
class Watched {
  readonly clock = new JumpingClock();
  readonly store = createMemoryStore(this.clock);
  fleet: readonly InstanceStatus[] = [stopped, there];
  isWell = true;

  readonly home = watchHome(this, {
    databases: { fleet: async () => this.fleet },
    applications: {
      deepHealth: async () => ({
        kind: this.isWell ? 'serving' : 'failing',
        database: { address: `${this.fleet.find(({ instance: name }) => name === EAST)?.address ?? ''}:5432` },
      }),
    },
    workloads: { inspect: async () => ({ replicas: 3, ready: 3 }) },
    dataPlane: { replication: async () => undefined },
  });

  static async elsewhere(fleet: readonly InstanceStatus[]): Promise<Watched> {
    const watched = new Watched();
    watched.fleet = fleet;
    await watched.store.documents.put(regionKey('us-central1'), WENT_ELSEWHERE, 0);
    return watched;
  }

  /** The targets of what waits after one more look, so long after the last one. */
  async told(after = minutes(0)): Promise<readonly unknown[]> {
    this.clock.advance(after);
    await watchRegions(this.home);
    const waiting = await this.store.log.waiting('unassigned', 10);
    return waiting.map(({ signal }) => (signal as { record: { target: string } }).record.target);
  }
}

describe('a region that is well again, while everything of it is elsewhere', () => {
  it('is offered a replica first, once it has been well for the hold time, and only once', async () => {
    const watched = await Watched.elsewhere([stopped, there]);

    expect(await watched.told()).toEqual([]);
    expect(await watched.told(minutes(2))).toEqual(['rebuild/us-central1']);
    expect(await watched.told(minutes(2))).toEqual(['rebuild/us-central1']);
  });

  it('is offered the way back when the replica is there, and not while it is being made', async () => {
    const watched = await Watched.elsewhere([stopped, there, home({ state: 'pendingCreate' })]);

    await watched.told();
    expect(await watched.told(minutes(5))).toEqual([]);
    watched.fleet = [stopped, there, home()];
    await watched.told();
    expect(await watched.told(minutes(2))).toEqual(['region/us-central1']);
  });

  it('begins its hold time anew when it falls ill', async () => {
    const watched = await Watched.elsewhere([stopped, there, home()]);

    await watched.told();
    watched.isWell = false;
    await watched.told(minutes(1));
    watched.isWell = true;
    expect(await watched.told(minutes(1))).toEqual([]);
  });

  it('has its secondary offered a replica, once the primary is at home', async () => {
    const back = home({ upstream: undefined, role: 'primary' });
    const watched = await Watched.elsewhere([stopped, back, { ...there, activation: 'never' }]);

    await watched.told();
    expect(await watched.told(minutes(2))).toEqual(['rebuild/us-east1']);
  });

  it.each<readonly [string, readonly InstanceStatus[]]>([
    ['its old primary runs beside the new one', [instance(), there, home()]],
    ['a failover was written down and nothing was promoted', [instance(), east()]],
    ['nobody is a primary that runs', [stopped, east({ role: 'primary', upstream: undefined, activation: 'never' })]],
  ])('is offered nothing of the kind while %s', async (_, fleet) => {
    const watched = await Watched.elsewhere(fleet);

    await watched.told();
    const told = await watched.told(minutes(5));
    expect(told.filter((target) => target !== 'return/us-central1')).toEqual([]);
  });
});

describe('the primary of a region that everything went back to', () => {
  it('is never taken for an old one that has to be stopped, though that was written down', async () => {
    const watched = await Watched.elsewhere([instance(), { ...there, activation: 'never' }]);

    await watched.told();
    expect(await watched.told(minutes(10))).not.toContain('return/us-central1');
  });
});

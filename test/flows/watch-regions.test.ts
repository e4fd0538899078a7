import { describe, expect, it } from '@jest/globals';
import { watchRegions } from '../../shared/flows/watch-regions.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { regionKey } from '../../shared/ports/region-record.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { EAST, east, instance, WENT_ELSEWHERE } from '../classify/looks.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { watchHome } from './watch-home.ts';

/** A region that went on elsewhere, as the management API and the old primary itself tell it. */
class Watched {
  readonly clock = new JumpingClock();
  readonly store = createMemoryStore(this.clock);
  fleet: readonly InstanceStatus[] = [instance(), east({ role: 'primary' })];
  answers = false;
  /** Where the applications of the region say that they are. */
  address = '10.20.0.5:5432';
  asked = 0;

  readonly home = watchHome(this, {
    databases: {
      fleet: async () => {
        this.asked += 1;
        return this.fleet;
      },
    },
    applications: { deepHealth: async () => ({ kind: 'failing', database: { address: this.address } }) },
    dataPlane: { replication: async () => (this.answers ? { role: 'primary' } : undefined) },
  });

  async remember(): Promise<void> {
    await this.store.documents.put(regionKey('us-central1'), WENT_ELSEWHERE, 0);
  }

  /** The summaries of what waits after one more look. */
  async signals(): Promise<readonly string[]> {
    await watchRegions(this.home);
    const waiting = await this.store.log.waiting('unassigned', 10);
    return waiting.map(({ signal }) => JSON.stringify(signal));
  }
}

describe('a region that went on elsewhere', () => {
  it('costs nothing as long as there is none', async () => {
    const watched = new Watched();

    expect(await watched.signals()).toEqual([]);
    expect(watched.asked).toBe(0);
  });

  it('has its old primary asked about once, while it is still away', async () => {
    const watched = new Watched();
    await watched.remember();

    await watched.signals();
    const [only, ...others] = await watched.signals();

    expect(only).toContain('return/us-central1');
    expect(only).toContain('which may take writes when us-central1 returns');
    expect(others).toEqual([]);
  });

  it('says so when the old primary answers already', async () => {
    const watched = new Watched();
    await watched.remember();
    watched.answers = true;

    expect((await watched.signals())[0]).toContain('both may take writes');
  });

  it('is asked about anew when somebody has started the old primary again', async () => {
    const watched = new Watched();
    await watched.remember();
    await watched.signals();

    watched.fleet = [instance({ version: '8', activation: 'never' }), east({ role: 'primary' })];
    expect(await watched.signals()).toHaveLength(1);
    watched.fleet = [instance({ version: '9' }), east({ role: 'primary' })];
    expect(await watched.signals()).toHaveLength(2);
  });

  it('is asked about when its old primary is stopped and somebody there still wants it', async () => {
    const watched = new Watched();
    await watched.remember();
    watched.fleet = [instance({ activation: 'never' }), east({ role: 'primary' })];
    watched.address = '10.20.0.3:5432';

    expect((await watched.signals())[0]).toContain('api-gke, api-run still want it');
  });

  it.each<readonly [string, readonly InstanceStatus[]]>([
    ['is stopped', [instance({ activation: 'never' }), east({ role: 'primary' })]],
    ['is deleted', [east({ role: 'primary' })]],
    ['is a replica of the new one', [instance({ role: 'replica', upstream: EAST }), east({ role: 'primary' })]],
    ['is still the only primary, since nothing was promoted', [instance(), east()]],
  ])('needs nobody when the old primary %s', async (_, fleet) => {
    const watched = new Watched();
    await watched.remember();
    watched.fleet = fleet;

    expect(await watched.signals()).toEqual([]);
  });
});

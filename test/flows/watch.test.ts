import { describe, expect, it } from '@jest/globals';
import { instant, millis, seconds } from '../../shared/core/time.ts';
import { watchDatabases } from '../../shared/flows/watch.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { parseWatchReading } from '../../shared/ports/watch-reading.ts';
import type { Suspicion } from '../../shared/signals/suspicion.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import type { InstanceName } from '../../shared/system/names.ts';
import { instance, PRIMARY, REPLICA, SYSTEM } from '../classify/looks.ts';
import { countingChance } from '../engine/rehearsal.ts';
import { LittleFleet } from './little-fleet.ts';

/** A watch over the little fleet, which goes on where the last one stopped. */
function watchOver(fleet: LittleFleet) {
  const store = createMemoryStore(fleet.clock);
  const told: Suspicion[] = [];
  const home = { system: SYSTEM, world: fleet.world(), clock: fleet.clock, chance: countingChance(), store };
  return {
    store,
    told,
    watch: (length: number) =>
      watchDatabases(home, seconds(length), async (suspicion) => {
        told.push(suspicion);
      }),
    reading: async (name: InstanceName = PRIMARY) =>
      parseWatchReading((await store.documents.get(`watch/${name}`))?.value),
  };
}

describe('the watch', () => {
  it('writes a heartbeat every five seconds, numbered on from what the replicas show', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    const start = fleet.clock.now();

    expect(await watch(20)).toEqual([]);

    expect(fleet.heartbeats.map(({ sequence, at }) => [sequence, at - start])).toEqual([
      [42, 0],
      [43, 5_000],
      [44, 10_000],
      [45, 15_000],
    ]);
    expect(await reading()).toMatchObject({
      lastSequence: 45,
      lastWrittenAtMs: start + 15_000,
      refusedSinceMs: null,
      notWrittenSinceMs: null,
    });
  });

  it('goes on where it stopped', async () => {
    const fleet = new LittleFleet();
    const { watch } = watchOver(fleet);
    await watch(10);
    await watch(10);
    expect(fleet.heartbeats.map(({ sequence }) => sequence)).toEqual([42, 43, 44, 45]);
  });

  it('goes on from its own record when no replica can be asked', async () => {
    const fleet = new LittleFleet();
    const { watch } = watchOver(fleet);
    await watch(10);
    fleet.broken.add('replication');
    await watch(10);
    expect(fleet.heartbeats.map(({ sequence }) => sequence)).toEqual([42, 43, 44, 45]);
  });

  it('asks every place that a consumer connects from, at the address of the primary', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    await watch(5);
    expect(Object.keys((await reading()).vantages).toSorted()).toEqual(['api-gke', 'api-run', 'dr-autopilot']);
    expect(new Set(fleet.probed)).toEqual(new Set(['10.20.0.3:5432']));
  });

  it('dates the end of writes when everybody is refused', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    await watch(10);
    fleet.serves = false;
    const failed = fleet.clock.now();
    await watch(20);
    expect(await reading()).toMatchObject({ refusedSinceMs: failed, lastWrittenAtMs: failed - 5_000 });
  });

  it.each(['api-gke', 'api-run', 'dr-autopilot'])('is sure of nothing while %s is silent', async (place) => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    fleet.serves = false;
    fleet.met.set(place, { kind: 'unknown', detail: 'timeout' });
    await watch(30);
    expect(await reading()).toMatchObject({ refusedSinceMs: null });
  });

  it('is sure of nothing while a prober can not be asked', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    fleet.serves = false;
    fleet.broken.add('contactFrom');
    await watch(30);
    expect(await reading()).toMatchObject({ refusedSinceMs: null });
  });

  it('is sure of nothing when its looks are too far apart', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    fleet.serves = false;
    fleet.slow = seconds(16);
    await watch(60);
    const { refusedSinceMs, lastLookAtMs } = await reading();
    expect(refusedSinceMs).toBe(lastLookAtMs);
  });

  it('looks at least once, however long it takes to read who is who', async () => {
    const fleet = new LittleFleet();
    const { watch, told } = watchOver(fleet);
    await watch(10);
    fleet.met.set('dr-autopilot', { kind: 'unknown', detail: 'timeout' });
    fleet.slowReplication = seconds(60);
    await watch(60);
    await watch(60);
    expect(told).toMatchObject([{ instance: PRIMARY }]);
  });

  it('tells of a failure as soon as it is one, once, with the same key from every watch', async () => {
    const fleet = new LittleFleet();
    const { watch, told } = watchOver(fleet);
    await watch(10);
    fleet.serves = false;
    const failed = fleet.clock.now();

    const found = await watch(60);

    expect(told).toEqual(found);
    expect(found).toMatchObject([
      { instance: PRIMARY, refusedSince: failed, dedupeKey: `tick/${PRIMARY}/${Math.floor(failed / 60_000)}` },
    ]);
    expect((await watch(30)).map(({ dedupeKey }) => dedupeKey)).toEqual(found.map(({ dedupeKey }) => dedupeKey));
  });

  it('says nothing of a blip', async () => {
    const fleet = new LittleFleet();
    const { watch, told } = watchOver(fleet);
    fleet.serves = false;
    await watch(10);
    fleet.serves = true;
    await watch(30);
    expect(told).toEqual([]);
  });

  it('turns to the new primary after a promotion', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    const promoteAt = fleet.clock.now() + 10_000;
    fleet.before = () => {
      if (fleet.clock.now() < promoteAt) return;
      fleet.statuses = [instance({ activation: 'never' }), instance({ instance: REPLICA, address: '10.20.0.4' })];
      fleet.primary = REPLICA;
    };
    await watch(60);
    expect(fleet.heartbeats.at(-1)).toMatchObject({ instance: REPLICA });
    expect(await reading(REPLICA)).toMatchObject({ refusedSinceMs: null, notWrittenSinceMs: null });
    expect(fleet.probed.at(-1)).toBe('10.20.0.4:5432');
  });

  it('goes on without the management API, on the roles of the file', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    fleet.broken.add('fleet');
    await watch(10);
    expect(fleet.heartbeats).toHaveLength(2);
    expect((await reading()).vantages['api-gke']).toMatchObject({ outcome: 'unknown' });
  });

  it('goes on without its store, and still tells of a failure', async () => {
    const fleet = new LittleFleet();
    const { watch, store, told } = watchOver(fleet);
    const down = () => Promise.reject(new PortError('retryable', 'timeout', 'reading'));
    Object.assign(store.documents, { get: down, put: down });
    await watch(10);
    expect(fleet.heartbeats.map(({ sequence }) => sequence)).toEqual([42, 43]);
    expect(told).toEqual([]);
  });

  it('folds the looks of two watches into one reading', async () => {
    const fleet = new LittleFleet();
    const { watch, reading } = watchOver(fleet);
    fleet.serves = false;
    await Promise.all([watch(30), watch(30)]);
    const { refusedSinceMs, lastLookAtMs } = await reading();
    expect(lastLookAtMs - (refusedSinceMs ?? 0)).toBeGreaterThan(0);
  });

  it('begins anew when what it stored can not be understood', async () => {
    const fleet = new LittleFleet();
    const { watch, store, reading } = watchOver(fleet);
    await store.documents.put(`watch/${PRIMARY}`, { version: 9 }, 0);
    await watch(5);
    expect(await reading()).toMatchObject({ version: 1, lastWrittenAtMs: instant(fleet.clock.now() - millis(5_000)) });
  });
});

import { describe, expect, it } from '@jest/globals';
import { after, minutes, seconds } from '../../shared/core/time.ts';
import { Load } from '../../sandbox/load/load.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { createApplicationWorld, urlOf } from '../world/application-world.ts';
import { PRIMARY, RECOVER, REPLICA } from '../world/sql-world.ts';

/** Three minutes of calm under load. */
function calm() {
  const world = createApplicationWorld();
  world.launch('api-1');
  const load = new Load({ clock: world.clock, front: world.front, services: ['api'] });
  load.start();
  world.clock.advanceBy(minutes(3));
  return { ...world, load };
}

const onReplica = (world: ReturnType<typeof calm>) => (id: string) => world.has(REPLICA, id);

describe('the load', () => {
  it('sees no outage and no loss while all is well', () => {
    const world = calm();
    world.load.stop();
    world.clock.advanceBy(seconds(5));
    expect(world.load.report()).toEqual([
      { service: 'api', acknowledged: 181, failed: 0, missed: 0, outages: [], downtime: 0 },
    ]);
    expect(world.load.loss(onReplica(world))).toMatchObject({ lost: 0, rpo: 0 });
  });

  it('measures the downtime from the first failed write to the next that succeeds', () => {
    const world = calm();
    const broken = world.clock.now();
    world.disasters.breakZone(PRIMARY, 'refuses');
    world.clock.advanceBy(minutes(10));
    expect(world.load.report()).toMatchObject([
      { outages: [{ until: undefined }], downtime: minutes(10) - seconds(1) },
    ]);
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    world.secrets.set(REFERENCE.databaseSecret, urlOf('10.20.0.4'));
    for (const process of world.applications.running()) process.stop();
    world.launch('api-2');
    world.clock.advanceBy(seconds(5));
    const [report] = world.load.report();
    expect(report?.outages).toHaveLength(1);
    expect(report?.outages[0]).toMatchObject({ from: after(broken, seconds(1)), until: expect.any(Number) });
    const downtime = report?.downtime;
    world.clock.advanceBy(minutes(5));
    expect(world.load.report()[0]?.downtime).toBe(downtime);
  });

  it('measures the loss by the rows that are not there', () => {
    const world = calm();
    world.disasters.setLag(REPLICA, seconds(90));
    world.clock.advanceBy(minutes(5));
    const failure = world.clock.now();
    world.disasters.breakZone(PRIMARY, 'refuses');
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    const loss = world.load.loss(onReplica(world), failure);
    expect(loss.lost).toBeGreaterThanOrEqual(89);
    expect(loss.lost).toBeLessThanOrEqual(92);
    expect(loss.rpo).toBeGreaterThanOrEqual(seconds(88));
    expect(loss.rpo).toBeLessThanOrEqual(seconds(91));
    expect(loss.newestLostAt).toBe(failure);
  });

  it('counts what a living old primary still takes after the promotion as lost', () => {
    const world = calm();
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    world.clock.advanceBy(minutes(2));
    expect(world.load.report()).toMatchObject([{ failed: 0 }]);
    expect(world.load.loss(onReplica(world)).lost).toBeGreaterThanOrEqual(120);
  });

  it('notices that reads no longer find what was acknowledged', () => {
    const world = calm();
    world.disasters.freeze(REPLICA, 'replay');
    world.clock.advanceBy(seconds(10));
    world.secrets.set(REFERENCE.databaseSecret, urlOf('10.20.0.4'));
    for (const process of world.applications.running()) process.stop();
    world.launch('api-2');
    world.clock.advanceBy(seconds(10));
    expect(world.load.report()[0]?.missed).toBeGreaterThan(0);
  });
});

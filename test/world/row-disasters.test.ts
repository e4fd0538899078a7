import { describe, expect, it } from '@jest/globals';
import { after, minutes, seconds } from '../../shared/core/time.ts';
import { CORRUPTER, DELETER } from '../../sandbox/world/row-disasters.ts';
import { TENANTS, tenantOf } from '../../sandbox/world/sql-schema.ts';
import { answered, createSqlWorld, PERSON, PRIMARY, REPLICA } from './sql-world.ts';

/** A fleet whose application has written for three minutes, a document a second. */
function written() {
  const world = createSqlWorld();
  const ids = Array.from({ length: 180 }, () => {
    world.clock.advanceBy(seconds(1));
    return world.write(PRIMARY) ?? '';
  });
  const altered = (instance: string) => ids.filter((id) => world.fleet.server(instance).history.isAltered(id));
  const kept = (instance: string) => ids.filter((id) => world.has(instance, id));
  const writers = () => {
    const { history } = world.fleet.server(PRIMARY);
    return Array.from({ length: history.count() }, (_, index) => history.row(index)?.content).flatMap((content) =>
      content?.kind === 'transaction' ? [content.writer] : [],
    );
  };
  return { world, ids, altered, kept, writers };
}

describe('a mass delete', () => {
  it('takes one customer’s documents, on replicas too, and is not undone by anything but a clone from before', () => {
    const { world, ids, kept, writers } = written();
    const moment = world.clock.now();
    world.clock.advanceBy(minutes(2));
    world.write(PRIMARY);
    expect(world.rowDisasters.massDelete(PRIMARY, 'tenant')).toEqual({ deleted: 61 });
    expect(kept(PRIMARY)).toEqual(ids.filter((id) => tenantOf(id) !== TENANTS[1].id));
    world.clock.advanceBy(minutes(1));
    expect(kept(REPLICA)).toEqual(kept(PRIMARY));
    expect(writers()).toEqual([DELETER]);
    world.finish(world.admin.clone(PERSON, PRIMARY, 'recovered', moment));
    expect(kept('recovered')).toEqual(ids);
  });

  it('is refused by a server that takes no writes', () => {
    const { world } = written();
    expect(world.rowDisasters.massDelete(REPLICA, 'table')).toMatchObject({
      refused: expect.stringMatching(/read-only/),
    });
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.rowDisasters.massDelete(PRIMARY, 'table')).toEqual({ refused: 'connectionRefused' });
  });
});

describe('a corruption', () => {
  it('goes on, newest documents first, until it is ended, and what it wrote stays', () => {
    const { world, ids, altered, kept, writers } = written();
    const end = world.rowDisasters.corrupt(() => PRIMARY);
    world.clock.advanceBy(seconds(6));
    expect(altered(PRIMARY)).toEqual(ids.slice(-40));
    world.clock.advanceBy(seconds(5));
    end();
    world.clock.advanceBy(minutes(1));
    expect(altered(PRIMARY)).toEqual(ids.slice(-60));
    expect(altered(REPLICA)).toEqual(ids.slice(-60));
    expect(kept(PRIMARY)).toEqual(ids);
    expect(writers()).toEqual([CORRUPTER, CORRUPTER, CORRUPTER]);
  });

  it('follows the primary in use, and is refused while that is down', () => {
    const { world, altered } = written();
    world.disasters.breakZone(PRIMARY, 'refuses');
    let primary = PRIMARY;
    world.rowDisasters.corrupt(() => primary);
    world.finish(world.admin.promoteReplica(PERSON, REPLICA));
    expect(altered(PRIMARY)).toEqual([]);
    primary = REPLICA;
    world.clock.advanceBy(seconds(5));
    expect(altered(REPLICA)).toHaveLength(20);
  });
});

describe('the recovery window', () => {
  it('begins with the oldest backup and ends with the last minute whose log is archived, also of a dead instance', () => {
    const { world } = written();
    const window = () => answered(world.admin.recoveryWindow(PERSON, PRIMARY));
    const [backup] = answered(world.admin.backups(PERSON, PRIMARY));
    const died = world.clock.now();
    expect(window().earliest).toBe(backup?.endedAt);
    expect(died - window().latest).toBeLessThan(minutes(1));
    world.disasters.breakZone(PRIMARY, 'hangs');
    const { latest } = window();
    world.clock.advanceBy(minutes(30));
    expect(window().latest).toBe(latest);
    world.finish(world.admin.clone(PERSON, PRIMARY, 'recovered', latest));
    expect(world.fleet.server('recovered').history.count()).toBeGreaterThan(100);
  });

  it('is what a clone at a moment must be in, and a replica has none', () => {
    const { world } = written();
    world.clock.advanceBy(seconds(30));
    const { earliest, latest } = answered(world.admin.recoveryWindow(PERSON, PRIMARY));
    for (const moment of [after(earliest, -1), after(latest, 1)]) {
      const outcome = world.admin.clone(PERSON, PRIMARY, 'recovered', moment);
      expect(outcome.kind === 'error' && outcome.error.message).toContain('outside of');
    }
    expect(world.admin.recoveryWindow(PERSON, REPLICA)).toMatchObject({ kind: 'error' });
  });
});

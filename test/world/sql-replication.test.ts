import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { after, millis, minutes, seconds } from '../../shared/core/time.ts';
import type { Row } from '../../sandbox/world/sql-rows.ts';
import { answered, createSqlWorld, EAST, PERSON, PRIMARY, RECOVER, REPLICA, START } from './sql-world.ts';

type World = ReturnType<typeof createSqlWorld>;

const rowsOf = (world: World, name: string): readonly Row[] => {
  const history = world.servers.server(name)?.history;
  return Array.from({ length: history?.count() ?? 0 }, (_, index) => history?.row(index)).flatMap((row) => row ?? []);
};

const heartbeat = (world: World, sequence: number) =>
  world.servers.write('functions', PRIMARY, { kind: 'heartbeat', sequence, heartbeatAt: world.clock.now() });

/** Anything that may happen to replication from one second to the next. */
const event = fc.constantFrom(
  'write',
  'write',
  'heartbeat',
  'cut',
  'mend',
  'lag',
  'noLag',
  'freezeReplay',
  'freezeReceiver',
  'thaw',
  'breakZone',
  'mendZone',
);

function happen(world: World, what: string, step: number): void {
  const link = [`sql/${REPLICA}`, `sql/${PRIMARY}`] as const;
  if (what === 'write') world.write(PRIMARY);
  if (what === 'heartbeat') heartbeat(world, step);
  if (what === 'cut') world.kernel.network.cut(...link);
  if (what === 'mend') world.kernel.network.mend(...link);
  if (what === 'lag') world.disasters.setLag(REPLICA, seconds(20));
  if (what === 'noLag') world.disasters.setLag(REPLICA, millis(0));
  if (what === 'freezeReplay') world.disasters.freeze(REPLICA, 'replay');
  if (what === 'freezeReceiver') world.disasters.freeze(REPLICA, 'receiver');
  if (what === 'thaw') world.disasters.freeze(REPLICA, 'no');
  if (what === 'breakZone') world.disasters.breakZone(PRIMARY, 'refuses');
  if (what === 'mendZone') world.disasters.mendZone(PRIMARY);
}

describe('replication', () => {
  it('shows the newest heartbeat, whichever of two writers arrived last', () => {
    const world = createSqlWorld();
    const now = world.clock.now();
    world.servers.write('functions', PRIMARY, { kind: 'heartbeat', sequence: 2, heartbeatAt: now });
    world.servers.write('functions', PRIMARY, { kind: 'heartbeat', sequence: 1, heartbeatAt: after(now, millis(-8)) });
    expect(world.servers.server(PRIMARY)?.history.heartbeat()).toEqual({ sequence: 2, at: now });
  });

  it('arrives within a second when nothing is wrong, and not before its time', () => {
    const world = createSqlWorld();
    const id = world.write(PRIMARY) ?? '';
    expect(world.has(REPLICA, id)).toBe(false);
    world.clock.advanceBy(seconds(1));
    expect([world.has(REPLICA, id), world.has(EAST, id)]).toEqual([true, true]);
  });

  it('always keeps a replica on a prefix of its primary, whatever happens to the link', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const world = createSqlWorld();
        events.forEach((what, step) => {
          happen(world, what, step);
          world.clock.advanceBy(seconds(1));
          const replica = rowsOf(world, REPLICA);
          expect(replica).toEqual(rowsOf(world, PRIMARY).slice(0, replica.length));
        });
      }),
    );
  });

  it('never loses, by a promotion, a commit older than the newest heartbeat on the replica', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const world = createSqlWorld();
        events.forEach((what, step) => {
          happen(world, what, step);
          world.clock.advanceBy(seconds(1));
        });
        const seen = world.servers.server(REPLICA)?.history.heartbeat()?.at ?? START;
        world.finish(world.admin.promoteReplica(PERSON, REPLICA));
        const kept = new Set(rowsOf(world, REPLICA).map(({ position }) => position));
        const lost = rowsOf(world, PRIMARY).filter(({ position }) => !kept.has(position));
        for (const row of lost) expect(row.committedAt).toBeGreaterThanOrEqual(seen);
      }),
    );
  });

  it('loses with the primary what was still on the way', () => {
    const world = createSqlWorld();
    world.disasters.setLag(REPLICA, minutes(10));
    const old = world.write(PRIMARY) ?? '';
    world.clock.advanceBy(minutes(11));
    const late = world.write(PRIMARY) ?? '';
    world.clock.advanceBy(minutes(1));
    world.disasters.breakZone(PRIMARY, 'refuses');
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    expect([world.has(REPLICA, old), world.has(REPLICA, late)]).toEqual([true, false]);
  });

  it('does not lose what arrived and was not replayed yet', () => {
    const world = createSqlWorld();
    world.disasters.freeze(REPLICA, 'replay');
    const id = world.write(PRIMARY) ?? '';
    world.clock.advanceBy(seconds(5));
    expect(world.has(REPLICA, id)).toBe(false);
    expect(world.servers.receiving(REPLICA)).toBe(true);
    world.disasters.breakZone(PRIMARY, 'refuses');
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    expect(world.has(REPLICA, id)).toBe(true);
  });

  it('catches up after a cut', () => {
    const world = createSqlWorld();
    world.kernel.network.cut(`sql/${REPLICA}`, `sql/${PRIMARY}`);
    const id = world.write(PRIMARY) ?? '';
    world.clock.advanceBy(minutes(5));
    expect(world.has(REPLICA, id)).toBe(false);
    expect(world.servers.lag(REPLICA)).toBe(minutes(5));
    world.kernel.network.mend(`sql/${REPLICA}`, `sql/${PRIMARY}`);
    expect(world.has(REPLICA, id)).toBe(true);
    expect(world.servers.lag(REPLICA)).toBe(0);
  });

  it('knows at once that its upstream refuses, and only after a minute that it is silent', () => {
    const refused = createSqlWorld();
    refused.disasters.breakZone(PRIMARY, 'refuses');
    expect(refused.servers.receiving(REPLICA)).toBe(false);
    const silent = createSqlWorld();
    silent.write(PRIMARY);
    silent.disasters.breakZone(PRIMARY, 'hangs');
    silent.clock.advanceBy(seconds(59));
    expect(silent.servers.receiving(REPLICA)).toBe(true);
    silent.clock.advanceBy(seconds(1));
    expect(silent.servers.receiving(REPLICA)).toBe(false);
  });

  it('shows heartbeat and position to whoever reaches the server', () => {
    const world = createSqlWorld();
    heartbeat(world, 41);
    world.clock.advanceBy(seconds(1));
    expect(world.servers.replication('functions', REPLICA)).toMatchObject({
      kind: 'read',
      value: { role: 'replica', receiving: true, heartbeat: { sequence: 41, at: START } },
    });
    world.kernel.network.cut('functions', `sql/${REPLICA}`);
    expect(world.servers.replication('functions', REPLICA)).toEqual({ kind: 'timeout' });
    expect(world.servers.contact('pods', REPLICA)).toBe('ok');
  });

  it('refuses a write on a replica in the words of PostgreSQL', () => {
    const world = createSqlWorld();
    expect(world.servers.write('pods', REPLICA, { kind: 'canary', token: 't' })).toEqual({
      kind: 'refusedByServer',
      message: 'cannot execute INSERT in a read-only transaction',
    });
  });
});

describe('new instances', () => {
  it('follow the promoted primary with all of its rows', () => {
    const world = createSqlWorld();
    const id = world.write(PRIMARY) ?? '';
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    const draft = {
      name: 'coditect-dms-db-replica-2',
      primary: REPLICA,
      region: 'us-east1',
      databaseVersion: 'POSTGRES_15',
      settings: {},
    };
    expect(world.admin.insert(RECOVER, draft)).toMatchObject({ error: { status: 400 } }); // no backups yet
    world.finish(world.admin.patch(RECOVER, REPLICA, { backupConfiguration: { enabled: true } }));
    const outcome = world.admin.insert(RECOVER, draft);
    expect(world.admin.insert(RECOVER, draft)).toMatchObject({
      error: { status: 409, reason: 'instanceAlreadyExists' },
    });
    expect(answered(world.admin.get(RECOVER, draft.name)).instance.state).toBe('PENDING_CREATE');
    expect(world.finish(outcome).error).toBeUndefined();
    const fresh = world.write(REPLICA) ?? '';
    world.clock.advanceBy(seconds(1));
    expect([id, fresh].map((row) => world.has(draft.name, row))).toEqual([true, true]);
  });

  it('are clones as of a moment, even of a dead primary', () => {
    const world = createSqlWorld();
    const before = world.write(PRIMARY) ?? '';
    world.clock.advanceBy(minutes(1));
    const moment = world.clock.now();
    world.clock.advanceBy(minutes(1));
    const behind = world.write(PRIMARY) ?? '';
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.finish(world.admin.clone(PERSON, PRIMARY, 'recovery', moment)).error).toBeUndefined();
    expect([world.has('recovery', before), world.has('recovery', behind)]).toEqual([true, false]);
    expect(world.finish(world.admin.clone(PERSON, PRIMARY, 'copy', undefined)).error?.code).toBe('INTERNAL_ERROR');
  });

  it('are deleted only unprotected and without replicas', () => {
    const world = createSqlWorld();
    expect(world.admin.delete(PERSON, PRIMARY)).toMatchObject({ error: { status: 400 } });
    world.finish(world.admin.patch(PERSON, PRIMARY, { deletionProtectionEnabled: false }));
    expect(world.admin.delete(PERSON, PRIMARY)).toMatchObject({ error: { status: 400 } });
    world.finish(world.admin.delete(PERSON, EAST));
    expect(world.admin.get(PERSON, EAST)).toMatchObject({ error: { status: 404 } });
    expect(world.servers.contact('pods', EAST)).toBe('timeout');
  });

  it('are backed up while they run', () => {
    const world = createSqlWorld();
    world.finish(world.admin.insertBackup(RECOVER, PRIMARY, 'before the drill'));
    const [run, older] = answered(world.admin.backups(RECOVER, PRIMARY));
    expect(run).toMatchObject({ status: 'SUCCESSFUL', type: 'ON_DEMAND', description: 'before the drill' });
    expect(older).toMatchObject({ status: 'SUCCESSFUL', type: 'AUTOMATED' });
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.finish(world.admin.insertBackup(RECOVER, PRIMARY, '')).error).toBeDefined();
    expect(answered(world.admin.backups(RECOVER, PRIMARY))[0]).toMatchObject({ status: 'FAILED' });
  });
});

describe('automated backups', () => {
  it('are taken every night while the server is up, seven of them kept', () => {
    const world = createSqlWorld();
    world.clock.advanceBy(minutes(10 * 24 * 60));
    const runs = answered(world.admin.backups(RECOVER, PRIMARY));
    expect(runs.map(({ type, status }) => `${type} ${status}`)).toEqual(Array(7).fill('AUTOMATED SUCCESSFUL'));
    expect(world.clock.now() - (runs[0]?.startedAt ?? 0)).toBeLessThan(minutes(24 * 60));
    expect([...world.fleet.snapshots.keys()]).toHaveLength(7);

    world.disasters.breakZone(PRIMARY, 'refuses');
    world.clock.advanceBy(minutes(24 * 60));
    expect(answered(world.admin.backups(RECOVER, PRIMARY))[0]).toMatchObject({ status: 'FAILED', type: 'AUTOMATED' });
  });

  it('fail from now on where they are made to, and are good again after that', () => {
    const world = createSqlWorld();
    const end = world.disasters.failBackups(PRIMARY, 'next');
    world.clock.advanceBy(minutes(24 * 60 + 10));
    const states = () => answered(world.admin.backups(RECOVER, PRIMARY)).map(({ status }) => status);
    expect(states().slice(0, 2)).toEqual(['FAILED', 'FAILED']);
    end();
    world.clock.advanceBy(minutes(3));
    expect(states()[0]).toBe('SUCCESSFUL');
  });
});

describe('operations', () => {
  it('are listed newest first, of one instance or of all', () => {
    const world = createSqlWorld();
    world.finish(world.admin.restart(PERSON, PRIMARY));
    answered(world.admin.restart(PERSON, REPLICA));
    answered(world.admin.promoteReplica(PERSON, EAST));
    const types = (instance?: string) => answered(world.admin.operations(PERSON, instance)).map(({ target }) => target);
    expect(types()).toEqual([EAST, REPLICA, PRIMARY]);
    expect(types(REPLICA)).toEqual([REPLICA]);
    expect(world.admin.operation(PERSON, 'nothing')).toMatchObject({ error: { status: 404 } });
  });

  it('never run two at a time on one instance', () => {
    const act = fc.constantFrom('restart', 'stop', 'start', 'promote', 'backup', 'switchover', 'wait', 'maintain');
    fc.assert(
      fc.property(fc.array(fc.tuple(act, fc.constantFrom(PRIMARY, REPLICA, EAST)), { maxLength: 40 }), (acts) => {
        const world = createSqlWorld();
        for (const [what, name] of acts) {
          if (what === 'restart') world.admin.restart(PERSON, name);
          if (what === 'stop') world.admin.patch(PERSON, name, { activationPolicy: 'NEVER' });
          if (what === 'start') world.admin.patch(PERSON, name, { activationPolicy: 'ALWAYS' });
          if (what === 'promote') world.admin.promoteReplica(PERSON, name);
          if (what === 'backup') world.admin.insertBackup(PERSON, name, '');
          if (what === 'switchover') world.admin.switchover(PERSON, name);
          if (what === 'maintain' && world.fleet.operations.busyWith(name) === undefined)
            world.disasters.maintain(name);
          if (what === 'wait') world.clock.advanceBy(seconds(70));
          for (const instance of [PRIMARY, REPLICA, EAST]) {
            const open = world.fleet.operations.list(instance).filter(({ status }) => status !== 'DONE');
            expect(open.length).toBeLessThanOrEqual(1);
          }
        }
      }),
    );
  });
});

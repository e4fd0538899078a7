import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { functionPrincipal } from '../../sandbox/world/reference-system.ts';
import { answered, createSqlWorld, EAST, PERSON, PRIMARY, RECOVER, REPLICA } from './sql-world.ts';

const STOP = { activationPolicy: 'NEVER' } as const;

describe('a promotion', () => {
  it('makes a primary of its own out of the replica, which can not be done twice', () => {
    const world = createSqlWorld();
    const operation = world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    expect(operation).toMatchObject({ type: 'PROMOTE_REPLICA', error: undefined, user: RECOVER.principal });
    const { instance } = answered(world.admin.get(RECOVER, REPLICA));
    expect(instance).toMatchObject({ instanceType: 'CLOUD_SQL_INSTANCE', primary: undefined });
    expect(answered(world.admin.get(RECOVER, PRIMARY)).replicaNames).toEqual([EAST]);
    expect(world.write(REPLICA)).toBeDefined();
    expect(world.admin.promoteReplica(RECOVER, REPLICA)).toMatchObject({ error: { status: 400 } });
    expect(world.kernel.audit.effects('cloudsql.instances.promoteReplica')).toHaveLength(1);
  });

  it('takes two to five minutes, in which the instance is busy and refuses to write', () => {
    const world = createSqlWorld();
    const { name } = answered(world.admin.promoteReplica(RECOVER, REPLICA));
    expect(world.fleet.operations.get(name)?.status).toBe('PENDING');
    world.clock.advanceBy(seconds(5));
    expect(world.fleet.operations.get(name)?.status).toBe('RUNNING');
    expect(world.write(REPLICA)).toBeUndefined();
    const again = world.admin.promoteReplica(RECOVER, REPLICA);
    expect(again).toMatchObject({ error: { status: 409, reason: 'operationInProgress' } });
    world.clock.advanceBy(seconds(110));
    expect(world.fleet.operations.get(name)?.status).toBe('RUNNING');
    world.clock.advanceBy(minutes(4));
    expect(world.fleet.operations.get(name)?.status).toBe('DONE');
  });

  it('leaves the old primary writable and its other replica behind it: two primaries', () => {
    const world = createSqlWorld();
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    const [old, fresh] = [world.write(PRIMARY) ?? '', world.write(REPLICA) ?? ''];
    world.clock.advanceBy(seconds(5));
    expect([world.has(EAST, old), world.has(EAST, fresh)]).toEqual([true, false]);
    expect([world.has(REPLICA, old), world.has(PRIMARY, fresh)]).toEqual([false, false]);
    const timelines = [PRIMARY, REPLICA].map((name) => world.servers.server(name)?.timeline);
    expect(timelines).toEqual([1, 2]);
  });

  it('is refused for a primary, for a stranger, and as a failover without a DR replica', () => {
    const world = createSqlWorld();
    expect(world.admin.promoteReplica(RECOVER, PRIMARY)).toMatchObject({ error: { status: 400 } });
    expect(world.admin.promoteReplica(RECOVER, REPLICA, true)).toMatchObject({ error: { status: 400 } });
    expect(world.admin.promoteReplica(RECOVER, 'nobody')).toMatchObject({
      error: { status: 404, reason: 'instanceDoesNotExist' },
    });
    for (const name of ['heal', 'classify', 'tick', 'approve', 'notify', 'status']) {
      const caller = { principal: functionPrincipal(name), from: 'functions' };
      expect(world.admin.promoteReplica(caller, REPLICA)).toMatchObject({ error: { status: 403 } });
    }
    expect(world.fleet.operations.list()).toEqual([]);
  });

  it('can end DONE with an error and without an effect', () => {
    const world = createSqlWorld();
    world.fleet.operations.failNext('PROMOTE_REPLICA', { code: 'ERROR_RDBMS', message: 'no' });
    expect(world.finish(world.admin.promoteReplica(RECOVER, REPLICA)).error).toEqual({
      code: 'ERROR_RDBMS',
      message: 'no',
    });
    expect(answered(world.admin.get(RECOVER, REPLICA)).instance.instanceType).toBe('READ_REPLICA_INSTANCE');
    expect(world.finish(world.admin.promoteReplica(RECOVER, REPLICA)).error).toBeUndefined();
  });
});

describe('a stop', () => {
  it('ends sessions and connections while the operation runs, and is read back', () => {
    const world = createSqlWorld();
    world.servers.open('pods', PRIMARY, 'pod-1');
    const outcome = world.admin.patch(RECOVER, PRIMARY, STOP);
    world.clock.advanceBy(seconds(5));
    expect(world.servers.contact('pods', PRIMARY)).toBe('ok');
    expect(world.finish(outcome).error).toBeUndefined();
    expect(world.servers.contact('pods', PRIMARY)).toBe('connectionRefused');
    expect(world.servers.server(PRIMARY)?.sessions.size).toBe(0);
    const { instance } = answered(world.admin.get(RECOVER, PRIMARY));
    expect(instance).toMatchObject({ state: 'RUNNABLE', settings: { activationPolicy: 'NEVER', settingsVersion: 8 } });
  });

  it('is never possible on a replica', () => {
    const world = createSqlWorld();
    expect(world.admin.patch(RECOVER, REPLICA, STOP)).toMatchObject({ error: { status: 400 } });
  });

  it('times out instead of being refused afterwards, if that is how stopped instances are', () => {
    const world = createSqlWorld({ assumptions: { stoppedInstanceRefuses: false } });
    world.finish(world.admin.patch(RECOVER, PRIMARY, STOP));
    expect(world.servers.contact('pods', PRIMARY)).toBe('timeout');
  });

  it('is refused while there are replicas, if that is how Cloud SQL is', () => {
    const world = createSqlWorld({ assumptions: { stopPrimaryWithReplicas: false } });
    expect(world.admin.patch(RECOVER, PRIMARY, STOP)).toMatchObject({ error: { status: 400 } });
    expect(world.write(PRIMARY)).toBeDefined();
  });

  it('that is accepted and never carried out keeps running while the settings say NEVER', () => {
    const world = createSqlWorld();
    world.disasters.holdStops(PRIMARY, 'runsForever');
    const { name } = answered(world.admin.patch(RECOVER, PRIMARY, STOP));
    world.clock.advanceBy(minutes(120));
    expect(world.fleet.operations.get(name)?.status).toBe('RUNNING');
    expect(answered(world.admin.get(RECOVER, PRIMARY)).instance.settings.activationPolicy).toBe('NEVER');
    expect(world.write(PRIMARY)).toBeDefined();
    world.disasters.holdStops(PRIMARY, undefined);
    expect(world.fleet.operations.get(name)?.status).toBe('DONE');
    expect(world.servers.contact('pods', PRIMARY)).toBe('connectionRefused');
  });

  it('that ends without effect says DONE and NEVER while the server goes on', () => {
    const world = createSqlWorld();
    world.disasters.holdStops(PRIMARY, 'doneWithoutEffect');
    expect(world.finish(world.admin.patch(RECOVER, PRIMARY, STOP)).error).toBeUndefined();
    expect(answered(world.admin.get(RECOVER, PRIMARY)).instance.settings.activationPolicy).toBe('NEVER');
    expect(world.write(PRIMARY)).toBeDefined();
  });

  it('is undone by a start', () => {
    const world = createSqlWorld();
    world.finish(world.admin.patch(RECOVER, PRIMARY, STOP));
    expect(world.admin.restart(PERSON, PRIMARY)).toMatchObject({ error: { status: 400 } });
    world.finish(world.admin.patch(RECOVER, PRIMARY, { activationPolicy: 'ALWAYS' }));
    expect(world.write(PRIMARY)).toBeDefined();
  });
});

describe('settings', () => {
  it('are refused on a stale version, and taken without one', () => {
    const world = createSqlWorld();
    world.finish(world.admin.patch(RECOVER, PRIMARY, { settingsVersion: 7, deletionProtectionEnabled: false }));
    const stale = world.admin.patch(RECOVER, PRIMARY, { settingsVersion: 7, ...STOP });
    expect(stale).toMatchObject({ error: { status: 412, reason: 'conditionNotMet' } });
    world.finish(world.admin.patch(RECOVER, PRIMARY, { userLabels: { fenced: 'yes' } }));
    const { settings } = answered(world.admin.get(RECOVER, PRIMARY)).instance;
    expect(settings).toMatchObject({
      settingsVersion: 9,
      deletionProtectionEnabled: false,
      userLabels: { fenced: 'yes' },
    });
  });

  it('are overwritten by a stale patch, if the version is not checked', () => {
    const world = createSqlWorld({ assumptions: { settingsVersionChecked: false } });
    expect(world.finish(world.admin.patch(RECOVER, PRIMARY, { settingsVersion: 1, ...STOP })).error).toBeUndefined();
  });

  it('give high availability only together with backups and their log', () => {
    const world = createSqlWorld();
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    const bare = world.admin.patch(RECOVER, REPLICA, { availabilityType: 'REGIONAL' });
    expect(bare).toMatchObject({ error: { status: 400 } });
    const backupConfiguration = { enabled: true, pointInTimeRecoveryEnabled: true };
    const full = { availabilityType: 'REGIONAL', backupConfiguration, deletionProtectionEnabled: true } as const;
    expect(world.finish(world.admin.patch(RECOVER, REPLICA, full)).error).toBeUndefined();
    expect(answered(world.admin.get(RECOVER, REPLICA)).instance.settings).toMatchObject(full);
  });
});

describe('a lost zone', () => {
  it.each([
    { how: 'refuses' as const, contact: 'connectionRefused' },
    { how: 'hangs' as const, contact: 'timeout' },
  ])('that $how gives everybody $contact, while the API says RUNNABLE', ({ how, contact }) => {
    const world = createSqlWorld();
    world.disasters.breakZone(PRIMARY, how);
    for (const place of ['functions', 'pods', 'cloudRun', `sql/${REPLICA}`]) {
      expect(world.servers.contact(place, PRIMARY)).toBe(contact);
    }
    expect(answered(world.admin.get(RECOVER, PRIMARY)).instance.state).toBe('RUNNABLE');
  });

  it('fails a restart with an error on an operation that is DONE', () => {
    const world = createSqlWorld();
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.finish(world.admin.restart(RECOVER, PRIMARY)).error?.code).toBe('INTERNAL_ERROR');
    expect(world.servers.contact('pods', PRIMARY)).toBe('connectionRefused');
  });

  it('comes back with a primary that accepts writes, even after another was promoted', () => {
    const world = createSqlWorld();
    world.disasters.breakZone(PRIMARY, 'refuses');
    world.finish(world.admin.promoteReplica(RECOVER, REPLICA));
    world.disasters.mendZone(PRIMARY);
    expect(world.write(PRIMARY)).toBeUndefined();
    world.clock.advanceBy(seconds(60));
    expect([world.write(PRIMARY), world.write(REPLICA)]).toEqual([expect.any(String), expect.any(String)]);
  });

  it('comes back without the primary if that was stopped in the meantime', () => {
    const world = createSqlWorld();
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.finish(world.admin.patch(RECOVER, PRIMARY, STOP)).error).toBeUndefined();
    world.disasters.mendZone(PRIMARY);
    world.clock.advanceBy(minutes(5));
    expect(world.write(PRIMARY)).toBeUndefined();
  });

  it('comes back with the primary although it was stopped, if the stop was not carried out', () => {
    const world = createSqlWorld();
    world.disasters.holdStops(PRIMARY, 'doneWithoutEffect');
    world.disasters.breakZone(PRIMARY, 'refuses');
    world.finish(world.admin.patch(RECOVER, PRIMARY, STOP));
    world.disasters.mendZone(PRIMARY);
    world.clock.advanceBy(minutes(5));
    expect(world.write(PRIMARY)).toBeDefined();
  });

  it.each(['runsForever', 'doneWithoutEffect'] as const)('comes back while a stop that %s is under way', (fault) => {
    const world = createSqlWorld();
    world.disasters.holdStops(PRIMARY, fault);
    world.disasters.breakZone(PRIMARY, 'refuses');
    answered(world.admin.patch(RECOVER, PRIMARY, STOP));
    world.disasters.mendZone(PRIMARY);
    world.clock.advanceBy(minutes(10));
    expect(world.write(PRIMARY)).toBeDefined();
  });

  it('is left by a REGIONAL instance without being asked', () => {
    const world = createSqlWorld();
    world.finish(world.admin.patch(RECOVER, PRIMARY, { availabilityType: 'REGIONAL' }));
    world.disasters.breakZone(PRIMARY, 'hangs');
    world.clock.advanceBy(minutes(3));
    expect(world.fleet.operations.list(PRIMARY)[0]).toMatchObject({
      type: 'FAILOVER',
      user: undefined,
      status: 'DONE',
    });
    expect(world.write(PRIMARY)).toBeDefined();
    expect(answered(world.admin.get(RECOVER, PRIMARY)).instance.zone).toBe('us-central1-b');
  });
});

describe('a server that has crashed', () => {
  it('stays down, refusing everybody while the API says RUNNABLE, until a restart brings it back with all it had', () => {
    const world = createSqlWorld();
    const before = world.write(PRIMARY) ?? '';
    world.disasters.crash(PRIMARY);
    world.clock.advanceBy(minutes(60));
    expect(world.servers.contact('pods', PRIMARY)).toBe('connectionRefused');
    expect(answered(world.admin.get(RECOVER, PRIMARY)).instance.state).toBe('RUNNABLE');
    expect(world.finish(world.admin.restart(RECOVER, PRIMARY)).error).toBeUndefined();
    expect(world.write(PRIMARY)).toBeDefined();
    expect(world.has(PRIMARY, before)).toBe(true);
  });

  it('is no reason for Google to fail a REGIONAL instance over, and is cured by doing so', () => {
    const world = createSqlWorld();
    world.finish(world.admin.patch(RECOVER, PRIMARY, { availabilityType: 'REGIONAL' }));
    world.disasters.crash(PRIMARY);
    world.clock.advanceBy(minutes(10));
    expect(world.write(PRIMARY)).toBeUndefined();
    expect(world.finish(world.admin.failover(RECOVER, PRIMARY, 8)).error).toBeUndefined();
    expect(world.write(PRIMARY)).toBeDefined();
  });

  it('comes back when it is mended, unless somebody has stopped it', () => {
    const [mended, stopped] = [createSqlWorld(), createSqlWorld()];
    for (const world of [mended, stopped]) world.disasters.crash(PRIMARY);
    stopped.finish(stopped.admin.patch(RECOVER, PRIMARY, STOP));
    for (const world of [mended, stopped]) world.disasters.mendCrash(PRIMARY);
    for (const world of [mended, stopped]) world.clock.advanceBy(minutes(2));
    expect([mended.write(PRIMARY), stopped.write(PRIMARY)]).toEqual([expect.any(String), undefined]);
  });
});

describe('an HA failover', () => {
  it('does not start what was stopped: nothing but its activation policy takes that fence away', () => {
    const world = createSqlWorld();
    world.finish(world.admin.patch(RECOVER, PRIMARY, { availabilityType: 'REGIONAL' }));
    world.finish(world.admin.patch(RECOVER, PRIMARY, STOP));
    expect(world.admin.failover(RECOVER, PRIMARY, 9)).toMatchObject({ error: { status: 400 } });
    expect(world.write(PRIMARY)).toBeUndefined();
  });

  it('starts it, as a restart does, if that is how Cloud SQL is', () => {
    for (const start of ['failover', 'restart'] as const) {
      const world = createSqlWorld({ assumptions: { stoppedInstanceRefusesRestart: false } });
      world.finish(world.admin.patch(RECOVER, PRIMARY, { availabilityType: 'REGIONAL' }));
      world.finish(world.admin.patch(RECOVER, PRIMARY, STOP));
      world.finish(
        start === 'restart' ? world.admin.restart(RECOVER, PRIMARY) : world.admin.failover(RECOVER, PRIMARY, 9),
      );
      expect(world.write(PRIMARY)).toBeDefined();
    }
  });

  it('needs a REGIONAL instance and the current version', () => {
    const world = createSqlWorld();
    expect(world.admin.failover(RECOVER, PRIMARY, 7)).toMatchObject({ error: { status: 400 } });
    world.finish(world.admin.patch(RECOVER, PRIMARY, { availabilityType: 'REGIONAL' }));
    expect(world.admin.failover(RECOVER, PRIMARY, 7)).toMatchObject({ error: { status: 412 } });
    expect(world.finish(world.admin.failover(RECOVER, PRIMARY, 8)).error).toBeUndefined();
    expect(world.write(PRIMARY)).toBeDefined();
  });
});

describe('a switchover', () => {
  it('exchanges the roles and loses nothing', () => {
    const world = createSqlWorld();
    const before = world.write(PRIMARY) ?? '';
    expect(world.finish(world.admin.switchover(PERSON, REPLICA)).error).toBeUndefined();
    expect(world.has(REPLICA, before)).toBe(true);
    expect(world.write(PRIMARY)).toBeUndefined();
    const fresh = world.write(REPLICA) ?? '';
    world.clock.advanceBy(seconds(2));
    expect([world.has(PRIMARY, fresh), world.has(EAST, fresh)]).toEqual([true, true]);
    expect(answered(world.admin.get(PERSON, REPLICA)).replicaNames).toEqual([PRIMARY, EAST].sort());
  });

  it('is refused unless both are online, and does not happen when one leaves on the way', () => {
    const world = createSqlWorld();
    world.disasters.breakZone(PRIMARY, 'refuses');
    expect(world.admin.switchover(PERSON, REPLICA)).toMatchObject({ error: { status: 400 } });
    world.disasters.mendZone(PRIMARY);
    world.clock.advanceBy(minutes(2));
    const outcome = world.admin.switchover(PERSON, REPLICA);
    world.clock.advanceBy(seconds(30));
    expect(world.write(PRIMARY)).toBeUndefined();
    world.disasters.breakZone(REPLICA, 'refuses');
    expect(world.finish(outcome).error?.code).toBe('SWITCHOVER_FAILED');
    expect(world.write(PRIMARY)).toBeDefined();
  });
});

describe('maintenance', () => {
  it('is an operation of two minutes in which the server is down and then well again', () => {
    const world = createSqlWorld();
    world.disasters.maintain(PRIMARY);
    world.clock.advanceBy(seconds(60));
    expect(answered(world.admin.get(RECOVER, PRIMARY)).instance.state).toBe('MAINTENANCE');
    expect(world.servers.contact('pods', PRIMARY)).toBe('connectionRefused');
    expect(world.admin.restart(RECOVER, PRIMARY)).toMatchObject({ error: { status: 409 } });
    world.clock.advanceBy(seconds(66));
    expect(answered(world.admin.get(RECOVER, PRIMARY)).instance.state).toBe('RUNNABLE');
    expect(world.write(PRIMARY)).toBeDefined();
  });
});

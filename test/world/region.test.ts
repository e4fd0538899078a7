import { describe, expect, it } from '@jest/globals';
import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import type { Caller } from '../../sandbox/world/caller.ts';
import { functionPrincipal, OPERATOR, REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';
import { SECONDARY_SERVICES, SERVICES } from '../../sandbox/world/reference-world.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { answered } from './sql-world.ts';
import { createWholeWorld } from './whole-world.ts';

// A region that is lost with everything in it, and comes back with a primary that writes.

const PRIMARY = 'coditect-dms-db';
const EAST = SECONDARY.instance;
const US: Caller = { principal: functionPrincipal('recover'), from: 'functions' };
const PERSON: Caller = { principal: OPERATOR, from: 'internet' };

const twoRegions = (more: Parameters<typeof createWholeWorld>[0] = {}) =>
  createWholeWorld({ secondary: true, ...more });
type TwoRegions = ReturnType<typeof twoRegions>;

const health = (world: TwoRegions, service: string) => world.front.request('functions', service, { kind: 'health' });

const statusOf = (world: TwoRegions, service: string): number | undefined => {
  const reply = health(world, service);
  return reply.kind === 'reply' ? reply.status : undefined;
};

const write = (world: TwoRegions, from: string, instance: string, id: string) =>
  world.sql.fleet.servers.write(from, instance, { kind: 'application', id }).kind;

describe('the second region', () => {
  it('waits beside its replica, which it can read and not write to', () => {
    const world = twoRegions();
    const reply = health(world, SECONDARY_SERVICES.api);
    expect(reply).toMatchObject({
      status: 503,
      body: { application: 'api-east', database: { address: '10.20.0.5:5432', inRecovery: true, writable: false } },
    });
    expect(statusOf(world, SECONDARY_SERVICES.prober)).toBe(200);
  });
});

describe('a lost region', () => {
  it('leaves a load balancer with nobody to ask, silent databases and a control plane that nobody reaches', () => {
    const world = twoRegions();
    world.disasters.break('region');
    world.clock.advanceBy(seconds(5));
    expect([SERVICES.entrance, SERVICES.apiGke, SERVICES.apiRun].map((name) => statusOf(world, name))).toEqual([
      502, 502, 503,
    ]);
    expect(
      [PRIMARY, 'coditect-dms-db-replica', EAST].map((name) => world.sql.dataPlane.contact('functions', name)),
    ).toEqual(['timeout', 'timeout', 'ok']);
    expect(world.kubernetes.api.list(PERSON, 'Pod', { namespace: REFERENCE.namespace }).kind).toBe('silence');
    // The second region is as it was; its replica gives its upstream up after a minute.
    expect(statusOf(world, SECONDARY_SERVICES.api)).toBe(503);
    expect(world.sql.fleet.servers.receiving(EAST)).toBe(true);
    world.clock.advanceBy(minutes(2));
    expect(world.sql.fleet.servers.receiving(EAST)).toBe(false);
  });

  it('is still described by the management APIs, which refuse to change what is in it and nothing else', () => {
    const world = twoRegions();
    world.disasters.break('region');
    expect(answered(world.sql.admin.get(US, PRIMARY)).instance.state).toBe('RUNNABLE');
    const stop = { activationPolicy: 'NEVER' as const };
    expect(world.sql.admin.patch(US, PRIMARY, stop)).toMatchObject({ kind: 'error', error: { status: 503 } });
    const ref = { location: REFERENCE.region, service: REFERENCE.api };
    expect(world.runApi.getService(US, ref)).toMatchObject({ kind: 'error', error: { status: 503 } });
    expect(answered(world.sql.admin.promoteReplica(US, EAST)).type).toBe('PROMOTE_REPLICA');
    const other = { location: SECONDARY.region, service: SECONDARY.api };
    expect(answered(world.runApi.getService(US, other)).settled).toBe(true);
  });

  it('comes back with a primary that writes, whoever was promoted meanwhile', () => {
    const world = twoRegions();
    world.disasters.break('region');
    answered(world.sql.admin.promoteReplica(US, EAST));
    world.clock.advanceBy(minutes(6));
    world.disasters.mend('region');
    world.clock.advanceBy(minutes(2));
    expect([PRIMARY, EAST].map((name) => write(world, 'functions', name, 'a'))).toEqual(['written', 'written']);
    expect(statusOf(world, SERVICES.apiGke)).toBe(200);
    expect(statusOf(world, SERVICES.apiRun)).toBe(200);
  });

  it.each([
    ['lost', '10.20.0.5:5432'],
    ['cut-off', '10.20.0.3:5432'],
  ])(
    'that was %s comes back with applications that write to %s, when their secret named the other one meanwhile',
    (how, address) => {
      const world = twoRegions();
      world.disasters.break('region', undefined, how);
      const url = world.secrets.readSecret(REFERENCE.databaseSecret)?.replace('10.20.0.3', '10.20.0.5') ?? '';
      world.secrets.addVersion(REFERENCE.databaseSecret, Buffer.from(url));
      world.clock.advanceBy(minutes(6));
      world.disasters.mend('region');
      world.clock.advanceBy(minutes(3));
      const places = world.applications.running().filter(({ place, role }) => place === 'pods' && role === 'api');
      expect(new Set(places.map((process) => process.address()))).toEqual(new Set([address]));
    },
  );

  it('that is only cut off goes on writing inside, where nobody outside hears of it', () => {
    const world = twoRegions();
    world.disasters.break('region', undefined, 'cut-off');
    const { servers } = world.sql.fleet;
    const before = servers.server(EAST)?.history.count();
    expect(write(world, 'pods', PRIMARY, 'inside')).toBe('written');
    expect(world.sql.dataPlane.contact('functions', PRIMARY)).toBe('timeout');
    world.clock.advanceBy(minutes(1));
    expect(servers.server(EAST)?.history.count()).toBe(before);
  });

  it('stops its primary at its return where Cloud SQL took the request meanwhile', () => {
    const world = twoRegions({ assumptions: { ...BELIEVED, lostRegionTakesOperations: true } });
    world.disasters.break('region');
    const operation = answered(world.sql.admin.patch(US, PRIMARY, { activationPolicy: 'NEVER' }));
    world.clock.advanceBy(minutes(10));
    expect(world.sql.fleet.operations.get(operation.name)?.status).toBe('RUNNING');
    world.disasters.mend('region');
    world.clock.advanceBy(minutes(3));
    expect(write(world, 'functions', PRIMARY, 'a')).toBe('connectionRefused');
  });
});

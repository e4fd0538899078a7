import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { redact } from '../../shared/core/redact.ts';
import type { Caller } from '../../sandbox/world/caller.ts';
import { BreakRefused } from '../../sandbox/world/disasters.ts';
import { FAULTS } from '../../sandbox/world/fault-catalogue.ts';
import { referencePolicies } from '../../sandbox/world/reference-policies.ts';
import { functionPrincipal, OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { answered } from './sql-world.ts';
import { createWholeWorld } from './whole-world.ts';

const PRIMARY = 'coditect-dms-db';
const REPLICA = 'coditect-dms-db-replica';
const PERSON: Caller = { principal: OPERATOR, from: 'internet' };

describe('the world on a calm day', () => {
  it('serves its users, alerts nobody and needs no two minutes to be ready', () => {
    const world = createWholeWorld();
    world.clock.advanceBy(minutes(30));
    expect(world.load.report()).toMatchObject([
      { service: SERVICES.entrance, failed: 0, missed: 0, downtime: 0 },
      { service: SERVICES.apiRun, failed: 0, missed: 0, downtime: 0 },
    ]);
    expect(world.published).toEqual([]);
    expect(world.disasters.active()).toEqual([]);
  });

  it('is the same again with the same seed, and another one with another', () => {
    const story = (seed: number) => {
      const world = createWholeWorld({ seed });
      world.disasters.break('primary-database');
      world.clock.advanceBy(minutes(15));
      return { published: world.published, report: world.load.report(), audit: world.kernel.audit.entries() };
    };
    expect(story(5)).toEqual(story(5));
    expect(story(5).published).not.toEqual(story(6).published);
  });
});

describe('a lost primary', () => {
  it('fails writes, and then its alerts arrive one after the other', () => {
    const world = createWholeWorld();
    expect(world.disasters.break('primary-database')).toMatchObject({ target: PRIMARY, variant: 'refuses' });
    world.clock.advanceBy(seconds(10));
    expect(world.load.report().map(({ outages }) => outages.length)).toEqual([1, 1]);
    const first = world.until(() => world.published.length > 0);
    expect(first).toBeGreaterThan(60);
    world.until(() => world.told().includes('dr-cloudsql-primary-down open'), 10);
    world.clock.advanceBy(minutes(10));
    expect([...world.told()].sort()).toEqual([
      'dr-app-5xx open',
      'dr-cloudrun-5xx open',
      'dr-cloudsql-primary-down open',
      'dr-uptime open',
    ]);
    expect(world.published.every(({ topic }) => topic === 'dr-alerts')).toBe(true);
  });

  it('is told by its silence when its zone swallows everything', () => {
    const world = createWholeWorld();
    world.disasters.break('primary-database', undefined, 'hangs');
    world.clock.advanceBy(minutes(15));
    const silent = world.published.find(({ message }) => JSON.stringify(message).includes('conditionAbsent'));
    expect(silent?.message).toMatchObject({ incident: { policy_name: 'dr-cloudsql-primary-down', state: 'open' } });
  });

  it('alerts nobody when there are no policies: nothing else publishes alerts', () => {
    const world = createWholeWorld({ policies: [] });
    world.disasters.break('primary-database');
    world.clock.advanceBy(minutes(60));
    expect(world.published).toEqual([]);
    expect(world.load.report()[0]?.downtime).toBeGreaterThan(minutes(59));
  });

  it('alerts later when the duration in the policy is longer', () => {
    const alertAfter = (duration: string): number => {
      const policies = referencePolicies(REFERENCE.project)
        .filter(({ displayName }) => displayName === 'dr-cloudsql-primary-down')
        .map((policy) => ({
          ...policy,
          conditions: policy.conditions.map(({ conditionThreshold: threshold, ...rest }) =>
            threshold === undefined ? { ...rest } : { ...rest, conditionThreshold: { ...threshold, duration } },
          ),
        }));
      const world = createWholeWorld({ policies });
      world.disasters.break('primary-database');
      return world.until(() => world.published.length > 0);
    };
    expect(alertAfter('660s') - alertAfter('60s')).toBeCloseTo(600, -2);
  });

  it.each(['data-corruption', 'mass-delete'] as const)('alerts when many rows change at once: %s', (fault) => {
    const world = createWholeWorld();
    world.clock.advanceBy(minutes(10));
    expect(world.published).toEqual([]);
    world.disasters.break(fault);
    world.clock.advanceBy(minutes(6));
    expect(world.told()[0]).toBe('dr-cloudsql-mass-change open');
  });

  it('closes its alerts once it is back, with the same ids', () => {
    const world = createWholeWorld();
    world.disasters.break('primary-database');
    world.clock.advanceBy(minutes(12));
    expect(world.disasters.mend('primary-database')).toHaveLength(1);
    world.clock.advanceBy(minutes(12));
    expect(world.told().filter((line) => line.endsWith('closed'))).toHaveLength(4);
    expect(world.load.report().map(({ outages }) => outages.at(-1)?.until)).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
    expect(world.monitoring.openIncidents()).toEqual([]);
  });

  it('is survived by hand: promote, add a version of the secret, restart what reads it', () => {
    const world = createWholeWorld();
    world.disasters.break('primary-database');
    const failure = world.clock.now();
    world.clock.advanceBy(minutes(5));
    answered(world.sql.admin.promoteReplica(PERSON, REPLICA));
    world.clock.advanceBy(minutes(6));
    const url = world.secrets.readSecret(REFERENCE.databaseSecret)?.replace('10.20.0.3', '10.20.0.4') ?? '';
    world.secrets.addVersion(REFERENCE.databaseSecret, Buffer.from(url));
    expect(world.primaryInUse()).toBe(REPLICA);
    for (const process of world.applications.running()) process.crash('restarted by the test');
    world.until(() => world.load.report().every(({ outages }) => outages.at(-1)?.until !== undefined), 10);
    const has = (id: string): boolean => world.sql.fleet.server(REPLICA).history.hasApplicationRow(id);
    expect(world.load.loss(has, failure).rpo).toBeLessThan(seconds(3));
    expect(world.load.report()[0]?.downtime).toBeGreaterThan(minutes(10));
  });
});

describe('a pod', () => {
  it('that hangs alerts after its policy says so, and the next one is sound', () => {
    const world = createWholeWorld();
    const { target } = world.disasters.break('pod');
    world.until(() => world.told().includes('dr-pod-not-ready open'), 15);
    const alert = world.published.find(({ message }) => JSON.stringify(message).includes('dr-pod-not-ready'));
    expect(JSON.stringify(alert?.message)).toContain(target);
    expect(world.told()).toEqual(['dr-pod-not-ready open']);
    const heal: Caller = { principal: functionPrincipal('heal'), from: 'functions' };
    answered(world.kubernetes.api.evict(heal, REFERENCE.namespace, target, { metadata: { name: target } }));
    world.clock.advanceBy(minutes(15));
    expect(world.told()).toEqual(['dr-pod-not-ready open', 'dr-pod-not-ready closed']);
    expect(world.kubernetes.podMetrics().map(({ pod }) => pod)).not.toContain(target);
    expect(world.ready()).toBe(true);
  });

  it('that ends again and again alerts by its restarts', () => {
    const world = createWholeWorld();
    world.disasters.break('crash-loop');
    world.until(() => world.told().includes('dr-pod-crashloop open'), 20);
    world.disasters.mend('crash-loop');
    world.clock.advanceBy(minutes(30));
    expect(world.ready()).toBe(true);
  });

  it('logs its start with a password that redaction takes out', () => {
    const world = createWholeWorld();
    const [process] = world.applications.running();
    const log =
      process
        ?.log()
        .map(({ text }) => text)
        .join('\n') ?? '';
    const password = /:\/\/dms:([^@]+)@/.exec(log)?.[1] ?? '';
    expect(password).toHaveLength(20);
    expect(redact(log)).not.toContain(password);
  });
});

describe('what breaks by name', () => {
  it('cuts and mends two places', () => {
    const world = createWholeWorld();
    world.disasters.break('network');
    world.clock.advanceBy(seconds(30));
    const [gke, run] = world.load.report();
    expect([gke?.failed, run?.failed]).toEqual([0, expect.any(Number)]);
    expect(run?.failed).toBeGreaterThan(25);
    world.disasters.mend('network');
    expect(world.kernel.network.cuts()).toEqual([]);
  });

  it('cuts our functions from a primary that serves everybody else', () => {
    const world = createWholeWorld();
    world.disasters.break('functions-cut-from-primary');
    expect(world.sql.fleet.servers.contact('functions', PRIMARY)).toBe('timeout');
    world.clock.advanceBy(minutes(30));
    expect(world.load.report().map(({ failed }) => failed)).toEqual([0, 0]);
    expect(world.published).toEqual([]);
  });

  it('maintains an instance, and ends by itself', () => {
    const world = createWholeWorld();
    world.disasters.break('maintenance');
    expect(world.sql.fleet.operations.list(PRIMARY)[0]).toMatchObject({ type: 'MAINTENANCE', user: undefined });
    expect(() => world.disasters.break('maintenance')).toThrow(BreakRefused);
    world.clock.advanceBy(minutes(4));
    expect(world.disasters.active()).toEqual([]);
    expect(world.ready()).toBe(true);
  });

  it.each(['api-throttling', 'api-errors', 'api-timeouts-with-effect'])(
    '%s strikes about every second call',
    (name) => {
      const world = createWholeWorld();
      world.disasters.break(name, 'sqladmin');
      const patch = () => world.sql.admin.patch(PERSON, PRIMARY, { userLabels: {} });
      const struck = Array.from({ length: 200 }, patch).filter(
        (outcome) => outcome.kind === 'silence' || (outcome.kind === 'error' && outcome.error.status !== 409),
      ).length;
      expect(struck).toBeGreaterThan(70);
      expect(struck).toBeLessThan(130);
      world.disasters.mend(name);
      expect(world.sql.admin.get(PERSON, PRIMARY).kind).toBe('answer');
    },
  );

  it.each([
    ['nothing', undefined, undefined, 'no fault nothing'],
    ['primary-database', 'nobody', undefined, 'no instance nobody'],
    ['primary-database', undefined, 'slowly', 'no variant slowly'],
    ['replica-lag', PRIMARY, undefined, 'no replica'],
    ['network', 'pods', undefined, 'two places'],
    ['api-errors', 'mail', undefined, 'no API mail'],
    ['pod', 'nobody', undefined, 'no pod'],
    ['control-region', 'us-east4', undefined, 'no function of ours runs in us-east4'],
  ])('refuses %s %s %s with a sentence', (name, target, variant, why) => {
    const world = createWholeWorld();
    expect(() => world.disasters.break(name, target, variant)).toThrow(why);
    expect(world.disasters.active()).toEqual([]);
  });

  it('can all be broken and mended again', () => {
    for (const name of Object.keys(FAULTS)) {
      const lost = new Set<string>();
      const controlRegions = {
        regions: () => ['us-east4', 'us-west1'],
        lose: (region: string) => void lost.add(region),
        bring: (region: string) => void lost.delete(region),
      };
      const world = createWholeWorld({ controlRegions });
      world.disasters.break(name);
      expect([...lost]).toEqual(name === 'control-region' ? ['us-east4'] : []);
      world.clock.advanceBy(minutes(2));
      world.disasters.mend(name);
      world.clock.advanceBy(minutes(20));
      expect([name, world.ready(), world.disasters.active(), lost.size]).toEqual([name, true, [], 0]);
    }
  });
});

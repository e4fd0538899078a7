import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isReadable } from '../../shared/classify/facts.ts';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import { factsText } from '../../shared/classify/facts.ts';
import { gatherFacts } from '../../shared/flows/gather.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import type { TargetRef } from '../../shared/system/topology.ts';
import { EAST, instance, PRIMARY, REPLICA, replica, SYSTEM } from '../classify/looks.ts';
import { countingChance } from '../engine/rehearsal.ts';
import { LittleFleet } from './little-fleet.ts';

const DATABASE: TargetRef = { kind: 'database', instance: PRIMARY };

async function lookAt(
  fleet: LittleFleet,
  targets: readonly TargetRef[] = [DATABASE],
  documents = createMemoryStore(fleet.clock).documents,
) {
  return await gatherFacts(
    targets,
    { system: SYSTEM, world: fleet.world(), clock: fleet.clock, documents, chance: countingChance() },
    3,
  );
}

describe('a look', () => {
  it('finds the instances as they are, in their own words, and the applications from outside', async () => {
    const fleet = new LittleFleet();
    const facts = await lookAt(fleet);

    expect(facts).toMatchObject({ version: 1, round: 3, at: fleet.clock.now() });
    expect(facts.databases[0]).toMatchObject({
      primaryName: PRIMARY,
      primary: { instance: PRIMARY, role: 'primary' },
      contact: { vantage: 'dr-autopilot', outcome: { kind: 'written' }, control: 'ok' },
      watch: undefined,
    });
    expect(facts.databases[0]?.replication.map((word) => [word.instance, word.status?.receiving])).toEqual([
      [REPLICA, true],
      [EAST, true],
    ]);
    expect(facts.applications.map(({ application, health }) => [application, health.kind])).toEqual([
      ['api-gke', 'serving'],
      ['api-run', 'failing'],
    ]);
  });

  it('keeps running and recent operations, without what looks like a credential', async () => {
    const [database] = (await lookAt(new LittleFleet())).databases;
    const operations = database !== undefined && isReadable(database.operations) ? database.operations : [];
    expect(operations.map(({ type }) => type)).toEqual(['UPDATE', 'BACKUP_VOLUME']);
    expect(JSON.stringify(operations)).not.toContain('hunter2');
  });

  it('knows of no operation of a replica that somebody deleted, which is not the same as knowing none', async () => {
    const fleet = new LittleFleet();
    fleet.statuses = [instance(), replica()];
    const types = (facts: Awaited<ReturnType<typeof lookAt>>) => {
      const operations = facts.databases[0]?.operations;
      return operations !== undefined && isReadable(operations) ? operations.map(({ type }) => type) : operations;
    };
    expect(types(await lookAt(fleet))).toEqual(['UPDATE', 'BACKUP_VOLUME']);
    fleet.broken.add('fleet');
    expect(types(await lookAt(fleet))).toEqual({ unreadable: 'notFound' });
  });

  it('asks Monitoring for exactly the series of this database', async () => {
    const fleet = new LittleFleet();
    await lookAt(fleet);
    expect(fleet.filters).toContain(
      `metric.type = "cloudsql.googleapis.com/database/up" AND resource.type = "cloudsql_database" AND resource.labels.database_id = "coditect-prod:coditect-dms-db"`,
    );
  });

  it('reaches what an application depends on, and every consumer of that', async () => {
    const facts = await lookAt(new LittleFleet(), [{ kind: 'application', id: 'api-run' }]);
    expect(facts.databases).toHaveLength(1);
    expect(facts.applications).toHaveLength(2);
  });

  it('follows a promotion to the instance that the applications are on', async () => {
    const fleet = new LittleFleet();
    fleet.statuses = [instance({ activation: 'never' }), instance({ instance: REPLICA, address: '10.20.0.4' })];
    fleet.primary = REPLICA;
    expect((await lookAt(fleet)).databases[0]).toMatchObject({
      primaryName: REPLICA,
      contact: { outcome: { kind: 'written' } },
    });
  });

  it('carries what the watch knows, unless that can not be understood', async () => {
    const fleet = new LittleFleet();
    const { documents } = createMemoryStore(fleet.clock);
    const reading = {
      version: 1,
      instance: PRIMARY,
      lastWrittenAtMs: 1,
      lastSequence: 2,
      notWrittenSinceMs: null,
      refusedSinceMs: 3,
      lastLookAtMs: 4,
      vantages: {},
    };
    await documents.put(`watch/${PRIMARY}`, reading, 0);
    expect((await lookAt(fleet, [DATABASE], documents)).databases[0]?.watch).toEqual(reading);
    await documents.put(`watch/${PRIMARY}`, { version: 9 }, 1);
    expect((await lookAt(fleet, [DATABASE], documents)).databases[0]?.watch).toBeUndefined();
  });

  it('says in its place what could not be read, and asks the data plane all the same', async () => {
    const fleet = new LittleFleet();
    fleet.broken.add('fleet').add('operations').add('series').add('pods').add('deepHealth');
    const facts = await lookAt(fleet);
    expect(facts.databases[0]).toMatchObject({
      primary: { unreadable: 'http 503' },
      operations: { unreadable: 'http 503' },
      up: { unreadable: 'http 503' },
      contact: { outcome: { kind: 'written' }, control: 'ok' },
    });
    expect(facts.applications[0]).toMatchObject({
      health: { kind: 'silent', detail: 'http 503' },
      pods: { unreadable: 'http 503' },
    });
  });

  it('tells a primary that refuses from one that we alone do not reach', async () => {
    const fleet = new LittleFleet();
    fleet.serves = false;
    fleet.broken.add('replication');
    expect((await lookAt(fleet)).databases[0]?.contact).toMatchObject({
      outcome: { kind: 'connectionRefused' },
      control: 'failed',
    });
  });

  it('never fails for the world’s sake, whatever fails, and can always be kept and read back', async () => {
    const calls = [
      'fleet',
      'operations',
      'canary',
      'replication',
      'deepHealth',
      'workload',
      'rollout',
      'pods',
      'service',
      'series',
    ] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.subarray([...calls]),
        fc.constantFrom('retryable', 'ambiguous', 'conflict', 'permanent'),
        async (broken, kind) => {
          const fleet = new LittleFleet();
          fleet.error = new PortError(kind, 'timeout', 'asking');
          for (const call of broken) fleet.broken.add(call);
          const facts = await lookAt(fleet);
          expect(parseFacts(factsText(facts))).toEqual(facts);
        },
      ),
    );
  });

  it('does not hide a bug of ours', async () => {
    const fleet = new LittleFleet();
    fleet.broken.add('pods');
    fleet.error = new TypeError('undefined is not a function');
    await expect(lookAt(fleet)).rejects.toThrow(TypeError);
  });

  it('is done at once for nothing', async () => {
    expect(await lookAt(new LittleFleet(), [])).toMatchObject({ databases: [], applications: [] });
  });

  it('does not take a replica that follows another for one of ours', async () => {
    const fleet = new LittleFleet();
    fleet.statuses = [instance(), replica({ upstream: EAST })];
    expect((await lookAt(fleet)).databases[0]?.replicas).toMatchObject([{ instance: REPLICA, upstream: EAST }]);
  });
});

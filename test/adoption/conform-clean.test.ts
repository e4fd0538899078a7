import { describe, expect, it } from '@jest/globals';
import { clean, type CleanPorts } from '../../shared/adoption/conform-clean.ts';
import { after, instant, type Millis, millis, minutes } from '../../shared/core/time.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { FoundThing } from '../../shared/ports/throwaways.ts';
import { type InstanceName, instanceName } from '../../shared/system/names.ts';

const PRIMARY = instanceName('dr-conform-abcdefgh');
const REPLICA = instanceName('dr-conform-abcdefgh-replica');

const instanceOf = (name: typeof PRIMARY, isReplica: boolean): FoundThing => ({
  kind: 'instance',
  name,
  region: 'us-central1',
  run: 'abcdefgh',
  isReplica,
  isStopped: false,
  isGoing: false,
});

const statusOf = (instance: InstanceName, isStopped: boolean): InstanceStatus => ({
  instance,
  role: instance === REPLICA ? 'replica' : 'primary',
  upstream: instance === REPLICA ? PRIMARY : undefined,
  replicas: instance === PRIMARY ? [REPLICA] : [],
  state: 'runnable',
  activation: isStopped ? 'never' : 'always',
  availability: 'zonal',
  region: 'us-central1',
  databaseVersion: 'POSTGRES_15',
  tier: 'db-custom-1-3840',
  address: undefined,
  version: '1',
  backupsEnabled: true,
  pointInTimeRecovery: false,
  deletionProtection: false,
});

/** A cloud in which things appear and are deleted at once; `refuses` says why one is not. */
function cloud(appears: (elapsed: Millis) => readonly FoundThing[], refuses?: PortError) {
  const start = instant(0);
  let now = start;
  const gone: string[] = [];
  const ports: CleanPorts = {
    throwaways: {
      found: () => Promise.resolve(appears(millis(now - start)).filter(({ name }) => !gone.includes(name))),
      deleteInstance: (name) => {
        if (refuses !== undefined) return Promise.reject(refuses);
        gone.push(name);
        return Promise.resolve('operation');
      },
      deleteService: () => Promise.resolve('operation'),
    },
    databases: {
      inspect: () => Promise.reject(new PortError('permanent', 'notFound', 'inspecting')),
      setActivation: () => Promise.resolve('operation'),
    },
    clock: {
      now: () => now,
      monotonic: () => millis(now),
      spanOf: (wall) => wall,
      sleep: (length) => {
        now = after(now, length);
        return Promise.resolve();
      },
    },
    tell: () => undefined,
  };
  return { ports, gone, now: () => now };
}

const OURS = { named: new Set<string>(), run: 'abcdefgh', mayArriveLate: false };

describe('deleting what a run has made', () => {
  it('takes the replica before its primary', async () => {
    const { ports, gone } = cloud(() => [instanceOf(PRIMARY, false), instanceOf(REPLICA, true)]);
    expect(await clean(ports, OURS)).toEqual({ kind: 'known', things: [] });
    expect(gone).toEqual([REPLICA, PRIMARY]);
  });

  it('waits for what may arrive late', async () => {
    const late = (elapsed: Millis) => (elapsed < minutes(4) ? [] : [instanceOf(PRIMARY, false)]);
    const hasty = cloud(late);
    await clean(hasty.ports, OURS);
    expect(hasty.gone).toEqual([]);
    const patient = cloud(late);
    await clean(patient.ports, { ...OURS, mayArriveLate: true });
    expect(patient.gone).toEqual([PRIMARY]);
  });

  it('does not go on for an hour where it may not delete, and names what is left', async () => {
    const forbidden = new PortError('permanent', 'forbidden', 'deleting');
    const { ports, now } = cloud(() => [instanceOf(PRIMARY, false)], forbidden);
    expect(await clean(ports, OURS)).toMatchObject({ kind: 'known', things: [{ name: PRIMARY }] });
    expect(now()).toBeLessThan(minutes(1));
  });

  it('starts a stopped primary without which its replica is not deleted, and asks again', async () => {
    const { ports, gone } = cloud(() => [instanceOf(PRIMARY, false), instanceOf(REPLICA, true)]);
    let isStopped = true;
    const deleteInstance: typeof ports.throwaways.deleteInstance = (name) =>
      isStopped && name === REPLICA
        ? Promise.reject(new PortError('permanent', 'invalid', 'deleting'))
        : ports.throwaways.deleteInstance(name);
    const databases: typeof ports.databases = {
      inspect: (name) => Promise.resolve(statusOf(name, isStopped)),
      setActivation: () => {
        isStopped = false;
        return Promise.resolve('operation');
      },
    };
    await clean({ ...ports, databases, throwaways: { ...ports.throwaways, deleteInstance } }, OURS);
    expect(gone).toEqual([REPLICA, PRIMARY]);
  });

  it('leaves alone what another run made, and what dr.yaml names', async () => {
    const { ports, gone } = cloud(() => [instanceOf(PRIMARY, false)]);
    await clean(ports, { ...OURS, run: 'another0' });
    await clean(ports, { ...OURS, named: new Set([PRIMARY]) });
    expect(gone).toEqual([]);
  });
});

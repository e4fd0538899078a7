import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { v1 as container } from '@google-cloud/container';
import { DNS, type DNSOptions } from '@google-cloud/dns';
import { v2 as run } from '@google-cloud/run';
import { v1 as secretManager } from '@google-cloud/secret-manager';
import { OAuth2Client } from 'google-auth-library';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { crc32c } from '../../sandbox/world/crc32c.ts';
import { instant, minutes, seconds } from '../../shared/core/time.ts';
import { API, SECRET } from '../world/run-world.ts';
import { RECORD, startGoogleWorld } from './google-world.ts';

// The clients that the product uses, unchanged, against the sandbox on loopback.

type World = Awaited<ReturnType<typeof startGoogleWorld>>;

let clock: VirtualClock;
let world: World;
let clients: ReturnType<typeof connect>;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  clock = createVirtualClock(instant(1_767_607_200_000));
  world = await startGoogleWorld(clock);
  clock.advanceBy(seconds(30));
  clients = connect(world, world.tokens.operator);
});

afterEach(async () => {
  await world.close();
});

afterAll(async () => {
  await Promise.all(closing.map((close) => close()));
});

function connect({ port }: World, token: string) {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: token, expiry_date: 32_503_680_000_000 });
  // gax reads `protocol`, which its types don't declare.
  const options = { fallback: true as const, apiEndpoint: '127.0.0.1', port, protocol: 'http', authClient };
  const services = new run.ServicesClient(options);
  const secrets = new secretManager.SecretManagerServiceClient(options);
  const clusters = new container.ClusterManagerClient(options);
  closing.push(
    () => services.close(),
    () => secrets.close(),
    () => clusters.close(),
  );
  // The package brings an auth library of its own, whose classes are others to the compiler.
  const own = { projectId: 'coditect-prod', authClient, autoRetry: false } as unknown as DNSOptions;
  const dns = new DNS(own);
  dns.baseUrl = `http://127.0.0.1:${port}/dns/v1`;
  return { services, secrets, clusters, zone: dns.zone('coditect-zone') };
}

const service = 'projects/coditect-prod/locations/us-central1/services/coditect-dms-api';
const secret = `projects/coditect-prod/secrets/${SECRET}`;
const paths = (...names: readonly string[]) => ({ paths: [...names] });

describe('@google-cloud/run', () => {
  it('reads a service, and whether it is ready', async () => {
    const [found] = await clients.services.getService({ name: service });

    expect(found).toMatchObject({
      name: service,
      reconciling: false,
      generation: '1',
      observedGeneration: '1',
      scaling: { minInstanceCount: 1, maxInstanceCount: 10, scalingMode: 'AUTOMATIC' },
      terminalCondition: { type: 'Ready', state: 'CONDITION_SUCCEEDED' },
    });
    expect(found.latestReadyRevision).toBe(found.latestCreatedRevision);
  });

  it('holds a service, sees the operation end, and releases it as it was', async () => {
    const [before] = await clients.services.getService({ name: service });
    const [held] = await clients.services.updateService({
      service: { name: service, etag: before.etag ?? '', scaling: { scalingMode: 'MANUAL', manualInstanceCount: 0 } },
      updateMask: paths('scaling.scaling_mode', 'scaling.manual_instance_count'),
    });
    expect(held.done).toBe(false);
    clock.advanceBy(seconds(20));

    const progress = await clients.services.checkUpdateServiceProgress(held.name ?? '');

    expect(progress.done).toBe(true);
    // Inside of an operation's result the client leaves enums as numbers: 2 is MANUAL.
    expect(progress.result).toMatchObject({ scaling: { scalingMode: 2, manualInstanceCount: 0 } });
    expect(world.running()).toEqual([]);
    await clients.services.updateService({
      service: { name: service, scaling: before.scaling ?? {} },
      updateMask: paths('scaling'),
    });
    clock.advanceBy(seconds(20));
    expect(world.running()).toHaveLength(1);
  });

  it('hears 10 ABORTED for a stale etag, and 3 INVALID_ARGUMENT for a path that does not exist', async () => {
    const [{ etag }] = await clients.services.getService({ name: service });
    const scale = (count: number, path: string) =>
      clients.services.updateService({
        service: { name: service, etag: etag ?? '', scaling: { minInstanceCount: count } },
        updateMask: paths(path),
      });
    await scale(2, 'scaling.min_instance_count');

    await expect(scale(3, 'scaling.min_instance_count')).rejects.toMatchObject({ code: 10 });
    await expect(scale(3, 'scaling.min_instances')).rejects.toMatchObject({ code: 3 });
    expect(world.run.service(API).spec.scaling.min).toBe(2);
  });

  it('sends back without a mask all that it read, which changes nothing', async () => {
    const [found] = await clients.services.getService({ name: service });

    await clients.services.updateService({ service: found });

    expect(world.run.service(API).generation).toBe(1);
  });

  it('hears why a new revision failed', async () => {
    world.run.failNextRevision(API);
    const [operation] = await clients.services.updateService({
      service: { name: service, template: { annotations: { restarted: 'now' } } },
      updateMask: paths('template.annotations'),
    });
    clock.advanceBy(minutes(5));

    const progress = await clients.services.checkUpdateServiceProgress(operation.name ?? '');

    expect(progress.error).toMatchObject({ code: 9, message: expect.stringContaining('failed to start') });
    expect((await clients.services.getService({ name: service }))[0]).toMatchObject({
      reconciling: false,
      terminalCondition: { state: 'CONDITION_FAILED', revisionReason: 'HEALTH_CHECK_CONTAINER_ERROR' },
    });
  });

  it('hears 7 PERMISSION_DENIED for an identity without power, and 16 for a token that expired', async () => {
    const ask = (token: string) => connect(world, token).services.getService({ name: service });

    await expect(ask(world.tokens.notify)).rejects.toMatchObject({ code: 7 });
    await expect(ask('expired')).rejects.toMatchObject({ code: 16 });
  });
});

describe('@google-cloud/secret-manager', () => {
  it('adds a version whose checksum is confirmed, and reads it back', async () => {
    const data = Buffer.from('postgresql://dms:s3cret@10.20.0.4:5432/dms');

    const [added] = await clients.secrets.addSecretVersion({
      parent: secret,
      payload: { data, dataCrc32c: crc32c(data) },
    });
    const [read] = await clients.secrets.accessSecretVersion({ name: `${secret}/versions/latest` });

    expect(added).toMatchObject({ state: 'ENABLED', clientSpecifiedPayloadChecksum: true });
    expect(read.name).toBe(added.name);
    expect(Buffer.from(read.payload?.data ?? '').toString()).toBe(data.toString());
    expect(Number(read.payload?.dataCrc32c)).toBe(crc32c(data));
  });

  it('has a wrong checksum refused', async () => {
    const payload = { data: Buffer.from('x'), dataCrc32c: 1 };

    await expect(clients.secrets.addSecretVersion({ parent: secret, payload })).rejects.toMatchObject({ code: 3 });
    expect(world.secrets.versions(SECRET)).toHaveLength(1);
  });

  it('disables, enables and destroys versions, and lists them newest first', async () => {
    await clients.secrets.addSecretVersion({ parent: secret, payload: { data: Buffer.from('new') } });
    const [first] = await clients.secrets.getSecretVersion({ name: `${secret}/versions/1` });
    const change = { name: first.name ?? '', etag: first.etag ?? '' };

    expect((await clients.secrets.disableSecretVersion(change))[0].state).toBe('DISABLED');
    await expect(clients.secrets.enableSecretVersion(change)).rejects.toMatchObject({ code: 9 });
    await expect(clients.secrets.accessSecretVersion(change)).rejects.toMatchObject({ code: 9 });
    expect((await clients.secrets.destroySecretVersion({ name: change.name }))[0].state).toBe('DESTROYED');
    const [versions] = await clients.secrets.listSecretVersions({ parent: secret });

    expect(versions.map(({ name, state }) => [name?.split('/').at(-1), state])).toEqual([
      ['2', 'ENABLED'],
      ['1', 'DESTROYED'],
    ]);
  });

  it('hears 5 NOT_FOUND for what does not exist', async () => {
    await expect(clients.secrets.getSecret({ name: `${secret}-x` })).rejects.toMatchObject({ code: 5 });
  });
});

describe('@google-cloud/dns', () => {
  it('moves a name by what it read, and sees the change done', async () => {
    const [records] = await clients.zone.getRecords({ name: RECORD.name, type: 'A' });
    const moved = clients.zone.record('a', { name: RECORD.name, ttl: 60, data: ['203.0.113.99'] });

    const [change] = await clients.zone.createChange({ delete: records, add: moved });

    expect((await clients.zone.change(change.id ?? '').getMetadata())[0]).toMatchObject({ status: 'pending' });
    clock.advanceBy(minutes(1));
    expect((await clients.zone.change(change.id ?? '').getMetadata())[0]).toMatchObject({ status: 'done' });
    expect(world.dns.served(RECORD.name, 'A')?.rrdatas).toEqual(['203.0.113.99']);
  });

  it('hears 412 when the name has changed since it was read', async () => {
    const [records] = await clients.zone.getRecords({ name: RECORD.name, type: 'A' });
    world.dns.patch('coditect-zone', RECORD.name, 'A', { rrdatas: ['203.0.113.50'] });
    const moved = clients.zone.record('a', { name: RECORD.name, ttl: 60, data: ['203.0.113.99'] });

    const change = clients.zone.createChange({ delete: records, add: moved });

    await expect(change).rejects.toMatchObject({ code: 412, errors: [{ reason: 'conditionNotMet' }] });
  });
});

describe('@google-cloud/container', () => {
  it('finds where a cluster’s API server is, and whom to trust there', async () => {
    const name = 'projects/coditect-prod/locations/us-central1-a/clusters/coditect-prod-cluster';
    world.clusters.setStatus('us-central1-a', 'coditect-prod-cluster', 'RECONCILING');

    const [cluster] = await clients.clusters.getCluster({ name });

    expect(cluster).toMatchObject({
      status: 'RECONCILING',
      endpoint: '127.0.0.1:8443',
      masterAuth: { clusterCaCertificate: expect.any(String) },
      controlPlaneEndpointsConfig: { dnsEndpointConfig: { allowExternalTraffic: false } },
    });
    await expect(clients.clusters.getCluster({ name: `${name}-x` })).rejects.toMatchObject({ code: 5 });
  });
});

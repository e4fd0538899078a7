import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createGoogleIsolation } from '../../shared/providers/google-isolation.ts';
import type { Application } from '../../shared/system/system.ts';
import { startSandbox } from './sandbox-world.ts';

// Cutting applications off and letting them be reached again: the real clients against the sandbox.

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
beforeAll(async () => {
  sandbox = await startSandbox();
  recover = await sandbox.as('recover');
});
afterAll(() => sandbox.close());

const probes = { deepHealth: 'https://x/', canary: 'https://x/', vantage: undefined };
const api = { databaseSecret: REFERENCE.databaseSecret, dependsOn: [], probes } as const;
const APPLICATIONS: readonly Application[] = [
  {
    ...api,
    kind: 'gke',
    id: 'api-gke',
    cluster: REFERENCE.cluster,
    location: REFERENCE.zone,
    namespace: REFERENCE.namespace,
    deployment: REFERENCE.api,
    container: 'api',
    urlMap: undefined,
    maxReplicas: 10,
  },
  {
    ...api,
    kind: 'cloudRun',
    id: 'api-run',
    service: REFERENCE.api,
    region: REFERENCE.region,
    slowAfter: undefined,
    maxInstances: 10,
  },
];

const isolation = (access = recover) => createGoogleIsolation(access, { applications: APPLICATIONS });

/** What somebody outside meets, and what somebody meets who comes through the load balancer. */
const asked = (service: string) => {
  const reply = sandbox.world.front.request('internet', service, { kind: 'health' });
  return reply.kind === 'reply' ? reply.status : 'silence';
};

const pods = () =>
  sandbox.world.kubernetes.store
    .list('Pod', REFERENCE.namespace)
    .filter(({ metadata }) => metadata.labels?.['app'] === REFERENCE.api)
    .map(({ metadata }) => metadata.name);

describe('The pods of a Deployment', () => {
  it('are cut off from everybody and from their database by a policy of ours, and stay', async () => {
    const before = pods();
    expect(asked(SERVICES.apiGke)).toBe(200);
    expect(await isolation().inspect('api-gke')).toEqual({ kind: 'gke', policy: null });
    await isolation().deny('api-gke', 'inc-a');
    sandbox.clock.advanceBy(minutes(2));

    const status = await isolation().inspect('api-gke');
    expect(status).toMatchObject({ kind: 'gke', policy: { incident: 'inc-a', deniesAll: true } });
    expect(asked(SERVICES.apiGke)).toBe(503);
    expect(asked(SERVICES.proberGke)).toBe(200);
    expect(pods()).toEqual(before);
    const [process] = sandbox.world.applications.running().filter(({ id }) => before.includes(id));
    expect(process?.handle({ kind: 'userWrite', id: 'a row' })).toMatchObject({ status: 500 });
    await expect(isolation().deny('api-gke', 'inc-b')).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('are reached again when exactly that policy is taken away', async () => {
    const status = await isolation().inspect('api-gke');
    const policy = status.kind === 'gke' && status.policy !== null ? status.policy : { uid: '', version: '' };
    await expect(isolation().admit('api-gke', { ...policy, uid: 'another' })).rejects.toMatchObject({
      kind: 'conflict',
    });
    await expect(isolation().admit('api-gke', { ...policy, version: '1' })).rejects.toMatchObject({ kind: 'conflict' });
    expect(asked(SERVICES.apiGke)).toBe(503);
    await isolation().admit('api-gke', policy);

    expect(asked(SERVICES.apiGke)).toBe(200);
    expect(await isolation().inspect('api-gke')).toEqual({ kind: 'gke', policy: null });
  });

  it('are let alone by whoever may only heal', async () => {
    await expect(isolation(await sandbox.as('heal')).deny('api-gke', 'inc-a')).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('are reached all the same in a cluster that enforces no policy, and by a policy that lets something in', async () => {
    const { disasters, kubernetes } = sandbox.world;
    disasters.break('policies-not-enforced');
    await isolation().deny('api-gke', 'inc-a');
    expect(asked(SERVICES.apiGke)).toBe(200);
    disasters.mend('policies-not-enforced');
    expect(asked(SERVICES.apiGke)).toBe(503);

    kubernetes.seed('NetworkPolicy', REFERENCE.namespace, {
      metadata: { name: 'open' },
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] },
    });
    expect(asked(SERVICES.apiGke)).toBe(200);
  });
});

describe('A Cloud Run service', () => {
  it('is cut off by its ingress alone, without a new revision, and goes back to what it was', async () => {
    const { run } = sandbox.world;
    const ref = { location: REFERENCE.region, service: REFERENCE.api };
    const { latestReady, spec } = run.service(ref);
    const before = await isolation().inspect('api-run');
    expect(before).toMatchObject({ kind: 'cloudRun', ingress: 'all', settled: true });
    const etag = before.kind === 'cloudRun' ? before.etag : '';
    await isolation().setIngress('api-run', 'internal', etag);
    sandbox.clock.advanceBy(seconds(30));

    expect(await isolation().inspect('api-run')).toMatchObject({ ingress: 'internal', settled: true });
    expect(asked(SERVICES.apiRun)).toBe(404);
    expect(run.service(ref).latestReady).toBe(latestReady);
    expect(run.service(ref).spec).toEqual({ ...spec, ingress: 'INGRESS_TRAFFIC_INTERNAL_ONLY' });
    await expect(isolation().setIngress('api-run', 'all', etag)).rejects.toMatchObject({ kind: 'conflict' });

    const now = await isolation().inspect('api-run');
    await isolation().setIngress('api-run', 'all', now.kind === 'cloudRun' ? now.etag : '');
    sandbox.clock.advanceBy(seconds(30));
    expect(asked(SERVICES.apiRun)).toBe(200);
    expect(run.service(ref).spec).toEqual(spec);
  });
});

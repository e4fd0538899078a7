import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import type { ServiceRestarts } from '../../shared/ports/service-restarts.ts';
import { createCloudRunRestarts } from '../../shared/providers/cloud-run-restarts.ts';
import { SYSTEM } from '../classify/looks.ts';
import { startSandbox } from './sandbox-world.ts';
import { endpointsAt, identity, startVendorServer, type VendorServer } from './vendor-server.ts';

// The adapter with the real client, over answers shaped as Google documents them, and over the sandbox.

let server: VendorServer;
let restarts: ServiceRestarts;
const onRun = SYSTEM.applications.filter((application) => application.kind === 'cloudRun');

beforeAll(async () => {
  server = await startVendorServer();
  restarts = createCloudRunRestarts(
    { project: 'coditect-prod', endpoints: endpointsAt(server.base), identity: identity() },
    onRun,
  );
});
afterAll(() => server.close());

const NAME = 'projects/coditect-prod/locations/us-central1/services/coditect-dms-api';
const service = (own: object = {}, template: object = {}) => ({
  name: NAME,
  etag: '"7"',
  generation: '7',
  observedGeneration: '7',
  latestReadyRevision: `${NAME}/revisions/coditect-dms-api-00007-abc`,
  latestCreatedRevision: `${NAME}/revisions/coditect-dms-api-00007-abc`,
  terminalCondition: { type: 'Ready', state: 'CONDITION_SUCCEEDED' },
  traffic: [{ type: 'TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST', percent: 100 }],
  template: { containers: [{ image: 'api' }], ...template },
  ...own,
});

const inspected = async (body: object) => {
  server.answer({ status: 200, body });
  return await restarts.inspect('api-run');
};

describe('a Cloud Run service that may be restarted', () => {
  it('is complete on its newest revision, to which its users are led', async () => {
    expect(await inspected(service())).toEqual({
      restartedFor: undefined,
      complete: true,
      pinnedTo: [],
      fixedSecrets: [],
      etag: '"7"',
    });
    const { traffic: _, ...silent } = service();
    expect(await inspected(silent)).toMatchObject({ complete: true, pinnedTo: [] });
  });

  it('names the revisions that get users by name, and none that is only tagged', async () => {
    const type = 'TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION';
    const traffic = [
      { type, revision: 'coditect-dms-api-00005-old', percent: 90 },
      { type: 'TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST', percent: 10 },
      { type, revision: 'coditect-dms-api-00006-try', tag: 'try' },
    ];
    expect((await inspected(service({ traffic }))).pinnedTo).toEqual(['coditect-dms-api-00005-old']);
  });

  it('names the secrets that its template reads by number, in variables and in files', async () => {
    const variable = (secret: string, version?: string) => ({
      name: secret.toUpperCase(),
      valueSource: { secretKeyRef: { secret, ...(version === undefined ? {} : { version }) } },
    });
    const template = {
      containers: [
        { image: 'api', env: [variable('latest-key', 'latest'), variable('projects/p/secrets/jwt-key', '3')] },
        { image: 'proxy', env: [{ name: 'PLAIN', value: 'x' }] },
      ],
      volumes: [
        { name: 'tls', secret: { secret: 'tls-key', items: [{ path: 'key.pem', version: '2' }] } },
        { name: 'scratch', emptyDir: {} },
      ],
    };
    expect((await inspected(service({}, template))).fixedSecrets).toEqual([
      { secret: 'jwt-key', version: '3' },
      { secret: 'tls-key', version: '2' },
    ]);
  });

  it('is one of the sandbox, where somebody leads its users to a revision', async () => {
    const sandbox = await startSandbox();
    try {
      const { run } = sandbox.world;
      const ref = { location: REFERENCE.region, service: REFERENCE.api };
      const real = createCloudRunRestarts(await sandbox.as('recover'), onRun);
      expect(await real.inspect('api-run')).toMatchObject({ complete: true, pinnedTo: [] });
      const [revision = ''] = run.service(ref).routes.map((route) => route.revision);
      const traffic = [{ revision, percent: 100 }];
      run.update({ ref, etag: undefined, validateOnly: false, edit: (spec) => ({ ...spec, traffic }) });
      sandbox.clock.advanceBy(minutes(1));
      expect(await real.inspect('api-run')).toMatchObject({ complete: true, pinnedTo: [revision] });
    } finally {
      await sandbox.close();
    }
  });
});

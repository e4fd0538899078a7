import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createScaledClock, type ScaledClock } from '../../sandbox/world/clock.ts';
import { instant } from '../../shared/core/time.ts';
import { API, SECRET } from '../world/run-world.ts';
import { COMMAND_MS_MAX, hasGcloud, runGcloud, type Said } from './gcloud.ts';
import { RECORD, startGoogleWorld } from './google-world.ts';

// gcloud, typed as the runbook types it, against the sandbox on loopback.

const suite = hasGcloud() ? describe : describe.skip;

/** Clock time runs so much faster that a new revision takes half a second. */
const RATE = 60;

let world: Awaited<ReturnType<typeof startGoogleWorld>>;
let clock: ScaledClock;
let folder: string;

beforeEach(async () => {
  clock = createScaledClock(RATE, instant(1_767_607_200_000));
  world = await startGoogleWorld(clock);
  folder = await mkdtemp(join(tmpdir(), 'gcloud-'));
});

afterEach(async () => {
  clock.close();
  await world.close();
  await rm(folder, { recursive: true });
});

function variables(): Readonly<Record<string, string>> {
  const base = `http://127.0.0.1:${world.port}/`;
  const apis = ['CONTAINER', 'DNS', 'SECRETMANAGER', 'REDIS', 'LOGGING'];
  return {
    KUBECONFIG: join(folder, 'kubeconfig'),
    USE_GKE_GCLOUD_AUTH_PLUGIN: 'True',
    // Cloud Run's v1 API has a host for each region; through a proxy the sandbox answers for any host.
    CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: `${base}compute/v1/`,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN: 'http://run.sim.test/',
    CLOUDSDK_PROXY_TYPE: 'http',
    CLOUDSDK_PROXY_ADDRESS: '127.0.0.1',
    CLOUDSDK_PROXY_PORT: String(world.port),
    ...Object.fromEntries(apis.map((api) => [`CLOUDSDK_API_ENDPOINT_OVERRIDES_${api}`, base])),
  };
}

/** Runs a command; its exit code and what it printed. */
function gcloud(command: string, token = world.tokens.operator): Promise<Said> {
  const words = command.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [];
  return runGcloud(words, { folder, token, variables: variables() });
}

suite('gcloud run services', () => {
  it(
    'describe and list show the service',
    async () => {
      const [described, everywhere, here] = await Promise.all([
        gcloud('run services describe coditect-dms-api --region us-central1 --format=json'),
        gcloud('run services list'),
        gcloud('run services list --region us-central1'),
      ]);

      expect(JSON.parse(described.out)).toMatchObject({
        metadata: { name: 'coditect-dms-api' },
        status: { observedGeneration: 1 },
      });
      expect(everywhere.out).toMatch(/coditect-dms-api +us-central1/);
      expect(here.out).toMatch(/coditect-dms-api +us-central1/);
    },
    COMMAND_MS_MAX,
  );

  it(
    'update --min changes the service and makes no revision',
    async () => {
      const { code, err } = await gcloud('run services update coditect-dms-api --region us-central1 --min=3');

      expect([code, err]).toEqual([0, expect.stringContaining('has been updated')]);
      expect(world.run.service(API)).toMatchObject({
        spec: { scaling: { min: 3 } },
        settled: true,
        failure: undefined,
      });
      expect(world.run.service(API).revisions).toHaveLength(1);
    },
    COMMAND_MS_MAX,
  );

  it(
    'update --min-instances, as the runbook has it, makes a revision',
    async () => {
      const { code } = await gcloud('run services update coditect-dms-api --region us-central1 --min-instances=2');

      expect(code).toBe(0);
      expect(world.run.service(API).spec.template).toMatchObject({
        min: 2,
        image: expect.stringContaining('@sha256:'),
      });
      expect(world.run.service(API).revisions).toHaveLength(2);
      expect((await gcloud('run revisions list --region us-central1 --service coditect-dms-api')).out).toMatch(
        /-00002-/,
      );
    },
    COMMAND_MS_MAX,
  );

  it(
    'update --min-instances tells of a revision that failed, and the old one serves on',
    async () => {
      world.run.failNextRevision(API);

      const { code, err } = await gcloud('run services update coditect-dms-api --region us-central1 --min-instances=4');

      expect([code, err]).toEqual([1, expect.stringContaining('failed to start and listen')]);
      expect(world.run.service(API)).toMatchObject({ latestReady: expect.stringContaining('-00001-') });
    },
    COMMAND_MS_MAX,
  );

  it(
    'update --scaling=0 holds the service',
    async () => {
      expect((await gcloud('beta run services update coditect-dms-api --region us-central1 --scaling=0')).code).toBe(0);

      expect(world.run.route(API)).toEqual({ kind: 'disabled' });
    },
    COMMAND_MS_MAX,
  );
});

suite('gcloud secrets versions', () => {
  it(
    'add, access, list and disable',
    async () => {
      const file = join(folder, 'secret.txt');
      await writeFile(file, 'abc123');

      const added = await gcloud(`secrets versions add ${SECRET} --data-file=${file}`);
      const read = await gcloud(`secrets versions access latest --secret=${SECRET}`);
      const disabled = await gcloud(`secrets versions disable 2 --secret=${SECRET}`);
      const again = await gcloud(`secrets versions access latest --secret=${SECRET}`);
      const listed = await gcloud(`secrets versions list ${SECRET}`);

      expect([added.code, read.out, disabled.code]).toEqual([0, 'abc123', 0]);
      expect([again.code, again.err]).toEqual([1, expect.stringContaining('is in DISABLED state')]);
      expect(listed.out).toMatch(/^2 +disabled.*\n1 +enabled/m);
    },
    COMMAND_MS_MAX,
  );

  it(
    'are refused to an identity without the permission',
    async () => {
      const { code, err } = await gcloud(`secrets versions access latest --secret=${SECRET}`, world.tokens.notify);

      expect([code, err]).toEqual([1, expect.stringContaining('PERMISSION_DENIED')]);
    },
    COMMAND_MS_MAX,
  );
});

suite('gcloud compute url-maps', () => {
  it(
    'tells where an entrance leads, and leads it elsewhere under the fingerprint that it read',
    async () => {
      const described = await gcloud('compute url-maps describe coditect-dms-ingress --global');
      expect([described.code, described.out]).toEqual([0, expect.stringMatching(/defaultService: .*coditect-dms-gke/)]);

      const moved = await gcloud(
        'compute url-maps set-default-service coditect-dms-ingress --default-service=coditect-dms-run --global',
      );

      expect(moved.code).toBe(0);
      expect(world.balancers.urlMap('coditect-dms-ingress').defaultService).toBe('coditect-dms-run');
    },
    COMMAND_MS_MAX,
  );
});

suite('gcloud dns record-sets', () => {
  it(
    'update without a ttl keeps the one that was there',
    async () => {
      const { code } = await gcloud(
        'dns record-sets update dms-api.coditect.ai --type=A --zone=coditect-zone --rrdatas=203.0.113.99',
      );

      expect(code).toBe(0);
      expect((await gcloud('dns record-sets list --zone=coditect-zone')).out).toMatch(
        /dms-api\.coditect\.ai\. +A +60 +203\.0\.113\.99/,
      );
    },
    COMMAND_MS_MAX,
  );

  it(
    'update tells of a record that does not exist',
    async () => {
      const { code, err } = await gcloud(
        'dns record-sets update x.coditect.ai --type=A --zone=coditect-zone --rrdatas=1.2.3.4',
      );

      expect([code, err]).toEqual([1, expect.stringContaining("named 'x.coditect.ai. (A)' does not exist")]);
    },
    COMMAND_MS_MAX,
  );

  it(
    'transactions change the record by what it is',
    async () => {
      const file = `--transaction-file=${join(folder, 'transaction.yaml')}`;
      const zone = '--zone=coditect-zone';
      const record = `--name=${RECORD.name} --type=A --ttl=60 ${zone} ${file}`;

      for (const command of [
        `start ${zone} ${file}`,
        `remove ${RECORD.rrdatas[0]} ${record}`,
        `add 203.0.113.99 ${record}`,
        `execute ${zone} ${file}`,
      ]) {
        expect(await gcloud(`dns record-sets transaction ${command}`)).toMatchObject({ code: 0 });
      }

      expect(world.dns.records('coditect-zone')).toContainEqual({ ...RECORD, rrdatas: ['203.0.113.99'] });
    },
    COMMAND_MS_MAX,
  );
});

suite('gcloud’s other commands of the runbook', () => {
  it(
    'container clusters describe and get-credentials find the cluster',
    async () => {
      const place = 'coditect-prod-cluster --location us-central1-a';

      const [described, credentials, nobody] = await Promise.all([
        gcloud(`container clusters describe ${place} --format=value(status)`),
        gcloud(`container clusters get-credentials ${place}`),
        gcloud('container clusters describe nobody --location us-east1-b'),
      ]);

      expect(described.out.trim()).toBe('RUNNING');
      expect(credentials.code).toBe(0);
      expect(nobody.err).toContain('Not found');
    },
    COMMAND_MS_MAX,
  );

  it(
    'redis instances list shows the session store',
    async () => {
      expect((await gcloud('redis instances list --region us-central1')).out).toMatch(/coditect-dms-redis.*READY/);
    },
    COMMAND_MS_MAX,
  );

  it(
    'logging read shows what Cloud Run’s instances wrote',
    async () => {
      const read = await gcloud(
        'logging read "resource.type=cloud_run_revision" --limit=100 --freshness=3650d --format=json',
      );

      expect(JSON.parse(read.out)).toContainEqual(
        expect.objectContaining({
          severity: 'INFO',
          textPayload: expect.stringContaining('connecting to old address'),
        }),
      );
    },
    COMMAND_MS_MAX,
  );
});

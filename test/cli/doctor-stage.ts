import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Facts } from '../../cli/sandbox-facts.ts';
import type { RunningEmulator } from '../../sandbox/host/google-emulators.ts';
import { googleRoutes } from '../../sandbox/host/google-routes.ts';
import { startMessaging } from '../../sandbox/host/messaging.ts';
import { sandboxConfig } from '../../sandbox/host/sandbox-config.ts';
import { deployedWith, keepKeys, keysFor, makeKeys } from '../../sandbox/host/sandbox-keys.ts';
import { applicationServers } from '../../sandbox/http/application-port.ts';
import type { DeployedFunction } from '../../sandbox/http/function-services.ts';
import { kubernetesRoutes } from '../../sandbox/http/kubernetes.ts';
import { makeServerCertificate } from '../../sandbox/http/kubernetes-certificate.ts';
import { kubernetesRefusal } from '../../sandbox/http/kubernetes-status.ts';
import { runFrontRoutes } from '../../sandbox/http/run-front.ts';
import { json, type Route } from '../../sandbox/http/router.ts';
import { type RunningServer, type ServerOptions, startServer } from '../../sandbox/http/server.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import { type Assumptions, BELIEVED } from '../../sandbox/world/assumptions.ts';
import type { AlertPolicyDocument } from '../../sandbox/world/monitoring-policy.ts';
import { createScaledClock } from '../../sandbox/world/clock.ts';
import { OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SECONDARY_SERVICES, SERVICES } from '../../sandbox/world/reference-world.ts';
import { createWorld } from '../../sandbox/world/world.ts';
import { after, instant, minutes } from '../../shared/core/time.ts';
import { openSqliteStore } from '../../shared/store/sqlite-store.ts';
import { watchKey } from '../../shared/ports/watch-reading.ts';
import { FUNCTIONS, instanceName } from '../../shared/system/names.ts';

const KEY = 'a key of this test';

/** Those of dr.yaml. */
const CONTROL_REGIONS = ['us-east4', 'us-west1'];

export const PRIMARY = instanceName('coditect-dms-db');
const FOREVER = Number.MAX_SAFE_INTEGER;

/** What `tick` writes down of a primary that is well. */
export const watchedAt = (lastLookAtMs: number) => ({
  version: 1,
  instance: PRIMARY,
  lastWrittenAtMs: lastLookAtMs,
  lastSequence: 7,
  notWrittenSinceMs: null,
  refusedSinceMs: null,
  lastLookAtMs,
  vantages: {},
});

/** Far ahead of the wall: two minutes of a world are over before a client is loaded. */
const RATE = 200;

/**
 * The sandbox as `./dr sandbox --regions 2` has it, but for the processes of the functions: in their place two doors answer, to which
 * their subscriptions push. Its clock runs.
 */
export async function startDoctorStage({
  rate = RATE,
  assumptions = BELIEVED,
  pubsub,
}: {
  readonly rate?: number;
  readonly assumptions?: Assumptions;
  /** Google's emulator in the place of the embedded broker. */
  readonly pubsub?: RunningEmulator;
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'dr-doctor-'));
  const clock = createScaledClock(rate, instant(Date.now()));
  const ends: (() => Promise<void>)[] = [];
  const principals = (token: string) => principalOf(KEY, token, clock.now());
  const serve = async (routes: readonly Route[], more: Partial<ServerOptions> = {}) => {
    const server = await startServer({ clock, routes, principals, ...more });
    ends.push(() => server.close());
    return server;
  };
  const base = ({ port }: { readonly port: number }): string => `http://127.0.0.1:${port}`;

  const certificate = makeServerCertificate(REFERENCE.cluster);
  const clusterRoutes: Route[] = [];
  const cluster = await serve(clusterRoutes, { tls: certificate, refuse: kubernetesRefusal });
  const world = createWorld({
    clock,
    seed: 7,
    assumptions,
    secondary: true,
    publish: () => undefined,
    cluster: {
      endpoint: `127.0.0.1:${cluster.port}`,
      caCertificate: Buffer.from(certificate.cert).toString('base64'),
    },
  });
  clusterRoutes.push(...kubernetesRoutes({ cluster: world.kubernetes, clock }));
  const disorder = { duplicates: 0, delayMax: minutes(0) };
  const messaging = await startMessaging({
    kernel: world.kernel,
    clock,
    project: world.project,
    tokenKey: KEY,
    disorder,
    ...(pubsub === undefined ? {} : { emulator: pubsub }),
  });
  ends.push(() => messaging.stop());
  let deployed: readonly DeployedFunction[] = [];
  const google = base(await serve(googleRoutes(world, messaging, () => deployed)));
  const services = await applicationServers({ world });
  ends.push(() => services.close());

  // What `approve` answers whom it does not know.
  const door: Route = { method: 'GET', pattern: /\/.*/, anonymous: true, handle: () => json({ refused: true }, 404) };
  let second: RunningServer | undefined = await startServer({ clock, routes: [door], principals });
  ends.push(async () => await second?.close());
  const approve = [base(await serve([door])), base(second)];
  for (const name of FUNCTIONS)
    for (const [index, url] of approve.entries())
      await messaging.subscribe(name, `${url}/${name}`, index === 0 ? '' : '-us-west1');
  const keys = await makeKeys(folder, approve[0] ?? '');
  keepKeys(world.secrets, keys);
  deployed = CONTROL_REGIONS.map((region) =>
    deployedWith({ name: 'notify', region, env: keysFor('notify', keys) }, keys),
  );

  const url = (service: string): string => services.urls[service] ?? '';
  const apis = 'sqladmin run secretmanager monitoring dns compute container pubsub redis logging storage'.split(' ');
  const endpoints = {
    google: Object.fromEntries([...apis, 'cloudresourcemanager', 'iam', 'serviceusage'].map((api) => [api, google])),
    kubernetes: {},
    hosts: {
      'dms-api.coditect.ai': url(SERVICES.entrance),
      'dms-api-gke.coditect.ai': url(SERVICES.apiGke),
      'coditect-dms-api-run.coditect.ai': url(SERVICES.apiRun),
      'coditect-dms-api-east.coditect.ai': url(SECONDARY_SERVICES.api),
      'prober-gke.dms.internal': url(SERVICES.proberGke),
      'prober-run.dms.internal': url(SERVICES.proberRun),
      'prober-east.dms.internal': url(SECONDARY_SERVICES.prober),
      'pager.dms.internal': approve[0] ?? '',
      '.run.app': base(await serve(runFrontRoutes(world))),
    },
    dataPlane: {},
    postgres: {},
    approve,
  };
  const config = join(folder, 'dr.yaml');
  const whole = sandboxConfig(readFileSync('dr.yaml', 'utf8'), endpoints);
  writeFileSync(config, whole);
  const path = join(folder, 'store.sqlite');
  const store = openSqliteStore({ path, clock });
  // Of a tick that never grows old: none runs here.
  const lookedAt = async (atMs: number): Promise<void> => {
    const key = watchKey(PRIMARY);
    const version = (await store.documents.get(key))?.version ?? 0;
    await store.documents.put(key, watchedAt(atMs), version);
  };
  await lookedAt(FOREVER);
  await new Promise<void>((done) => {
    const look = (): void => void (world.ready() ? done() : clock.schedule(after(clock.now(), 1_000), look));
    look();
  });
  const operatorToken = issueToken(KEY, OPERATOR, after(clock.now(), minutes(60 * 24 * 60)));
  const asOperator = async (method: string, path: string, body?: unknown): Promise<void> => {
    const answer = await fetch(`${google}${path}`, {
      method,
      headers: { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  let kept: readonly AlertPolicyDocument[] = [];
  const known: Pick<Facts, 'config' | 'operatorToken' | 'store' | 'rate' | 'startWall' | 'startClock'> = {
    config,
    operatorToken,
    store: path,
    rate: clock.rate,
    startWall: Math.round(clock.wallStart),
    startClock: clock.start,
  };
  return {
    world,
    messaging,
    store,
    endpoints,
    /** Another configuration in the place of the one that is whole, and that again. */
    rewriteConfig: (from: string | RegExp, to: string) => writeFileSync(config, whole.replaceAll(from, to)),
    restoreConfig: () => writeFileSync(config, whole),
    setConfig: (text: string) => writeFileSync(config, text),
    /** When `tick` last looked at the primary; without a moment a tick that never grows old. */
    lookedAt: (atMs = FOREVER) => lookedAt(atMs),
    now: () => clock.now(),
    /** Our functions as they are deployed, and otherwise. */
    deployed: () => deployed,
    deploy: (copies: readonly DeployedFunction[]) => {
      deployed = copies;
    },
    /** What a person does with gcloud. */
    asOperator,
    untilIdle: (instance: string) =>
      new Promise<void>((done) => {
        const look = (): void =>
          void (world.sql.fleet.operations.list(instance).every(({ status }) => status === 'DONE')
            ? done()
            : clock.schedule(after(clock.now(), 1_000), look));
        look();
      }),
    keep: (policies: readonly AlertPolicyDocument[]) => {
      kept = policies;
    },
    kept: () => kept,
    closeDoor: async () => {
      await second?.close();
      second = undefined;
    },
    openDoor: async () => {
      const port = Number(new URL(approve[1] ?? '').port);
      second = await startServer({ clock, routes: [door], principals, port });
    },
    facts: known as Facts, // all of them that looking needs
    close: async () => {
      store.close();
      for (const end of ends.toReversed()) await end();
      clock.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

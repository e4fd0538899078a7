import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, instant, minutes, toIso } from '../../shared/core/time.ts';
import { FUNCTIONS, type FunctionName } from '../../shared/system/names.ts';
import { compactOf } from '../../shared/system/read-yaml.ts';
import { applicationRoutes } from '../http/application-port.ts';
import { openDataPort } from '../http/data-port.ts';
import { kubernetesRoutes } from '../http/kubernetes.ts';
import { makeServerCertificate } from '../http/kubernetes-certificate.ts';
import { kubeconfig } from '../http/kubernetes-config.ts';
import { kubernetesRefusal } from '../http/kubernetes-status.ts';
import type { Route } from '../http/router.ts';
import { runFrontRoutes } from '../http/run-front.ts';
import { type RunningServer, startServer } from '../http/server.ts';
import { issueToken, principalOf } from '../http/tokens.ts';
import { Load } from '../load/load.ts';
import type { Disorder } from '../world/broker-delivery.ts';
import { dataOf } from '../world/broker-message.ts';
import { createScaledClock, type ScaledClock } from '../world/clock.ts';
import { OPERATOR, REFERENCE, REFERENCE_FLEET } from '../world/reference-system.ts';
import { SECONDARY_SERVICES, SERVICES } from '../world/reference-world.ts';
import { monitoringAgent } from '../world/service-agents.ts';
import { createWorld, type World } from '../world/world.ts';
import { controlRoutes } from './control.ts';
import { type PostgresChoice, SandboxDatabases } from './databases.ts';
import { embeddedEngines, startGoogleEngines } from './engines.ts';
import { freePort } from './free-port.ts';
import { FunctionCopies } from './function-copies.ts';
import { type FunctionProcess, type OutputLine, startFunction } from './function-process.ts';
import { type Messaging, startMessaging } from './messaging.ts';
import { googleRoutes } from './google-routes.ts';
import { NoticeBoard } from './notice-board.ts';
import type { RunningRedis } from './redis-server.ts';
import { openSessions } from './session-keeper.ts';
import { tellBug } from './tell-bug.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { deployedWith, keepKeys, keysFor, makeKeys } from './sandbox-keys.ts';

// The sandbox as a running thing: one simulated cloud on loopback, the real functions around it, users, and a door for `./dr`.
//
// X1. The functions are told addresses and keys, and nothing that says "sandbox".
// X2. Every function is warm and every service well before the sandbox says that it is ready (decisions.md 6).
// X3. `stop` ends every process and server that was started here.

/** How a sandbox is started. */
export interface SandboxOptions {
  /** Where its state lives; emptied of an earlier sandbox's state. */
  readonly directory: string;
  /** The `dr.yaml` to run with. */
  readonly config: string;
  /** How many times faster than the wall its clock runs. */
  readonly rate: number;
  readonly seed: number;
  /** What holds state and messages: the engines of this machine, unless given, or Google's own emulators. */
  readonly engines?: 'embedded' | 'google';
  /** What executes SQL on the instances: PGlite, unless given. */
  readonly postgres?: PostgresChoice;
  /** How many control regions run a copy of every function: 1 unless given. */
  readonly regions?: 1 | 2;
  /** Where the bundles are that `npm run bundle` makes; the functions run from them instead of the sources. */
  readonly bundles?: string;
  /** How late and how often messages come, where it is not as Pub/Sub is on a bad day. */
  readonly disorder?: Disorder;
  /** Lines that functions write, for whoever wants to see them. */
  readonly onLine?: (name: FunctionName, line: OutputLine) => void;
}

/** Where everything is; also the content of `sandbox.json`. Holds credentials of this sandbox and no others. */
export interface SandboxFacts {
  readonly pid: number;
  readonly project: string;
  readonly control: string;
  readonly controlToken: string;
  readonly google: string;
  readonly proxyPort: number;
  readonly kubernetes: string;
  readonly kubeconfig: string;
  readonly operatorToken: string;
  readonly config: string;
  readonly store: string;
  /** `approve` of each control region, the home region's first. */
  readonly approve: readonly string[];
  readonly status: string;
  readonly rate: number;
  readonly startWall: number;
  readonly startClock: number;
}

/** A sandbox that runs. */
export interface Sandbox {
  readonly facts: SandboxFacts;
  readonly world: World;
  readonly clock: ScaledClock;
  readonly load: Load;
  readonly databases: SandboxDatabases;
  readonly messaging: Messaging;
  readonly board: NoticeBoard;
  /** The first region's copies. */
  readonly functions: ReadonlyMap<FunctionName, FunctionProcess>;
  readonly copies: FunctionCopies;
  /** The Redis that holds the sessions, where one is installed. */
  readonly redis: RunningRedis | undefined;
  /** Called when somebody asks the control door to end the sandbox; whoever started it does so. */
  onShutDown(listener: () => void): void;
  stop(): Promise<void>;
}

const FUNCTIONS_MODULE = fileURLToPath(new URL('../../functions/index.ts', import.meta.url));
const SERVE = fileURLToPath(new URL('./serve-function.ts', import.meta.url));

/**
 * Where Node keeps what it compiled of the functions and of the vendors' clients, checked by content: half of what a start takes, of
 * seven processes or of one that was killed.
 */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/dr-functions', import.meta.url));

/** APIs that the one Google address answers for, as `endpoints.google` names them. */
const GOOGLE_APIS =
  'sqladmin run secretmanager monitoring dns compute container pubsub redis logging storage cloudresourcemanager iam serviceusage'.split(
    ' ',
  );

/** The control regions of the reference; a sandbox with one copy of each function has it in the first. */
const REGIONS = ['us-east4', 'us-west1'] as const;

/** How late and how often messages come: alerts of one failure arrive several times and out of order. */
const DISORDER = { duplicates: 0.2, delayMax: minutes(1 / 6) };

/** The person of the reference `dr.yaml` whom the sandbox signs in. */
const ON_CALL = 'oncall@coditect.ai';

/** How long the operator's tokens are good for, in clock time: longer than anybody keeps a sandbox. */
const OPERATOR_TOKENS = minutes(60 * 24 * 60);

/** Starts a sandbox and waits until everything in it is well and warm. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true });
  for (const name of ['store.sqlite', 'store.sqlite-wal', 'store.sqlite-shm', 'sandbox.json'])
    rmSync(join(directory, name), { force: true });
  const clock = createScaledClock(options.rate, instant(Date.now()));
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.toReversed()) await end();
    stops.length = 0;
    clock.close();
    rmSync(join(directory, 'sandbox.json'), { force: true });
  };
  try {
    return await start(directory, options, clock, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  directory: string,
  options: SandboxOptions,
  clock: ScaledClock,
  stops: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Sandbox> {
  const tokenKey = randomBytes(32).toString('base64url');
  const certificate = makeServerCertificate(REFERENCE.cluster);
  const principals = (token: string) => principalOf(tokenKey, token, clock.now());
  const serve = async (
    routes: readonly Route[],
    more: Partial<Parameters<typeof startServer>[0]> = {},
  ): Promise<RunningServer> => {
    const server = await startServer({ routes, principals, clock, ...more });
    stops.push(() => server.close());
    return server;
  };

  let announce: (topic: string, text: string) => void = () => undefined;
  const kubernetesRoutesLater: Route[] = [];
  const kubernetes = await serve(kubernetesRoutesLater, { tls: certificate, refuse: kubernetesRefusal });
  const engines =
    options.engines === 'google' ? await startGoogleEngines(REFERENCE.project.id) : embeddedEngines(directory);
  stops.push(() => engines.stop());
  const redis = await openSessions(stops, tellBug('the sessions in Redis'));
  const copies = new FunctionCopies();
  const world = createWorld({
    clock,
    seed: options.seed,
    secondary: true,
    controlRegions: copies,
    ...(redis === undefined ? {} : { redis }),
    publish: (topic, message) => announce(topic, JSON.stringify(message)),
    cluster: {
      endpoint: `127.0.0.1:${kubernetes.port}`,
      caCertificate: Buffer.from(certificate.cert).toString('base64'),
    },
  });
  kubernetesRoutesLater.push(...kubernetesRoutes({ cluster: world.kubernetes, clock }));
  const { project } = world;
  const messaging = await startMessaging({
    kernel: world.kernel,
    clock,
    project,
    tokenKey,
    disorder: options.disorder ?? DISORDER,
    ...(engines.pubsub === undefined ? {} : { emulator: engines.pubsub }),
  });
  stops.push(() => messaging.stop());
  announce = (topic, text) => {
    messaging.courier.publish({ principal: monitoringAgent(project), from: 'google' }, topic, [
      { data: dataOf(text), attributes: {} },
    ]);
  };

  const base = (port: number): string => `http://127.0.0.1:${port}`;
  const google = await serve(
    googleRoutes(world, messaging, () => copies.all().map((copy) => deployedWith(copy, keys))),
  );
  const dataPlane: Record<string, string> = {};
  const later = [REFERENCE.restored, ...REFERENCE.clones, ...REFERENCE.spares];
  for (const name of [...REFERENCE_FLEET.map(({ name: own }) => own), ...later]) {
    const onBug = tellBug(`the data port of ${name}`);
    const port = await openDataPort({ clock, ...world.sql, instance: name, principals, onBug });
    stops.push(() => port.close());
    dataPlane[name] = base(port.port);
  }
  const databases = new SandboxDatabases(world, options.postgres ?? 'embedded', directory, later);
  stops.push(() => databases.close());
  const { ports: postgresPorts } = await databases.addresses();
  const front = async (service: string): Promise<string> =>
    base((await serve(applicationRoutes({ front: world.front, service, from: 'functions' }))).port);
  const runFront = await serve(runFrontRoutes(world));
  const board = new NoticeBoard();
  const pager = await serve(board.routes());

  const regions = REGIONS.slice(0, options.regions ?? 1);
  const ports = await Promise.all(
    regions.map(async (region) => ({ region, approve: await freePort(), status: await freePort() })),
  );
  const [home] = ports;
  if (home === undefined) throw new Error('a sandbox has a region');
  const endpoints = {
    google: Object.fromEntries(GOOGLE_APIS.map((api) => [api, base(google.port)])),
    kubernetes: {},
    hosts: {
      [REFERENCE.publicHost]: await front(SERVICES.entrance),
      'dms-api-gke.coditect.ai': await front(SERVICES.apiGke),
      'coditect-dms-api-run.coditect.ai': await front(SERVICES.apiRun),
      'prober-gke.dms.internal': await front(SERVICES.proberGke),
      'prober-run.dms.internal': await front(SERVICES.proberRun),
      'coditect-dms-api-east.coditect.ai': await front(SECONDARY_SERVICES.api),
      'prober-east.dms.internal': await front(SECONDARY_SERVICES.prober),
      'pager.dms.internal': base(pager.port),
      '.run.app': base(runFront.port),
    },
    dataPlane,
    postgres: Object.fromEntries(Object.entries(postgresPorts).map(([name, port]) => [name, `127.0.0.1:${port}`])),
    approve: ports.map(({ approve }) => base(approve)),
  };
  const config = join(directory, 'dr.yaml');
  const written = sandboxConfig(readFileSync(options.config, 'utf8'), endpoints);
  writeFileSync(config, written);
  const carried = join(directory, 'dr.json');
  writeFileSync(carried, compactOf(written));

  const load = new Load({ clock, front: world.front, services: [SERVICES.entrance, SERVICES.apiRun] });
  stops.push(async () => load.stop());

  const functions = new Map<FunctionName, FunctionProcess>();
  const keys = await makeKeys(directory, base(pager.port));
  keepKeys(world.secrets, keys);
  const issuer = messaging.issuer;
  const operators = { DR_OPERATORS_ISSUER: issuer, DR_OPERATORS_AUDIENCE: base(home.approve) };
  const shared = {
    DR_CONFIG: carried,
    ...engines.environment,
    DR_CLOCK_RATE: String(clock.rate),
    DR_CLOCK_START: `${Math.round(clock.wallStart)}:${clock.start}`,
    DR_WARM: '1',
    NODE_COMPILE_CACHE: COMPILED,
  };
  // One after the other: two cores share the starts (decisions.md 31).
  for (const { region, ...port } of ports) {
    for (const name of FUNCTIONS) {
      const env = {
        ...shared,
        ...(await messaging.environmentOf(name, region)),
        ...keysFor(name, keys),
        ...(name === 'approve' ? operators : {}),
        DR_INSTANCE: region,
      };
      const process = startFunction({
        name,
        script: SERVE,
        preload: [options.bundles === undefined ? FUNCTIONS_MODULE : resolve(options.bundles, name, 'index.mjs')],
        port: name === 'approve' || name === 'status' ? port[name] : await freePort(),
        env,
        onLine: (line) => options.onLine?.(name, line),
        onExit: () => undefined,
      });
      if (region === home.region) functions.set(name, process);
      copies.add({ name, region, process, env });
      stops.push(() => process.stop());
      await process.ready();
      await messaging.subscribe(name, process.url, region === home.region ? '' : `-${region}`);
    }
  }

  let shutDown = (): void => void stop();
  const controlToken = randomBytes(24).toString('base64url');
  const control = await startServer({
    routes: controlRoutes({
      world,
      load,
      messaging,
      board,
      copies,
      databases,
      operator: ON_CALL,
      approve: base(home.approve),
      shutDown: () => shutDown(),
    }),
    principals: (token) => (token === controlToken ? OPERATOR : undefined),
    clock,
  });
  stops.push(() => control.close());
  messaging.startTicks();
  await untilWell(world, clock);
  load.start();

  const until = after(clock.now(), OPERATOR_TOKENS);
  const operatorToken = issueToken(tokenKey, OPERATOR, until);
  const kubeconfigPath = join(directory, 'kubeconfig.json');
  const server = `https://127.0.0.1:${kubernetes.port}`;
  writeFileSync(
    kubeconfigPath,
    kubeconfig({
      cluster: REFERENCE.cluster,
      server,
      authority: certificate.cert,
      token: operatorToken,
      user: OPERATOR,
      namespace: REFERENCE.namespace,
    }),
    { mode: 0o600 },
  );
  // gsutil has no endpoint of its own to set, but hands its work to `gcloud storage`, which has.
  writeFileSync(join(directory, 'gsutil.boto'), '[GSUtil]\nuse_gcloud_storage=True\n');
  const facts: SandboxFacts = {
    pid: process.pid,
    project: project.id,
    control: base(control.port),
    controlToken,
    google: base(google.port),
    proxyPort: google.port,
    kubernetes: server,
    kubeconfig: kubeconfigPath,
    operatorToken,
    config,
    store: engines.store,
    approve: endpoints.approve,
    status: base(home.status),
    rate: clock.rate,
    startWall: Math.round(clock.wallStart),
    startClock: clock.start,
  };
  writeFileSync(join(directory, 'sandbox.json'), `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 });
  const onShutDown = (listener: () => void): void => {
    shutDown = listener;
  };
  return { facts, world, clock, load, databases, messaging, board, functions, copies, redis, onShutDown, stop };
}

/** Whether heartbeats reach every replica, without which nobody could say what a failover loses. */
function isWatched(world: World): boolean {
  const { servers } = world.sql.fleet;
  return servers.names().every((name) => servers.server(name)?.history.heartbeat() !== undefined);
}

/** Longest that a new world may take until its services are well, in clock time. */
const WELL_WITHIN = minutes(5);

function untilWell(world: World, clock: ScaledClock): Promise<void> {
  const deadline = after(clock.now(), WELL_WITHIN);
  return new Promise((done, fail) => {
    const look = (): void => {
      if (world.ready() && isWatched(world)) done();
      else if (clock.now() > deadline) fail(new Error(`the reference system is not well at ${toIso(clock.now())}`));
      else clock.schedule(after(clock.now(), 1_000), look);
    };
    look();
  });
}

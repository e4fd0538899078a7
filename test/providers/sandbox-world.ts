import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applicationServers } from '../../sandbox/http/application-port.ts';
import { pubsubRoutes } from '../../sandbox/http/broker.ts';
import { computeRoutes } from '../../sandbox/http/compute.ts';
import { containerRoutes } from '../../sandbox/http/container.ts';
import { dnsRoutes } from '../../sandbox/http/dns.ts';
import { openDataPort } from '../../sandbox/http/data-port.ts';
import { kubernetesRoutes } from '../../sandbox/http/kubernetes.ts';
import { makeServerCertificate } from '../../sandbox/http/kubernetes-certificate.ts';
import { kubernetesRefusal } from '../../sandbox/http/kubernetes-status.ts';
import { startMetadataServer } from '../../sandbox/http/metadata.ts';
import { loggingRoutes } from '../../sandbox/http/logging.ts';
import { monitoringRoutes } from '../../sandbox/http/monitoring.ts';
import { redisRoutes } from '../../sandbox/http/redis.ts';
import type { Route } from '../../sandbox/http/router.ts';
import { runV2Routes } from '../../sandbox/http/run-v2.ts';
import { secretManagerRoutes } from '../../sandbox/http/secret-manager.ts';
import { type RunningServer, type ServerOptions, startServer } from '../../sandbox/http/server.ts';
import { sqlRoutes } from '../../sandbox/http/sql.ts';
import { storageRoutes } from '../../sandbox/http/storage.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import { Broker } from '../../sandbox/world/broker.ts';
import { PubsubApi } from '../../sandbox/world/broker-api.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { functionPrincipal, OPERATOR, REFERENCE, REFERENCE_FLEET } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { createWorld, type WorldOptions } from '../../sandbox/world/world.ts';
import { after, instant, millis, minutes } from '../../shared/core/time.ts';
import { createGoogleIdentity } from '../../shared/providers/google-auth.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { endpointsAt } from './vendor-server.ts';

const KEY = 'a key of this test';
const START = instant(1_767_607_200_000);

/** The sandbox's faces over the whole reference system, on loopback, on a clock that the test moves. */
export async function startSandbox(more: Pick<WorldOptions, 'redis' | 'secondary'> = {}) {
  const clock = createVirtualClock(START);
  const servers: { close(): Promise<void> }[] = [];
  const serve = async (routes: readonly Route[], more: Partial<ServerOptions> = {}): Promise<RunningServer> => {
    const server = await startServer({ clock, routes, principals: (token) => principalOf(KEY, token, START), ...more });
    servers.push(server);
    return server;
  };
  const base = ({ port }: { readonly port: number }): string => `http://127.0.0.1:${port}`;

  // The API server speaks https with a certificate of its own, which only the Container API names: it is started first.
  const certificate = makeServerCertificate(REFERENCE.cluster);
  const clusterRoutes: Route[] = [];
  const cluster = await serve(clusterRoutes, { tls: certificate, refuse: kubernetesRefusal });
  const caCertificate = Buffer.from(certificate.cert).toString('base64');
  const endpoint = `127.0.0.1:${cluster.port}`;
  const world = createWorld({
    clock,
    seed: 7,
    publish: () => undefined,
    cluster: { endpoint, caCertificate },
    ...more,
  });
  clusterRoutes.push(...kubernetesRoutes({ cluster: world.kubernetes, clock }));
  clock.advanceBy(minutes(2));

  const { project, kernel } = world;
  const broker = new Broker({
    project: project.id,
    clock,
    chance: kernel.chance.fork('broker'),
    deliver: () => Promise.resolve('timeout'),
  });
  broker.createTopic('dr-recover');
  const publishers = { 'dr-recover': [functionPrincipal('recover')] };
  kernel.iam.grant(functionPrincipal('recover'), ['pubsub.topics.publish']);

  const google = await serve([
    ...sqlRoutes({ project, admin: world.sql.admin }),
    ...monitoringRoutes({ project, monitoring: world.monitoring }),
    ...secretManagerRoutes({ project, api: world.secretsApi }),
    ...runV2Routes({ project, api: world.runApi }),
    ...computeRoutes({ project, api: world.balancers.api }),
    ...dnsRoutes({ project, api: world.dnsApi }),
    ...containerRoutes({ project, api: world.clusters.api }),
    ...redisRoutes({ project, api: world.redis.api }),
    ...loggingRoutes({ project, api: world.logs.api }),
    ...storageRoutes({ project, storage: world.storage, api: world.storageApi }),
    ...pubsubRoutes({ project, api: new PubsubApi({ ...kernel, broker, publishers }) }),
  ]);
  const principals = (token: string) => principalOf(KEY, token, START);
  const ports = await Promise.all(
    [...REFERENCE_FLEET.map(({ name }) => name), REFERENCE.restored].map(async (name) => {
      const port = await openDataPort({ clock, ...world.sql, instance: name, principals });
      servers.push(port);
      return { name, port };
    }),
  );
  const services = await applicationServers({ world });
  servers.push(services);
  const endpoints = {
    ...endpointsAt(base(google)),
    dataPlane: Object.fromEntries(ports.map(({ name, port }) => [name, base(port)])),
    hosts: {
      'api.example': services.urls[SERVICES.apiGke] ?? '',
      'entrance.example': services.urls[SERVICES.entrance] ?? '',
      'prober.example': services.urls[SERVICES.proberGke] ?? '',
    },
  };

  /** Makes adapters as one of our functions: its own metadata server, Application Default Credentials, nothing else. */
  const as = async (name: string): Promise<GoogleAccess> => {
    const principal = functionPrincipal(name);
    const metadata = await startMetadataServer({
      project,
      region: 'us-east4',
      principal,
      tokenKey: KEY,
      clock: { ...clock, now: () => START },
      rate: 1,
      idToken: () => Promise.resolve(''),
    });
    servers.push(metadata);
    Object.assign(process.env, metadata.env, { HOME: mkdtempSync(join(tmpdir(), 'dr-home-')) });
    const identity = createGoogleIdentity(project.id);
    await identity.token(); // finds this metadata server now, before another function's is started
    return { project: project.id, endpoints, identity };
  };
  return {
    world,
    clock,
    as,
    /** Where everything is, as `endpoints` of dr.yaml has it. */
    endpoints,
    /** Base addresses of the applications and probers, by service. */
    services: services.urls,
    /** The person on call, as `./dr` reaches the sandbox. */
    operatorToken: issueToken(KEY, OPERATOR, after(START, minutes(60))),
    /** Lets the data ports be what their instances are now. */
    settlePorts: () => Promise.all(ports.map(({ port }) => port.settle())),
    /** Lets time pass while something waits for an answer that takes its time. */
    whileTimePasses: async <T>(work: Promise<T>): Promise<T> => {
      let ended = false;
      const end = (): void => void (ended = true);
      work.then(end, end);
      while (!ended) {
        await new Promise(setImmediate);
        clock.advanceBy(millis(20));
      }
      return work;
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

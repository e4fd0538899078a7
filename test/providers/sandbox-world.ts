import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pubsubRoutes } from '../../sandbox/http/broker.ts';
import { containerRoutes } from '../../sandbox/http/container.ts';
import { kubernetesRoutes } from '../../sandbox/http/kubernetes.ts';
import { kubernetesRefusal } from '../../sandbox/http/kubernetes-status.ts';
import { startMetadataServer } from '../../sandbox/http/metadata.ts';
import { monitoringRoutes } from '../../sandbox/http/monitoring.ts';
import type { Route } from '../../sandbox/http/router.ts';
import { runV2Routes } from '../../sandbox/http/run-v2.ts';
import { secretManagerRoutes } from '../../sandbox/http/secret-manager.ts';
import { type RunningServer, startServer } from '../../sandbox/http/server.ts';
import { sqlRoutes } from '../../sandbox/http/sql.ts';
import { principalOf } from '../../sandbox/http/tokens.ts';
import { Broker } from '../../sandbox/world/broker.ts';
import { PubsubApi } from '../../sandbox/world/broker-api.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { functionPrincipal, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { createWorld } from '../../sandbox/world/world.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import { createGoogleIdentity } from '../../shared/providers/google-auth.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { endpointsAt } from './vendor-server.ts';

const KEY = 'a key of this test';
const START = instant(1_767_607_200_000);

/** The sandbox's faces over the whole reference system, on loopback, on a clock that the test moves. */
export async function startSandbox() {
  const clock = createVirtualClock(START);
  const world = createWorld({ clock, seed: 7, publish: () => undefined });
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

  const servers: RunningServer[] = [];
  const serve = async (routes: readonly Route[], kind: 'google' | 'kubernetes'): Promise<string> => {
    const refuse = kind === 'kubernetes' ? { refuse: kubernetesRefusal } : {};
    const server = await startServer({
      clock,
      routes,
      principals: (token) => principalOf(KEY, token, START),
      ...refuse,
    });
    servers.push(server);
    return `http://127.0.0.1:${server.port}`;
  };
  const google = await serve(
    [
      ...sqlRoutes({ project, admin: world.sql.admin }),
      ...monitoringRoutes({ project, monitoring: world.monitoring }),
      ...secretManagerRoutes({ project, api: world.secretsApi }),
      ...runV2Routes({ project, api: world.runApi }),
      ...containerRoutes({ project, api: world.clusters.api }),
      ...pubsubRoutes({ project, api: new PubsubApi({ ...kernel, broker, publishers }) }),
    ],
    'google',
  );
  const cluster = await serve(kubernetesRoutes({ cluster: world.kubernetes, clock }), 'kubernetes');
  const endpoints = { ...endpointsAt(google), kubernetes: { [REFERENCE.cluster]: cluster } };

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
    servers.push({ port: 0, close: () => metadata.close() });
    Object.assign(process.env, metadata.env, { HOME: mkdtempSync(join(tmpdir(), 'dr-home-')) });
    const identity = createGoogleIdentity();
    await identity.token(); // finds this metadata server now, before another function's is started
    return { project: project.id, endpoints, identity };
  };
  return {
    world,
    clock,
    broker,
    as,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

import { computeRoutes } from '../../sandbox/http/compute.ts';
import { containerRoutes } from '../../sandbox/http/container.ts';
import { dnsRoutes } from '../../sandbox/http/dns.ts';
import { loggingRoutes } from '../../sandbox/http/logging.ts';
import { redisRoutes } from '../../sandbox/http/redis.ts';
import { runKnativeRoutes } from '../../sandbox/http/run-knative.ts';
import { runV2Routes } from '../../sandbox/http/run-v2.ts';
import { secretManagerRoutes } from '../../sandbox/http/secret-manager.ts';
import { startServer } from '../../sandbox/http/server.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import { createClusters } from '../../sandbox/world/cluster-directory.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { createDnsApi } from '../../sandbox/world/dns-api.ts';
import { createDns } from '../../sandbox/world/dns.ts';
import type { WorldClock } from '../../sandbox/world/kernel.ts';
import { createLoadBalancers } from '../../sandbox/world/load-balancer.ts';
import { createLogs } from '../../sandbox/world/logs.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { createRedis } from '../../sandbox/world/redis.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { functionPrincipal, OPERATOR } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_BACKENDS, REFERENCE_BALANCERS } from '../../sandbox/world/reference-world.ts';
import { createRunApi } from '../../sandbox/world/run-api.ts';
import { createRun } from '../../sandbox/world/run.ts';
import { createSecretsApi } from '../../sandbox/world/secrets-api.ts';
import { createSecrets } from '../../sandbox/world/secrets.ts';
import { after, instant, seconds } from '../../shared/core/time.ts';
import { API, createFakeLauncher, SECRET, SPEC } from '../world/run-world.ts';

const KEY = 'a key of this test';
/** Tokens of the test don't expire while it runs. */
const NOW = instant(0);

/** The one name of the zone. */
export const RECORD = { name: 'dms-api.coditect.ai.', type: 'A', ttl: 60, rrdatas: ['203.0.113.10'] };

/** Every Google API of this room on one port, over one world. */
export async function startGoogleWorld(clock: WorldClock) {
  const kernel = createKernel({ clock, seed: 1 });
  const { chance, door, iam } = kernel;
  const project = REFERENCE_PROJECT;
  grantReferenceRoles(iam);

  const secrets = createSecrets({ clock, project });
  secrets.create(SECRET);
  secrets.addVersion(SECRET, Buffer.from('old address'));
  const logs = createLogs({ clock, door });
  const readSecret = (name: string): string | undefined => secrets.readSecret(name);
  const { launcher, running } = createFakeLauncher(clock, readSecret);
  const services = [{ ref: API, spec: SPEC }];
  const run = createRun({ clock, chance, launcher, readSecret, assumptions: BELIEVED, project, logs, services });
  const zones = [{ name: 'coditect-zone', dnsName: 'coditect.ai.', records: [RECORD] }];
  const dns = createDns({ clock, chance, assumptions: BELIEVED, zones });
  const caCertificate = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64');
  const cluster = {
    name: 'coditect-prod-cluster',
    location: 'us-central1-a',
    endpoint: '127.0.0.1:8443',
    caCertificate,
  };
  const clusters = createClusters({ clock, door, clusters: [cluster] });
  const place = { location: 'us-central1', zone: 'us-central1-a', tier: 'STANDARD_HA', version: 'REDIS_7_0' } as const;
  const session = {
    ...place,
    name: 'coditect-dms-redis',
    memorySizeGb: 5,
    host: '10.30.0.3',
    port: 6379,
    authEnabled: true,
    authString: 'an-auth-string',
    caCertificate: undefined,
  };
  const redis = createRedis({ clock, door, instances: [session] });

  const balancers = createLoadBalancers({
    clock,
    chance,
    door,
    iam,
    balancers: REFERENCE_BALANCERS,
    backends: REFERENCE_BACKENDS,
  });
  const runApi = createRunApi(door, run);
  const server = await startServer({
    clock,
    principals: (token) => principalOf(KEY, token, NOW),
    routes: [
      ...secretManagerRoutes({ project, api: createSecretsApi(door, secrets) }),
      ...runV2Routes({ project, api: runApi }),
      ...runKnativeRoutes({ project, api: runApi, region: API.location }),
      ...dnsRoutes({ project, api: createDnsApi({ door, iam, dns }) }),
      ...computeRoutes({ project, api: balancers.api }),
      ...containerRoutes({ project, api: clusters.api }),
      ...redisRoutes({ project, api: redis.api }),
      ...loggingRoutes({ project, api: logs.api }),
    ],
  });
  const token = (principal: string): string => issueToken(KEY, principal, after(NOW, seconds(3_600)));
  const tokens = {
    operator: token(OPERATOR),
    recover: token(functionPrincipal('recover')),
    notify: token(functionPrincipal('notify')),
  };
  return { ...server, kernel, secrets, run, running, dns, balancers, clusters, redis, logs, tokens };
}

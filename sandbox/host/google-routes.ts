import { computeRoutes } from '../http/compute.ts';
import { containerRoutes } from '../http/container.ts';
import { dnsRoutes } from '../http/dns.ts';
import { loggingRoutes } from '../http/logging.ts';
import { monitoringRoutes } from '../http/monitoring.ts';
import { projectRoutes } from '../http/project.ts';
import { redisRoutes } from '../http/redis.ts';
import { runKnativeRoutes } from '../http/run-knative.ts';
import { runV2Routes } from '../http/run-v2.ts';
import { secretManagerRoutes } from '../http/secret-manager.ts';
import { storageRoutes } from '../http/storage.ts';
import { sqlRoutes } from '../http/sql.ts';
import type { Route } from '../http/router.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { World } from '../world/world.ts';
import type { Messaging } from './messaging.ts';

/** Every Google API of a world on one port, as `endpoints.google` names it. */
export function googleRoutes(world: World, messaging: Messaging): readonly Route[] {
  const { project } = world;
  return [
    ...sqlRoutes({ project, admin: world.sql.admin }),
    ...monitoringRoutes({ project, monitoring: world.monitoring }),
    ...runV2Routes({ project, api: world.runApi }),
    ...runKnativeRoutes({ project, api: world.runApi, region: REFERENCE.region }),
    ...secretManagerRoutes({ project, api: world.secretsApi }),
    ...dnsRoutes({ project, api: world.dnsApi }),
    ...computeRoutes({ project, api: world.balancers.api }),
    ...containerRoutes({ project, api: world.clusters.api }),
    ...redisRoutes({ project, api: world.redis.api }),
    ...loggingRoutes({ project, api: world.logs.api }),
    ...storageRoutes({ project, storage: world.storage, api: world.storageApi }),
    ...projectRoutes(world),
    ...messaging.routes,
  ];
}

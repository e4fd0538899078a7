import { computeRoutes } from '../http/compute.ts';
import { containerRoutes } from '../http/container.ts';
import { dnsRoutes } from '../http/dns.ts';
import { type DeployedFunction, functionServiceRoutes } from '../http/function-services.ts';
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
import { FUNCTIONS } from '../../shared/system/names.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { World } from '../world/world.ts';
import type { Messaging } from './messaging.ts';

/** Every Google API of a world on one port, as `endpoints.google` names it. `deployed`: the copies of our functions. */
export function googleRoutes(
  world: World,
  messaging: Messaging,
  deployed: () => readonly DeployedFunction[] = () => [],
): readonly Route[] {
  const { project } = world;
  return [
    ...functionServiceRoutes({
      project,
      door: world.kernel.door,
      services: FUNCTIONS.map((name) => `dr-${name}`),
      deployed,
    }),
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

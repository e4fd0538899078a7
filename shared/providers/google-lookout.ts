import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { type Instant, toIso } from '../core/time.ts';
import { PortError } from '../ports/port-error.ts';
import type { CacheInstance, DisruptionBudget, Lookout } from '../ports/lookout.ts';
import type { GkeApplication } from '../system/system.ts';
import type { GoogleAccess } from './google-call.ts';
import { askGoogle } from './google-rest.ts';
import { parseEntries } from './google-log-wire.ts';
import { createClusters } from './kubernetes-connection.ts';
import { budgetsOver, parseDeployment, parseList, podLabelsOf } from './kubernetes-wire.ts';

// What people look at with `./dr`: Redis Admin v1 and Logging v2 by REST, and a cluster's budgets. Reads only.

/** Instances in one answer; a project has a handful. More is an error, not a silence. */
const CACHES_MAX = 1_000;

/** Budgets of one namespace that are looked through. */
const BUDGETS_MAX = 500;

const cacheWire = z.object({
  name: z.string().regex(/^projects\/[^/]+\/locations\/[^/]+\/instances\/[^/]+$/),
  tier: z.string(),
  state: z.string(),
  redisVersion: z.string().default(''),
  host: z.string().default(''),
  port: z.number().int().default(0),
  authEnabled: z.boolean().default(false),
  transitEncryptionMode: z.string().default('DISABLED'),
});
const cachesWire = z.object({
  instances: z.array(cacheWire).default([]),
  nextPageToken: z.string().default(''),
  /** Locations that Google could not ask. */
  unreachable: z.array(z.string()).default([]),
});

/** A Redis instance as the REST API names it. */
function cacheOf(found: z.infer<typeof cacheWire>): CacheInstance {
  const [, , , region = '', , instance = ''] = found.name.split('/');
  return {
    instance,
    region,
    tier: found.tier,
    state: found.state,
    version: found.redisVersion,
    address: `${found.host}:${found.port}`,
    passwordNeeded: found.authEnabled,
    encrypted: found.transitEncryptionMode === 'SERVER_AUTHENTICATION',
  };
}

/** Looks as whoever the access says. */
export function createGoogleLookout(access: GoogleAccess, applications: readonly GkeApplication[]): Lookout {
  const clusters = createClusters(access);
  return {
    caches: async () => {
      const doing = 'listing the Redis instances';
      const path = `v1/projects/${access.project}/locations/-/instances`;
      const query = { pageSize: String(CACHES_MAX) };
      const found = await askGoogle(
        access,
        'redis',
        { doing, effect: 'reads' },
        { method: 'GET', path, query },
        (said) => cachesWire.parse(said),
      );
      if (found.nextPageToken !== '') throw new PortError('permanent', 'tooManyInstances', doing);
      if (found.unreachable.length > 0) throw new PortError('retryable', 'locationUnreachable', doing);
      return found.instances.map(cacheOf);
    },
    budgets: (id): Promise<readonly DisruptionBudget[]> => {
      const application = applications.find((known) => known.id === id);
      assert(application !== undefined, `${id} is no GKE application of this system`);
      const { namespace, deployment } = application;
      const doing = `reading the disruption budgets of ${id}`;
      return clusters.call(application, { doing, effect: 'reads' }, async ({ apps, policy, options }, signal) => {
        const [found, budgets] = await Promise.all([
          apps.readNamespacedDeployment({ name: deployment, namespace }, options(signal)),
          policy.listNamespacedPodDisruptionBudget({ namespace, limit: BUDGETS_MAX }, options(signal)),
        ]);
        const { items, more } = parseList(budgets);
        if (more) throw new PortError('permanent', 'tooManyBudgets', doing);
        return budgetsOver(podLabelsOf(parseDeployment(found)), items);
      });
    },
    logs: async (filter: string, since: Instant, limit: number) => {
      const body = {
        resourceNames: [`projects/${access.project}`],
        filter: `${filter} AND timestamp >= "${toIso(since)}"`,
        orderBy: 'timestamp desc',
        pageSize: limit,
      };
      const question = { method: 'POST', path: 'v2/entries:list', body } as const;
      const { entries } = await askGoogle(
        access,
        'logging',
        { doing: 'reading Cloud Logging', effect: 'reads' },
        question,
        parseEntries,
      );
      return entries.toReversed();
    },
  };
}

import { z } from 'zod';
import { PortError } from '../ports/port-error.ts';
import type { GoogleAccess } from './google-call.ts';
import { askGoogle, type RestApi } from './google-rest.ts';
import { createClusters } from './kubernetes-connection.ts';

// What a project has, for whoever writes its first `dr.yaml`: Container v1, Run v2, Secret Manager v1, Storage v1, Compute v1, DNS v1 and
// the API servers of its clusters. Lists only.

const lastPart = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

const clustersWire = z.object({ clusters: z.array(z.object({ name: z.string(), location: z.string() })).default([]) });

const count = z.coerce.number().int().optional();
const servicesWire = z.object({
  services: z
    .array(
      z.object({
        name: z.string(),
        uri: z.string().default(''),
        scaling: z.object({ maxInstanceCount: count }).optional(),
        template: z.object({
          scaling: z.object({ maxInstanceCount: count }).optional(),
          containers: z
            .array(
              z.object({
                env: z
                  .array(
                    z.object({
                      valueSource: z.object({ secretKeyRef: z.object({ secret: z.string() }).optional() }).optional(),
                    }),
                  )
                  .default([]),
              }),
            )
            .default([]),
        }),
      }),
    )
    .default([]),
});
const locationsWire = z.object({ locations: z.array(z.object({ locationId: z.string() })).default([]) });
const namedWire = z.object({ name: z.string() });
const secretsWire = z.object({ secrets: z.array(namedWire).default([]) });
const bucketsWire = z.object({
  items: z
    .array(
      z.object({ name: z.string(), retentionPolicy: z.object({ isLocked: z.boolean().default(false) }).optional() }),
    )
    .default([]),
});
const urlMapsWire = z.object({
  items: z.array(z.object({ name: z.string(), defaultService: z.string().default('') })).default([]),
});
const zonesWire = z.object({ managedZones: z.array(namedWire).default([]) });
const recordsWire = z.object({
  rrsets: z
    .array(
      z.object({
        name: z.string(),
        type: z.string(),
        ttl: z.number().default(0),
        rrdatas: z.array(z.string()).default([]),
      }),
    )
    .default([]),
});
const deploymentsWire = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), namespace: z.string() }),
      spec: z.object({
        replicas: z.number().default(1),
        template: z.object({ spec: z.object({ containers: z.array(namedWire) }) }),
      }),
    }),
  ),
});
const autoscalersWire = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ namespace: z.string() }),
      spec: z.object({ maxReplicas: z.number(), scaleTargetRef: z.object({ kind: z.string(), name: z.string() }) }),
    }),
  ),
});

/** Namespaces of Kubernetes and of Google. */
const SYSTEM_NAMESPACE = /^(kube-|gke-|gmp-|istio-|config-management-|cert-manager$)/;

/** Objects of one kind that are listed; a cluster with more is refused and not read in part. */
const OBJECTS_MAX = 500;

const servicesIn = (said: unknown) =>
  servicesWire.parse(said).services.map(({ name, uri, scaling, template }) => ({
    name: lastPart(name),
    region: name.split('/')[3] ?? '',
    url: uri,
    most: template.scaling?.maxInstanceCount ?? scaling?.maxInstanceCount,
    secrets: [
      ...new Set(
        template.containers.flatMap(({ env }) =>
          env.flatMap(({ valueSource }) =>
            valueSource?.secretKeyRef === undefined ? [] : [lastPart(valueSource.secretKeyRef.secret)],
          ),
        ),
      ),
    ],
  }));

/** Lists what a project has. Every method may reject with `PortError`; a list that has a further page does, as `tooMany`. */
export function createGoogleDiscovery(access: GoogleAccess) {
  const { project } = access;
  const clusters = createClusters(access);
  const list = <T>(
    api: RestApi,
    what: string,
    path: string,
    parse: (said: unknown) => T,
    query: Readonly<Record<string, string>> = {},
  ): Promise<T> => {
    const doing = `listing ${what}`;
    return askGoogle(access, api, { doing, effect: 'reads' }, { method: 'GET', path, query }, (said) => {
      const { nextPageToken } = z.object({ nextPageToken: z.string().default('') }).parse(said);
      if (nextPageToken !== '') throw new PortError('permanent', 'tooMany', doing);
      return parse(said);
    });
  };
  const clustersOf = () =>
    list(
      'container',
      'clusters',
      `v1/projects/${project}/locations/-/clusters`,
      (said) => clustersWire.parse(said).clusters,
    );

  return {
    deployments: async () => {
      const found = await clustersOf();
      const each = found.map(({ name: cluster, location }) =>
        clusters.call(
          { cluster, location },
          { doing: `listing the Deployments of ${cluster}`, effect: 'reads' },
          async ({ apps, autoscaling, options }, signal) => {
            const [deployments, autoscalers] = await Promise.all([
              apps.listDeploymentForAllNamespaces({ limit: OBJECTS_MAX }, options(signal)),
              autoscaling.listHorizontalPodAutoscalerForAllNamespaces({ limit: OBJECTS_MAX }, options(signal)),
            ]);
            const { items: scaled } = autoscalersWire.parse(autoscalers);
            return deploymentsWire
              .parse(deployments)
              .items.filter(({ metadata }) => !SYSTEM_NAMESPACE.test(metadata.namespace))
              .map(({ metadata: { name, namespace }, spec }) => ({
                cluster,
                location,
                namespace,
                name,
                container: spec.template.spec.containers[0]?.name ?? '',
                replicas: spec.replicas,
                most: scaled.find(
                  ({ metadata, spec: { scaleTargetRef: ref } }) =>
                    metadata.namespace === namespace && ref.kind === 'Deployment' && ref.name === name,
                )?.spec.maxReplicas,
              }));
          },
        ),
      );
      return (await Promise.all(each)).flat();
    },
    services: async () => {
      // Cloud Run takes no "-" for a location, and lists locations by v1 alone.
      const places = await list('run', 'locations of Cloud Run', `v1/projects/${project}/locations`, (said) =>
        locationsWire.parse(said).locations.map(({ locationId }) => locationId),
      );
      const each = places.map((region) =>
        list(
          'run',
          `Cloud Run services in ${region}`,
          `v2/projects/${project}/locations/${region}/services`,
          servicesIn,
        ),
      );
      return (await Promise.all(each)).flat();
    },
    secrets: () =>
      list('secretmanager', 'secrets', `v1/projects/${project}/secrets`, (said) =>
        secretsWire.parse(said).secrets.map(({ name }) => lastPart(name)),
      ),
    buckets: () =>
      list(
        'storage',
        'buckets',
        'storage/v1/b',
        (said) =>
          bucketsWire
            .parse(said)
            .items.map(({ name, retentionPolicy }) => ({ name, isLocked: retentionPolicy?.isLocked === true })),
        { project },
      ),
    urlMaps: () =>
      list('compute', 'URL maps', `compute/v1/projects/${project}/global/urlMaps`, (said) =>
        urlMapsWire
          .parse(said)
          .items.map(({ name, defaultService }) => ({ name, backendService: lastPart(defaultService) })),
      ),
    records: async () => {
      const path = `dns/v1/projects/${project}/managedZones`;
      const zones = await list('dns', 'zones', path, (said) => zonesWire.parse(said).managedZones);
      const each = zones.map(({ name: zone }) =>
        list('dns', `records of ${zone}`, `${path}/${zone}/rrsets`, (said) =>
          recordsWire
            .parse(said)
            .rrsets.filter(({ type }) => type === 'A')
            .map(({ name, ttl, rrdatas }) => ({
              zone,
              host: name.replace(/\.$/, ''),
              ttlSeconds: ttl,
              addresses: rrdatas,
            })),
        ),
      );
      return (await Promise.all(each)).flat();
    },
  };
}

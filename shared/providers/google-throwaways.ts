import { z } from 'zod';
import { seconds } from '../core/time.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import { type FoundThing, THROWAWAY_LABEL, type Throwaways } from '../ports/throwaways.ts';
import { instanceName } from '../system/names.ts';
import { addressFor } from './addresses.ts';
import type { GoogleAccess } from './google-call.ts';
import { askGoogle } from './google-rest.ts';
import { askJson } from './http-json.ts';

// Instances and services that are made to be thrown away: Cloud SQL Admin v1 and Cloud Run Admin v2, by their REST faces.

const labels = z.record(z.string(), z.string()).default({});
const instancesWire = z.object({
  items: z
    .array(
      z.object({
        name: z.string(),
        region: z.string(),
        state: z.string(),
        instanceType: z.string(),
        settings: z.object({ activationPolicy: z.string().default(''), userLabels: labels }),
      }),
    )
    .default([]),
  nextPageToken: z.string().default(''),
});
const servicesWire = z.object({
  services: z.array(z.object({ name: z.string(), labels })).default([]),
  nextPageToken: z.string().default(''),
});
const started = z.object({ name: z.string().min(1) });

/** How long an answer of a service may take, in wall time: one that starts an instance first takes some seconds. */
const ANSWER_LIMIT = seconds(15);

/** Disk of an instance, the least that Cloud SQL gives. */
const DISK_GB = '10';

/** The throw-away things of a project. Services are listed region by region: Cloud Run's v2 takes no wildcard (its `service.proto`). */
export function createGoogleThrowaways(access: GoogleAccess, regions: readonly string[]): Throwaways {
  const { project } = access;
  const instances = `v1/projects/${project}/instances`;
  const services = (region: string): string => `v2/projects/${project}/locations/${region}/services`;
  const parseStarted = (said: unknown): string => started.parse(said).name;

  const allInstances = (): Promise<readonly FoundThing[]> => {
    const call = { doing: 'listing the instances', effect: 'reads' } as const;
    return askGoogle(access, 'sqladmin', call, { method: 'GET', path: instances }, (said) => {
      const { items, nextPageToken } = instancesWire.parse(said);
      if (nextPageToken !== '') throw new PortError('permanent', 'tooMany', call.doing);
      return items.map(({ name, region, state, instanceType, settings }) => ({
        kind: 'instance',
        name: instanceName(name),
        region,
        run: settings.userLabels[THROWAWAY_LABEL],
        isReplica: instanceType === 'READ_REPLICA_INSTANCE',
        isStopped: settings.activationPolicy === 'NEVER',
        isGoing: state === 'PENDING_DELETE',
      }));
    });
  };
  const servicesIn = (region: string): Promise<readonly FoundThing[]> => {
    const call = { doing: `listing the services of ${region}`, effect: 'reads' } as const;
    return askGoogle(access, 'run', call, { method: 'GET', path: services(region) }, (said) => {
      const { services: all, nextPageToken } = servicesWire.parse(said);
      if (nextPageToken !== '') throw new PortError('permanent', 'tooMany', call.doing);
      return all.map(({ name, labels: own }) => ({
        kind: 'service',
        name: name.slice(name.lastIndexOf('/') + 1),
        region,
        run: own[THROWAWAY_LABEL],
      }));
    });
  };

  return {
    found: async () => (await Promise.all([allInstances(), ...regions.map(servicesIn)])).flat(),
    createInstance: ({ name, region, databaseVersion, tier, availability, primary, run }) =>
      askGoogle(
        access,
        'sqladmin',
        { doing: `creating the instance ${name}`, effect: 'writes' },
        {
          method: 'POST',
          path: instances,
          body: {
            name,
            region,
            databaseVersion,
            ...(primary === undefined ? {} : { masterInstanceName: primary }),
            settings: {
              tier,
              edition: 'ENTERPRISE',
              availabilityType: availability,
              dataDiskSizeGb: DISK_GB,
              deletionProtectionEnabled: false,
              userLabels: { [THROWAWAY_LABEL]: run },
              // What replicas and high availability ask of a primary; a replica has none of it.
              ...(primary === undefined
                ? { backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: availability === 'REGIONAL' } }
                : {}),
            },
          },
        },
        parseStarted,
      ),
    touch: (instance, version) =>
      askGoogle(
        access,
        'sqladmin',
        { doing: `changing a label of ${instance}`, effect: 'writesIfUnchanged' },
        {
          method: 'PATCH',
          path: `${instances}/${instance}`,
          body: { settings: { settingsVersion: version, userLabels: { 'dr-conform-touched': `after-${version}` } } },
        },
        parseStarted,
      ),
    deleteInstance: (instance) =>
      askGoogle(
        access,
        'sqladmin',
        { doing: `deleting the instance ${instance}`, effect: 'writes' },
        { method: 'DELETE', path: `${instances}/${instance}` },
        parseStarted,
      ),
    createService: ({ name, region, image, run }) =>
      askGoogle(
        access,
        'run',
        { doing: `creating the service ${name}`, effect: 'writes' },
        {
          method: 'POST',
          path: services(region),
          query: { serviceId: name },
          body: {
            labels: { [THROWAWAY_LABEL]: run },
            invokerIamDisabled: true,
            template: { containers: [{ image }], scaling: { maxInstanceCount: 2 } },
          },
        },
        parseStarted,
      ),
    deleteService: (region, name) =>
      askGoogle(
        access,
        'run',
        { doing: `deleting the service ${name}`, effect: 'writes' },
        { method: 'DELETE', path: `${services(region)}/${name}` },
        parseStarted,
      ),
    ask: async (url) => {
      const forwardedHost = new URL(url).hostname;
      const call = { doing: `asking ${forwardedHost}`, effect: 'reads', limit: ANSWER_LIMIT } as const;
      const question = { method: 'GET', url: addressFor(url, access.endpoints.hosts), forwardedHost } as const;
      try {
        return (await askJson(call, question)).status;
      } catch (error) {
        if (isPortError(error)) return undefined;
        throw error;
      }
    },
  };
}

import { z } from 'zod';
import type { AuditConfig, Binding, Inventory, SubscriptionStatus } from '../ports/inventory.ts';
import { PortError } from '../ports/port-error.ts';
import type { GoogleAccess } from './google-call.ts';
import { askGoogle, type RestApi, type RestQuestion } from './google-rest.ts';

// What is there, by REST: Resource Manager v1, Cloud Run v2, Service Usage v1 and v1beta1 (quotas), IAM v1, Pub/Sub v1, Monitoring v3, Compute v1, and the policies of
// secrets and buckets (cloud.google.com reference pages, read 2026-11-27). Reads only.

const bindingWire = z.object({
  role: z.string(),
  members: z.array(z.string()).default([]),
  condition: z.object({ expression: z.string() }).optional(),
});
const policyWire = z.object({ bindings: z.array(bindingWire).default([]) });
const auditWire = z.object({
  auditConfigs: z
    .array(
      z.object({
        service: z.string(),
        auditLogConfigs: z
          .array(z.object({ logType: z.string(), exemptedMembers: z.array(z.string()).default([]) }))
          .default([]),
      }),
    )
    .default([]),
});

const seconds = z
  .string()
  .regex(/^\d+(\.\d+)?s$/)
  .transform(Number.parseFloat);
const subscriptionWire = z.object({
  name: z.string(),
  topic: z.string(),
  pushConfig: z
    .object({ pushEndpoint: z.string().default(''), oidcToken: z.unknown().optional() })
    .default({ pushEndpoint: '' }),
  ackDeadlineSeconds: z.number().default(10),
  // Pub/Sub's default where nothing is said: seven days.
  messageRetentionDuration: seconds.default(604_800),
  deadLetterPolicy: z.object({ deadLetterTopic: z.string(), maxDeliveryAttempts: z.number().default(5) }).optional(),
});

const pageWire = z.object({ nextPageToken: z.string().default('') });
const topicsWire = z.object({ topics: z.array(z.object({ name: z.string() })).default([]) });
const subscriptionsWire = z.object({ subscriptions: z.array(subscriptionWire).default([]) });
const servicesWire = z.object({
  services: z.array(z.object({ config: z.object({ name: z.string() }) })).default([]),
});
const policiesWire = z.object({
  alertPolicies: z
    .array(
      z.object({
        displayName: z.string(),
        enabled: z.boolean().default(true),
        notificationChannels: z.array(z.string()).default([]),
      }),
    )
    .default([]),
});
const channelsWire = z.object({
  notificationChannels: z
    .array(
      z.object({
        name: z.string(),
        type: z.string(),
        enabled: z.boolean().default(true),
        labels: z.record(z.string(), z.string()).default({}),
      }),
    )
    .default([]),
});
const regionWire = z.object({
  quotas: z.array(z.object({ metric: z.string(), limit: z.number(), usage: z.number() })).default([]),
});

/** Processors as Kubernetes writes them, `2` or `500m`, in thousandths. */
const processors = z
  .string()
  .regex(/^\d+(\.\d+)?$|^\d+m$/)
  .transform((text) => (text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1_000));

/** What Cloud Run gives an instance where nothing is said. */
const PROCESSORS_DEFAULT = 1_000;

const limitsWire = z.object({
  metrics: z
    .array(
      z.object({
        metric: z.string().default(''),
        consumerQuotaLimits: z
          .array(
            z.object({
              quotaBuckets: z
                .array(
                  z.object({
                    effectiveLimit: z.coerce.number().default(0),
                    dimensions: z.record(z.string(), z.string()).default({}),
                  }),
                )
                .default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

/** In thousandths of a processor (cloud.google.com/run/docs/configuring/max-instances-limits, read 2026-11-27). */
const PROCESSOR_METRIC = 'run.googleapis.com/cpu_allocation';

const deployedWire = z.object({
  template: z.object({
    containers: z
      .array(
        z.object({
          env: z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]),
          resources: z.object({ limits: z.object({ cpu: processors.optional() }).default({}) }).default({ limits: {} }),
        }),
      )
      .default([]),
    volumes: z
      .array(
        z.object({
          secret: z
            .object({ secret: z.string(), items: z.array(z.object({ version: z.string().optional() })).default([]) })
            .optional(),
        }),
      )
      .default([]),
  }),
});

const lastPart = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Pages of one list that are read; a project with more is not read in part, but refused. */
const PAGES_MAX = 50;

/** Asks as whoever the access says. */
export function createGoogleInventory(access: GoogleAccess): Inventory {
  const { project } = access;
  const ask = <T>(api: RestApi, doing: string, question: RestQuestion, parse: (said: unknown) => T): Promise<T> =>
    askGoogle(access, api, { doing, effect: 'reads' }, question, parse);

  const list = async <T>(
    api: RestApi,
    doing: string,
    path: string,
    parse: (said: unknown) => readonly T[],
    query: Readonly<Record<string, string>> = {},
  ): Promise<readonly T[]> => {
    const found: T[] = [];
    let token = '';
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const question = {
        method: 'GET',
        path,
        query: { ...query, ...(token === '' ? {} : { pageToken: token }) },
      } as const;
      const read = await ask(api, doing, question, (said) => ({
        items: parse(said),
        next: pageWire.parse(said).nextPageToken,
      }));
      found.push(...read.items);
      if (read.next === '') return found;
      token = read.next;
    }
    throw new PortError('permanent', 'tooManyPages', doing);
  };

  const policy = (api: RestApi, doing: string, question: RestQuestion): Promise<readonly Binding[]> =>
    ask(api, doing, question, (said) =>
      policyWire.parse(said).bindings.map(({ role, members, condition }) => ({
        role,
        members,
        condition: condition?.expression,
      })),
    );
  // Without version 3 a binding with a condition is shown with a role that does not exist.
  const VERSION = { 'options.requestedPolicyVersion': '3' };
  const POLICY_OF_PROJECT: RestQuestion = {
    method: 'POST',
    path: `v1/projects/${project}:getIamPolicy`,
    body: { options: { requestedPolicyVersion: 3 } },
  };

  return {
    projectNumber: () =>
      ask(
        'cloudresourcemanager',
        `reading the project ${project}`,
        { method: 'GET', path: `v1/projects/${project}` },
        (said) => z.object({ projectNumber: z.string() }).parse(said).projectNumber,
      ),
    enabledServices: () =>
      list(
        'serviceusage',
        'listing the enabled APIs',
        `v1/projects/${project}/services`,
        (said) => servicesWire.parse(said).services.map(({ config }) => config.name),
        { filter: 'state:ENABLED', pageSize: '200' },
      ),
    projectPolicy: () => policy('cloudresourcemanager', 'reading who may do what on the project', POLICY_OF_PROJECT),
    auditConfigs: () =>
      ask('cloudresourcemanager', 'reading what the project writes down', POLICY_OF_PROJECT, (said) =>
        auditWire
          .parse(said)
          .auditConfigs.flatMap(({ service, auditLogConfigs }) =>
            auditLogConfigs.map(
              ({ logType: type, exemptedMembers: exempted }): AuditConfig => ({ service, type, exempted }),
            ),
          ),
      ),
    secretPolicy: (secret) =>
      policy('secretmanager', `reading who may use ${secret}`, {
        method: 'GET',
        path: `v1/projects/${project}/secrets/${secret}:getIamPolicy`,
        query: VERSION,
      }),
    bucketPolicy: (bucket) =>
      policy('storage', `reading who may use gs://${bucket}`, {
        method: 'GET',
        path: `storage/v1/b/${bucket}/iam`,
        query: { optionsRequestedPolicyVersion: '3' },
      }),
    topicPolicy: (topic) =>
      policy('pubsub', `reading who may publish on ${topic}`, {
        method: 'GET',
        path: `v1/projects/${project}/topics/${topic}:getIamPolicy`,
        query: VERSION,
      }),
    rolePermissions: (role) =>
      ask(
        'iam',
        `reading the role ${role}`,
        { method: 'GET', path: `v1/${role}` },
        (said) => z.object({ includedPermissions: z.array(z.string()).default([]) }).parse(said).includedPermissions,
      ),
    topics: () =>
      list('pubsub', 'listing the topics', `v1/projects/${project}/topics`, (said) =>
        topicsWire.parse(said).topics.map(({ name }) => lastPart(name)),
      ),
    subscriptions: () =>
      list('pubsub', 'listing the subscriptions', `v1/projects/${project}/subscriptions`, (said) =>
        subscriptionsWire.parse(said).subscriptions.map(statusOf),
      ),
    alertPolicies: () =>
      list('monitoring', 'listing the alert policies', `v3/projects/${project}/alertPolicies`, (said) =>
        policiesWire.parse(said).alertPolicies.map(({ displayName, enabled, notificationChannels: channels }) => ({
          displayName,
          enabled,
          channels,
        })),
      ),
    channels: () =>
      list('monitoring', 'listing the notification channels', `v3/projects/${project}/notificationChannels`, (said) =>
        channelsWire.parse(said).notificationChannels.map(({ name, type, enabled, labels }) => ({
          name,
          type,
          enabled,
          topic: labels['topic'],
        })),
      ),
    deployedService: (region, service) =>
      ask(
        'run',
        `reading how ${service} is deployed in ${region}`,
        { method: 'GET', path: `v2/projects/${project}/locations/${region}/services/${service}` },
        (said) => {
          const { containers, volumes } = deployedWire.parse(said).template;
          // A variable whose value is a secret's has none here.
          const env = containers.flatMap((one) =>
            one.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])),
          );
          const secrets = volumes.flatMap(({ secret }) =>
            secret === undefined ? [] : [[lastPart(secret.secret), secret.items[0]?.version ?? 'latest'] as const],
          );
          return {
            env: Object.fromEntries(env),
            secrets: Object.fromEntries(secrets),
            processors: containers.reduce((sum, one) => sum + (one.resources.limits.cpu ?? PROCESSORS_DEFAULT), 0),
          };
        },
      ),
    processorLimits: () =>
      list(
        'serviceusage',
        'reading the quotas of Cloud Run',
        `v1beta1/projects/${project}/services/run.googleapis.com/consumerQuotaMetrics`,
        (said) =>
          limitsWire
            .parse(said)
            .metrics.filter(({ metric }) => metric === PROCESSOR_METRIC)
            .flatMap(({ consumerQuotaLimits }) => consumerQuotaLimits.flatMap(({ quotaBuckets }) => quotaBuckets))
            .map(({ effectiveLimit, dimensions }) => ({
              region: dimensions['region'],
              // -1: no limit.
              milli: effectiveLimit < 0 ? undefined : effectiveLimit,
            })),
        { pageSize: '500' },
      ),
    quotas: (region) =>
      ask(
        'compute',
        `reading the quotas of ${region}`,
        { method: 'GET', path: `compute/v1/projects/${project}/regions/${region}` },
        (said) => regionWire.parse(said).quotas,
      ),
  };
}

function statusOf(wire: z.infer<typeof subscriptionWire>): SubscriptionStatus {
  const { name, topic, pushConfig, deadLetterPolicy: dead } = wire;
  return {
    name: lastPart(name),
    topic: lastPart(topic),
    deadLetterTopic: dead === undefined ? undefined : lastPart(dead.deadLetterTopic),
    attempts: dead?.maxDeliveryAttempts,
    pushesTo: pushConfig.pushEndpoint === '' ? undefined : pushConfig.pushEndpoint,
    isSigned: pushConfig.oidcToken !== undefined,
    ackDeadlineSeconds: wire.ackDeadlineSeconds,
    retentionSeconds: wire.messageRetentionDuration,
  };
}

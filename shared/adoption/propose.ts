import type { InstanceStatus } from '../ports/databases.ts';
import type { Discovery, FoundDeployment, FoundService } from './discovery.ts';
import type { Reading } from './finding.ts';

// The first `dr.yaml` of a project, out of what was found in it. What nobody can find stands as a marked value, which no part of the schema
// takes; everything else is found, or a default that does nothing, and says so. Comments that begin with `?` are choices.

/** What stands where a person has to say something. No form of the schema takes it. */
export const MARK = '<FILL-IN>';

/** Where dr-autopilot may run, in the order in which it is proposed: regions of which none is protected. */
const CONTROL_REGIONS = ['us-east4', 'us-west1', 'us-central1', 'europe-west1', 'europe-west4'];

/** Names that are ours, not the system's. */
const isOurs = (name: string): boolean => name.startsWith('dr-');

/** An application with the name that it gets in the file. */
type Proposed =
  | { readonly kind: 'gke'; readonly id: string; readonly found: FoundDeployment }
  | { readonly kind: 'cloudRun'; readonly id: string; readonly found: FoundService };

/** The file as text. `madeAt`: RFC 3339. */
export function proposeConfig(found: Discovery, madeAt: string): string {
  const instances = valueOf(found.instances).filter(({ state }) => state !== 'pendingDelete');
  const applications = proposed(valueOf(found.deployments), valueOf(found.services));
  const protectedRegions = unique([
    ...instances.map(({ region }) => region),
    ...applications.map(({ found: place }) =>
      'region' in place ? place.region : place.location.replace(/-[a-z]$/, ''),
    ),
  ]);
  return `${[
    ...head(found, madeAt),
    ...systemPart(found.project, protectedRegions),
    ...databasesPart(instances),
    ...applicationsPart(applications, valueOf(found.secrets)),
    ...entrancesPart(found),
    ...regionsPart(instances, applications),
    ...breachPart(found),
    ...alertsPart(instances),
    'notifications:',
    '  # Where notices go. The address is asked by POST with JSON; it carries no credential.',
    `  - {id: oncall-pager, kind: webhook, url: ${MARK}, person: oncall}`,
    '',
    'endpoints:',
    '  # The addresses of approve, one for each control region (docs/deployment.md).',
    `  approve: [${MARK}, ${MARK}]`,
  ].join('\n')}\n`;
}

function head(found: Discovery, madeAt: string): readonly string[] {
  const unread = Object.entries(found).flatMap(([name, reading]: readonly [string, Reading<unknown> | string]) =>
    typeof reading !== 'string' && reading.kind !== 'read'
      ? [
          `# NOT READ: ${name} (${reading.kind === 'unread' ? reading.because : 'absent'}). What it would have told is missing below.`,
        ]
      : [],
  );
  return [
    '# yaml-language-server: $schema=./docs/dr.schema.json',
    '#',
    `# What dr-autopilot protects in ${found.project}: found by ./dr init at ${madeAt}, and to be read line by line by who knows the system.`,
    `# ${MARK} stands where only a person can say what is right: ./dr config check names each such line. Every key is explained in`,
    '# docs/configuration.md. Nothing is changed in mode observe. Take out what is not part of the system.',
    ...unread,
    'version: 1',
    '',
  ];
}

function systemPart(project: string, protectedRegions: readonly string[]): readonly string[] {
  const control = CONTROL_REGIONS.filter((region) => !protectedRegions.includes(region)).slice(0, 2);
  return [
    'system:',
    `  name: ${project}`,
    `  project: ${project}`,
    '  # Every region in which something of the system was found.',
    `  protectedRegions: ${flow(protectedRegions.length === 0 ? [MARK] : protectedRegions)}`,
    '  # ? Where dr-autopilot itself runs: a default. None of them is protected.',
    `  controlRegions: ${flow(control)}`,
    '',
    '# Recovery time, recovery point, and the downtime after which the business itself is in danger: lengths such as 1h.',
    'objectives:',
    `  rto: ${MARK}`,
    `  rpo: ${MARK}`,
    `  maximumDowntime: ${MARK}`,
    '',
    '# Looks, says what it would do, and does nothing. A runbook is let go further by perRunbook, one at a time (docs/deployment.md, "Adoption").',
    'mode:',
    '  default: observe',
    '',
    'people:',
    `  - {id: oncall, role: on-call engineer, email: ${MARK}}`,
    '',
    '# ? iap is a default: approvers sign in. Who may decide on a runbook stands here once its mode is not observe.',
    'approvals:',
    '  identity: iap',
    '',
  ];
}

function databasesPart(instances: readonly InstanceStatus[]): readonly string[] {
  const primaries = instances.filter(({ role }) => role === 'primary');
  if (primaries.length === 0) return ['# No Cloud SQL instance was found.', 'databases: []', ''];
  return ['databases:', ...primaries.flatMap((primary) => databasePart(primary, instances)), ''];
}

function databasePart(primary: InstanceStatus, instances: readonly InstanceStatus[]): readonly string[] {
  const replicas = instances.filter(({ upstream }) => upstream === primary.instance);
  const remedies = [
    'wait',
    ...(primary.availability === 'regional' ? ['failover'] : []),
    // Without a replica there is nothing to promote.
    replicas.length === 0 ? 'restart' : 'promote',
  ];
  return [
    `  - instance: ${primary.instance}`,
    `    region: ${primary.region}`,
    ...(replicas.length === 0
      ? ['    # It has no replica: nothing could take its place.', '    replicas: []']
      : [
          '    replicas:',
          ...replicas.map(({ instance, region }) => `      - {instance: ${instance}, region: ${region}}`),
        ]),
    '    # The most that a promotion may lose without a verb of its own.',
    `    lossBudget: ${MARK}`,
    `    # ? A default: ${primary.availability} has ${primary.availability === 'regional' ? 'a' : 'no'} standby.`,
    `    remedies: ${flow(remedies)}`,
    ...(primary.backupsEnabled ? [] : ['    # IT HAS NO BACKUPS: ./dr doctor says how to turn them on.']),
    `    # ? restore: {instance: ${primary.instance}-restore, maximumAge: 26h}   # a copy of it from a backup`,
    ...(primary.pointInTimeRecovery
      ? [
          `    # ? recovery: {instances: [${primary.instance}-recovery], lookBack: 1h}   # from a moment before the damage`,
        ]
      : []),
  ];
}

function proposed(deployments: readonly FoundDeployment[], services: readonly FoundService[]): readonly Proposed[] {
  const own = services.filter(({ name }) => !isOurs(name));
  const names = [...deployments.map(({ name }) => name), ...own.map(({ name }) => name)];
  const idOf = (name: string, suffix: string): string =>
    names.filter((other) => other === name).length > 1 ? `${name}-${suffix}` : name;
  return [
    ...deployments.map((found) => ({ kind: 'gke', id: idOf(found.name, 'gke'), found }) as const),
    ...own.map((found) => ({ kind: 'cloudRun', id: idOf(found.name, 'run'), found }) as const),
  ];
}

function applicationsPart(applications: readonly Proposed[], secrets: readonly string[]): readonly string[] {
  const own = secrets.filter((name) => !isOurs(name));
  return [
    '# Every consumer of a database: one that is missing would be left on a stale primary. Take out what is none and has no users.',
    `# Secrets that were found: ${own.length === 0 ? 'none' : own.join(', ')}`,
    applications.length === 0 ? 'applications: []' : 'applications:',
    ...applications.flatMap((application) => applicationPart(application)),
    '',
  ];
}

function applicationPart(application: Proposed): readonly string[] {
  const { id, kind, found } = application;
  const place =
    kind === 'gke'
      ? [
          `    cluster: ${found.cluster}`,
          `    location: ${found.location}`,
          `    namespace: ${found.namespace}`,
          `    deployment: ${found.name}`,
          `    container: ${found.container}`,
          `    # ? ${found.most === undefined ? 'Twice what it has now' : 'What its autoscaler goes up to'}.`,
          `    maxReplicas: ${found.most ?? Math.max(1, found.replicas * 2)}`,
          `    databaseSecret: ${MARK}   # take the line out if it has no database`,
        ]
      : [
          `    service: ${found.name}`,
          `    region: ${found.region}`,
          `    # ? ${found.most === undefined ? 'Cloud Run’s own default' : 'What it goes up to'}.`,
          `    maxInstances: ${found.most ?? 100}`,
          ...(found.secrets.length === 1
            ? ['    # The one secret that its environment reads.', `    databaseSecret: ${found.secrets[0] ?? ''}`]
            : [`    databaseSecret: ${MARK}   # its environment reads: ${found.secrets.join(', ') || 'none'}`]),
        ];
  return [
    `  - id: ${id}`,
    `    kind: ${kind}`,
    ...place,
    '    # What it can’t work without: databases and applications of this file. Empty for one that only reads a replica.',
    `    dependsOn: [${MARK}]`,
    `    # The contract is in docs/configuration.md.${kind === 'cloudRun' && found.url !== '' ? ` Its address is ${found.url}` : ''}`,
    '    probes:',
    `      deepHealth: ${MARK}`,
    `      canary: ${MARK}`,
    '      # A prober in the same place, by which a fence is proved before a replica is promoted. Without a database: take it out.',
    `      vantage: ${MARK}`,
  ];
}

function entrancesPart({ urlMaps, records }: Discovery): readonly string[] {
  return [
    '# How users come in, and where else it could lead (docs/configuration.md). Found:',
    ...valueOf(urlMaps).map(
      ({ name, backendService }) => `#   URL map ${name}, to the backend service ${backendService}`,
    ),
    ...valueOf(records).map(
      ({ zone, host, ttlSeconds, addresses }) =>
        `#   ${host} in ${zone}: ${addresses.join(', ')}, kept for ${ttlSeconds}s`,
    ),
    'entrances: []',
    '',
  ];
}

/** A region that has a replica and a service of its own can go on for the primary's. */
function regionsPart(instances: readonly InstanceStatus[], applications: readonly Proposed[]): readonly string[] {
  const pairs = instances
    .filter(({ role }) => role === 'primary')
    .flatMap(({ instance, region }) =>
      instances
        .filter(({ upstream, region: other }) => upstream === instance && other !== region)
        .flatMap(({ region: secondary }) => {
          const there = applications.find(({ kind, found }) => kind === 'cloudRun' && found.region === secondary);
          return there === undefined ? [] : [{ region, secondary, application: there.id }];
        }),
    );
  return [
    '# Where everything goes on when a whole region is lost.',
    ...pairs.map(
      ({ region, secondary, application }) =>
        `# ? regions: [{region: ${region}, secondary: ${secondary}, application: ${application}, instances: 1}]`,
    ),
    '',
  ];
}

function breachPart({ caches, buckets }: Discovery): readonly string[] {
  const locked = valueOf(buckets).filter(({ isLocked }) => isLocked);
  return [
    '# For a breach: secrets to rotate, sessions to end, and a locked bucket for evidence. Found:',
    ...valueOf(caches).map(
      ({ instance, region }) =>
        `# ? sessions: [{id: sessions, instance: ${instance}, region: ${region}, prefix: 'session:'}]`,
    ),
    ...locked.map(({ name }) => `# ? forensics: {bucket: ${name}}`),
    `#   other buckets: ${
      valueOf(buckets)
        .filter(({ isLocked }) => !isLocked)
        .map(({ name }) => name)
        .join(', ') || 'none'
    }`,
    '',
  ];
}

function alertsPart(instances: readonly InstanceStatus[]): readonly string[] {
  const primaries = instances.filter(({ role }) => role === 'primary');
  const nameOf = (instance: string): string =>
    primaries.length === 1 ? 'dr-cloudsql-primary-down' : `dr-cloudsql-primary-down-${instance}`;
  return [
    '# Alert policies by display name: terraform/modules/alerts makes them. More of them: docs/configuration.md.',
    primaries.length === 0 ? 'alerts: []' : 'alerts:',
    ...primaries.map(
      ({ instance }) => `  - {policy: ${nameOf(instance)}, runbook: database-failover, target: ${instance}}`,
    ),
    '',
  ];
}

const valueOf = <T>(reading: Reading<readonly T[]>): readonly T[] => (reading.kind === 'read' ? reading.value : []);
const flow = (items: readonly string[]): string => `[${items.join(', ')}]`;
const unique = (items: readonly string[]): readonly string[] => [...new Set(items)];

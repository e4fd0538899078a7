import type {
  protos,
  SqlBackupRunsServiceClient,
  SqlDatabasesServiceClient,
  SqlInstancesServiceClient,
} from '@google-cloud/sql';
import { z } from 'zod';
import { instant, type Instant } from '../core/time.ts';
import type { BackupRun, Backups, Copies, InstanceTemplate, Labels, RecoveryWindow } from '../ports/backups.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import { parsePage, parseStarted } from './cloud-sql-wire.ts';
import { type CallOptions, callGoogle, type GoogleAccess, lazyClient } from './google-call.ts';
import type { Effect } from './normalize-error.ts';

// Backups, copies and clones of Cloud SQL through `@google-cloud/sql`, v1, REST (facts.md 3). Every change is sent once.

/** Pages of backups: 365 automated ones are the most that are kept, and people make some. */
const PAGES_MAX = 20;

type Settings = protos.google.cloud.sql.v1.ISettings;
type Versions = typeof protos.google.cloud.sql.v1.SqlDatabaseVersion;
type Editions = typeof protos.google.cloud.sql.v1.Settings.Edition;

interface Clients {
  readonly versions: Versions;
  readonly editions: Editions;
  readonly instances: SqlInstancesServiceClient;
  readonly backups: SqlBackupRunsServiceClient;
  readonly databases: SqlDatabasesServiceClient;
}

const timestamp = z
  .object({ seconds: z.coerce.number(), nanos: z.number().nullish() })
  .transform(({ seconds, nanos }): Instant => instant(seconds * 1_000 + Math.floor((nanos ?? 0) / 1_000_000)));

const runWire = z.object({
  id: z.coerce.string(),
  instance: z.string().min(1),
  type: z.string(),
  status: z.string(),
  startTime: timestamp.nullish(),
  endTime: timestamp.nullish(),
  databaseVersion: z.string().nullish(),
});

const RUN_STATES: Readonly<Record<string, BackupRun['state']>> = {
  SUCCESSFUL: 'successful',
  ENQUEUED: 'pending',
  RUNNING: 'pending',
  OVERDUE: 'pending',
};

/** A backup run as the client returns it. Throws `z.ZodError` on anything else. */
export function parseRun(answer: unknown): BackupRun {
  const { id, instance, type, status, startTime, endTime, databaseVersion } = runWire.parse(answer);
  return {
    id,
    instance: instanceName(instance),
    kind: type === 'AUTOMATED' ? 'automated' : type === 'ON_DEMAND' ? 'onDemand' : 'other',
    state: RUN_STATES[status] ?? 'failed',
    startedAt: startTime ?? undefined,
    endedAt: endTime ?? undefined,
    databaseVersion: databaseVersion ?? '',
  };
}

const templateWire = z.object({
  databaseVersion: z.string(),
  region: z.string().min(1),
  settings: z.object({
    tier: z.string().min(1),
    edition: z.string().nullish(),
    dataDiskSizeGb: z.object({ value: z.coerce.number() }).nullish(),
    ipConfiguration: z.object({ privateNetwork: z.string().nullish() }).nullish(),
    databaseFlags: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  }),
});

/** What another instance like this one is made with. */
export function parseTemplate(answer: unknown): InstanceTemplate {
  const { databaseVersion, region, settings } = templateWire.parse(answer);
  const { edition, ipConfiguration, dataDiskSizeGb } = settings;
  return {
    databaseVersion,
    region,
    tier: settings.tier,
    edition: edition === undefined || edition === null || edition === 'EDITION_UNSPECIFIED' ? undefined : edition,
    diskGb: dataDiskSizeGb?.value,
    privateNetwork: ipConfiguration?.privateNetwork || undefined,
    flags: settings.databaseFlags ?? [],
  };
}

const databasesWire = z.object({ items: z.array(z.object({ name: z.string() })) });
const accountWire = z.object({ serviceAccountEmailAddress: z.string().min(3) });

const windowWire = z.object({ earliestRecoveryTime: timestamp, latestRecoveryTime: timestamp });

/** Between which moments an instance can be cloned, as the client returns it. Throws `z.ZodError` on anything else. */
export function parseWindow(answer: unknown): RecoveryWindow {
  const { earliestRecoveryTime, latestRecoveryTime } = windowWire.parse(answer);
  return { earliest: earliestRecoveryTime, latest: latestRecoveryTime };
}

const labelsWire = z.object({
  settings: z.object({ userLabels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** Backups and copies of one project's instances. */
export function createCloudSqlBackups(
  access: GoogleAccess,
): Pick<Backups, 'runs' | 'template' | 'labels' | 'recoveryWindow'> &
  Omit<Copies, 'isAdmitted' | 'admit' | 'dismiss'> &
  Accounts {
  const { project } = access;
  const clients = lazyClient(access, 'sqladmin', async (options): Promise<Clients> => {
    const sql = await import('./sql-client.ts');
    const { SqlDatabaseVersion, Settings: settings } = sql.protos.google.cloud.sql.v1;
    return {
      versions: SqlDatabaseVersion,
      editions: settings.Edition,
      instances: new sql.SqlInstancesServiceClient(options),
      backups: new sql.SqlBackupRunsServiceClient(options),
      databases: new sql.SqlDatabasesServiceClient(options),
    };
  });
  const call = <T>(
    doing: string,
    effect: Effect,
    send: (clients: Clients, options: CallOptions) => Promise<T>,
  ): Promise<T> => callGoogle(access, { doing, effect }, clients, send);

  return {
    runs: async (instance) => {
      const doing = `listing the backups of ${instance}`;
      const found: BackupRun[] = [];
      let page: { readonly pageToken?: string } = {};
      for (let count = 0; count < PAGES_MAX; count += 1) {
        const { items, next } = await call(doing, 'reads', async ({ backups }, options) => {
          const answer = parsePage((await backups.list({ project, instance, ...page }, options))[0]);
          return { items: answer.items.map(parseRun), next: answer.next };
        });
        found.push(...items);
        if (next === undefined) return found.toSorted((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
        page = { pageToken: next };
      }
      throw new PortError('permanent', 'tooManyPages', doing);
    },
    template: (instance) =>
      call(`reading what ${instance} is made of`, 'reads', async ({ instances }, options) =>
        parseTemplate((await instances.get({ project, instance }, options))[0]),
      ),
    labels: async (instance) => {
      try {
        return await call(
          `reading the labels of ${instance}`,
          'reads',
          async ({ instances }, options): Promise<Labels> => {
            const [answer] = await instances.get({ project, instance }, options);
            return labelsWire.parse(answer).settings?.userLabels ?? {};
          },
        );
      } catch (error) {
        if (isPortError(error) && error.code === 'notFound') return undefined;
        throw error;
      }
    },
    create: (copy, template, labels) =>
      call(`creating ${copy}`, 'writes', async ({ instances, versions, editions }, options) => {
        const { tier, region, edition, diskGb, privateNetwork, flags } = template;
        const settings: Settings = {
          tier,
          ...(edition === undefined ? {} : { edition: named(edition, editions, 'edition') }),
          ...(diskGb === undefined ? {} : { dataDiskSizeGb: { value: diskGb } }),
          ...(privateNetwork === undefined
            ? {}
            : { ipConfiguration: { ipv4Enabled: { value: false }, privateNetwork } }),
          databaseFlags: [...flags],
          userLabels: { ...labels },
        };
        const databaseVersion = named(template.databaseVersion, versions, 'database version');
        const body = { name: copy, region, databaseVersion, settings };
        return parseStarted((await instances.insert({ project, body }, options))[0]);
      }),
    remove: (copy) =>
      call(`deleting ${copy}`, 'writes', async ({ instances }, options) =>
        parseStarted((await instances.delete({ project, instance: copy }, options))[0]),
      ),
    createDatabase: (copy, database) =>
      call(`creating the database ${database} in ${copy}`, 'writes', async ({ databases }, options) =>
        parseStarted((await databases.insert({ project, instance: copy, body: { name: database } }, options))[0]),
      ),
    databases: (copy) =>
      call(`listing the databases of ${copy}`, 'reads', async ({ databases }, options) =>
        databasesWire
          .parse((await databases.list({ project, instance: copy }, options))[0])
          .items.map(({ name }) => name),
      ),
    importDump: (copy, { bucket, name }, database) =>
      call(`reading gs://${bucket}/${name} into ${copy}`, 'writes', async ({ instances }, options) => {
        const importContext = { fileType: 'SQL' as const, uri: `gs://${bucket}/${name}`, database };
        return parseStarted((await instances.import({ project, instance: copy, body: { importContext } }, options))[0]);
      }),
    account: (instance) =>
      call(
        `reading the account of ${instance}`,
        'reads',
        async ({ instances }, options) =>
          accountWire.parse((await instances.get({ project, instance }, options))[0]).serviceAccountEmailAddress,
      ),
    recoveryWindow: (instance) =>
      call(`asking to which moments ${instance} can be recovered`, 'reads', async ({ instances }, options) =>
        parseWindow((await instances.getLatestRecoveryTime({ project, instance }, options))[0]),
      ),
    clone: (source, copy, moment) =>
      call(`cloning ${source} as ${copy}`, 'writes', async ({ instances }, options) => {
        const body = {
          cloneContext: { destinationInstanceName: copy, ...(moment === undefined ? {} : pointIn(moment)) },
        };
        return parseStarted((await instances.clone({ project, instance: source, body }, options))[0]);
      }),
    keep: async (copy, labels, version) => {
      const doing = `stopping and protecting ${copy}`;
      const look = async (options: CallOptions) => {
        const { instances } = await clients();
        const found = labelsWire.parse((await instances.get({ project, instance: copy }, options))[0]);
        return { instances, before: found.settings?.userLabels ?? {} };
      };
      return await callGoogle(
        access,
        { doing, effect: 'writesIfUnchanged' },
        look,
        async ({ instances, before }, options) => {
          const settings: Settings = {
            settingsVersion: { value: version },
            userLabels: { ...before, ...labels },
            deletionProtectionEnabled: { value: true },
            activationPolicy: 'NEVER',
          };
          return parseStarted((await instances.patch({ project, instance: copy, body: { settings } }, options))[0]);
        },
      );
    },
    mark: (copy, labels, isProtected, version) =>
      call(`writing down whose ${copy} is`, 'writesIfUnchanged', async ({ instances }, options) => {
        const settings: Settings = {
          settingsVersion: { value: Number(version) },
          userLabels: { ...labels },
          deletionProtectionEnabled: { value: isProtected },
        };
        return parseStarted((await instances.patch({ project, instance: copy, body: { settings } }, options))[0]);
      }),
    restore: (copy, { id, instance: source }) =>
      call(`restoring backup ${id} of ${source} into ${copy}`, 'writes', async ({ instances }, options) => {
        const body = { restoreBackupContext: { backupRunId: id, instanceId: source, project } };
        return parseStarted((await instances.restoreBackup({ project, instance: copy, body }, options))[0]);
      }),
  };
}

/** A moment as `cloneContext` names it. */
const pointIn = (moment: Instant) => ({
  pointInTime: { seconds: Math.floor(moment / 1_000), nanos: (moment % 1_000) * 1_000_000 },
});

/** By which account an instance itself acts. */
export interface Accounts {
  /** Its e-mail. */
  account(instance: InstanceName): Promise<string>;
}

/** A name that the client can send; it would turn any other one into none without a word. */
function named<Names extends object>(name: string, names: Names, what: string): keyof Names {
  const isKnown = (text: string): text is string & keyof Names => Object.hasOwn(names, text);
  if (!isKnown(name)) throw new PortError('permanent', 'unknownName', `naming the ${what} ${name}`);
  return name;
}

import type {
  protos,
  SqlBackupRunsServiceClient,
  SqlInstancesServiceClient,
  SqlOperationsServiceClient,
} from '@google-cloud/sql';
import type { DatabaseRedundancy, DatabaseRemedies, Databases } from '../ports/databases.ts';
import { PortError } from '../ports/port-error.ts';
import type { InstanceName } from '../system/names.ts';
import { parseBackup, parseFleet, parseInstance, parseOperation, parsePage, parseStarted } from './cloud-sql-wire.ts';
import { callGoogle, lazyClient } from './google-call.ts';
import type { CallOptions, GoogleAccess } from './google-call.ts';
import type { Effect } from './normalize-error.ts';

// Cloud SQL through `@google-cloud/sql`, v1, REST (facts.md 3). A change returns the name of its operation and never
// waits.
//
// S1. A change is sent once: neither the client nor this file repeats it. What a lost reply means is the engine's to
//     find out.
// S2. A change of settings, and a failover, carry the version that they were decided on, so that a stale one is refused.
// S3. The patch body holds only what changes; the client adds empty maps of its own, harmless under merge (facts.md
//     0.2).

/** Pages of instances or operations; a project with more than 2,000 instances is not one of ours. */
const PAGES_MAX = 20;

/** Operations of an instance that are looked at: the newest, as the port says. */
const OPERATIONS_MAX = 100;

type Settings = protos.google.cloud.sql.v1.ISettings;
type Versions = typeof protos.google.cloud.sql.v1.SqlDatabaseVersion;

interface Clients {
  /** The versions that the client can send; it would turn any other name into none without a word. */
  readonly versions: Versions;
  readonly instances: SqlInstancesServiceClient;
  readonly operations: SqlOperationsServiceClient;
  readonly backups: SqlBackupRunsServiceClient;
}

/** The managed SQL fleet of one project. */
export function createCloudSqlDatabases(access: GoogleAccess): Databases & DatabaseRemedies & DatabaseRedundancy {
  const { project } = access;
  const clients = lazyClient(access, 'sqladmin', async (options): Promise<Clients> => {
    const sql = await import('./sql-client.ts');
    return {
      versions: sql.protos.google.cloud.sql.v1.SqlDatabaseVersion,
      instances: new sql.SqlInstancesServiceClient(options),
      operations: new sql.SqlOperationsServiceClient(options),
      backups: new sql.SqlBackupRunsServiceClient(options),
    };
  });
  const call = <T>(
    doing: string,
    effect: Effect,
    send: (clients: Clients, options: CallOptions) => Promise<T>,
  ): Promise<T> => callGoogle(access, { doing, effect }, clients, send);
  const allPages = async <T>(
    doing: string,
    read: (clients: Clients, options: CallOptions, page: { readonly pageToken?: string }) => Promise<unknown>,
    parse: (items: readonly unknown[]) => readonly T[],
  ): Promise<readonly T[]> => {
    const found: T[] = [];
    let page: { readonly pageToken?: string } = {};
    for (let count = 0; count < PAGES_MAX; count += 1) {
      const { items, next } = await call(doing, 'reads', async (ready, options) => {
        const answer = parsePage(await read(ready, options, page));
        return { items: parse(answer.items), next: answer.next };
      });
      found.push(...items);
      if (next === undefined) return found;
      page = { pageToken: next };
    }
    throw new PortError('permanent', 'tooManyPages', doing);
  };
  const inspect: Databases['inspect'] = (instance) =>
    call(`inspecting ${instance}`, 'reads', async ({ instances }, options) =>
      parseInstance((await instances.get({ project, instance }, options))[0]),
    );
  const patch = (doing: string, instance: InstanceName, version: string, settings: Settings): Promise<string> =>
    call(doing, 'writesIfUnchanged', async ({ instances }, options) => {
      const body = { settings: { ...settings, settingsVersion: { value: version } } };
      return parseStarted((await instances.patch({ project, instance, body }, options))[0]);
    });

  return {
    inspect,
    fleet: () =>
      allPages(
        'listing the instances',
        async ({ instances }, options, page) => (await instances.list({ project, ...page }, options))[0],
        parseFleet,
      ),
    operations: (instance) =>
      call(`listing the operations of ${instance}`, 'reads', async ({ operations }, options) => {
        const [answer] = await operations.list({ project, instance, maxResults: OPERATIONS_MAX }, options);
        const newestFirst = parsePage(answer)
          .items.map(parseOperation)
          .sort((a, b) => b.insertedAt - a.insertedAt);
        return newestFirst.slice(0, OPERATIONS_MAX);
      }),
    operation: (name) =>
      call(`reading the operation ${name}`, 'reads', async ({ operations }, options) =>
        parseOperation((await operations.get({ project, operation: name }, options))[0]),
      ),
    promote: (instance) =>
      call(`promoting ${instance}`, 'writes', async ({ instances }, options) =>
        parseStarted((await instances.promoteReplica({ project, instance }, options))[0]),
      ),
    setActivation: (instance, activation, version) =>
      patch(`${activation === 'never' ? 'stopping' : 'starting'} ${instance}`, instance, version, {
        activationPolicy: activation === 'never' ? 'NEVER' : 'ALWAYS',
      }),

    restart: (instance) =>
      call(`restarting ${instance}`, 'writes', async ({ instances }, options) =>
        parseStarted((await instances.restart({ project, instance }, options))[0]),
      ),
    failover: (instance, version) =>
      call(`failing ${instance} over to its standby`, 'writesIfUnchanged', async ({ instances }, options) => {
        const body = { failoverContext: { settingsVersion: version } };
        return parseStarted((await instances.failover({ project, instance, body }, options))[0]);
      }),

    protect: (instance, version) =>
      patch(`protecting ${instance}`, instance, version, {
        availabilityType: 'REGIONAL',
        deletionProtectionEnabled: { value: true },
        backupConfiguration: { enabled: { value: true }, pointInTimeRecoveryEnabled: { value: true } },
      }),
    createReplica: (primary, replica, region) => {
      // A replica must have its primary's version and at least its size; both are read, not remembered.
      const look = async (options: CallOptions) => {
        const ready = await clients();
        const { databaseVersion, tier } = parseInstance(
          (await ready.instances.get({ project, instance: primary }, options))[0],
        );
        return { instances: ready.instances, databaseVersion: known(databaseVersion, ready.versions), tier };
      };
      return callGoogle(
        access,
        { doing: `creating the replica ${replica} of ${primary}`, effect: 'writes' },
        look,
        async ({ instances, databaseVersion, tier }, options) => {
          const body = { name: replica, region, masterInstanceName: primary, databaseVersion, settings: { tier } };
          return parseStarted((await instances.insert({ project, body }, options))[0]);
        },
      );
    },
    takeBackup: (instance, description) =>
      call(`backing up ${instance}`, 'writes', async ({ backups }, options) =>
        parseStarted((await backups.insert({ project, instance, body: { description } }, options))[0]),
      ),
    backups: (instance) =>
      allPages(
        `listing the backups of ${instance}`,
        async ({ backups }, options, page) => (await backups.list({ project, instance, ...page }, options))[0],
        (items) => items.map(parseBackup),
      ),
  };
}

function known(version: string, versions: Versions): keyof Versions {
  const isKnown = (name: string): name is keyof Versions => Object.hasOwn(versions, name);
  if (!isKnown(version)) throw new PortError('permanent', 'unknownVersion', `naming the database version ${version}`);
  return version;
}

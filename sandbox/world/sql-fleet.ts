import { assert } from '../../shared/core/assert.ts';
import { shortId } from '../../shared/core/digest.ts';
import { after, type Instant, millis } from '../../shared/core/time.ts';
import type { Assumptions } from './assumptions.ts';
import { ApiError, type Chance, type Kernel, type WorldClock } from './kernel.ts';
import { ModelContents } from './model-contents.ts';
import type { Project } from './project.ts';
import type { ReferenceInstance } from './reference-system.ts';
import type { SqlContents } from './sql-contents.ts';
import { type BackupRun, NO_BACKUPS, type SqlInstance } from './sql-instance.ts';
import { SqlOperations } from './sql-operations.ts';
import type { History } from './sql-rows.ts';
import { SqlServer } from './sql-server.ts';
import { SqlServers } from './sql-servers.ts';

// What the management API knows of the fleet, together with the servers behind it.

/** Least and most milliseconds from a commit to its arrival on a replica, in the primary's region and outside of it. */
const TRANSPORT_MS = { near: [20, 120], far: [80, 400] } as const;

/** Least and most milliseconds from arrival to replay. */
const REPLAY_MS = [10, 150] as const;

/** Age of the reference instances when a world begins. */
const AGE_DAYS = 200;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A fault on stopping: the operation is accepted and never ends, or ends without having stopped anything. */
export type StopFault = 'runsForever' | 'doneWithoutEffect';

/** Instances, servers, operations and backups of one project. Changes are made by `SqlChanges` and `SqlProvisioning`. */
export class SqlFleet {
  readonly project: Project;
  readonly assumptions: Assumptions;
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly servers: SqlServers;
  readonly operations: SqlOperations;
  /** What files hold of the databases; a sandbox with real engines puts theirs here. */
  contents: SqlContents;
  readonly backups: BackupRun[] = [];
  /** Instances whose automated backups fail. */
  readonly failingBackups = new Set<string>();
  /** What successful backups hold, by `instance/id`. */
  readonly snapshots = new Map<string, History>();
  readonly stopFaults = new Map<string, StopFault>();
  readonly #instances = new Map<string, SqlInstance>();
  /** The same in order of their names, once somebody has asked. */
  #inOrder: readonly SqlInstance[] | undefined;

  constructor(options: {
    readonly kernel: Kernel;
    readonly project: Project;
    readonly assumptions: Assumptions;
    readonly instances: readonly ReferenceInstance[];
  }) {
    const { kernel, project, assumptions, instances } = options;
    this.project = project;
    this.assumptions = assumptions;
    this.clock = kernel.clock;
    this.chance = kernel.chance.fork('sql');
    const { clock, network } = kernel;
    this.servers = new SqlServers({ clock, network, assumptions, chance: this.chance.fork('servers') });
    this.contents = new ModelContents(this.servers);
    this.operations = new SqlOperations(clock, this.chance.fork('operations'));
    for (const instance of instances) this.#seed(instance);
  }

  /** In order of their names. */
  all(): readonly SqlInstance[] {
    this.#inOrder ??= [...this.#instances.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#inOrder;
  }

  find(name: string): SqlInstance | undefined {
    return this.#instances.get(name);
  }

  /** Throws 404 for an instance that isn't there. */
  instance(name: string): SqlInstance {
    const instance = this.#instances.get(name);
    if (instance === undefined) {
      throw new ApiError(404, 'instanceDoesNotExist', 'The Cloud SQL instance does not exist.');
    }
    return instance;
  }

  put(instance: SqlInstance): void {
    this.#instances.set(instance.name, instance);
    this.#inOrder = undefined;
  }

  /** Takes an instance away, and its backups with it (facts.md 3.6). */
  remove(name: string): void {
    this.#instances.delete(name);
    this.#inOrder = undefined;
    this.servers.remove(name);
    for (const { id } of this.backups.filter(({ instance }) => instance === name))
      this.snapshots.delete(`${name}/${id}`);
    const kept = this.backups.filter(({ instance }) => instance !== name);
    this.backups.splice(0, this.backups.length, ...kept);
  }

  /** The server of an instance that exists. */
  server(name: string): SqlServer {
    const server = this.servers.server(name);
    assert(server !== undefined, `an instance has a server: ${name}`);
    return server;
  }

  /** Names of the instances that follow one, directly. */
  replicasOf(name: string): readonly string[] {
    return this.all()
      .filter(({ primary }) => primary === name)
      .map((replica) => replica.name);
  }

  /** The instance that a client finds under an address. */
  nameAt(address: string): string | undefined {
    return this.all().find((instance) => instance.address === address)?.name;
  }

  /** An address that no instance has. */
  freeAddress(): string {
    const taken = new Set(this.all().map(({ address }) => address));
    for (let host = 3; host < 255; host++) if (!taken.has(`10.20.0.${host}`)) return `10.20.0.${host}`;
    throw new ApiError(400, 'invalidRequest', 'The allocated range has no free address.');
  }

  /** Lets a server run again unless its owner stopped it; `false` when its zone does not let it. */
  bringUp(name: string): boolean {
    const server = this.server(name);
    if (this.find(name)?.settings.activationPolicy === 'NEVER' && server.power === 'stopped') return true;
    if (server.zone !== 'usable') return false;
    server.power = 'running';
    return true;
  }

  /** Draws how fast a replica follows. */
  replicationTiming(
    replica: SqlInstance,
    upstream: SqlInstance,
  ): Pick<NonNullable<SqlServer['link']>, 'transport' | 'replay'> {
    const [least, most] = replica.region === upstream.region ? TRANSPORT_MS.near : TRANSPORT_MS.far;
    return {
      transport: millis(this.chance.between(least, most)),
      replay: millis(this.chance.between(...REPLAY_MS)),
    };
  }

  #seed(reference: ReferenceInstance): void {
    const { name, primary, region, zone, address, tier } = reference;
    const createdAt: Instant = after(this.clock.now(), -AGE_DAYS * DAY_MS);
    const isPrimary = primary === undefined;
    const instance: SqlInstance = {
      name,
      instanceType: isPrimary ? 'CLOUD_SQL_INSTANCE' : 'READ_REPLICA_INSTANCE',
      primary,
      state: 'RUNNABLE',
      databaseVersion: 'POSTGRES_15',
      region,
      zone,
      address,
      serviceAccount: serviceAccountOf(this.project, name),
      createdAt,
      settings: {
        settingsVersion: isPrimary ? 7 : 4,
        tier,
        activationPolicy: 'ALWAYS',
        availabilityType: 'ZONAL',
        deletionProtectionEnabled: isPrimary,
        backupConfiguration: isPrimary
          ? { ...NO_BACKUPS, enabled: true, pointInTimeRecoveryEnabled: true }
          : NO_BACKUPS,
        userLabels: {},
        other: {},
      },
    };
    this.put(instance);
    const server = new SqlServer(name);
    this.servers.add(server);
    if (primary === undefined) {
      const backup = this.#lastNight(name);
      this.backups.push(backup);
      this.snapshots.set(`${name}/${backup.id}`, server.history.copy());
      return;
    }
    const timing = this.replicationTiming(instance, this.instance(primary));
    server.follow(this.server(primary), timing, this.clock.now());
  }

  /** The automated backup that a primary had before the world began. */
  #lastNight(name: string): BackupRun {
    const endedAt = after(this.clock.now(), -8 * HOUR_MS);
    const startedAt = after(endedAt, -2 * MINUTE_MS);
    return {
      id: String(startedAt),
      instance: name,
      databaseVersion: 'POSTGRES_15',
      status: 'SUCCESSFUL',
      type: 'AUTOMATED',
      description: '',
      enqueuedAt: startedAt,
      startedAt,
      endedAt,
    };
  }
}

/** The account under which an instance itself acts. */
export function serviceAccountOf(project: Project, name: string): string {
  return `p${project.number}-${shortId(name, 6)}@gcp-sa-cloud-sql.iam.gserviceaccount.com`;
}

import type { Millis } from '../core/time.ts';
import type { InstanceName, Mode, PersonId, RunbookName } from './names.ts';

// What we protect, for whom, and how far we may go: `dr.yaml`, parsed. Nothing here names a product; the reference system is
// the file `dr.yaml` at the top of the checkout (decisions.md 30).

/** The protected system and our policy for it. Immutable for the life of a process. */
export interface System {
  readonly name: string;
  readonly project: string;
  readonly protectedRegions: readonly string[];
  readonly controlRegions: readonly string[];
  readonly objectives: Objectives;
  readonly mode: { readonly default: Mode; readonly perRunbook: Readonly<Partial<Record<RunbookName, Mode>>> };
  readonly people: readonly Person[];
  readonly approvals: Approvals;
  readonly databases: readonly Database[];
  readonly applications: readonly Application[];
  readonly entrances: readonly Entrance[];
  /** Regions that can be lost as a whole, and where everything goes on then. */
  readonly regions: readonly RegionStandby[];
  /** Secrets that a breach makes worthless. */
  readonly rotation: readonly Secret[];
  /** Where sessions are kept that a breach ends. */
  readonly sessions: readonly SessionStore[];
  /** Where a breach's evidence goes; `undefined`: into our own store only. */
  readonly forensics: Forensics | undefined;
  /** Google identities that change the project and its databases' users by profession: whoever else does is an alert. */
  readonly administrators: readonly string[];
  readonly alerts: readonly AlertPolicy[];
  readonly guards: Guards;
  readonly notifications: readonly Destination[];
  readonly endpoints: Endpoints;
}

/** Runbook chapter 1. */
export interface Objectives {
  readonly rto: Millis;
  readonly rpo: Millis;
  readonly maximumDowntime: Millis;
}

/** Somebody who can be told, and perhaps may decide. `role` is free text for people (`on-call`, `engineering-lead`, …). */
export interface Person {
  readonly id: PersonId;
  readonly name: string | undefined;
  readonly role: string;
  readonly email: string;
  readonly phone: string | undefined;
}

/** Who decides on what. `link` is the named weaker mode: the link alone decides, quorum 1 only (design.md section 7). */
export interface Approvals {
  readonly identity: 'iap' | 'oidc' | 'link';
  /** Where a link alone may decide on a breach: nowhere, or only where every address is this machine's own. */
  readonly breachByLink: 'never' | 'sandbox';
  readonly perRunbook: Readonly<Partial<Record<RunbookName, ApprovalPolicy>>>;
}

/** The decision that one runbook's destructive steps need. */
export interface ApprovalPolicy {
  readonly approvers: readonly PersonId[];
  /** Distinct approvers needed; at least 1 and at most the number of approvers. */
  readonly quorum: number;
  /** Limits the time of the decision. */
  readonly expiresIn: Millis;
  /** After the decision, the time in which the destructive work must have begun. */
  readonly startWithin: Millis;
}

/** A Cloud SQL primary and the replicas that might take its place. Roles are those of the file; the topology is read at run time. */
export interface Database {
  readonly instance: InstanceName;
  readonly region: string;
  readonly replicas: readonly { readonly instance: InstanceName; readonly region: string }[];
  /** Names for replicas that are made where a region's own instance can't follow any more; most of the time there is none of them. */
  readonly spares: readonly { readonly instance: InstanceName; readonly region: string }[];
  /** The most that a promotion may lose without a verb of its own. */
  readonly lossBudget: Millis;
  /** How rows of it are compared and brought back; `undefined`: they aren't. */
  readonly rows: RowSettings | undefined;
  /** How a copy of it is made from a backup; `undefined`: it can't be. */
  readonly restore: RestoreSettings | undefined;
  /** How rows that were spoilt or deleted are brought back; `undefined`: not by us. */
  readonly recovery: RecoverySettings | undefined;
  /** Remedies that may be tried, the least first. `failover` is the HA failover of a REGIONAL instance. */
  readonly remedies: readonly ('wait' | 'failover' | 'restart' | 'promote')[];
}

/** How rows are compared and brought back one by one. Tables are named with their schema. */
export interface RowSettings {
  readonly database: string;
  /** The secret with a database URL, of which the user and the password are used. */
  readonly databaseSecret: string;
  /** `gs://bucket/prefix/`. */
  readonly files: string;
  /** How rows lead to a tenant; `undefined`: nobody can tell. */
  readonly tenant: { readonly columns: readonly string[]; readonly table: string } | undefined;
  readonly leaveOut: readonly string[];
  readonly include: readonly string[];
  /** `schema.table.column`. */
  readonly hide: readonly string[];
  /** `schema.table.trigger`. */
  readonly triggers: readonly string[];
}

/** How a copy of a database is made, and what must hold in it. */
export interface RestoreSettings {
  /** The copy's name; its data plane stands in `endpoints.dataPlane` under it. */
  readonly instance: InstanceName;
  readonly maximumAge: Millis;
  /** `gs://bucket/prefix`. */
  readonly dumps: string | undefined;
  /** What dumps are of; without it they are only listed. */
  readonly database: string | undefined;
  /** What a copy is made like when there is nothing left to make it like. */
  readonly template:
    | { readonly databaseVersion: string; readonly tier: string; readonly privateNetwork: string | undefined }
    | undefined;
  readonly checks: readonly RestoreCheck[];
}

/** How rows are brought back from a clone of the database as it was at a moment. */
export interface RecoverySettings {
  /** Names for clones, one for each moment that people name; their data planes stand in `endpoints.dataPlane` under them. */
  readonly instances: readonly InstanceName[];
  /** How far before the request the good moment is looked for where nobody names it. */
  readonly lookBack: Millis;
  /** What writes to the database beside its consumers, and may be paused. */
  readonly writers: readonly PausableWriter[];
}

/** A Deployment whose sessions are known in the database by a name of their own. */
export interface PausableWriter {
  /** The `application_name` of its sessions; also how the rest of the product names it. */
  readonly name: string;
  readonly cluster: string;
  readonly location: string;
  readonly namespace: string;
  readonly deployment: string;
}

/** One value that a copy must have. */
export interface RestoreCheck {
  readonly name: string;
  readonly query: string;
  readonly atLeast: number | undefined;
  readonly equals: string | undefined;
}

/** A consumer of a database. Every consumer is listed, or it would be left on a stale primary. */
export type Application = GkeApplication | CloudRunApplication;

interface ApplicationBase {
  /** Its own name in this file, e.g. `api-gke`. */
  readonly id: string;
  /** The Secret Manager secret from which an instance of it reads its database URL when it starts; `undefined` if it has no database. */
  readonly databaseSecret: string | undefined;
  /** Targets in this file that it can't work without: a database's instance name, or another application's id. */
  readonly dependsOn: readonly string[];
  readonly probes: Probes;
}

/** What takes an application's users when its cluster fails: the same software on Cloud Run, on the same database. */
export interface Standby {
  /** A Cloud Run application of this file. */
  readonly application: string;
  /** Instances that it must have, warm, before it takes those users. */
  readonly instances: number;
}

/** A Deployment on GKE. */
export interface GkeApplication extends ApplicationBase {
  readonly kind: 'gke';
  readonly cluster: string;
  readonly location: string;
  readonly namespace: string;
  readonly deployment: string;
  readonly container: string;
  /** The URL map of the load balancer in front of it, by whose counts its users' troubles are seen; `undefined`: they are not. */
  readonly urlMap: string | undefined;
  /** Replicas that heal may at most ask for. */
  readonly maxReplicas: number;
  /** Absent where nothing stands in for it. */
  readonly standby?: Standby | undefined;
}

/** A Cloud Run service. */
export interface CloudRunApplication extends ApplicationBase {
  readonly kind: 'cloudRun';
  readonly service: string;
  readonly region: string;
  readonly maxInstances: number;
  /** What the 95th percentile of its answered requests may be; `undefined` where latency is nobody's concern. */
  readonly slowAfter: Millis | undefined;
}

/** Where everything of a region goes on when it is lost (runbook 5.1). */
export interface RegionStandby {
  readonly region: string;
  readonly secondary: string;
  /** The Cloud Run application of the secondary that takes the users. It waits beside the replica there, and is no consumer before that is promoted. */
  readonly application: string;
  /** Instances that it must have, warm, before it takes them. */
  readonly instances: number;
}

interface EntranceBase {
  /** Its own name in this file. */
  readonly id: string;
  /** What users ask for; an uptime check of it is about whoever is its home. */
  readonly host: string;
  /** Deep health through the entrance: it must say which `application` answers (docs/configuration.md). */
  readonly probe: string;
}

/** How users reach an application, and where else it can lead. The first of its backends is its home. */
export type Entrance = LoadBalancerEntrance | DnsEntrance;

/** A URL map whose default service is switched; nothing waits for a resolver. */
export interface LoadBalancerEntrance extends EntranceBase {
  readonly via: 'loadBalancer';
  readonly urlMap: string;
  readonly backends: readonly { readonly application: string; readonly backendService: string }[];
}

/** An A record of Cloud DNS whose address is switched; clients follow when the ttl of what they know has run out. */
export interface DnsEntrance extends EntranceBase {
  readonly via: 'dns';
  readonly zone: string;
  readonly ttl: Millis;
  /** `urlMap`: the load balancer that has the address. Cloud Run has no address without one, and it counts who arrives. */
  readonly backends: readonly {
    readonly application: string;
    readonly address: string;
    readonly urlMap: string | undefined;
  }[];
}

/** A secret that a breach makes worthless, by its name in Secret Manager; never its value. */
export type Secret = DatabasePasswordSecret | GeneratedSecret | IssuedSecret;

interface SecretBase {
  readonly name: string;
  /** Applications that read it when they start: they are restarted for a new version. */
  readonly readBy: readonly string[];
  /** How long the old version stays enabled after its readers have been restarted. */
  readonly grace: Millis;
  /** Google identities that may read it: whoever else does is an alert (`dr-secret-read`). */
  readonly identities: readonly string[];
}

/** One whose value nobody issues: random bytes that we make where they are used. */
export interface GeneratedSecret extends SecretBase {
  readonly kind: 'generated';
  /** Random bytes, stored as base64. */
  readonly bytes: number;
}

/** A database URL with the password of a user, which is changed in the database too. Secrets of one user of one database change together. */
export interface DatabasePasswordSecret extends SecretBase {
  readonly kind: 'databasePassword';
  /** The database, by its name under `databases`. */
  readonly instance: InstanceName;
  readonly user: string;
}

/** One that somebody else issues, such as a payment provider: a person gets it there and adds it as a new version. */
export interface IssuedSecret extends SecretBase {
  readonly kind: 'issued';
  readonly issuer: string;
  /** Who is asked, and says when it is done. */
  readonly person: PersonId;
  /** What the person has to do, in words for people. */
  readonly instructions: string;
}

/** A Memorystore for Redis instance that holds sessions. */
export interface SessionStore {
  readonly id: string;
  readonly instance: string;
  readonly region: string;
  /** Redis's own number of the database, mostly 0. */
  readonly database: number;
  /** What the key of every session begins with, and no other key. */
  readonly prefix: string;
  /** The database holds sessions alone: it may be emptied as a whole. */
  readonly only: boolean;
}

/** How a breach's evidence is kept. */
export interface Forensics {
  /** A bucket with a locked retention policy, in which we may only create. */
  readonly bucket: string;
  /** The least time for which it has to keep what is in it. */
  readonly minimumRetention: Millis;
  /** How far back from the report logs are taken. */
  readonly window: Millis;
  /** Databases of this file that are cloned, each by its instance name. */
  readonly clones: readonly InstanceName[];
}

/** Where to ask an application how it is (the contract is in docs/configuration.md). */
export interface Probes {
  /** `GET`: deep health of one instance of it, with the database it is on. */
  readonly deepHealth: string;
  /** `POST {token}` writes a canary row, `GET …/{token}` reads it. */
  readonly canary: string;
  /** A prober that runs in the same place as the application and never writes by itself; needed to prove a fence after the consumers were held. */
  readonly vantage: string | undefined;
}

/** An alert policy that feeds us. `scenario` is a hint for people; a diagnosis is never taken from it. */
export interface AlertPolicy {
  readonly policy: string;
  readonly runbook: RunbookName;
  /** A database's instance name or an application's id; `undefined` where the runbook is about the whole system. */
  readonly target: string | undefined;
}

/** Numbers of the guards (design.md section 6). */
export interface Guards {
  readonly confirmationWindow: Millis;
  readonly holdTime: Millis;
  readonly budgets: readonly { readonly runs: number; readonly window: Millis }[];
  readonly cooldown: Millis;
  readonly massFailure: { readonly targets: number; readonly window: Millis };
  readonly lease: Millis;
  readonly clockSkew: Millis;
  readonly lateArrival: Millis;
}

/** Where notices go. `may decide` is a matter of `approvals`; this only says who is told. */
export type Destination =
  | { readonly kind: 'terminal'; readonly id: string; readonly person: PersonId | undefined }
  | { readonly kind: 'webhook'; readonly id: string; readonly url: string; readonly person: PersonId | undefined };

/** Addresses that differ from the vendors' own; empty in the cloud. Never a credential. */
export interface Endpoints {
  /** API name (`sqladmin`, `run`, `secretmanager`, `monitoring`, `dns`, `container`, `pubsub`, …) to base URL. */
  readonly google: Readonly<Record<string, string>>;
  /** Cluster name to API server URL. */
  readonly kubernetes: Readonly<Record<string, string>>;
  /** Host name of a probe or webhook URL to the base URL that is called instead. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Instance to the base URL of its data plane. */
  readonly dataPlane: Readonly<Record<string, string>>;
  /** Instance to `host:port` of its PostgreSQL, on loopback only. */
  readonly postgres: Readonly<Record<string, string>>;
  /** Public base URLs of `approve`, one for each control region; they stand in the links. */
  readonly approve: readonly string[];
}

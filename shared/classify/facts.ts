import { canonicalJson } from '../core/json.ts';
import type { Instant } from '../core/time.ts';
import type { DeepHealth } from '../ports/applications.ts';
import type { BackupRun, Dump, InstanceTemplate, Labels, RecoveryWindow } from '../ports/backups.ts';
import type { ChangeHistory } from '../ports/contents.ts';
import type { Contact, ReplicationStatus } from '../ports/data-plane.ts';
import type { InstanceStatus, OperationStatus } from '../ports/databases.ts';
import type { Retention } from '../ports/evidence-vault.ts';
import type { IsolationRecord, IsolationStatus } from '../ports/isolation.ts';
import type { MetricPoint } from '../ports/metrics.ts';
import type { CloneRecord, ImportedRecord, PausedRecord } from '../ports/recovery-records.ts';
import type { RowFile } from '../ports/row-files.ts';
import type { RegionRecord } from '../ports/region-record.ts';
import type { Rollout } from '../ports/rollouts.ts';
import type { UptimePoint } from '../ports/entrance-readings.ts';
import type { ServiceLoad } from '../ports/service-load.ts';
import type { ServiceStatus } from '../ports/services.ts';
import type { StandbyRecord } from '../ports/standby-record.ts';
import type { EntranceAnswer, EntranceStatus } from '../ports/traffic.ts';
import type { WatchReading } from '../ports/watch-reading.ts';
import type { WorkloadLoad } from '../ports/workload-load.ts';
import type { PodStatus, WorkloadStatus } from '../ports/workloads.ts';
import type { InstanceName } from '../system/names.ts';
import type { Database } from '../system/system.ts';

// What one look at the world found. It decides nothing and is kept as evidence, so everything here is JSON.

/** Something that could not be read. Says nothing about the thing itself. */
export interface Unreadable {
  /** `PortError.code`: `timeout`, `http 503`, `notFound`, … */
  readonly unreadable: string;
}

/** One look at every target of an incident and at what those depend on. */
export interface Facts {
  readonly version: 1;
  /** When the look began; everything in it is newer. */
  readonly at: Instant;
  /** From 1, within its incident. */
  readonly round: number;
  readonly databases: readonly DatabaseFacts[];
  readonly applications: readonly ApplicationFacts[];
  /** Of applications that have a standby; absent in facts of before there were entrances. */
  readonly entrances?: readonly EntranceFacts[];
  /** Regions that may be lost as a whole; looked at only where something in one is silent, or where somebody asks for one. */
  readonly regions?: readonly RegionFacts[];
  /** What could be restored; looked at only where a person asked for that. */
  readonly restores?: readonly RestoreFacts[];
  /** From where rows could be brought back; looked at only where a person asked for that. */
  readonly recoveries?: readonly RecoveryFacts[];
  /** Backups of databases; looked at only where they are what an incident is about. */
  readonly backups?: readonly BackupsFacts[];
  /** Versions of the secrets that a breach replaces; absent where nobody asked for them. */
  readonly secrets?: readonly SecretFacts[];
  /** How the bucket of evidence keeps what is in it; absent where nobody asked, or dr.yaml names none. */
  readonly evidenceBucket?: EvidenceBucketFacts;
  readonly isolations?: readonly IsolationFacts[];
}

/** A bucket of evidence. */
export interface EvidenceBucketFacts {
  readonly bucket: string;
  readonly retention: Retention | Unreadable;
}

/** What is known of a region beside the facts of everything that is in it. */
export interface RegionFacts {
  readonly region: string;
  /** The application that would take over: it waits beside a replica, so that "failing" is what it should say. */
  readonly standby: ApplicationFacts;
  /** A canary at the primary, from the standby's place; `undefined` when nobody there could be asked. */
  readonly contact: Contact | undefined;
  /** What a failover of this region has written down. */
  readonly record: RegionRecord | Unreadable | undefined;
}

/** The backups that Cloud SQL keeps of a database. */
export interface BackupsFacts {
  /** By its name in dr.yaml. */
  readonly database: InstanceName;
  /** The primary in use, whose backups these are; the file's where that is not known. */
  readonly source: InstanceName;
  /** Newest first. */
  readonly runs: readonly BackupRun[] | Unreadable;
}

/** What could be restored of a database, and what has been. */
export interface RestoreFacts {
  /** The instance whose backups these are: the primary that is in use, or the file's where there is none. */
  readonly source: InstanceName;
  readonly runs: readonly BackupRun[] | Unreadable;
  /** `undefined` where dr.yaml names no place. */
  readonly dumps: readonly Dump[] | Unreadable | undefined;
  readonly template: InstanceTemplate | Unreadable;
  /** The copy by the name that dr.yaml gives it; its labels say whose it is. */
  readonly copy: RestoredCopy | Unreadable | undefined;
  /** The set of rows that this incident has written for review, as it lies there now; absent where nobody asked for one. */
  readonly set?: RowSetFacts | Unreadable | undefined;
  /** The moment that a person wants the copy of; absent where a backup will do. */
  readonly moment?: { readonly named: Instant; readonly window: RecoveryWindow | Unreadable };
}

/** A set of rows that waits for review, or has been reviewed. */
export interface RowSetFacts {
  readonly file: RowFile;
  /** SHA-256 of its bytes. */
  readonly digest: string;
  /** Why it can't be used; `undefined` when it can. */
  readonly problem: string | undefined;
  /** How many rows it would insert, update and delete, by table. */
  readonly rows: readonly { readonly table: string; readonly operation: string; readonly rows: number }[];
  /** How each table's rows lead to the tenant, for people to confirm. */
  readonly paths: readonly string[];
}

/** An instance under the name of the copy. */
export interface RestoredCopy {
  readonly status: InstanceStatus;
  readonly labels: Labels;
}

/** From where rows of a database could be brought back, who changed what, and what has been made for it. */
export interface RecoveryFacts {
  /** The primary that is in use. */
  readonly source: InstanceName;
  /** When the recovery was first asked for: what is looked for lies before it. */
  readonly askedAt: Instant;
  /** The last good moment, as people named it. */
  readonly named: Instant | undefined;
  readonly window: RecoveryWindow | Unreadable;
  readonly history: ChangeHistory | Unreadable;
  /** What is there under each name that a clone may get. */
  readonly clones: readonly CloneFacts[];
  /** What writes beside the consumers, and may be paused. */
  readonly writers: readonly WriterFacts[];
}

/** One name for a clone. */
export interface CloneFacts {
  readonly instance: InstanceName;
  /** `undefined`: the name is free. */
  readonly found: RestoredCopy | Unreadable | undefined;
  readonly record: CloneRecord | Unreadable | undefined;
  /** When its newest clone operation was asked for; `undefined` where there is none. */
  readonly clonedAt: Instant | Unreadable | undefined;
  /** What waits for review beside it, and what its import came to; absent in facts of before rows were compared. */
  readonly set?: RowSetFacts | Unreadable | undefined;
  readonly imported?: ImportedRecord | Unreadable | undefined;
}

/** A Deployment that writes. */
export interface WriterFacts {
  readonly name: string;
  readonly status: WorkloadStatus | Unreadable;
  readonly paused: PausedRecord | Unreadable | undefined;
}

/** The versions of a secret, newest first, or that they could not be listed. Never a payload. */
export interface SecretFacts {
  readonly secret: string;
  readonly versions: readonly { readonly version: string; readonly enabled: boolean }[] | Unreadable;
}

/** A database and everything that is known of the instances around it. */
export interface DatabaseFacts {
  /** As `dr.yaml` states it. Roles may have changed since: see `primary`. */
  readonly database: Database;
  /** The instance that is the primary now, by name; the file's when that can't be read. */
  readonly primaryName: InstanceName;
  readonly primary: InstanceStatus | Unreadable;
  /** The other instances of the topology as it is now, whatever their role: those of the file, and those that the primary names. */
  readonly replicas: readonly InstanceStatus[];
  /** Recent or running, of all instances of the topology, newest first. */
  readonly operations: readonly OperationStatus[] | Unreadable;
  /** `database/up` of the primary, newest first; late by up to 225 s (facts.md 1.4). */
  readonly up: readonly MetricPoint[] | Unreadable;
  /** Each instance but the primary, in its own words; `status` is `undefined` when it could not be asked. */
  readonly replication: readonly ReplicaWord[];
  /** Our own canary on the primary. `control`: whether a replica's data plane answered us at the same time. */
  readonly contact: Contact;
  readonly watch: WatchReading | undefined;
}

/** A replica's own word, and what Monitoring says of its lag (for people: a frozen metric is unknown, not low). */
export interface ReplicaWord {
  readonly instance: InstanceName;
  readonly status: ReplicationStatus | undefined;
  readonly lagMetricSeconds: number | undefined;
}

/** An application as it is from outside, and as its platform describes it. */
export interface ApplicationFacts {
  /** Its id in `dr.yaml`. */
  readonly application: string;
  readonly health: DeepHealth;
  /** On GKE only. */
  readonly workload: WorkloadStatus | Unreadable | undefined;
  /** On GKE only. */
  readonly pods: readonly PodStatus[] | Unreadable | undefined;
  /** On GKE only; `undefined` in facts of before it was read. */
  readonly rollout: Rollout | Unreadable | undefined;
  /** On Cloud Run only. */
  readonly service: ServiceStatus | Unreadable | undefined;
  /** On Cloud Run only: what Monitoring says of its requests and instances. */
  readonly load: ServiceLoad | Unreadable | undefined;
  /** On GKE only, where dr.yaml names a load balancer. */
  readonly workloadLoad: WorkloadLoad | Unreadable | undefined;
  /** On GKE with a standby: what the standby was before a failover made it ready, while that has not been taken back. */
  readonly standby?: StandbyRecord | Unreadable | undefined;
  /** That it is cut off, and by which incident, while that has not been lifted. */
  readonly isolated?: IsolationRecord | Unreadable | undefined;
}

/** What stands between an application and everybody else; looked at only where people want it cut off, or reached again. */
export interface IsolationFacts {
  readonly application: string;
  readonly status: IsolationStatus | Unreadable;
}

/** An entrance, where it leads, and what those meet who come through it. */
export interface EntranceFacts {
  /** Its id in `dr.yaml`. */
  readonly entrance: string;
  readonly status: EntranceStatus | Unreadable;
  readonly answer: EntranceAnswer;
  readonly uptime: readonly UptimePoint[] | Unreadable;
}

/** Whether something was read. */
export function isReadable<T>(part: T | Unreadable): part is T {
  return !(typeof part === 'object' && part !== null && 'unreadable' in part);
}

/** The text under which facts are kept as evidence; its SHA-256 is the diagnosis's `evidence`. */
export function factsText(facts: Facts): string {
  return canonicalJson(facts);
}

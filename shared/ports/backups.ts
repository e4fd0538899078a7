import type { Instant } from '../core/time.ts';
import type { InstanceName } from '../system/names.ts';

/** A backup that Cloud SQL keeps of an instance; it goes with its instance when that is deleted (facts.md 3.6). */
export interface BackupRun {
  readonly id: string;
  readonly instance: InstanceName;
  readonly kind: 'automated' | 'onDemand' | 'other';
  readonly state: 'successful' | 'failed' | 'pending';
  /** What was committed before this moment is in it. */
  readonly startedAt: Instant | undefined;
  readonly endedAt: Instant | undefined;
  readonly databaseVersion: string;
}

/** A dump in a bucket: one generation of one object, which nobody can change. */
export interface Dump {
  readonly bucket: string;
  readonly name: string;
  readonly generation: string;
  readonly bytes: number;
  readonly crc32c: string;
  readonly writtenAt: Instant;
}

/** What an instance is made of, so that another one like it can be made. */
export interface InstanceTemplate {
  readonly databaseVersion: string;
  readonly tier: string;
  readonly region: string;
  /** `undefined`: the platform's default. */
  readonly edition: string | undefined;
  readonly diskGb: number | undefined;
  /** The network in which it has its private address; `undefined` when it has none. */
  readonly privateNetwork: string | undefined;
  readonly flags: readonly { readonly name: string; readonly value: string }[];
}

/** Moments between which an instance can be cloned, both included. */
export interface RecoveryWindow {
  readonly earliest: Instant;
  /** The end of what is archived: some minutes ago. */
  readonly latest: Instant;
}

/** Labels of an instance, by which a copy says whose it is and what is in it. */
export type Labels = Readonly<Record<string, string>>;

/** What can be restored, and into what. Changes nothing. Every method may reject with `PortError`. */
export interface Backups {
  /** Newest first. Rejects as `permanent` (`notFound`) for an instance that is gone. */
  runs(instance: InstanceName): Promise<readonly BackupRun[]>;
  /** Live objects below `gs://bucket/prefix`, newest first; their contents are never read. */
  dumps(place: string): Promise<readonly Dump[]>;
  template(instance: InstanceName): Promise<InstanceTemplate>;
  /** Rejects as `permanent` where point-in-time recovery is off. */
  recoveryWindow(instance: InstanceName): Promise<RecoveryWindow>;
  /** Labels of an instance; `undefined` when there is no such instance. */
  labels(instance: InstanceName): Promise<Labels | undefined>;
}

/**
 * Making a copy and filling it. Nothing here names the source as what is changed. Changes return the name of a long operation, which
 * is polled as those of `Databases` are.
 */
export interface Copies {
  /** Named: a name that exists is `conflict`. The copy is not protected from deletion and takes no backups of its own. */
  create(copy: InstanceName, template: InstanceTemplate, labels: Labels): Promise<string>;
  /** Named: one that exists is refused as `permanent`; `databases` tells. */
  createDatabase(copy: InstanceName, database: string): Promise<string>;
  databases(copy: InstanceName): Promise<readonly string[]>;
  /** Reads a dump into a database that is empty. Nothing of the API names a generation: whoever asks looks at it before and after. */
  importDump(copy: InstanceName, dump: Pick<Dump, 'bucket' | 'name'>, database: string): Promise<string>;
  /** Whether the copy's own account may read a bucket by a grant of ours. */
  isAdmitted(copy: InstanceName, bucket: string): Promise<boolean>;
  /** Lets the copy's own account read the objects of a bucket, or ends that. Conditional: the policy is written under the etag that was read. */
  admit(copy: InstanceName, bucket: string): Promise<void>;
  dismiss(copy: InstanceName, bucket: string): Promise<void>;
  /**
   * Makes an instance that holds what the source held at a moment, or has now. Named: a name that exists is `conflict`. The source is read, and
   * need not be running where a moment is named. The clone has the source's settings, its labels and its protection from deletion among them: nothing of
   * the call says whose it is.
   */
  clone(source: InstanceName, copy: InstanceName, moment: Instant | undefined): Promise<string>;
  /** Writes labels onto an instance and protects it from deletion, or ends that; `conflict` when `version` is stale. */
  mark(copy: InstanceName, labels: Labels, isProtected: boolean, version: string): Promise<string>;
  /** Deletes the copy with everything in it. Terminal: one that is gone is `notFound`; refused as `permanent` while it is protected. */
  remove(copy: InstanceName): Promise<string>;
  /** Replaces what is in the copy. Safe to repeat: the backup is the same. */
  restore(copy: InstanceName, backup: Pick<BackupRun, 'id' | 'instance'>): Promise<string>;
  /** Stops a copy, labels it beside what it carries, and protects it from deletion; `conflict` when `version` is stale. */
  keep(copy: InstanceName, labels: Labels, version: string): Promise<string>;
}

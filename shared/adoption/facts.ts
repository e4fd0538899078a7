import type { Retention } from '../ports/evidence-vault.ts';
import type { Dump } from '../ports/backups.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import type { DeepHealth } from '../ports/applications.ts';
import type {
  AlertPolicyStatus,
  AuditConfig,
  Binding,
  ChannelStatus,
  ProcessorLimit,
  QuotaStatus,
  SubscriptionStatus,
} from '../ports/inventory.ts';
import type { ClusterRule } from '../ports/cluster-access.ts';
import type { CacheInstance } from '../ports/lookout.ts';
import type { SecretVersionStatus } from '../ports/secrets.ts';
import type { ServiceStatus } from '../ports/services.ts';
import type { EntranceStatus } from '../ports/traffic.ts';
import type { WorkloadStatus } from '../ports/workloads.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { Mode, RunbookName } from '../system/names.ts';
import type { Reading, Readings } from './finding.ts';

// Everything that a doctor has looked at. Deciding on it is pure (doctor.ts); looking is the command line's.

/** Permissions by what they are given on, as terraform/modules/permissions/permissions.json has them. */
export type ByScope = Readonly<Record<string, readonly string[]>>;

/** What the code needs: by function whatever the mode, and by runbook where its mode is not `observe`. */
export interface NeededPermissions {
  readonly look: Readonly<Record<string, ByScope>>;
  readonly runbooks: Readonly<Record<string, Readonly<Record<string, ByScope>>>>;
}

/** An address at which people decide. `skew`: how far its clock is from ours, where it says. */
export interface Door {
  readonly status: number;
  readonly skew: Millis | undefined;
}

/** A public key as it is compared with another. */
export type PublicHalf = string;

/** Under which id a copy of `notify` signs, and which version of the key it has: a number or `latest`. */
export interface Signer {
  readonly keyId: string | undefined;
  readonly version: string;
}

/** What holds everything back, as the store has it. */
export interface Control {
  /** Why nothing may begin; `undefined` while the kill switch is off. */
  readonly stopped: string | undefined;
  /** Runbooks whose mode an operator has changed. */
  readonly modes: Readonly<Partial<Record<RunbookName, Mode>>>;
  /** How long ago `tick` last looked at a database, as it wrote down; `undefined`: it has never. */
  readonly watchedAgo: Millis | undefined;
}

/** All of it. Maps are by the names that `dr.yaml` has. */
export interface Facts {
  readonly now: Instant;
  readonly fleet: Reading<readonly InstanceStatus[]>;
  readonly workloads: Readings<WorkloadStatus>;
  readonly services: Readings<ServiceStatus>;
  readonly health: Readings<DeepHealth>;
  readonly entrances: Readings<EntranceStatus>;
  readonly caches: Reading<readonly CacheInstance[]>;
  readonly secrets: Readings<readonly SecretVersionStatus[]>;
  /** Newest dumps by `gs://bucket/prefix`. */
  readonly dumps: Readings<readonly Dump[]>;
  readonly retention: Readings<Retention>;
  readonly projectNumber: Reading<string>;
  readonly enabled: Reading<readonly string[]>;
  readonly topics: Reading<readonly string[]>;
  readonly topicPolicies: Readings<readonly Binding[]>;
  readonly subscriptions: Reading<readonly SubscriptionStatus[]>;
  readonly policies: Reading<readonly AlertPolicyStatus[]>;
  readonly channels: Reading<readonly ChannelStatus[]>;
  readonly quotas: Readings<readonly QuotaStatus[]>;
  /** What Cloud Run gives to regions. */
  readonly runLimits: Reading<readonly ProcessorLimit[]>;
  /** Thousandths of a processor that an instance of each Cloud Run application has. */
  readonly runProcessors: Readings<number>;
  readonly projectPolicy: Reading<readonly Binding[]>;
  readonly audited: Reading<readonly AuditConfig[]>;
  readonly secretPolicies: Readings<readonly Binding[]>;
  readonly bucketPolicies: Readings<readonly Binding[]>;
  /** What each role gives that a function of ours has. */
  readonly roles: Readings<readonly string[]>;
  /** What each function has of the rules that its cluster was asked about, by `ClusterQuestion.name`. */
  readonly clusterRules: Readings<readonly ClusterRule[]>;
  /** The pair with which decisions are signed and verified. */
  readonly keys: {
    /** Public keys by their id, `undefined` for one that is none; `undefined` for a secret that holds no keys at all. */
    readonly known: Reading<Readonly<Record<string, PublicHalf | undefined>> | undefined>;
    /** The public half of the key that signs; `undefined` for a secret that holds no such key. */
    readonly signing: Reading<PublicHalf | undefined>;
  };
  /** How each copy of `notify` was deployed, by region. */
  readonly signers: Readings<Signer>;
  readonly needed: NeededPermissions;
  readonly doors: Readings<Door>;
  readonly control: Reading<Control>;
}

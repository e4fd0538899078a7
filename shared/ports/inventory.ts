// What is there, as Google's management APIs list it: for people who set dr-autopilot up and look whether it is set up well (`./dr doctor`,
// `./dr init`), under their own identity. No function is given any of it.

/** Who has a role. `condition`: an expression without which it is not given. */
export interface Binding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition: string | undefined;
}

/** That who makes some calls of a service is written down, beside what always is (Cloud Audit Logs, Data Access). */
export interface AuditConfig {
  /** Such as `secretmanager.googleapis.com`, or `allServices`. */
  readonly service: string;
  /** `ADMIN_READ`, `DATA_READ` or `DATA_WRITE`. */
  readonly type: string;
  /** Whose calls are not written down, as members of a policy. */
  readonly exempted: readonly string[];
}

/** A subscription of Pub/Sub. */
export interface SubscriptionStatus {
  readonly name: string;
  /** Short names. */
  readonly topic: string;
  readonly deadLetterTopic: string | undefined;
  /** Attempts before a message is given up. */
  readonly attempts: number | undefined;
  /** Where it is pushed to; `undefined`: it is pulled. */
  readonly pushesTo: string | undefined;
  /** Whether a push proves whose it is. */
  readonly isSigned: boolean;
  readonly ackDeadlineSeconds: number;
  readonly retentionSeconds: number;
}

/** An alert policy. `channels`: full names. */
export interface AlertPolicyStatus {
  readonly displayName: string;
  readonly enabled: boolean;
  readonly channels: readonly string[];
}

/** A notification channel of any kind. `topic`: the full name of what a `pubsub` one publishes to. */
export interface ChannelStatus {
  readonly name: string;
  readonly type: string;
  readonly topic: string | undefined;
  readonly enabled: boolean;
}

/** A quota of a region, by Compute's name for it. */
export interface QuotaStatus {
  readonly metric: string;
  readonly limit: number;
  readonly usage: number;
}

/** Processors, in thousandths, that Cloud Run gives to all instances of a region. */
export interface ProcessorLimit {
  /** `undefined`: every region that is not named. */
  readonly region: string | undefined;
  /** `undefined`: as many as are wanted. */
  readonly milli: number | undefined;
}

/** How a service of Cloud Run was deployed. `secrets`: the version of each that is mounted into it, a number or `latest`. */
export interface DeployedService {
  /** Thousandths of a processor that one instance has. */
  readonly processors: number;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Reads only. Every method may reject with `PortError`; lists are whole. */
export interface Inventory {
  projectNumber(): Promise<string>;
  /** Names of enabled services, such as `sqladmin.googleapis.com`. */
  enabledServices(): Promise<readonly string[]>;
  projectPolicy(): Promise<readonly Binding[]>;
  /** What the project's own policy has written down; what a folder or the organisation adds to it is not among it. */
  auditConfigs(): Promise<readonly AuditConfig[]>;
  secretPolicy(secret: string): Promise<readonly Binding[]>;
  bucketPolicy(bucket: string): Promise<readonly Binding[]>;
  topicPolicy(topic: string): Promise<readonly Binding[]>;
  /** What a role gives, by its full name. */
  rolePermissions(role: string): Promise<readonly string[]>;
  /** Short names. */
  topics(): Promise<readonly string[]>;
  subscriptions(): Promise<readonly SubscriptionStatus[]>;
  alertPolicies(): Promise<readonly AlertPolicyStatus[]>;
  channels(): Promise<readonly ChannelStatus[]>;
  deployedService(region: string, service: string): Promise<DeployedService>;
  processorLimits(): Promise<readonly ProcessorLimit[]>;
  quotas(region: string): Promise<readonly QuotaStatus[]>;
}

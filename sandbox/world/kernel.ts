import type { Instant, Millis } from '../../shared/core/time.ts';

// What every part of the simulated cloud shares: time, chance, the network, identities, the audit and the one door through
// which an API call passes. One model, two faces: the HTTP face and the in-process face both call `ApiDoor.call`, so that
// permissions, faults and the audit are the same for both.
//
// K1. Nothing here knows the product: no engine, no runbook, no plan. It would agree with their mistakes.
// K2. All chance comes from `Chance`, all time from `WorldClock`: the same seed gives the same world.
// K3. An effect is counted in the audit when it happens, not when somebody is told of it.

/** The world's time. Virtual in the simulation, scaled wall time in the sandbox. Callbacks run in order of time, then of scheduling. */
export interface WorldClock {
  now(): Instant;
  /** Runs `what` at `at` (at once, but never re-entrantly, when that is past). Returns a function that cancels it. */
  schedule(at: Instant, what: () => void): () => void;
}

/** Seeded chance. */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [low, high], both included. */
  between(low: number, high: number): number;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** An independent stream, named so that adding a reader of chance doesn't shift the others. */
  fork(name: string): Chance;
}

/**
 * A place that a connection starts from or ends at: `functions`, `pods`, `cloudRun`, `internet`, `loadBalancer`, `sql/<instance>`,
 * `kubernetes/<cluster>` (its API server), `google` (the management APIs).
 */
export type Place = string;

/** Which places reach which. Everything reaches everything until it is cut. Directed: `cut(a, b)` stops connections opened from a to b. */
export interface Network {
  reaches(from: Place, to: Place): boolean;
  cut(from: Place, to: Place): void;
  mend(from: Place, to: Place): void;
  cuts(): readonly (readonly [Place, Place])[];
}

/** Who calls: the e-mail of a service account or a person. */
export type Principal = string;

/** Permissions by Google's names, default deny: an endpoint whose permission no role grants refuses everybody. */
export interface Iam {
  allows(principal: Principal, permission: string, resource?: string): boolean;
  /** `on`: only on resources whose name fits, as an IAM condition says it. */
  grant(principal: Principal, permissions: readonly string[], on?: RegExp): void;
  revoke(principal: Principal, permissions: readonly string[]): void;
  /** What everybody has, as a policy shows it. */
  granted(): ReadonlyMap<Principal, readonly Grant[]>;
}

/** A permission that somebody has. A name that ends in `*` covers what it begins. */
export interface Grant {
  readonly permission: string;
  /** Where it holds for some resources only. */
  readonly on?: RegExp;
}

/** An API of the cloud, as faults and audit name it. */
export type Api =
  | 'sqladmin'
  | 'kubernetes'
  | 'run'
  | 'dns'
  | 'compute'
  | 'secretmanager'
  | 'monitoring'
  | 'container'
  | 'redis'
  | 'logging'
  | 'pubsub'
  | 'storage'
  | 'cloudresourcemanager'
  | 'iam'
  | 'serviceusage';

/** One call of an API, before it is known what comes of it. */
export interface ApiCall {
  readonly api: Api;
  /** Google's permission name, e.g. `cloudsql.instances.promoteReplica`; Kubernetes: `k8s.<group>.<resource>.<verb>`, e.g. `k8s.pods/eviction.create`. */
  readonly permission: string;
  /** What is called, e.g. `instances/coditect-dms-db-replica:promoteReplica`. */
  readonly resource: string;
  readonly writes: boolean;
  readonly principal: Principal;
  /** Where the call comes from; `functions` for the product, `internet` for gcloud and kubectl. */
  readonly from: Place;
}

/** How an API refuses, in terms that the HTTP faces turn into Google's or Kubernetes' error bodies. */
export class ApiError extends Error {
  readonly status: number;
  /** Google's `reason` (`operationInProgress`, `conditionNotMet`, …) or Kubernetes' (`NotFound`, `Conflict`, …). */
  readonly reason: string;
  /** Seconds after which the caller is asked to try again, as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfterSeconds?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * What a caller of the door gets. `silence`: no answer ever comes (the face lets the caller time out); the effect may have
 * happened. `delay`: the clock time that the answer takes to come back, when a fault makes it slow.
 */
export type ApiOutcome<T> =
  | { readonly kind: 'answer'; readonly value: T; readonly delay?: Millis }
  | { readonly kind: 'error'; readonly error: ApiError; readonly delay?: Millis }
  | { readonly kind: 'silence' };

/**
 * The one door. Applies, in this order: network (an unreachable API is silence), API faults (down, throttled, 5xx, delay,
 * silence before or after the effect, late arrival), permission (403), then the effect, which throws `ApiError` to refuse.
 * Every call and what came of it is in the audit.
 */
export interface ApiDoor {
  /** `granted`: what the policy of the called resource itself gives to the caller, beside the project's. */
  call<T>(call: ApiCall, effect: () => T, granted?: readonly string[]): ApiOutcome<T>;
}

/** What happened to the world, as an auditor outside of the product sees it. */
export interface AuditEntry {
  readonly at: Instant;
  readonly call: ApiCall;
  /** `effect` also when the caller was never told. */
  readonly result: 'effect' | 'refused' | 'lost';
  readonly status: number;
}

/** The audit of all calls. */
export interface Audit {
  entries(): readonly AuditEntry[];
  /** Effects of writes with that permission, oldest first: "promote was called once" is `effects('cloudsql.instances.promoteReplica').length === 1`. */
  effects(permission: string): readonly AuditEntry[];
  /** Tells of each entry in the moment in which it is made, for judges that must look at the world as it was then. */
  listen(listener: (entry: AuditEntry) => void): void;
}

/** What every part of the world is made with. */
export interface Kernel {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly network: Network;
  readonly iam: Iam;
  readonly audit: Audit;
  readonly door: ApiDoor;
}

/**
 * One running copy of the reference application, in a pod or a Cloud Run instance. It reads the database's address from its
 * secret when it starts (decisions.md 18) and keeps it until it ends.
 */
export interface ApplicationInstance {
  /** The place that it connects from: `pods` or `cloudRun`. */
  readonly place: Place;
  /** `hung`: accepts connections and never answers; `crashed`: the process ended. */
  state(): 'starting' | 'serving' | 'hung' | 'crashed';
  /** Liveness and readiness as a kubelet would see them. */
  ready(): boolean;
  log(): readonly { readonly at: Instant; readonly text: string }[];
  /** Runs a command beside it, in its container; `undefined` where its image has no such program. */
  run?(command: readonly string[]): CommandEnd | undefined;
  stop(): void;
}

/** How a command in a container ended. */
export interface CommandEnd {
  /** Its exit code. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts application instances; given to the Kubernetes and Cloud Run models, so that neither knows what an application does. */
export interface ApplicationLauncher {
  launch(options: { readonly id: string; readonly place: Place; readonly secret: string }): ApplicationInstance;
}

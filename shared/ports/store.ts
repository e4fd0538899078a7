import type { Digest } from '../core/digest.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { IncidentId, TargetId } from '../system/names.ts';

// The store's shape is the same for every adapter (decisions.md 8-10): receiving and deciding are two writes; head and events
// commit together; effects are not stored beside the log; due incidents are found by an index, not by a scan.

/** One event of an incident's log, as it is stored (decisions.md 4). `data` is opaque here; room `log` parses it. */
export interface EventRecord {
  readonly version: 1;
  readonly incident: IncidentId;
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Chosen before the first try, so that the loser of a race can see whether the winner is itself. */
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly data: JsonObject;
  readonly prevHash: Digest | '';
  readonly hash: Digest;
}

/** What the head of a log says without reading the log. */
export interface Head {
  readonly incident: IncidentId;
  readonly sequence: number;
  readonly hash: Digest | '';
  /** When the incident next needs attention; `undefined` when it has ended. */
  readonly dueAt: Instant | undefined;
  /** What the incident is about: while it is open it is found by each of them. */
  readonly targets: readonly TargetId[];
  /** Small and for listing only: phase, scenario, since when. Never trusted for a decision. */
  readonly summary: JsonObject;
}

/** A signal that was received and is not yet absorbed by an incident's log. */
export interface InboxEntry {
  /** Dedupe key; creating it twice is how a duplicate is recognised. */
  readonly key: string;
  /** Where it waits: an incident, or `unassigned`. */
  readonly incident: IncidentId | 'unassigned';
  readonly receivedAt: Instant;
  readonly signal: JsonObject;
}

/** What an append met. `lost` carries the head that won. */
export type AppendOutcome = { readonly kind: 'appended' } | { readonly kind: 'lost'; readonly head: Head };

/** The right to act, for an incident or on a target, with a token that only grows. */
export interface Lease {
  readonly key: string;
  readonly holder: string;
  readonly token: number;
  /** In the store's time. */
  readonly expiresAt: Instant;
}

/** Logs and inbox. Every method may reject with `PortError`; an append whose reply was lost is `ambiguous`. */
export interface LogStore {
  /** Creates the entry; `duplicate` when its key exists. */
  receive(entry: InboxEntry): Promise<'received' | 'duplicate'>;
  /** Entries waiting for that incident, oldest first, at most `limit`. */
  waiting(incident: IncidentId | 'unassigned', limit: number): Promise<readonly InboxEntry[]>;
  /**
   * Adds events after `expected` (the current sequence) and replaces the head, in one transaction, which also marks the
   * named inbox entries as absorbed. Nothing is written when the head has moved.
   */
  append(
    incident: IncidentId,
    expected: number,
    events: readonly EventRecord[],
    head: Head,
    absorbed: readonly string[],
  ): Promise<AppendOutcome>;
  /** Events with a sequence above `afterSequence`, in order, at most `limit`. */
  read(incident: IncidentId, afterSequence: number, limit: number): Promise<readonly EventRecord[]>;
  head(incident: IncidentId): Promise<Head | undefined>;
  /** Heads that are due at or before `at`, the most overdue first, at most `limit`. */
  due(at: Instant, limit: number): Promise<readonly Head[]>;
  /**
   * Open incidents about any of these targets, the newest first; found by an index, so that it costs the same however many others
   * are open or have been. At most `limit` for each target.
   */
  openAbout(targets: readonly TargetId[], limit: number): Promise<readonly Head[]>;
  /** Newest first, at most `limit`; `open` only those that have a due time. */
  heads(filter: 'open' | 'all', limit: number): Promise<readonly Head[]>;
}

/** Leases and locks. Judged by comparing times, never by absence. */
export interface LeaseStore {
  /** The lease when it is free, expired or ours already (then the same token, prolonged); else who holds it. */
  acquire(
    key: string,
    holder: string,
    length: Millis,
  ): Promise<{ readonly kind: 'held'; readonly lease: Lease } | { readonly kind: 'taken'; readonly by: Lease }>;
  /** `false` when it was lost meanwhile. */
  renew(lease: Lease, length: Millis): Promise<Lease | undefined>;
  /** Releases it if it is still ours. */
  release(lease: Lease): Promise<void>;
  read(key: string): Promise<Lease | undefined>;
}

/** Small documents with a version: readings of the watch, the kill switch, budgets, link records. */
export interface DocumentStore {
  get(key: string): Promise<{ readonly value: Json; readonly version: number } | undefined>;
  /** Writes when the stored version is `expected` (0: must not exist); `false` when it is not. */
  put(key: string, value: Json, expected: number): Promise<boolean>;
  /** Keys and values with that prefix, in key order, at most `limit`. */
  list(
    prefix: string,
    limit: number,
  ): Promise<readonly { readonly key: string; readonly value: Json; readonly version: number }[]>;
}

/** Evidence, content-addressed and already redacted. Kept outside the log and referenced by digest. */
export interface EvidenceStore {
  keep(content: string): Promise<Digest>;
  read(digest: Digest): Promise<string | undefined>;
}

/** Everything that keeps state. `now` is the store's own time, from which expiries are judged. */
export interface Store {
  /** How often one and the same thing may be written for long: from one write to the next. Zero where it does not matter. */
  readonly pace: Millis;
  readonly log: LogStore;
  readonly leases: LeaseStore;
  readonly documents: DocumentStore;
  readonly evidence: EvidenceStore;
  now(): Promise<Instant>;
}

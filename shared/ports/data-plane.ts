import type { Instant } from '../core/time.ts';
import type { InstanceName } from '../system/names.ts';

/** What a connection attempt from one vantage point met. Only `written`, `refusedByServer` and `connectionRefused` are positive evidence. */
export type ContactOutcome =
  | { readonly kind: 'written' }
  /** A server answered and refused to write: read only, shutting down, no longer accepting. */
  | { readonly kind: 'refusedByServer'; readonly detail: string }
  /**
   * A server answered and refused the login (SQLSTATE class 28). It runs, and says nothing of writes: whoever logged in before, or knows
   * another password, may write.
   */
  | { readonly kind: 'loginRefused'; readonly detail: string }
  /** The host answered that nobody listens. */
  | { readonly kind: 'connectionRefused' }
  /** Time-outs, DNS and TLS errors, a missing vantage point: says nothing (design.md section 8, point 5). */
  | { readonly kind: 'unknown'; readonly detail: string };

/** A canary as a vantage point reported it. `control` says whether the same path reached another instance at the same time. */
export interface Contact {
  readonly vantage: string;
  readonly at: Instant;
  readonly outcome: ContactOutcome;
  readonly control: 'ok' | 'failed' | 'none';
}

/** Replication as the replica itself tells it. */
export interface ReplicationStatus {
  readonly role: 'primary' | 'replica';
  /** Whether the replica's receiver is connected to its upstream now. */
  readonly receiving: boolean;
  /** The newest heartbeat row that is readable there. */
  readonly heartbeat: { readonly sequence: number; readonly at: Instant } | undefined;
  /** Replayed (replica) or written (primary) position in the log, in bytes. */
  readonly position: number;
}

/** What we ask of the database servers themselves, from our own network place. Rejects with `PortError` only for bugs of ours; no contact is an outcome. */
export interface DataPlane {
  /** Writes one canary row, to our own table. Never repeated by the adapter. */
  canary(instance: InstanceName, token: string): Promise<ContactOutcome>;
  /** Whether a canary row can be read there, on a replica as well; `undefined` when the server can't be asked. */
  hasCanary(instance: InstanceName, token: string): Promise<boolean | undefined>;
  /** Writes the heartbeat row. */
  heartbeat(instance: InstanceName, sequence: number, at: Instant): Promise<ContactOutcome>;
  replication(instance: InstanceName): Promise<ReplicationStatus | undefined>;
  /** Writes the epoch row and reads it back; `undefined` when that did not work. */
  writeEpoch(instance: InstanceName, epoch: string): Promise<string | undefined>;
  /** Sessions by client place, `undefined` when the server can't be asked. */
  sessions(instance: InstanceName): Promise<readonly { readonly client: string; readonly count: number }[] | undefined>;
}

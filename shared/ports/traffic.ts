import type { DeepHealth } from './applications.ts';

/** An entrance, by its `dr.yaml` id. */
export type EntranceId = string;

/** Where an entrance leads, as its load balancer's or its zone's API describes it. Requests follow later. */
export interface EntranceStatus {
  /** The application of the entrance's backends; `undefined` for anything else, which is not ours to change. */
  readonly leadsTo: string | undefined;
  /** For people: the backend service or the address. */
  readonly detail: string;
  /** How long clients keep what it leads to now, milliseconds; absent for a load balancer, which changes at once. */
  readonly ttlMs?: number;
  /** What a change is decided on: a fingerprint, or the record itself. Opaque to everybody but the adapter. */
  readonly version: string;
}

/** What somebody who comes through an entrance meets. */
export interface EntranceAnswer {
  readonly kind: DeepHealth['kind'];
  readonly detail: string;
  /** Which application answered, in its own words; `undefined` when it does not say. */
  readonly application: string | undefined;
}

/**
 * What the product asks of whatever leads users to an application. Reading rejects with `permanent` where the entrance is more
 * than this port can change (a rule of its host, a record beside it): then nothing is moved.
 */
export interface Traffic {
  inspect(entrance: EntranceId): Promise<EntranceStatus>;
  /** Leads the entrance to that application. Refused with `conflict` when `version` is stale. Returns the operation's name. */
  move(entrance: EntranceId, application: string, version: string): Promise<string>;
  operation(
    entrance: EntranceId,
    name: string,
  ): Promise<{ readonly done: boolean; readonly error: string | undefined }>;
  /** One question for deep health from outside, through the entrance. No contact is an answer, never a rejection. */
  ask(entrance: EntranceId): Promise<EntranceAnswer>;
}

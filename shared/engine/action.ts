import type { Json, JsonObject } from '../core/json.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { StepFailure } from '../incident/events.ts';
import type { IncidentState, RunState } from '../incident/state.ts';
import type { Chance, Clock } from '../ports/clock.ts';
import type { World } from '../ports/ports.ts';
import type { Store } from '../ports/store.ts';
import type { RepeatClass, Risk } from '../plan/plan.ts';
import type { System } from '../system/system.ts';

/** What an action may use. Time, chance and the world come from outside, so that a seed replays a run. */
export interface ActionContext {
  readonly system: System;
  readonly world: World;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly documents: Store['documents'];
  readonly state: IncidentState;
  readonly run: RunState;
  /** The most that may be lost, as approved; `null` when people accepted an unknown loss by its own verb. */
  readonly lossLimitMs: number | null;
  /** Walls that the approval opens by name. */
  readonly opens: readonly string[];
  /** The intent that is being carried out or resumed: operations since then may be ours. */
  readonly intentAt: Instant | undefined;
  /** Keeps a redacted text as evidence of this incident. */
  keep(what: string, text: string): Promise<void>;
  /** What was kept under that digest; `undefined` when the store has it no more. */
  kept(digest: string): Promise<string | undefined>;
  /** For a `start` that asks before it changes: looks at the lease once more (L1 of leases.ts), and rejects when it is lost. */
  stillOurs(): Promise<void>;
}

/** The code of the rejection of `stillOurs`: whoever gets it stops without a word, and another worker goes on. */
export const LEASE_LOST = 'leaseLost';

/** What looking first found. `version` goes with the write; `inProgress` adopts work of ours whose reply was lost. */
export type Observation<Version extends Json> =
  | { readonly kind: 'already'; readonly detail: string; readonly output?: Json }
  | { readonly kind: 'toDo'; readonly version: Version }
  | { readonly kind: 'inProgress'; readonly handle: Json; readonly detail: string }
  | { readonly kind: 'refused'; readonly failure: StepFailure };

/**
 * What came of starting or polling. `running` is polled again with its handle, after `again` if the engine's own pace is too slow.
 * With `ask` it waits for a person, who is told once: the worker then goes, and whoever comes next polls again.
 */
export type Progress =
  | {
      readonly kind: 'running';
      readonly handle: Json;
      readonly detail: string;
      readonly again?: Millis;
      readonly ask?: { readonly subject: string; readonly text: string };
    }
  | { readonly kind: 'done'; readonly detail: string; readonly output?: Json }
  | { readonly kind: 'failed'; readonly failure: StepFailure };

/**
 * One kind of step: how it looks, acts, waits and verifies (design.md section 5, decisions.md 11). How it is taken back stands
 * in the plan, as an action of its own. Every method may reject with `PortError`, which the engine alone handles.
 *
 * A1. `observe` changes nothing and says `already` when the wanted state holds.
 * A2. `start` makes at most one change, with the version that `observe` saw; the lease is looked at right before that call, by the
 *     engine where it is the first of `start`, else by `stillOurs`.
 * A3. `verify` looks at the world, not at what `start` answered.
 */
export interface Action {
  readonly kind: string;
  readonly risk: Risk;
  readonly repeat: RepeatClass;
  observe(input: JsonObject, context: ActionContext): Promise<Observation<Json>>;
  start(input: JsonObject, version: Json, context: ActionContext): Promise<Progress>;
  poll(handle: Json, input: JsonObject, context: ActionContext): Promise<Progress>;
  verify(input: JsonObject, context: ActionContext): Promise<{ readonly ok: boolean; readonly detail: string }>;
}

/** The actions that a function can perform, by kind. */
export type Catalogue = Readonly<Record<string, Action>>;

/** A failure without a wall. */
export const failure = (kind: StepFailure['kind'], code: string, detail: string): StepFailure => ({
  kind,
  code,
  detail,
  block: null,
});

/** A wall that stands in the way of a step (design.md section 6). */
export function wall(
  guard: string,
  code: string,
  detail: { readonly observed: string; readonly limit: string; readonly openedBy: string | null },
): StepFailure {
  return {
    kind: 'wall',
    code,
    detail: `${detail.observed} (limit: ${detail.limit})`,
    block: {
      guard,
      kind: 'wall',
      code,
      observed: detail.observed,
      limit: detail.limit,
      clearsAtMs: null,
      openedBy: detail.openedBy,
    },
  };
}

import type { Json, JsonObject } from '../../shared/core/json.ts';
import { type Instant, instant, type Millis, millis, minutes, seconds } from '../../shared/core/time.ts';
import type { Action, ActionContext } from '../../shared/engine/action.ts';
import type { Driver } from '../../shared/engine/drive.ts';
import { dueAt } from '../../shared/engine/next-move.ts';
import { event } from '../../shared/incident/events.ts';
import { beginJournal, type Journal, openJournal } from '../../shared/log/journal.ts';
import { type Plan, type PlannedStep, planDigest, stepId } from '../../shared/plan/plan.ts';
import type { Chance, Clock } from '../../shared/ports/clock.ts';
import type { Store } from '../../shared/ports/store.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { incidentId, targetId } from '../../shared/system/names.ts';

// A stage on which the engine performs plans of made-up actions: one worker at a time, on a clock that jumps.

/** A clock that only moves when somebody sleeps on it. */
export class JumpingClock implements Clock {
  #now = 1_767_607_200_000;
  now = (): Instant => instant(this.#now);
  monotonic = (): Millis => millis(this.#now);
  spanOf = (wall: Millis): Millis => wall;
  sleep = async (length: Millis): Promise<void> => {
    this.#now += length;
    await Promise.resolve();
  };
  advance(length: Millis): void {
    this.#now += length;
  }
}

/** Chance that repeats: ids are numbers, jitter is a constant. */
export function countingChance(): Chance {
  let next = 0;
  return {
    uuid: () => `id-${++next}`,
    bytes: (count) => new Uint8Array(count).fill(++next % 256),
    fraction: () => 0.5,
  };
}

/** A world of named facts; actions set them. `effects` counts each change that really happened. */
export class TinyWorld {
  readonly facts = new Map<string, Json>();
  readonly effects: string[] = [];

  set(name: string, value: Json): void {
    this.effects.push(`${name}=${JSON.stringify(value)}`);
    this.facts.set(name, value);
  }
}

/** The fact that a made-up step is about. */
export function factOf(input: JsonObject): string {
  const { fact } = input;
  return typeof fact === 'string' ? fact : '';
}

/** An action that sets a fact of the tiny world to true (or, as an undo, to false). */
export function settingAction(
  kind: string,
  world: TinyWorld,
  options: Partial<Action> & { readonly to?: boolean } = {},
): Action {
  const to = options.to ?? true;
  return {
    kind,
    risk: 'destructive',
    repeat: 'terminal',
    observe: async (input) =>
      (world.facts.get(factOf(input)) ?? false) === to
        ? { kind: 'already', detail: 'so it is' }
        : { kind: 'toDo', version: null },
    start: async (input) => {
      world.set(factOf(input), to);
      return { kind: 'done', detail: 'set' };
    },
    poll: async () => ({ kind: 'done', detail: 'set' }),
    verify: async (input) => ({ ok: world.facts.get(factOf(input)) === to, detail: '' }),
    ...options,
  };
}

/** A step of a made-up plan. */
export function step(id: string, changes: Partial<PlannedStep> = {}): PlannedStep {
  return {
    id: stepId(id),
    action: 'set',
    input: { fact: id },
    title: `set ${id}`,
    target: targetId('thing/one'),
    risk: 'destructive',
    repeat: 'terminal',
    needs: [],
    committed: false,
    stage: 'execute',
    optional: false,
    estimateMs: 1_000,
    timeLimitMs: 600_000,
    undo: { kind: 'action', action: 'unset', input: { fact: id }, title: `unset ${id}` },
    ...changes,
  };
}

/** A plan of made-up steps. */
export function planOf(steps: readonly PlannedStep[]): Plan {
  return {
    version: 1,
    incident: 'inc-aaaaaaaaaa',
    runbook: 'database-failover',
    scenario: 'database-primary-failure',
    target: targetId('thing/one'),
    holds: [targetId('thing/one')],
    steps,
    lossBound: { kind: 'none' },
    alternatives: [],
    warnings: [],
    bounds: {},
    failback: '',
  };
}

/** Everything that one rehearsal needs. */
export interface Stage {
  readonly clock: JumpingClock;
  readonly chance: Chance;
  readonly store: Store;
  readonly world: TinyWorld;
  readonly journal: Journal;
  open(): Promise<Journal>;
  driver(changes?: Partial<Driver>): Driver;
}

/** An incident whose plan may be performed, with nothing done yet. */
export async function stageOf(
  steps: readonly PlannedStep[],
  actions: (world: TinyWorld, clock: JumpingClock) => readonly Action[] = (world) => [
    settingAction('set', world),
    settingAction('unset', world, { to: false }),
  ],
  clock = new JumpingClock(),
): Promise<Stage> {
  const chance = countingChance();
  const store = createMemoryStore(clock);
  const world = new TinyWorld();
  const id = incidentId('inc-aaaaaaaaaa');
  const home = {
    store,
    clock,
    chance,
    summarise: (state: Parameters<typeof dueAt>[0], now: Instant) => ({
      dueAt: dueAt(state, now, seconds(60)),
      targets: [],
      summary: {},
    }),
  };
  const plan = planOf(steps);
  const opened = event('opened', {
    dedupeKey: 'k',
    source: 'alert',
    target: 'thing/one',
    runbook: null,
    headline: 'it broke',
    drill: false,
  });
  const drawn = event('planDrawn', {
    plan,
    digest: planDigest(plan),
    evidence: 'e',
    needsApproval: true,
    performed: true,
  });
  const asked = event('approvalAsked', {
    approval: 'apr-1',
    planDigest: planDigest(plan),
    evidence: 'e',
    lossLimitMs: 0,
    approvers: ['ann'],
    quorum: 1,
    expiresAt: clock.now() + minutes(15),
    startWithinMs: minutes(10),
    opens: [],
  });
  const decided = event('decided', {
    approval: 'apr-1',
    approver: 'ann',
    identity: null,
    decision: 'approve',
    token: 't',
  });
  const journal = await beginJournal(id, [opened, drawn, asked, decided], home);
  const catalogue = Object.fromEntries(actions(world, clock).map((action) => [action.kind, action]));
  return {
    clock,
    chance,
    store,
    world,
    journal,
    open: async () => {
      const again = await openJournal(id, home);
      if (again === undefined) throw new Error('the log is gone');
      return again;
    },
    driver: (changes = {}) => ({
      role: 'recover',
      worker: chance.uuid(),
      clock,
      chance,
      leases: store.leases,
      guards: {
        confirmationWindow: seconds(60),
        holdTime: minutes(2),
        budgets: [],
        cooldown: minutes(10),
        massFailure: { targets: 5, window: minutes(2) },
        lease: seconds(60),
        clockSkew: seconds(5),
        lateArrival: minutes(5),
      },
      catalogue,
      budget: minutes(8),
      context: (state, run, intentAt) => ({ state, run, intentAt, clock, chance }) as unknown as ActionContext, // the made-up actions use nothing else
      mayStart: async () => ({ kind: 'go' }),
      mayPrepare: async () => [],
      otherRun: async () => undefined,
      refusal: async () => undefined,
      began: async () => undefined,
      ended: async () => undefined,
      ...changes,
    }),
  };
}

import { unreachable } from '../core/assert.ts';
import { type Instant, type Millis, millis } from '../core/time.ts';
import { decideStop, decideStuck } from '../incident/decide.ts';
import { decideLanded, decideLanding } from '../incident/landing.ts';
import { decideFinish } from '../incident/finish.ts';
import { event, type NewEvent, type StepFailure } from '../incident/events.ts';
import type { IncidentState, RunState } from '../incident/state.ts';
import type { Journal } from '../log/journal.ts';
import type { GuardBlock, PlannedStep } from '../plan/plan.ts';
import type { Chance, Clock } from '../ports/clock.ts';
import { PortError } from '../ports/port-error.ts';
import type { LeaseStore } from '../ports/store.ts';
import type { Guards } from '../system/system.ts';
import { type ActionContext, type Catalogue, LEASE_LOST } from './action.ts';
import { callDeadline, type Holding, takeLeases } from './leases.ts';
import { nextMove, type Role } from './next-move.ts';
import { performStep, type StepOutcome, type Worker } from './perform-step.ts';

// Drives one incident's run for as long as the worker may: takes the leases, asks `nextMove`, performs, and hands over.
//
// D1. Nothing is done without the incident's lease and a lock on every target of the plan, for as long as the run lasts.
// D2. Independent steps run side by side; the worker never waits for one while another could begin.
// D3. A log that says one thing twice without an event in between is at fault itself: people get it, the worker goes.
// D4. When the time budget is used up, or the lease is lost, the worker stops between two calls. The log says all that a
//     successor needs.
// D5. A worker does not stay for a step that waits for a person: where nothing else is left it goes, with its leases, and `tick` or the
//     person's answer brings the next one. A worker that is there for other steps takes the answer itself.

/** Passes in a row that write nothing before the log counts as at fault; a lost race writes nothing once or twice (D3). */
const IDLE_PASSES_MAX = 20;

/** Why a worker stopped. `again`: work is left and should be continued at once; `later`: `tick` will find it when it is due. */
export type DriveOutcome =
  | { readonly kind: 'idle' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'again' }
  | { readonly kind: 'later'; readonly because: string };

/** What one function lends to the engine. */
export interface Driver {
  readonly role: Role;
  /** Unique to this invocation; names the holder of the leases. */
  readonly worker: string;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly leases: LeaseStore;
  readonly guards: Guards;
  readonly catalogue: Catalogue;
  /** Clock time that this invocation may use. */
  readonly budget: Millis;
  context(state: IncidentState, run: RunState, intentAt: Instant | undefined): Omit<ActionContext, 'stillOurs'>;
  /** Whether the run may begin now: approval verified, guards asked, bounds still true. Events say why not. */
  mayStart(
    state: IncidentState,
    run: RunState,
  ): Promise<
    | { readonly kind: 'go' }
    | { readonly kind: 'no'; readonly events: (state: IncidentState, now: Instant) => readonly NewEvent[] }
  >;
  /** What holds back the preparation of a plan, which nobody asked for; empty when nothing does. */
  mayPrepare(state: IncidentState, run: RunState): Promise<readonly GuardBlock[]>;
  /** Another run that is at work on a target of this one, whether or not anybody holds its locks now. */
  otherRun(run: RunState): Promise<string | undefined>;
  /** Looked at anew before each call that changes something. */
  refusal(step: PlannedStep, state: IncidentState, run: RunState): Promise<StepFailure | undefined>;
  /** Told when a run begins and ends, for budgets and cooldowns. */
  began(run: RunState, state: IncidentState): Promise<void>;
  ended(run: RunState, state: IncidentState): Promise<void>;
}

/** Works on the incident until there is nothing left for this role, or no time or right to do it. */
export async function drive(journal: Journal, driver: Driver): Promise<DriveOutcome> {
  const run = journal.state().run;
  const first = nextMove(journal.state(), driver.clock.now());
  if (run === undefined || !('role' in first) || first.role !== driver.role) return { kind: 'idle' };
  const { leases, clock, worker, guards } = driver;
  const keys = [`incident/${journal.id}`, ...run.plan.holds.map((target) => `target/${target}`)] as const;
  const taken = await takeLeases(keys, { leases, clock, holder: worker, length: guards.lease, skew: guards.clockSkew });
  if (taken.kind === 'taken') return { kind: 'later', because: `${taken.key} is held by ${taken.by}` };
  try {
    const other = await driver.otherRun(run);
    if (other !== undefined) return { kind: 'later', because: `${other} is at work on the same target` };
    return await new Drive(journal, driver, taken.holding).run();
  } finally {
    await taken.holding.release();
  }
}

/** Whether a worker's conclusion still has something that it is about. */
const isUnderWay = ({ phase, run }: IncidentState): boolean =>
  phase.kind === 'running' ||
  phase.kind === 'landing' ||
  (phase.kind === 'awaitingApproval' && run?.preparation === 'begun');

interface Performed {
  readonly key: string;
  readonly step: PlannedStep;
  readonly outcome: StepOutcome;
}

class Drive {
  readonly #journal: Journal;
  readonly #driver: Driver;
  readonly #holding: Holding;
  readonly #stopAt: Millis;
  readonly #deadline: Millis;
  /** Steps that wait for people (D5), by their keys. An answer is taken once: a word without its deed waits for the next worker. */
  readonly #parked = new Map<string, PlannedStep>();
  readonly #heard = new Set<string>();
  #answer = Promise.withResolvers<undefined>();
  readonly #active = new Map<string, Promise<Performed>>();

  constructor(journal: Journal, driver: Driver, holding: Holding) {
    this.#journal = journal;
    this.#driver = driver;
    this.#holding = holding;
    this.#stopAt = millis(driver.clock.monotonic() + driver.budget);
    this.#deadline = callDeadline(driver.guards.lease, driver.guards.clockSkew, driver.clock);
  }

  async run(): Promise<DriveOutcome> {
    let [last, idle] = [-1, 0];
    for (;;) {
      const state = await this.#journal.refresh();
      idle = state.sequence === last ? idle + 1 : 0;
      last = state.sequence;
      const move = nextMove(state, this.#driver.clock.now());
      if (!('role' in move) || move.role !== this.#driver.role || state.run === undefined)
        return await this.#rest({ kind: move.kind === 'none' ? 'ended' : 'idle' });
      if (!(await this.#holding.ready(this.#deadline)))
        return await this.#rest({ kind: 'later', because: 'the lease is lost' });
      if (idle > IDLE_PASSES_MAX) {
        await this.#conclude(state, (now) => decideStuck(now, move.kind));
        return await this.#rest({ kind: 'again' });
      }
      switch (move.kind) {
        case 'startRun':
          if (!(await this.#start(state, state.run))) return { kind: 'idle' };
          break;
        case 'prepare':
          await this.#prepare(state, state.run);
          break;
        case 'perform': {
          const outcome = await this.#perform(move.steps, move.direction);
          if (outcome !== undefined) return await this.#rest(outcome);
          break;
        }
        case 'stop':
          await this.#conclude(state, () => decideStop(state, move.because));
          break;
        case 'land':
          await this.#drain();
          await this.#journal.append((now) => decideLanding(now, move.landing, move.because));
          break;
        case 'landed':
          await this.#conclude(state, (now) => decideLanded(now, state.run?.landing?.kind ?? 'hold'));
          break;
        case 'finish':
          await this.#conclude(state, decideFinish);
          break;
        default:
          unreachable(move);
      }
    }
  }

  async #start(state: IncidentState, run: RunState): Promise<boolean> {
    const verdict = await this.#driver.mayStart(state, run);
    if (verdict.kind === 'no') {
      await this.#journal.append((now, at) => (now.run?.digest === run.digest ? verdict.events(now, at) : []));
      return false;
    }
    await this.#driver.began(run, state);
    const started = event('runStarted', {
      run: run.digest,
      planDigest: run.digest,
      leaseToken: this.#holding.token,
      worker: this.#driver.worker,
    });
    await this.#journal.append((now, at) =>
      nextMove(now, at).kind === 'startRun' && now.run?.digest === run.digest ? [started] : [],
    );
    return true;
  }

  /** Lets the safe steps begin that need no approval, or writes down what holds them back. */
  async #prepare(state: IncidentState, run: RunState): Promise<void> {
    const blocks = await this.#driver.mayPrepare(state, run);
    if (blocks.length === 0) await this.#driver.began(run, state);
    const { token } = this.#holding;
    const { worker } = this.#driver;
    const next =
      blocks.length === 0
        ? event('preparationStarted', { run: run.digest, leaseToken: token, worker })
        : event('preparationWithheld', { run: run.digest, blocks: [...blocks] });
    await this.#journal.append((now, at) =>
      nextMove(now, at).kind === 'prepare' && now.run?.digest === run.digest ? [next] : [],
    );
  }

  /** Begins what can begin and waits until one step ends (D2). Returns an outcome when the worker must stop. */
  async #perform(steps: readonly PlannedStep[], direction: 'do' | 'undo'): Promise<DriveOutcome | undefined> {
    for (const step of steps) {
      const key = `${direction}:${step.id}`;
      if (this.#active.has(key) || this.#parked.has(key)) continue;
      this.#active.set(
        key,
        performStep({ step, direction }, this.#journal, this.#worker()).then((outcome) => ({ key, step, outcome })),
      );
    }
    if (this.#active.size === 0) return { kind: 'later', because: 'people are asked' };
    const next = await Promise.race([...this.#active.values(), this.#answer.promise]);
    if (next === undefined) {
      this.#answer = Promise.withResolvers();
      return undefined;
    }
    const { key, step, outcome } = next;
    this.#active.delete(key);
    switch (outcome) {
      case 'settled':
      case 'interrupted':
        return undefined;
      case 'parked':
        this.#parked.set(key, step);
        return undefined;
      case 'leaseLost':
        return { kind: 'later', because: 'the lease is lost' };
      case 'spent':
        return { kind: 'again' };
      default:
        return unreachable(outcome);
    }
  }

  /** Steps beside it look at the log with each pass: an answer that they find there need not wait for their end. */
  #hear(): void {
    const { run } = this.#journal.state();
    for (const [key, { id }] of this.#parked) {
      if (this.#heard.has(key) || run?.acknowledged.has(id) !== true) continue;
      this.#heard.add(key);
      this.#parked.delete(key);
      this.#answer.resolve(undefined);
    }
  }

  async #conclude(before: IncidentState, decide: (state: IncidentState) => readonly NewEvent[]): Promise<void> {
    await this.#drain();
    const digest = before.run?.digest;
    await this.#journal.append((state) => (state.run?.digest === digest && isUnderWay(state) ? decide(state) : []));
    if (before.run !== undefined) await this.#driver.ended(before.run, this.#journal.state());
  }

  /** Lets steps that are under way come to their next stop, so that no call of ours outlives the decision. */
  async #drain(): Promise<void> {
    await Promise.all(this.#active.values());
    this.#active.clear();
  }

  async #rest(outcome: DriveOutcome): Promise<DriveOutcome> {
    if (outcome.kind === 'again' || outcome.kind === 'later') this.#spentNow = true;
    await this.#drain();
    const { run, phase } = this.#journal.state();
    // What was prepared is a run of its own for budgets and cooldowns, whatever people decide.
    if (
      outcome.kind === 'idle' &&
      this.#driver.role === 'heal' &&
      phase.kind === 'awaitingApproval' &&
      run !== undefined
    )
      await this.#driver.ended(run, this.#journal.state());
    if (outcome.kind === 'again')
      await this.#journal.append((state) =>
        state.phase.kind === 'running' || state.phase.kind === 'landing'
          ? [event('handedOver', { worker: this.#driver.worker, because: 'the time budget is used up' })]
          : [],
      );
    return outcome;
  }

  #spentNow = false;

  #worker(): Worker {
    const { clock, chance, catalogue, guards, worker: name } = this.#driver;
    const ready = (): Promise<boolean> => {
      this.#hear();
      return this.#holding.ready(this.#deadline);
    };
    const stillOurs = async (): Promise<void> => {
      if (!(await ready())) throw new PortError('retryable', LEASE_LOST, 'looking whether we may still act');
    };
    return {
      name,
      clock,
      chance,
      catalogue,
      lateArrival: guards.lateArrival,
      deadline: this.#deadline,
      ready,
      spent: () => this.#spentNow || clock.monotonic() >= this.#stopAt,
      context: (state, run, intentAt) => ({ ...this.#driver.context(state, run, intentAt), stillOurs }),
      refusal: (step, state, run) => this.#driver.refusal(step, state, run),
    };
  }
}

import { setTimeout as wait } from 'node:timers/promises';
import { openForReading, type OpenedStore, type ReadIncident, readIncident } from '../../cli/read-incidents.ts';
import type { ApiCall } from '../../sandbox/world/kernel.ts';
import { functionPrincipal } from '../../sandbox/world/reference-system.ts';
import { readySteps } from '../../shared/engine/next-move.ts';
import type { RunState, StepProgress } from '../../shared/incident/state.ts';
import type { FunctionName, IncidentId } from '../../shared/system/names.ts';
import { stepId } from '../../shared/plan/plan.ts';
import type { Stage } from '../stories/story.ts';
import { type Cell, cellId, workerOf } from './cells.ts';
import { isEffect, isOf, type Row } from './plan.ts';
import { tally } from './verdict.ts';

// SIGKILL on workers' processes, once for each cell of a story that is played with all of them, at one point of one step.
//
//   before-intent    the log says that the step is next, and nothing of it
//   intent-effect    its request is at the cloud's door, and goes no further; a step that only looks: its intent is in the log
//   effect-outcome   its effect has just happened, nobody was told; a step that only looks: the world has answered it
//   after            its outcome is in the log
//
// C1. A request at the door and an effect strike synchronously, before a byte of an answer leaves. What only the log shows is
//     polled and may be late, so where the kill fell is read from log and audit once the process is gone (`Fall`).
// C2. The cloud's calls are told apart by the moment: only from when the log says that the step is next do they count as its.
// C3. One process dies for every step whose moment it is: steps that run side by side share a worker. What the log shows of another
//     step until a successor serves is what stood when that one died, and counts for it.
// C4. No step dies twice by one kill, and nobody is killed who is not at work: a successor has taken the incident's lease first.

/** Between two looks at the log, wall milliseconds: less than a worker takes from an outcome to the next intent. */
const LOOK_MS = 2;

/** What stood when the worker was gone. */
export interface Fall {
  readonly worker: FunctionName;
  readonly pid: number;
  readonly progress: StepProgress['kind'] | 'not begun';
  /** Times that the step's effect had happened by the audit. */
  readonly effects: number;
  /** Tries of the step by the log until then. */
  readonly intents: number;
  /** Whether that is the point of the cell. */
  readonly hit: boolean;
}

/** A cell that is waited for. */
interface Watched {
  readonly cell: Cell;
  /** Effects of the same kind that belonged to earlier steps; known from when the step is next (C2). */
  before: number | undefined;
  /** Takes away what holds its request up at the door. */
  disarm: () => void;
  kind: 'open' | 'struck' | 'passed';
}

/** Lies in wait for the moments of all cells from now on. */
export class Killer {
  readonly #stage: Stage;
  readonly #watched: readonly Watched[];
  readonly #store: OpenedStore;
  readonly #read = new Map<IncidentId, ReadIncident>();
  readonly #falls = new Map<string, Promise<Fall>>();
  /** The process of each worker that was killed last, until another one serves. */
  readonly #down = new Map<FunctionName, number>();
  /** Which steps died by which kill. */
  readonly #died: { readonly pid: number; readonly row: Row }[] = [];
  /** The tokens of leases of incidents whose workers were killed (C4). */
  readonly #dead = new Map<IncidentId, number>();
  /** Workers that the world has answered since the log was last looked at. */
  #answered = new Set<FunctionName>();
  #closed = false;
  readonly #polling: Promise<void>;

  constructor(stage: Stage, cells: readonly Cell[]) {
    this.#stage = stage;
    this.#watched = cells.map((cell) => ({ cell, before: undefined, disarm: () => undefined, kind: 'open' }));
    this.#store = openForReading(stage.sandbox.facts.store);
    this.#listen();
    this.#polling = this.#poll();
    this.#polling.catch(() => undefined); // whoever ends the wait hears of it
  }

  /** Waits no longer. Where the kills fell, by the cells' names; those that never did are missing. */
  async end(): Promise<ReadonlyMap<string, Fall>> {
    this.#closed = true;
    try {
      await this.#polling;
      const falls = await Promise.all([...this.#falls].map(async ([name, fall]) => [name, await fall] as const));
      return new Map(falls);
    } finally {
      for (const watched of this.#watched) watched.disarm();
      await this.#store.close();
    }
  }

  #listen(): void {
    const { kernel, sql } = this.#stage.sandbox.world;
    kernel.faults.listen((_what, call) => this.#strikeOn(call, 'intent-effect', 'its request was at the door'));
    kernel.audit.listen(({ call, result }) => {
      if (result === 'effect') this.#strikeOn(call, 'effect-outcome', 'it took effect');
      this.#asked(call.principal);
    });
    sql.dataPlane.listen((principal) => this.#asked(principal));
  }

  /** A step with an effect is struck by the call itself (C1). */
  #strikeOn(call: ApiCall, at: Cell['point'], because: string): void {
    const due = this.#watched.filter(({ kind, cell, before }) => {
      const isOurs = call.principal === functionPrincipal(workerOf(cell)) && isEffect(cell.row, call);
      return kind === 'open' && cell.point === at && before !== undefined && isOurs;
    });
    this.#strike(due, because);
  }

  /** A worker has an answer coming: if one of its steps has begun that only look, that is what it came for. */
  #asked(principal: ApiCall['principal']): void {
    for (const { kind, cell, before } of this.#watched) {
      const waits = kind === 'open' && cell.row.effect === undefined && cell.point === 'effect-outcome';
      if (waits && before !== undefined && principal === functionPrincipal(workerOf(cell)))
        this.#answered.add(workerOf(cell));
    }
  }

  async #poll(): Promise<void> {
    while (!this.#closed && this.#watched.some(({ kind }) => kind === 'open')) {
      await this.#look();
      await wait(LOOK_MS);
    }
  }

  async #look(): Promise<void> {
    const answered = this.#answered;
    this.#answered = new Set();
    await this.#readAgain();
    const due = this.#watched.flatMap((watched) => {
      const because = watched.kind === 'open' ? this.#momentOf(watched, answered) : undefined;
      return because === undefined ? [] : [{ watched, because }];
    });
    const ready = await Promise.all(due.map(({ watched }) => this.#isAtWork(watched.cell)));
    const now = due.filter((_each, index) => ready[index]);
    this.#strike(
      now.map(({ watched }) => watched),
      [...new Set(now.map(({ because }) => because))].join(', '),
    );
  }

  /** Whether somebody works on the incident who can be killed, or was when the worker died (C4). */
  async #isAtWork(cell: Cell): Promise<boolean> {
    if (this.#down.has(workerOf(cell))) return true;
    const incident = this.#incident(cell)?.head.incident;
    if (incident === undefined) return false;
    const lease = await this.#store.leases.read(`incident/${incident}`);
    // Whoever has just finished has given it back.
    return lease === undefined || lease.token !== this.#dead.get(incident);
  }

  /** Why it is a cell's moment now by the log; `undefined` while it is not. */
  #momentOf(watched: Watched, answered: ReadonlySet<FunctionName>): string | undefined {
    const { cell } = watched;
    const { point, row } = cell;
    const progress = this.#progress(cell);
    if (progress === undefined) return this.#isNext(watched) && point === 'before-intent' ? 'it was next' : undefined;
    if (point === 'after' && progress.kind === 'done') return 'its outcome was in the log';
    if (progress.kind !== 'started' && progress.kind !== 'waiting') return this.#pass(watched);
    if (row.effect !== undefined) return undefined;
    if (point === 'intent-effect') return 'its intent was in the log';
    if (point !== 'effect-outcome' || this.#hasEarlier(watched)) return undefined;
    if (row.isDone !== undefined) return row.isDone(this.#stage) ? 'it took effect' : undefined;
    // A step that asks only applications is heard of when it has written what they said.
    return answered.has(workerOf(cell)) || progress.kind === 'waiting' ? 'it had an answer' : undefined;
  }

  /** Whether the same step has to die at its intent first: a step that only looks has both moments at once. */
  #hasEarlier({ cell: { row, plan } }: Watched): boolean {
    return this.#watched.some(
      ({ kind, cell }) => kind === 'open' && cell.plan === plan && cell.row === row && cell.point === 'intent-effect',
    );
  }

  #pass(watched: Watched): undefined {
    watched.kind = 'passed';
    watched.disarm();
  }

  /** Whether the step is next; the first time that it is, what its point needs is made ready. */
  #isNext(watched: Watched): boolean {
    const { cell } = watched;
    if (watched.before !== undefined) return true;
    const run = this.#incident(cell)?.state.run;
    if (run === undefined || !this.#isUnderWay(cell, run)) return false;
    if (!readySteps(run).some(({ id }) => id === cell.row.step)) return false;
    watched.before = this.#effects(cell);
    if (cell.point === 'intent-effect' && cell.row.effect !== undefined) {
      const { permission, resource } = cell.row.effect;
      watched.disarm = this.#stage.sandbox.world.kernel.faults.inject({
        what: { kind: 'loseReplyBefore' },
        on: {
          permission,
          principal: functionPrincipal(workerOf(cell)),
          writes: true,
          ...(resource.includes('*') ? {} : { within: [resource] }),
        },
        count: 1,
      });
    }
    return true;
  }

  /** Whether its worker performs the run: it is under way, or what prepares it is while people decide. */
  #isUnderWay(cell: Cell, { preparation }: RunState): boolean {
    const phase = this.#incident(cell)?.state.phase.kind;
    if (workerOf(cell) === cell.plan.worker) return phase === 'running';
    return phase === 'awaitingApproval' && preparation === 'begun';
  }

  /** Kills the process of each worker whose cells are due (C3). */
  #strike(due: readonly Watched[], because: string): void {
    for (const [name, own] of Map.groupBy(due, ({ cell }) => workerOf(cell))) {
      const pid = this.#down.get(name) ?? this.#kill(name);
      const fresh = own.filter(({ cell }) => !this.#died.some((dead) => dead.pid === pid && dead.row === cell.row));
      if (pid === undefined || fresh.length === 0) continue;
      this.#stage.note(`kill -9 ${name} (${pid}): ${fresh.map(({ cell }) => cell.row.step).join(', ')}, ${because}`);
      for (const watched of fresh) {
        this.#died.push({ pid, row: watched.cell.row });
        watched.kind = 'struck';
        watched.disarm();
        this.#falls.set(cellId(watched.cell), this.#where(watched, name, pid));
      }
    }
  }

  #kill(name: FunctionName): number | undefined {
    const worker = this.#stage.sandbox.functions.get(name);
    const pid = worker?.pid;
    if (worker === undefined || pid === undefined) return undefined;
    this.#down.set(name, pid);
    worker.kill('SIGKILL');
    this.#backAfter(name, pid).catch(() => undefined); // nobody waits for it any more
    return pid;
  }

  async #backAfter(name: FunctionName, pid: number): Promise<void> {
    while (isAlive(pid)) await wait(LOOK_MS);
    for (const incident of this.#read.keys()) {
      const lease = await this.#store.leases.read(`incident/${incident}`);
      if (lease !== undefined) this.#dead.set(incident, lease.token);
    }
    while (this.#stage.sandbox.functions.get(name)?.pid === pid) await wait(LOOK_MS);
    await this.#stage.sandbox.functions.get(name)?.ready();
    this.#down.delete(name);
  }

  /** Looked at before the supervisor has started another process, a second later. */
  async #where({ cell, before }: Watched, worker: FunctionName, pid: number): Promise<Fall> {
    while (isAlive(pid)) await wait(LOOK_MS);
    const effects = this.#effects(cell) - (before ?? 0);
    await this.#readAgain();
    const progress = this.#progress(cell)?.kind ?? 'not begun';
    const { intents } = tally(cell.row, cell.plan, this.#incident(cell));
    return { worker, pid, progress, effects, intents, hit: isHit(cell, progress, effects) };
  }

  #effects({ row }: Cell): number {
    return this.#stage.sandbox.world.kernel.audit
      .entries()
      .filter(({ call, result }) => result === 'effect' && call.writes && isEffect(row, call)).length;
  }

  #incident({ plan }: Cell): ReadIncident | undefined {
    return [...this.#read.values()].find((incident) => isOf(plan, incident));
  }

  async #readAgain(): Promise<void> {
    for (const { incident, sequence } of await this.#store.log.heads('all', 20)) {
      if (this.#read.get(incident)?.head.sequence !== sequence)
        this.#read.set(incident, await readIncident(incident, this.#store));
    }
  }

  /** What the log, as it was last read, says of the step. */
  #progress(cell: Cell): StepProgress | undefined {
    return this.#incident(cell)?.state.run?.steps.get(stepId(cell.row.step));
  }
}

function isHit({ point, row }: Cell, progress: Fall['progress'], effects: number): boolean {
  const underWay = progress === 'started' || (row.effect === undefined && progress === 'waiting');
  switch (point) {
    case 'before-intent':
      return progress === 'not begun' && effects === 0;
    case 'intent-effect':
      return underWay && effects === 0;
    case 'effect-outcome':
      return underWay && effects === (row.effect === undefined ? 0 : 1);
    case 'after':
      return progress === 'done';
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH: it is gone
  }
}

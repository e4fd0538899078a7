import { setTimeout as wait } from 'node:timers/promises';
import { openForReading, type OpenedStore, type ReadIncident, readIncident } from '../../cli/read-incidents.ts';
import type { ApiCall, Principal } from '../../sandbox/world/kernel.ts';
import { functionPrincipal } from '../../sandbox/world/reference-system.ts';
import { readySteps } from '../../shared/engine/next-move.ts';
import type { RunState, StepProgress } from '../../shared/incident/state.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import { stepId } from '../../shared/plan/plan.ts';
import type { Stage } from '../stories/story.ts';
import { type Cell, workerOf } from './cells.ts';
import type { Change, Row } from './plans.ts';

// SIGKILL on a worker's process, once, at one point of one step.
//
//   before-intent    the log says that the step is next, and nothing of it
//   intent-effect    its request is at the cloud's door, and goes no further; a step that only looks: its intent is in the log
//   effect-outcome   its effect has just happened, nobody was told; a step that only looks: the world has answered it
//   after            its outcome is in the log
//
// C1. A request at the door and an effect strike synchronously, before a byte of an answer leaves. What only the log shows is
//     polled and may be late, so where the kill fell is read from log and audit once the process is gone (`Fall`).
// C2. The cloud's calls are told apart by the moment: only from when the log says that the step is next do they count as its.

/** Between two looks at the log, wall milliseconds: less than a worker takes from an outcome to the next intent. */
const LOOK_MS = 2;

/** What stood when the worker was gone. */
export interface Fall {
  readonly pid: number;
  readonly progress: StepProgress['kind'] | 'not begun';
  /** Times that the step's effect had happened by the audit. */
  readonly effects: number;
  /** Whether that is the point of the cell. */
  readonly hit: boolean;
}

/** Whether a call of the audit is the effect of this step, or of one that makes the same change at another time. */
export const isEffect = ({ effect }: Row, call: Pick<ApiCall, 'permission' | 'resource'>): boolean =>
  effect !== undefined && isChange(effect, call);

/** Whether a call of the audit makes that change. */
export function isChange(change: Change, { permission, resource }: Pick<ApiCall, 'permission' | 'resource'>): boolean {
  if (permission !== change.permission) return false;
  const [prefix = '', open] = change.resource.split('*');
  return open === undefined ? resource === prefix : resource.startsWith(prefix);
}

/** Lies in wait for the cell's moment from now on. */
export class Killer {
  readonly #stage: Stage;
  readonly #cell: Cell;
  readonly #principal: Principal;
  readonly #store: OpenedStore;
  readonly #read = new Map<IncidentId, ReadIncident>();
  /** Effects of the same kind that belonged to earlier steps; known from when the step is next (C2). */
  #before: number | undefined;
  #pid: number | undefined;
  #closed = false;
  readonly #fall: Promise<Fall | undefined>;

  constructor(stage: Stage, cell: Cell) {
    this.#stage = stage;
    this.#cell = cell;
    this.#principal = functionPrincipal(workerOf(cell));
    this.#store = openForReading(stage.sandbox.facts.store);
    this.#listen();
    this.#fall = this.#poll();
    this.#fall.catch(() => undefined); // whoever ends the wait hears of it
  }

  /** Waits no longer. Where the kill fell, or `undefined` when it has not. */
  async end(): Promise<Fall | undefined> {
    this.#closed = true;
    try {
      return await this.#fall;
    } finally {
      await this.#store.close();
    }
  }

  #listen(): void {
    const { point, row } = this.#cell;
    const { kernel, sql } = this.#stage.sandbox.world;
    kernel.faults.listen((_what, call) => {
      if (point === 'intent-effect' && this.#isOurs(call)) this.#strike('its request was at the door');
    });
    kernel.audit.listen(({ call, result }) => {
      if (point === 'effect-outcome' && result === 'effect' && this.#isOurs(call)) this.#strike('it took effect');
      if (call.principal === this.#principal) this.#asked();
    });
    sql.dataPlane.listen((principal) => {
      if (principal === this.#principal && row.effect === undefined) this.#asked();
    });
  }

  #isOurs(call: ApiCall): boolean {
    return this.#before !== undefined && call.principal === this.#principal && isEffect(this.#cell.row, call);
  }

  /** The worker has an answer coming: if its step has begun, that is what the step came for. */
  #asked(): void {
    if (this.#cell.row.effect === undefined && this.#cell.point === 'effect-outcome' && this.#before !== undefined)
      void this.#look(true);
  }

  async #poll(): Promise<Fall | undefined> {
    while (this.#pid === undefined && !this.#closed) {
      await this.#look(false);
      await wait(LOOK_MS);
    }
    return this.#pid === undefined ? undefined : await this.#where(this.#pid);
  }

  /** Looked at before the supervisor has started another process, a second later. */
  async #where(pid: number): Promise<Fall> {
    while (isAlive(pid)) await wait(LOOK_MS);
    const effects = this.#effects() - (this.#before ?? 0);
    const progress = (await this.#progress())?.kind ?? 'not begun';
    return { pid, progress, effects, hit: isHit(this.#cell, progress, effects) };
  }

  async #look(answered: boolean): Promise<void> {
    const progress = await this.#progress();
    if (this.#pid !== undefined) return;
    if (progress === undefined) return this.#begin();
    const { point, row } = this.#cell;
    if (point === 'after' && progress.kind === 'done') this.#strike('its outcome was in the log');
    if (row.effect !== undefined || (progress.kind !== 'started' && progress.kind !== 'waiting')) return;
    if (point === 'intent-effect') this.#strike('its intent was in the log');
    // A step that asks only applications is heard of when it has written what they said.
    if (point === 'effect-outcome' && (answered || progress.kind === 'waiting')) this.#strike('it had an answer');
  }

  /** Arms what the point needs as soon as the step is next. */
  #begin(): void {
    const { point, row } = this.#cell;
    const run = this.#incident()?.state.run;
    if (this.#before !== undefined || run === undefined || !this.#isUnderWay(run)) return;
    if (!readySteps(run).some(({ id }) => id === row.step)) return;
    this.#before = this.#effects();
    if (point === 'before-intent') this.#strike('it was next');
    if (point === 'intent-effect' && row.effect !== undefined)
      this.#stage.sandbox.world.kernel.faults.inject({
        what: { kind: 'loseReplyBefore' },
        on: { permission: row.effect.permission, principal: this.#principal, writes: true },
        count: 1,
      });
  }

  /** Whether its worker performs the run: it is under way, or what prepares it is while people decide. */
  #isUnderWay({ preparation }: RunState): boolean {
    const phase = this.#incident()?.state.phase.kind;
    if (workerOf(this.#cell) === this.#cell.story.worker) return phase === 'running';
    return phase === 'awaitingApproval' && preparation === 'begun';
  }

  #strike(because: string): void {
    const worker = this.#stage.sandbox.functions.get(workerOf(this.#cell));
    if (this.#pid !== undefined || worker?.pid === undefined) return;
    this.#pid = worker.pid;
    worker.kill('SIGKILL');
    this.#stage.note(`kill -9 ${worker.name} (${this.#pid}): ${this.#cell.row.step}, ${because}`);
  }

  #effects(): number {
    return this.#stage.sandbox.world.kernel.audit
      .entries()
      .filter(({ call, result }) => result === 'effect' && call.writes && isEffect(this.#cell.row, call)).length;
  }

  #incident(): ReadIncident | undefined {
    return [...this.#read.values()].find(({ state }) => state.run?.plan.runbook === this.#cell.story.runbook);
  }

  /** What the log says of the step now. */
  async #progress(): Promise<StepProgress | undefined> {
    for (const { incident, sequence } of await this.#store.log.heads('all', 20)) {
      if (this.#read.get(incident)?.head.sequence !== sequence)
        this.#read.set(incident, await readIncident(incident, this.#store));
    }
    return this.#incident()?.state.run?.steps.get(stepId(this.#cell.row.step));
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

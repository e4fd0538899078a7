import { RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import type { Json } from '../../shared/core/json.ts';
import { after, millis, minutes, seconds } from '../../shared/core/time.ts';
import type { Action } from '../../shared/engine/action.ts';
import { drive } from '../../shared/engine/drive.ts';
import type { InstanceStatus, OperationStatus } from '../../shared/ports/databases.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { World } from '../../shared/ports/ports.ts';
import { stepId } from '../../shared/plan/plan.ts';
import { gke, instance, PRIMARY, REPLICA, run, SYSTEM } from '../classify/looks.ts';
import { JumpingClock, stageOf, step } from '../engine/rehearsal.ts';

// A primary that does not serve, for the actions that bring it back: an operation takes a minute and does what the test says, and
// a reply can be lost on either side of its request.

const ENDS_AFTER = minutes(1);

/** What becomes of a request for a restart or a failover. */
export type Reply = 'answered' | 'lostBefore' | 'lostAfter' | 'late' | 'stale';

export class RevivablePrimary {
  readonly #clock: JumpingClock;
  /** Whether it serves; the end of a good operation makes it so. */
  serves = false;
  /** Whether a restart or a failover brings it back. */
  isCurable = true;
  status: InstanceStatus = instance();
  /** For each request in turn; the rest are answered. */
  readonly replies: Reply[] = [];
  readonly requests: { readonly verb: string; readonly at: number }[] = [];
  readonly #operations: OperationStatus[] = [];
  /** When it comes back by itself, when it falls ill again, and from when its consumers notice that it serves. */
  recoversAt = Number.POSITIVE_INFINITY;
  relapsesAt = Number.POSITIVE_INFINITY;
  consumersFrom = Number.NEGATIVE_INFINITY;

  constructor(clock: JumpingClock) {
    this.#clock = clock;
  }

  isWell(): boolean {
    const now = this.#clock.now();
    const revived = this.isCurable && this.operations().some(({ state }) => state === 'done');
    return (this.serves || revived || now >= this.recoversAt) && now < this.relapsesAt;
  }

  world(): World {
    const contact = () => (this.isWell() ? { kind: 'written' } : { kind: 'connectionRefused' });
    const parts = {
      databases: {
        inspect: async () => this.status,
        fleet: async () => [this.status],
        operations: async () => this.operations(),
        operation: async (name: string) => this.operations().find((known) => known.name === name),
      },
      remedies: {
        restart: async () => this.#ask('RESTART'),
        failover: async (_name: string, version: string) => this.#ask('FAILOVER', version),
      },
      dataPlane: {
        canary: async () => contact(),
        replication: async () => ({
          role: 'primary',
          receiving: this.isWell(),
          heartbeat: { sequence: 9, at: this.#clock.now() },
          position: 1,
        }),
      },
      applications: {
        deepHealth: async (id: string) => {
          const kind = this.isWell() && this.#clock.now() >= this.consumersFrom ? 'serving' : 'failing';
          return id === 'api-gke' ? gke(kind).health : run(kind).health;
        },
        writeAndRead: async () => ({ written: this.isWell(), read: this.isWell(), detail: 'ok' }),
      },
    };
    return parts as unknown as World; // the actions under test ask for nothing else
  }

  #ask(verb: 'RESTART' | 'FAILOVER', version?: string): string {
    const now = this.#clock.now();
    const reply = this.replies.shift() ?? 'answered';
    this.requests.push({ verb, at: now });
    const doing = `asking for ${verb}`;
    if (reply === 'lostBefore') throw new PortError('ambiguous', 'timeout', doing);
    if (reply === 'stale' || (version !== undefined && version !== this.status.version))
      throw new PortError('conflict', 'http 412', doing);
    const arrivesAt = reply === 'late' ? after(now, seconds(100)) : now;
    const name = `op-${this.requests.length}`;
    this.#operations.unshift({
      name,
      instance: PRIMARY,
      type: verb,
      state: 'running',
      error: undefined,
      insertedAt: arrivesAt,
      endedAt: undefined,
      user: 'dr-recover',
    });
    if (reply !== 'answered') throw new PortError('ambiguous', 'timeout', doing);
    return name;
  }

  #seen(known: OperationStatus): OperationStatus {
    const endsAt = after(known.insertedAt, ENDS_AFTER);
    const isDone = this.#clock.now() >= endsAt;
    const error = this.isCurable ? undefined : 'INTERNAL_ERROR: its zone has no resources';
    return isDone ? { ...known, state: 'done', endedAt: endsAt, error } : known;
  }

  /** What the API knows of by now: a request that is on its way is not there. */
  operations(): readonly OperationStatus[] {
    return this.#operations
      .filter(({ insertedAt }) => insertedAt <= this.#clock.now())
      .map((known) => this.#seen(known));
  }
}

const CONSUMERS = ['api-gke', 'api-run'];
const LIFE = { primary: PRIMARY, replicas: [REPLICA], consumers: CONSUMERS };
const HOST = '10.20.0.3';

/** Inputs of the steps that tests perform, by action. */
const INPUTS: Readonly<Record<string, Readonly<Record<string, Json>>>> = {
  'confirm-database-failed': LIFE,
  'restart-instance': { instance: PRIMARY, latestStartMs: null },
  'failover-instance': { instance: PRIMARY, latestStartMs: null },
  'verify-primary-serves': { ...LIFE, host: HOST },
  'primary-stays-well': { host: HOST, consumers: CONSUMERS, holdMs: minutes(2) },
};

/** Done at once: what the plan looked at before does not matter to what comes after it, only that it names what to look at. */
const SEEN: Action = {
  kind: 'confirm-database-failed',
  risk: 'observe',
  repeat: 'terminal',
  observe: async () => ({ kind: 'already', detail: 'seen' }),
  start: async () => ({ kind: 'done', detail: 'seen' }),
  poll: async () => ({ kind: 'done', detail: 'seen' }),
  verify: async () => ({ ok: true, detail: '' }),
};

/** What tests arrange beside the primary itself. */
interface Arranged {
  readonly input?: Readonly<Record<string, Json>>;
  readonly documents?: Readonly<Record<string, Json>>;
  /** Whether the plan has the look before it that every plan of ours has. */
  readonly looks?: boolean;
}

/** What came of performing one action on such a primary. */
export async function performed(
  action: string,
  arrange: (primary: RevivablePrimary, clock: JumpingClock) => Arranged | void = () => undefined,
) {
  const clock = new JumpingClock();
  const { risk, repeat } = RECOVER_CATALOGUE[action] ?? SEEN;
  const primary = new RevivablePrimary(clock);
  const { input = {}, documents = {}, looks = true } = arrange(primary, clock) ?? {};
  const look = step('look', { action: SEEN.kind, input: INPUTS[SEEN.kind] ?? {}, undo: { kind: 'nothing' } });
  const it = step('it', { action, input: { ...INPUTS[action], ...input }, risk, repeat, undo: { kind: 'nothing' } });
  const stage = await stageOf(looks ? [look, it] : [it], () => [], clock);
  const began = clock.now();
  await drive(
    stage.journal,
    stage.driver({
      budget: minutes(60),
      catalogue: looks ? { ...RECOVER_CATALOGUE, [SEEN.kind]: SEEN } : RECOVER_CATALOGUE,
      context: (state, known, intentAt) => ({
        state,
        run: known,
        intentAt,
        system: SYSTEM,
        world: primary.world(),
        clock,
        chance: stage.chance,
        documents: {
          ...stage.store.documents,
          get: async (key) => (documents[key] === undefined ? undefined : { value: documents[key], version: 1 }),
        },
        lossLimitMs: 0,
        opens: [],
        keep: async () => undefined,
        kept: async () => undefined,
      }),
    }),
  );
  const progress = stage.journal.state().run?.steps.get(stepId('it'));
  return { primary, progress, took: millis(clock.now() - began) };
}

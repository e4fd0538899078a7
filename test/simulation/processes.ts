import { AsyncLocalStorage } from 'node:async_hooks';
import { after, type Millis } from '../../shared/core/time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { FunctionName } from '../../shared/system/names.ts';
import type { VirtualClock } from '../../sandbox/world/clock.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import { type Region, REGIONS } from './plot.ts';

// Processes that can die and freeze. Everything that one of them asks of the outside passes it, and so do its timers.
//
// P1. After its death no call does anything, and no call of before is ever answered: what is killed just stops.
// P2. While it is frozen nothing of it goes on; when it thaws, the call that it was about to make is made, however late.
// P3. A new delivery goes to a process that is neither dead nor frozen; a new one is started when there is none.
// P4. When a region is lost, all of its processes die at once, and none starts there until it is back.

/** Who makes the present call. */
export interface Asker {
  readonly process: string;
  /** Whether it had the right to act when it made the call, however late that call arrives. */
  readonly mayAct: boolean;
}

const asking = new AsyncLocalStorage<Asker>();

/** Who makes the call that is under way; `undefined` for one that arrives when nobody waits for it any more. */
export const askerNow = (): Asker | undefined => asking.getStore();

/** The end of a process, seen by those who called it. */
export class Death extends Error {}

/** At which call from now on something happens to a process, and whether the call's effect comes first. */
export interface Blow {
  readonly calls: number;
  readonly when: 'before' | 'after';
  /** How long it freezes; killed when missing. */
  readonly lasts?: Millis;
}

/** What a process is made with. */
interface ProcessOptions {
  readonly clock: VirtualClock;
  readonly struck: (blow: Blow) => void;
  readonly mayAct: () => boolean;
}

/** One process of one function. */
export class Process {
  readonly id: string;
  readonly died: Promise<never>;
  readonly #clock: VirtualClock;
  readonly #struck: (blow: Blow) => void;
  readonly #mayAct: () => boolean;
  /** Whether it is a process of a function that changes the protected system. */
  readonly #acts: boolean;
  #blows: { readonly at: number; readonly blow: Blow }[] = [];
  #calls = 0;
  #dead = false;
  #thaw: Promise<void> | undefined;
  #tell: (death: Death) => void = () => undefined;

  constructor(id: string, { clock, struck, mayAct }: ProcessOptions) {
    this.id = id;
    this.#acts = /^(recover|heal)\//.test(id);
    this.#clock = clock;
    this.#struck = struck;
    this.#mayAct = mayAct;
    this.died = new Promise<never>((_resolve, reject) => {
      this.#tell = reject;
    });
    this.died.catch(() => undefined);
  }

  get isDead(): boolean {
    return this.#dead;
  }

  get isFrozen(): boolean {
    return this.#thaw !== undefined;
  }

  /** Ends it at once, wherever it stands (P1). */
  kill(): void {
    this.#dead = true;
    this.#tell(new Death());
  }

  /** Deals a blow at one of its next calls. */
  deal(blow: Blow): void {
    this.#blows.push({ at: this.#calls + blow.calls, blow });
  }

  /** Passes one call to the outside (P1, P2). */
  async pass<T>(call: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    const number = this.#calls;
    // Nobody asks whether those may act who only look, and theirs are nine of ten calls.
    const asker = this.#acts ? { process: this.id, mayAct: this.#mayAct() } : undefined;
    const due = this.#blows.length === 0 ? [] : this.#blows.filter(({ at }) => at === number).map(({ blow }) => blow);
    await this.#going();
    for (const blow of due) if (blow.when === 'before') await this.#take(blow);
    const settled = await (asker === undefined ? call() : asking.run(asker, call)).then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    for (const blow of due) if (blow.when === 'after') await this.#take(blow);
    await this.#going();
    return settled();
  }

  /** The same object, each of whose methods (and those of its parts) passes this process. Its members never change. */
  wrap<T extends object>(target: T): T {
    const wrapped = new Map<string | symbol, unknown>();
    return new Proxy(target, {
      get: (own, key) => {
        const known = wrapped.get(key);
        if (known !== undefined) return known;
        const passing = this.#passing(own, Reflect.get(own, key));
        wrapped.set(key, passing);
        return passing;
      },
    });
  }

  #passing(own: object, value: unknown): unknown {
    if (typeof value === 'function')
      return (...args: unknown[]) => this.pass(async () => (await Reflect.apply(value, own, args)) as unknown);
    return typeof value === 'object' && value !== null ? this.wrap(value) : value;
  }

  /** Its clock: timers of a process that is dead or frozen don't fire. */
  clock(time: Clock): Clock {
    const sleep = async (length: Millis, signal?: AbortSignal): Promise<void> => {
      await time.sleep(length, signal);
      await this.#going();
    };
    return { ...time, sleep };
  }

  async #going(): Promise<void> {
    while (this.#thaw !== undefined && !this.#dead) await this.#thaw;
    if (this.#dead) await never();
  }

  async #take(blow: Blow): Promise<void> {
    this.#struck(blow);
    if (blow.lasts === undefined) {
      this.kill();
      await never();
      return;
    }
    const { lasts } = blow;
    this.#thaw ??= new Promise<void>((thawed) => {
      this.#clock.schedule(after(this.#clock.now(), lasts), () => {
        this.#thaw = undefined;
        thawed();
      });
    });
    await this.#going();
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

/** How processes are made. */
export interface ProcessesOptions {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  /** Processes of one function that take deliveries side by side in one region. */
  readonly copies: number;
  /** Probability that a new process is killed at one of its first calls; asked when it starts. */
  readonly killRate: () => number;
  readonly struck: (of: FunctionName, blow: Blow) => void;
  /** Whether a process has the right to act now. */
  readonly mayAct: (process: string) => boolean;
}

/** Calls within which a process that is to die by chance dies: about one long delivery. */
const LIFE_MAX = 250;

/** All processes of all functions. */
export class Processes {
  readonly #options: ProcessesOptions;
  readonly #all = new Map<Region, Map<FunctionName, Process[]>>();
  readonly #lost = new Set<Region>();
  #started = 0;

  constructor(options: ProcessesOptions) {
    this.#options = options;
  }

  /** How many were ever started. */
  get started(): number {
    return this.#started;
  }

  /** A region in which a delivery can be taken; `undefined` when there is none. */
  regionUp(): Region | undefined {
    return REGIONS.find((region) => !this.#lost.has(region));
  }

  isLost(region: Region): boolean {
    return this.#lost.has(region);
  }

  /** A region goes with all that runs in it (P4). */
  lose(region: Region): void {
    this.#lost.add(region);
    for (const process of [...this.#of(region).values()].flat()) if (!process.isDead) process.kill();
  }

  /** A lost region is back; what ran there is not. */
  giveBack(region: Region): void {
    this.#lost.delete(region);
  }

  /** The process that takes the next delivery in a region (P3); `undefined` while the region is lost. */
  pick(of: FunctionName, region: Region): Process | undefined {
    if (this.#lost.has(region)) return undefined;
    const { copies, chance } = this.#options;
    const ready = (this.#of(region).get(of) ?? []).filter((process) => !process.isDead && !process.isFrozen);
    if (ready.length < copies) ready.push(this.#start(of, region));
    return ready[chance.between(0, ready.length - 1)] ?? this.#start(of, region);
  }

  /** Deals a blow to every process of a function that is alive. */
  deal(of: FunctionName, blow: Blow): void {
    for (const region of REGIONS)
      for (const process of this.#of(region).get(of) ?? []) if (!process.isDead) process.deal(blow);
  }

  #of(region: Region): Map<FunctionName, Process[]> {
    const found = this.#all.get(region) ?? new Map<FunctionName, Process[]>();
    this.#all.set(region, found);
    return found;
  }

  #start(of: FunctionName, region: Region): Process {
    const { clock, chance, killRate, struck, mayAct } = this.#options;
    this.#started += 1;
    const id = `${of}/${this.#started}`;
    const process = new Process(id, { clock, struck: (blow) => struck(of, blow), mayAct: () => mayAct(id) });
    if (chance.next() < killRate())
      process.deal({ calls: chance.between(1, LIFE_MAX), when: chance.pick(['before', 'after'] as const) });
    const those = this.#of(region);
    those.set(of, [...(those.get(of) ?? []), process]);
    return process;
  }
}

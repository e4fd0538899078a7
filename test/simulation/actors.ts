import type { Chance } from '../../sandbox/world/kernel.ts';

// Processes that can die. Everything that one of them asks of the outside passes its `Life`: after its death no call does
// anything, and no call of before is ever answered.

/** The end of a process, seen by those who called it. */
export class Death extends Error {}

/** How long one process lives, counted in calls to the outside. */
export class Life {
  readonly died: Promise<never>;
  #calls = 0;
  #dead = false;
  readonly #end: { readonly call: number; readonly when: 'before' | 'after' } | undefined;
  #tell: (death: Death) => void = () => undefined;

  constructor(end: { readonly call: number; readonly when: 'before' | 'after' } | undefined) {
    this.#end = end;
    this.died = new Promise<never>((_resolve, reject) => {
      this.#tell = reject;
    });
    this.died.catch(() => undefined);
  }

  get isDead(): boolean {
    return this.#dead;
  }

  kill(): void {
    this.#dead = true;
    this.#tell(new Death());
  }

  /** Passes one call. A dead process's call never comes back, as nothing of a killed process goes on. */
  async pass<T>(call: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    const last = this.#end?.call === this.#calls;
    if (this.#dead) return await never();
    if (last && this.#end.when === 'before') {
      this.kill();
      return await never();
    }
    const settled = await call().then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    if (last) this.kill();
    return this.#dead ? await never() : settled();
  }

  /** The same object, each of whose methods (and those of its parts) passes this life. */
  wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (own, key) => {
        const value: unknown = Reflect.get(own, key);
        if (typeof value === 'function')
          return (...args: unknown[]) => this.pass(async () => (await Reflect.apply(value, own, args)) as unknown);
        return typeof value === 'object' && value !== null ? this.wrap(value) : value;
      },
    });
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

/** When the next process of a function dies, if it does. */
export function drawEnd(
  chance: Chance,
  rate: number,
): { readonly call: number; readonly when: 'before' | 'after' } | undefined {
  if (chance.next() >= rate) return undefined;
  return { call: chance.between(1, 250), when: chance.pick(['before', 'after'] as const) };
}

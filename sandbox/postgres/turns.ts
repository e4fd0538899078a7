/** One at a time, in the order of asking; a holder that asks again is let through. */
export class Turns {
  #holder: object | undefined;
  readonly #waiting: { readonly who: object; readonly go: () => void }[] = [];

  /** Resolves when it is `who`'s turn; `true` when it was not before. */
  async take(who: object): Promise<boolean> {
    if (this.#holder === who) return false;
    if (this.#holder !== undefined) await new Promise<void>((go) => this.#waiting.push({ who, go }));
    this.#holder = who;
    return true;
  }

  /** Ends `who`'s turn, if it has one. */
  give(who: object): void {
    if (this.#holder !== who) return;
    const next = this.#waiting.shift();
    // The next one has it before anybody else can ask.
    this.#holder = next?.who;
    next?.go();
  }

  /** Does something in a turn of its own. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const who = {};
    await this.take(who);
    try {
      return await work();
    } finally {
      this.give(who);
    }
  }
}

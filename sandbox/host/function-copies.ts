import type { FunctionName } from '../../shared/system/names.ts';
import type { ControlRegions } from '../world/disasters.ts';
import type { FunctionProcess } from './function-process.ts';

/** One copy of a function: what Cloud Run keeps running in one region. */
export interface FunctionCopy {
  readonly name: FunctionName;
  readonly region: string;
  readonly process: FunctionProcess;
  /** What it is started with. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Every copy of every function that the sandbox runs, by region (design.md section 3: the control plane outlives what it
 * repairs). Losing a region ends its copies at once, as nobody there is asked; they come back when it is mended.
 */
export class FunctionCopies implements ControlRegions {
  readonly #copies: FunctionCopy[] = [];

  add(copy: FunctionCopy): void {
    this.#copies.push(copy);
  }

  /** In the order in which they were started. */
  all(): readonly FunctionCopy[] {
    return this.#copies;
  }

  regions(): readonly string[] {
    return [...new Set(this.#copies.map(({ region }) => region))];
  }

  lose(region: string): void {
    for (const { process } of this.#in(region)) {
      process.kill('SIGKILL');
      void process.stop();
    }
  }

  bring(region: string): void {
    // A copy that does not come to serve says so in its own output, and the sandbox's `status` shows it without a process.
    for (const { process } of this.#in(region)) process.restart().catch(() => undefined);
  }

  #in(region: string): readonly FunctionCopy[] {
    return this.#copies.filter((copy) => copy.region === region);
  }
}

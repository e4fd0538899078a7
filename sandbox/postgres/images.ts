import type { DatabaseImage, History } from '../world/sql-rows.ts';
import type { EngineImage } from './engine.ts';

/** An image together with what it holds of a history. */
export interface FoundImage {
  readonly bytes: EngineImage;
  /** Where it stands in the history. */
  readonly index: number;
  /** It holds the first so many rows. */
  readonly covers: number;
  /** Rows after those that it holds as well. */
  readonly before: readonly number[];
}

/** Images of databases, which histories only name. Each is some tens of megabytes; they are kept until the sandbox ends. */
export class Images {
  readonly #bytes = new Map<string, EngineImage>();
  readonly #before = new Map<string, readonly number[]>();

  /** Keeps an image; its name. */
  keep(bytes: EngineImage): string {
    const name = `image-${this.#bytes.size + 1}`;
    this.#bytes.set(name, bytes);
    return name;
  }

  /** Notes which rows an image holds besides the first ones. */
  mark(name: string, before: readonly number[]): void {
    this.#before.set(name, before);
  }

  /** The newest image of a history at or after a row, other than those that are skipped. */
  newestIn(history: History, from = history.oldest(), skip: ReadonlySet<number> = new Set()): FoundImage | undefined {
    for (let index = history.count() - 1; index >= from; index--) {
      const content = history.row(index)?.content;
      if (content?.kind !== 'image' || skip.has(index)) continue;
      const found = this.#found(content, index);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #found({ image, covers }: DatabaseImage, index: number): FoundImage | undefined {
    const bytes = this.#bytes.get(image);
    return bytes === undefined ? undefined : { bytes, index, covers, before: this.#before.get(image) ?? [] };
  }
}

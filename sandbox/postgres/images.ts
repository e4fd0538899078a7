import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Images of databases, which histories only name. Each is some tens of megabytes: they lie in files until the sandbox ends. */
export class Images {
  readonly #before = new Map<string, readonly number[]>();
  #folder: string | undefined;

  /** Keeps an image; its name. `before`: which rows it holds besides the first ones. */
  keep(bytes: EngineImage, before: readonly number[]): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'dr-images-'));
    const name = `image-${this.#before.size + 1}`;
    writeFileSync(join(this.#folder, name), bytes);
    this.#before.set(name, before);
    return name;
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
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
    const before = this.#before.get(image);
    if (before === undefined || this.#folder === undefined) return undefined;
    return { bytes: readFileSync(join(this.#folder, image)), index, covers, before };
  }
}

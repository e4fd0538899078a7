import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { sha256 } from '../../shared/core/digest.ts';
import type { EngineImage } from './engine.ts';

// The image that PGlite's engines begin with. To make it takes most of the seconds of a first start, and it follows from the version
// of PGlite and a few statements: it is kept beside the packages, and goes when they are installed anew.

const PACKAGES = new URL('../../node_modules/', import.meta.url);

/** PostgreSQL itself, as PGlite's package brings it. */
export const PROGRAM = new URL('@electric-sql/pglite/dist/pglite.wasm', PACKAGES);

const wire = z.object({ version: z.string() });

/** The image that a version of PGlite and these statements lead to: the one that is kept, or else what `make` makes, which is kept. */
export async function blankImage(
  statements: readonly string[],
  make: () => Promise<EngineImage>,
  packages: URL = PACKAGES,
): Promise<EngineImage> {
  const { version } = wire.parse(
    JSON.parse(readFileSync(new URL('@electric-sql/pglite/package.json', PACKAGES), 'utf8')),
  );
  const name = `${version}-${sha256(statements.join(';')).slice(0, 16)}`;
  const file = new URL(`.cache/dr-autopilot/pglite-${name}.tar`, packages);
  if (existsSync(file)) return readFileSync(file);
  const image = await make();
  keep(file, image);
  return image;
}

/** Others may read it at any moment: it gets its name when it is whole. */
function keep(file: URL, image: EngineImage): void {
  const unnamed = new URL(`${randomUUID()}.part`, file);
  try {
    mkdirSync(fileURLToPath(new URL('.', file)), { recursive: true });
    writeFileSync(unnamed, image);
    renameSync(unnamed, file);
  } catch {
    // Packages that nobody may write to: the next process makes its own, as this one did.
  }
}

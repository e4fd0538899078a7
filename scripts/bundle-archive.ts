import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';

/** Every archive is as old as the format's epoch: one that only says when it was made would be another version of the function. */
const EPOCH = new Date(1980, 0, 1);

/**
 * A bundle as the one file that is deployed: everything in its directory, and files beside it by their names in the archive. The same files
 * make the same bytes, wherever and whenever.
 */
export function archiveOf(directory: string, beside: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const inside = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  const files = [
    ...inside.map((path) => [path, readFileSync(join(directory, path))] as const),
    ...Object.entries(beside),
  ];
  const sorted = files.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return zipSync(Object.fromEntries(sorted), { mtime: EPOCH, level: 9 });
}

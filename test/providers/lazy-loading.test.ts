import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const SHARED = join(import.meta.dirname, '../../shared');

/** Where adapters lie; a function on SQLite loads Firestore's as well, and must not load its client. */
const FOLDERS = ['providers', 'store'].map((room) => join(SHARED, room));

/** Each costs a function 70 to 700 ms and up to 60 MiB when it starts. */
const CLIENTS = ['@google-cloud/', '@kubernetes/', '@redis/', 'google-auth-library', 'google-gax', 'jose'];

/** What adapters load by `import()` when they are used: the files that name a client library, and nobody imports in another way. */
function loadedLater(): ReadonlySet<string> {
  const texts = FOLDERS.flatMap((room) => readdirSync(room).map((file) => readFileSync(join(room, file), 'utf8')));
  return new Set(
    texts.flatMap((text) => [...text.matchAll(/\bimport\('\.\/([^']+)'\)/g)].map(([, file]) => file ?? '')),
  );
}

it('loads no client library before an adapter is used', async () => {
  const later = loadedLater();
  const files = FOLDERS.flatMap((room) =>
    readdirSync(room)
      .filter((file) => !later.has(file))
      .map((file) => pathToFileURL(join(room, file)).href),
  );
  const script = `
    const { registerHooks } = await import('node:module');
    const loaded = new Set();
    registerHooks({
      resolve(name, context, next) {
        const found = next(name, context);
        loaded.add(found.url);
        return found;
      },
    });
    for (const file of ${JSON.stringify(files)}) await import(file);
    console.log(JSON.stringify([...loaded]));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  const loaded: readonly string[] = JSON.parse(stdout);
  expect(loaded).toEqual(expect.arrayContaining(files));
  expect(loaded.filter((url) => CLIENTS.some((client) => url.includes(`/node_modules/${client}`)))).toEqual([]);
});

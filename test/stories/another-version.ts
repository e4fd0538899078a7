import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VERSION } from '../../shared/core/version.ts';

const TOP = dirname(dirname(import.meta.dirname));

/** Where a version stands in the sources. */
const VERSION_FILE = 'shared/core/version.ts';

/** The functions as another version has them: the same code in a folder of its own, which says of itself that it is that version. */
export function anotherVersion(folder: string, version: string): string {
  mkdirSync(folder, { recursive: true });
  for (const part of ['functions', 'shared', 'package.json'])
    cpSync(join(TOP, part), join(folder, part), { recursive: true });
  symlinkSync(join(TOP, 'node_modules'), join(folder, 'node_modules'));
  const source = readFileSync(join(folder, VERSION_FILE), 'utf8');
  const changed = source.replace(`'${VERSION}'`, `'${version}'`);
  if (changed === source) throw new Error(`${VERSION_FILE} does not say ${VERSION}`);
  writeFileSync(join(folder, VERSION_FILE), changed);
  return pathToFileURL(join(folder, 'functions/index.ts')).href;
}

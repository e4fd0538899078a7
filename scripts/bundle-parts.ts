import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { transform } from 'esbuild';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { REST_APIS } from '../shared/providers/google-rest.ts';
import type { FunctionName } from '../shared/system/names.ts';

// A bundle's modules as the parts that scripts/bundled/parts.ts loads, and what is beside them: the file that the framework loads, and what
// compiles the function where it is deployed.

/** What a part is a function of, as the loader calls it. */
const HEAD = '(function(exports,require,module,__filename,__dirname){';

/** What an ES module needs in the place of that, and a part has no use for. */
export const COMMONJS = [
  "import{createRequire as $createRequire}from'node:module'",
  "import{fileURLToPath as $fileURLToPath}from'node:url'",
  "import{dirname as $dirname}from'node:path'",
  'const require=$createRequire(import.meta.url),__filename=$fileURLToPath(import.meta.url),__dirname=$dirname(__filename);',
].join(';');

/** A part and its source map, as they are written. */
export interface Part {
  readonly code: string;
  readonly map: string;
}

/** Makes a part of an ES module of a bundle, called `file` in it. Throws for one that waits at its top, or asks where it is. */
export async function partOf(file: string, text: string, map: string): Promise<Part> {
  const inline = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`;
  const made = await transform(`${text.replace(/^\/\/# sourceMappingURL=.*$/m, '')}\n${inline}`, {
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // A script can't import: what is loaded later is asked of the same loader, later.
    supported: { 'dynamic-import': false },
    banner: HEAD,
    footer: '})',
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'external',
    sourcesContent: false,
    sourcefile: file,
    logLevel: 'silent',
  });
  const [warning] = made.warnings;
  if (warning !== undefined) throw new Error(`${file} can't be a part of a bundle: ${warning.text}`);
  const code = `${made.code.trimEnd()}\n//# sourceMappingURL=${basename(file)}.map\n`;
  // A map that names no file would be made one that names the module itself, which is nowhere.
  return { code, map: mapWire.parse(JSON.parse(map)).sources.length === 0 ? map : made.map };
}

const mapWire = z.object({ sources: z.array(z.string()) });

/** Files of ours that go into each bundle as they are, as JavaScript under these names. */
const BESIDE = { start: 'index', parts: 'parts', compile: 'compile' } as const;

/** Writes what is beside the parts of a function. `top` is the checkout. */
export async function writeBeside(top: string, name: FunctionName, directory: string): Promise<void> {
  for (const [file, called] of Object.entries(BESIDE)) {
    const text = readFileSync(join(top, 'scripts/bundled', `${file}.ts`), 'utf8');
    const { code } = await transform(text.replaceAll("from './parts.ts'", "from './parts.mjs'"), {
      loader: 'ts',
      target: 'node24',
    });
    writeFileSync(join(directory, `${called}.mjs`), code);
  }
  const told = { function: name, config: configOf(readFileSync(join(top, 'dr.yaml'), 'utf8')), ask: ASKED[name] };
  writeFileSync(join(directory, 'compile.json'), `${JSON.stringify(told)}\n`);
}

/** Stands for the address of a door that nobody answers at (scripts/bundled/compile.ts). */
const DOOR = 'http://127.0.0.1:1';

/** The reference system, all of whose addresses are that door. */
function configOf(text: string): string {
  const document = parseDocument(text);
  const hosts = [...text.matchAll(/https?:\/\/([a-z0-9.-]+)/g)].map(([, host = '']) => [host, DOOR]);
  const instances = [...text.matchAll(/\binstance: ([a-z0-9-]+)/g)].map(([, name = '']) => [name, DOOR]);
  const endpoints = {
    google: Object.fromEntries(REST_APIS.map((api) => [api, DOOR])),
    hosts: Object.fromEntries(hosts),
    dataPlane: Object.fromEntries(instances),
    approve: [DOOR],
  };
  document.setIn(['endpoints'], document.createNode(endpoints));
  return JSON.stringify(document.toJS());
}

const UNKNOWN = JSON.stringify({ incident: 'inc-aaaaaaaaaa' });

/** An alert as Monitoring sends it, about nothing that is known: it is looked at all the same. */
const ALERT = JSON.stringify({
  version: '1.2',
  incident: {
    incident_id: '0.compile',
    started_at: 1_700_000_000,
    ended_at: null,
    state: 'open',
    summary: 'compiled',
    policy_name: 'compiled',
    condition_name: 'compiled',
    resource: { type: 'cloud_run_revision', labels: { project_id: 'p', service_name: 's', location: 'l' } },
    metric: { type: 'compiled', labels: {} },
  },
});

/** What each function is asked where it is compiled. */
const ASKED: Readonly<Record<FunctionName, readonly string[]>> = {
  classify: ['unreadable', ALERT],
  heal: ['unreadable', UNKNOWN],
  recover: ['unreadable', UNKNOWN],
  notify: ['unreadable', UNKNOWN],
  tick: ['{}'],
  approve: ['/approve/nobody'],
  status: ['/', '/status.json', '/incidents/inc-aaaaaaaaaa'],
};

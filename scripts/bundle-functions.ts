import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type BuildResult, type Metafile } from 'esbuild';
import { z } from 'zod';
import type { FunctionName } from '../shared/system/names.ts';
import { licenceText } from './bundle-licences.ts';
import { spokenServicesOnly } from './bundle-descriptions.ts';
import { lockOf } from './bundle-lock.ts';
import { COMMONJS, type Part, partOf, writeBeside } from './bundle-parts.ts';
import {
  entries,
  entryOf,
  inEnglish,
  withoutMessageClasses,
  withoutPreviews,
  withoutSideEffects,
} from './bundle-plugins.ts';

// A function as it is deployed: JavaScript that holds only what that function uses, and the framework beside it, which Google's
// buildpack starts and so has to find by itself.
//
// B1. What is loaded later stays in files of its own: a client library costs nothing until it is first called.
// B2. The same sources and the same lock file make the same bytes: no time, no place, no machine in them.
// B3. Functions that share most of what has to be read are made at once; each gets the files that its own entry can reach.

/** The framework is not in a bundle: it is installed beside it, and there has to be one of it. */
const FRAMEWORK = '@google-cloud/functions-framework';

/** A bundle as it lies on the disk; sizes are bytes of JavaScript, without source maps. */
export interface Bundle {
  readonly name: FunctionName;
  readonly directory: string;
  /** What is read before the first call can be dealt with, client libraries left aside. */
  readonly own: number;
  /** All of it, with the client libraries. */
  readonly whole: number;
  /** Packages that are in it, `name@version`. */
  readonly packages: readonly string[];
}

type Built = BuildResult<{ metafile: true; write: false }>;

/** Made at once (B3): those that know the protected system, and those that don't. In one build the others would hold its clients too. */
const TOGETHER: readonly (readonly FunctionName[])[] = [
  ['classify', 'heal', 'recover', 'tick'],
  ['approve', 'notify', 'status'],
];

/**
 * Bundles functions of the checkout `top` into `out`/NAME, each of which is emptied first. Throws with esbuild's own message when a
 * source can't be read.
 */
export async function bundleFunctions(
  top: string,
  names: readonly FunctionName[],
  out: string,
): Promise<readonly Bundle[]> {
  const bundles: Bundle[] = [];
  for (const together of TOGETHER) {
    const chosen = together.filter((name) => names.includes(name));
    if (chosen.length === 0) continue;
    const built = await buildTogether(top, chosen);
    const parts = new Map<string, Part>();
    for (const name of chosen) bundles.push(await written(top, name, join(out, name), built, parts));
  }
  return bundles;
}

const buildTogether = (top: string, names: readonly FunctionName[]): Promise<Built> =>
  build({
    absWorkingDir: top,
    entryPoints: names.map((name) => ({ in: entryOf(name), out: name })),
    // Source maps name files from here: wherever the bundle is put, they say the same, and nothing of the machine.
    outdir: join(top, 'bundle'),
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: [FRAMEWORK],
    banner: { js: COMMONJS },
    chunkNames: 'chunks/[name]-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'silent',
    plugins: [entries(top), withoutSideEffects, withoutMessageClasses, withoutPreviews, spokenServicesOnly, inEnglish],
  });

async function written(
  top: string,
  name: FunctionName,
  directory: string,
  { metafile, outputFiles }: Built,
  /** Those that are made, by their scripts: functions share most of them. */
  parts: Map<string, Part>,
): Promise<Bundle> {
  const first = new Set(scriptsOf(metafile, name, false));
  const scripts = scriptsOf(metafile, name, true);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(directory, 'chunks'), { recursive: true });
  const texts = new Map(outputFiles.map(({ path, text }) => [path, text]));
  let own = 0;
  let whole = 0;
  for (const script of scripts) {
    const path = join(top, script);
    const place = basename(dirname(script)) === 'chunks' ? join('chunks', basename(script)) : 'main.js';
    const text = (texts.get(path) ?? '').replace(COMMONJS, '');
    const part = parts.get(path) ?? (await partOf(place, text, texts.get(`${path}.map`) ?? ''));
    parts.set(path, part);
    const { code, map } = part;
    writeFileSync(join(directory, place), code);
    writeFileSync(join(directory, `${place}.map`), map);
    whole += code.length;
    if (first.has(script)) own += code.length;
  }
  await writeBeside(top, name, directory);
  const packages = packagesIn(top, metafile, scripts);
  const { version } = packageWire.parse(readJson(join(top, 'package.json')));
  const framework = packageWire.parse(readJson(join(top, 'node_modules', FRAMEWORK, 'package.json'))).version;
  const manifest = {
    name: `dr-autopilot-${name}`,
    version,
    private: true,
    type: 'module',
    main: 'index.mjs',
    engines: { node: '>=24' },
    // Run by Google's buildpack after it has installed what is below (docs/deployment.md).
    scripts: { 'gcp-build': 'node compile.mjs' },
    dependencies: { [FRAMEWORK]: framework },
  };
  writeJson(join(directory, 'package.json'), manifest);
  writeJson(join(directory, 'package-lock.json'), lockOf(manifest, readJson(join(top, 'package-lock.json'))));
  writeFileSync(join(directory, 'LICENCES.txt'), licenceText(top, [...packages.values()]));
  return {
    name,
    directory,
    own,
    whole,
    packages: [...packages.keys()].sort(),
  };
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

const writeJson = (path: string, value: unknown): void =>
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

const packageWire = z.object({ name: z.string(), version: z.string() });

/**
 * The scripts that a function's entry reads with its own code, or also what that loads later. Others have been made all the same:
 * esbuild takes every `import()` that it finds for an entry, also where no function of ours calls it.
 */
function scriptsOf({ outputs }: Metafile, name: FunctionName, later: boolean): readonly string[] {
  const found = new Set<string>();
  const read = (path: string, follows: boolean): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, kind } of outputs[path]?.imports ?? [])
      if (next in outputs && (follows || kind === 'import-statement')) read(next, later);
  };
  // The entry itself loads the function's own code by an `import()`.
  for (const [path, { entryPoint }] of Object.entries(outputs))
    if (entryPoint?.endsWith(entryOf(name))) read(path, true);
  return [...found];
}

/** The packages that scripts have something of: `name@version` and the directory, relative to the top. */
function packagesIn(top: string, { outputs }: Metafile, scripts: readonly string[]): ReadonlyMap<string, string> {
  const directories = new Set<string>();
  for (const script of scripts)
    for (const [path, { bytesInOutput }] of Object.entries(outputs[script]?.inputs ?? {})) {
      const directory = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (directory !== undefined && bytesInOutput > 0) directories.add(directory);
    }
  return new Map(
    [...directories].sort().map((directory) => {
      const { name, version } = packageWire.parse(readJson(join(top, directory, 'package.json')));
      return [`${name}@${version}`, directory];
    }),
  );
}

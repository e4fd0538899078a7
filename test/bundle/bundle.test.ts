import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { unzipSync } from 'fflate';
import { z } from 'zod';
import { compactOf } from '../../shared/system/read-yaml.ts';
import { archiveOf } from '../../scripts/bundle-archive.ts';
import { BUDGETS, overBudget } from '../../scripts/bundle-budgets.ts';
import { type Bundle, bundleFunctions } from '../../scripts/bundle-functions.ts';
import { lockOf } from '../../scripts/bundle-lock.ts';
import { enumerationsOf } from '../../scripts/bundle-plugins.ts';

const sourceMap = z.object({ sources: z.array(z.string()) });

describe('the bundle of a function', () => {
  let out: string;
  let bundle: Bundle | undefined;

  beforeAll(async () => {
    out = mkdtempSync(join(tmpdir(), 'dr-bundle-'));
    [bundle] = await bundleFunctions(process.cwd(), ['status'], out);
  }, 120_000);

  afterAll(() => rmSync(out, { recursive: true, force: true }));

  const read = (file: string): string => readFileSync(join(out, 'status', file), 'utf8');

  it('holds what the function uses, and nothing of what only others do', () => {
    expect(bundle?.packages.some((name) => name.startsWith('@google-cloud/firestore@'))).toBe(true);
    for (const others of ['@google-cloud/sql@', '@kubernetes/client-node@', 'pg@', '@redis/client@'])
      expect(bundle?.packages.filter((name) => name.startsWith(others))).toEqual([]);
    expect(read('main.js')).toContain('"status"');
    for (const other of ['classify', 'recover']) expect(read('main.js')).not.toContain(`"${other}"`);
  });

  it('is within its budget, and a larger one is named with what it has too much', () => {
    expect(bundle === undefined ? ['no bundle'] : overBudget(bundle)).toEqual([]);
    const { own, whole } = BUDGETS.status;
    expect(overBudget({ name: 'status', own: own + 1, whole })).toEqual([
      `status has ${own + 1} bytes of its own, 1 more than its budget of ${own}`,
    ]);
    expect(overBudget({ name: 'status', own, whole: whole + 2 })).toHaveLength(1);
  });

  it('names no folder of the machine that made it, and files by their places in the checkout', () => {
    const scripts = [
      'main.js',
      'main.js.map',
      ...readdirSync(join(out, 'status/chunks')).map((name) => `chunks/${name}`),
    ];
    const machine = ['node_modules', 'functions', 'shared'].map((room) => join(process.cwd(), room));
    expect(scripts.filter((file) => machine.some((room) => read(file).includes(room)))).toEqual([]);
    const maps = scripts.filter((file) => file.endsWith('.map'));
    const sources = maps.flatMap((file) => sourceMap.parse(JSON.parse(read(file))).sources);
    expect(sources).toContain('../../shared/providers/auth-client.ts');
    expect(
      sources.filter(
        (path) => !/^(?:(?:\.\.\/)+(?:node_modules|functions|shared|package\.json)|entry:function:)/.test(path),
      ),
    ).toEqual([]);
  });

  it('is archived with the configuration that it runs on, the same bytes each time', () => {
    const config = { 'dr.json': new TextEncoder().encode(compactOf('version: 1')) };
    const archive = archiveOf(join(out, 'status'), config);
    const later = new Date();
    for (const file of ['main.js', 'package.json']) utimesSync(join(out, 'status', file), later, later);
    expect(Buffer.from(archiveOf(join(out, 'status'), config)).equals(archive)).toBe(true);
    const inside = unzipSync(archive);
    expect(Object.keys(inside)).toEqual(
      expect.arrayContaining(['dr.json', 'index.mjs', 'main.js', 'package-lock.json']),
    );
    expect(new TextDecoder().decode(inside['main.js'])).toBe(read('main.js'));
  });

  it('is a package that the platform can install and start, with licences', () => {
    const manifest = JSON.parse(read('package.json'));
    expect(manifest).toMatchObject({ main: 'index.mjs', scripts: { 'gcp-build': 'node compile.mjs' } });
    expect(manifest).not.toHaveProperty('devDependencies');
    const lock = JSON.parse(read('package-lock.json'));
    expect(Object.keys(manifest.dependencies)).toEqual(['@google-cloud/functions-framework']);
    expect(lock.packages['node_modules/express'].integrity).toMatch(/^sha512-/);
    expect(Object.keys(lock.packages).filter((path) => path.includes('jest'))).toEqual([]);
    expect(read('LICENCES.txt')).toMatch(/^@google-cloud\/firestore \S+: Apache-2.0$/m);
    expect(read('LICENCES.txt')).toContain('Permission is hereby granted');
  });
});

describe('a package that is loaded when it is first needed', () => {
  it('is named by a file of ours where its names would be lost: esbuild keeps those of a CommonJS package for static imports alone', () => {
    // jose is ES modules; of pg the default is used.
    const whole: ReadonlySet<string> = new Set(['jose', 'pg']);
    const files = readdirSync('shared', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
    const loaded = files.flatMap((path) =>
      [...readFileSync(join('shared', path), 'utf8').matchAll(/\bimport\('([^.'][^']*)'\)/g)].map(
        (found) => `${path}: ${found[1]}`,
      ),
    );
    expect(loaded.filter((line) => !whole.has(line.split(': ')[1] ?? ''))).toEqual([]);
  });
});

describe('the lock file of a bundle', () => {
  const lock = {
    lockfileVersion: 3,
    packages: {
      '': { dependencies: { a: '1.0.0' } },
      'node_modules/a': {
        version: '1.0.0',
        integrity: 'sha512-a',
        dependencies: { b: '^1.0.0' },
        optionalDependencies: { c: '*' },
      },
      'node_modules/a/node_modules/b': { version: '1.5.0', dev: true, dependencies: { d: '*' } },
      'node_modules/b': { version: '2.0.0' },
      'node_modules/d': { version: '4.0.0', dependencies: { b: '^2.0.0', a: '*' } },
      'node_modules/e': { version: '5.0.0' },
    },
  };
  const manifest = { name: 'n', version: '1.2.3', dependencies: { a: '1.0.0' } };

  it('has what is needed, each where Node would find it, and nothing else', () => {
    expect(lockOf(manifest, lock)).toEqual({
      name: 'n',
      version: '1.2.3',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': manifest,
        'node_modules/a': lock.packages['node_modules/a'],
        'node_modules/a/node_modules/b': { version: '1.5.0', dependencies: { d: '*' } },
        'node_modules/b': { version: '2.0.0' },
        'node_modules/d': lock.packages['node_modules/d'],
      },
    });
  });

  it('is refused for a dependency that is not locked', () => {
    expect(() => lockOf({ ...manifest, dependencies: { f: '1' } }, lock)).toThrow(
      'f, which n needs, is not in package-lock.json',
    );
  });
});

describe('what is left of a client’s message classes', () => {
  it('is their enumerations, by their names', () => {
    const described = {
      nested: {
        google: {
          nested: {
            Version: { values: { NONE: 0, POSTGRES_15: 5 } },
            Settings: { fields: { tier: { type: 'string', id: 1 } }, nested: { Edition: { values: { E: 1 } } } },
            Message: { fields: {} },
          },
        },
      },
    };
    expect(enumerationsOf(described)).toEqual({
      google: { Version: { NONE: 0, POSTGRES_15: 5 }, Settings: { Edition: { E: 1 } } },
    });
  });
});

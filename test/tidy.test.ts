import { describe, expect, it } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readRooms } from './tidy/rooms.ts';
import {
  importComplaints,
  impurityComplaints,
  lengthComplaints,
  lockComplaints,
  nameComplaints,
  placeComplaints,
} from './tidy/rules.ts';
import { readSource } from './tidy/source.ts';

const TOP = dirname(import.meta.dirname);

/** What Git ignores, and Git itself. */
const IGNORED: ReadonlySet<string> = new Set(['.git', 'node_modules', '.dr', 'coverage', 'dist']);

/** Files whose bytes are not text. */
const BINARY = /\.(png|jpg|ico|gz|tgz|woff2?|wasm)$/;

function files(folder = ''): readonly string[] {
  return readdirSync(join(TOP, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (IGNORED.has(entry.name) || entry.name.endsWith('.log')) return [];
    return entry.isDirectory() ? files(path) : entry.isFile() ? [path] : [];
  });
}

const read = (path: string): string => readFileSync(join(TOP, path), 'utf8');
const paths = files();
const sources = paths.filter((path) => path.endsWith('.ts')).map((path) => readSource(path, read(path)));
const rooms = readRooms(read('ARCHITECTURE.md'));

describe('the repository', () => {
  it('imports only along the table of ARCHITECTURE.md', () => {
    expect(sources.flatMap((source) => importComplaints(source, rooms))).toEqual([]);
  });

  it('keeps time and chance out of what decides', () => {
    expect(sources.flatMap(impurityComplaints)).toEqual([]);
  });

  it('names files and folders for their subject', () => {
    expect(paths.flatMap(nameComplaints)).toEqual([]);
  });

  it('has no source file that is too long to read at once', () => {
    const code = paths.filter((path) => /\.[jt]s$/.test(path));
    expect(code.flatMap((path) => lengthComplaints(path, read(path)))).toEqual([]);
  });

  it('names no folder of a machine and no package registry', () => {
    const texts = paths.filter((path) => !BINARY.test(path) && path !== 'package-lock.json');
    expect(texts.flatMap((path) => placeComplaints(path, read(path)))).toEqual([]);
  });

  it('has a complete lock file and exact versions', () => {
    for (const folder of ['', 'bench/peers/']) {
      expect(lockComplaints(JSON.parse(read(`${folder}package-lock.json`)))).toEqual([]);
      const { dependencies, devDependencies } = JSON.parse(read(`${folder}package.json`));
      const versions: readonly unknown[] = Object.values({ ...dependencies, ...devDependencies });
      expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
    }
  });
});

describe('the import rule', () => {
  const table = readRooms(
    [
      '# Rooms',
      '| room | may import | holds |',
      '|---|---|---|',
      '| `shared/core` | nothing | words |',
      '| `shared/ports` | core | questions |',
      '| `shared/providers` | core, ports | answers |',
      '| `shared/flows` | every shared room except providers | events |',
      '| `sandbox/world` | core | cloud |',
      '| `cli` | every shared room, every sandbox room | commands |',
      '| `test` | everything | proofs |',
      '',
      '| `not/a/room` | after the table | x |',
    ].join('\n'),
  );
  const complaints = (path: string, text: string) => importComplaints(readSource(path, text), table);

  it.each([
    ['a static import', "import { a } from '../providers/sql.ts';"],
    ['an import for its effect', "import '../providers/sql.ts';"],
    ['an import of types', "import type { A } from '../providers/sql.ts';"],
    ['a type in an ordinary import', "import { type A } from '../providers/sql.ts';"],
    ['a dynamic import', "export const a = () => import('../providers/sql.ts');"],
    ['a type that names a module', "export type A = import('../providers/sql.ts').A;"],
    ['the type of a module', "export type A = typeof import('../providers/sql.ts');"],
    ['a re-export', "export { a } from '../providers/sql.ts';"],
    ['a re-export of everything', "export * from '../providers/sql.ts';"],
    ['a re-export of types', "export type { A } from '../providers/sql.ts';"],
    ['a require', "const a = require('../providers/sql.ts');"],
    ['an import assignment', "import a = require('../providers/sql.ts');"],
  ])('sees %s', (_kind, text) => {
    expect(complaints('shared/ports/databases.ts', `// one line above\n${text}\n`)).toEqual([
      'shared/ports/databases.ts:2 imports shared/providers/sql.ts, but ARCHITECTURE.md does not let shared/ports import shared/providers',
    ]);
  });

  it('sees neither comments nor strings', () => {
    expect(
      complaints('shared/ports/a.ts', "// import '../providers/a.ts';\nexport const a = `import '../providers/a.ts'`;"),
    ).toEqual([]);
  });

  it('allows what the row lists, the room itself, packages and Node', () => {
    const text = "import './b.ts'; import '../core/a.ts'; import 'zod'; import 'node:path';";
    expect(complaints('shared/ports/a.ts', text)).toEqual([]);
  });

  it('reads "nothing", "every … room", "except" and "everything"', () => {
    const importOf = (path: string) => `import '${path}';`;
    expect(complaints('shared/core/a.ts', importOf('../ports/a.ts'))).toHaveLength(1);
    expect(complaints('shared/flows/a.ts', importOf('../ports/a.ts'))).toEqual([]);
    expect(complaints('shared/flows/a.ts', importOf('../providers/a.ts'))).toHaveLength(1);
    expect(complaints('cli/a.ts', importOf('../shared/providers/a.ts') + importOf('../sandbox/world/a.ts'))).toEqual(
      [],
    );
    expect(complaints('cli/a.ts', importOf('../test/a.ts'))).toHaveLength(1);
    expect(complaints('test/core/a.test.ts', importOf('../../cli/a.ts'))).toEqual([]);
  });

  it.each(['shared/new-room/a.ts', 'shared/a.ts', 'sandbox/http/a.ts', 'extra/a.ts', 'a.ts', 'not/a/room.ts'])(
    'refuses %s, whose folder has no row',
    (path) => {
      expect(complaints(path, '')).toEqual([`${path}: its folder has no row in the table of ARCHITECTURE.md`]);
    },
  );

  it('refuses to reach out of every room', () => {
    expect(complaints('shared/ports/a.ts', "import '../../../elsewhere/a.ts';")).toHaveLength(1);
    expect(complaints('shared/ports/a.ts', "import '../a.ts';")).toHaveLength(1);
  });

  it('refuses a dynamic import that nobody can check', () => {
    expect(complaints('shared/ports/a.ts', 'export const a = (name: string) => import(name);')).toEqual([
      'shared/ports/a.ts:1 imports something that is not a plain string, so nobody can check it',
    ]);
  });

  it('lets only the providers know the packages of vendors', () => {
    const text = "import { v1 } from '@google-cloud/pubsub';";
    expect(complaints('shared/ports/a.ts', text)).toEqual([
      'shared/ports/a.ts:1 imports @google-cloud/pubsub, which only shared/providers may know',
    ]);
    expect(complaints('shared/providers/a.ts', text)).toEqual([]);
  });

  it('refuses a table with a room twice, with an unknown room, or none at all', () => {
    const withRows =
      (...rows: readonly string[]) =>
      () =>
        readRooms(['| room | may import | holds |', '|---|---|---|', ...rows].join('\n'));
    expect(withRows('| `cli` | nothing | x |', '| `cli` | nothing | y |')).toThrow('two rows for cli');
    expect(withRows('| `cli` | bathroom | x |')).toThrow('lets cli import "bathroom", which has no row');
    expect(() => readRooms('# Nothing here')).toThrow('no table');
  });
});

describe('the rule about time and chance', () => {
  const complaints = (path: string, text: string) => impurityComplaints(readSource(path, text));

  it.each([
    ['Date.now', 'export const now = () => Date.now();'],
    ['Date.now', 'export const now: () => number = Date.now;'],
    ['Date.now', "export const now = () => Date['now']();"],
    ['Math.random', 'export const dice = () => Math.random();'],
    ['new Date()', 'export const now = () => new Date();'],
    ['Date()', 'export const now = () => Date();'],
    ['setTimeout', 'setTimeout(() => undefined, 1);'],
    ['setTimeout', 'export const wait = { setTimeout };'],
    ['setInterval', 'setInterval(() => undefined, 1);'],
    ['globalThis.setTimeout', 'globalThis.setTimeout(() => undefined, 1);'],
    ['node:timers/promises', "import { scheduler } from 'node:timers/promises';"],
    ['randomUUID', "import { randomUUID } from 'node:crypto';"],
    ['performance.now', 'export const now = () => performance.now();'],
  ])('sees %s in: %s', (what, text) => {
    expect(complaints('shared/guards/hold.ts', text)).toContain(
      `shared/guards/hold.ts:1 uses ${what}; take the time or the chance as an argument or from a port`,
    );
  });

  it('allows a given moment, and other things of the same name', () => {
    const text =
      'export const a = (at: number, p: { setTimeout(n: number): void }) => { p.setTimeout(1); return new Date(at); };';
    expect(complaints('shared/guards/hold.ts', text)).toEqual([]);
  });

  it('allows them at the edges', () => {
    expect(complaints('shared/providers/clock.ts', 'export const now = () => Date.now();')).toEqual([]);
    expect(complaints('cli/dr.ts', 'setTimeout(() => undefined, 1);')).toEqual([]);
  });
});

describe('the rules about names, lengths and places', () => {
  it.each([
    'shared/utils/a.ts',
    'shared/core/string-helpers.ts',
    'cli/common.ts',
    'shared/engine/lease-manager.ts',
    'test/utils.test.ts',
  ])('refuses the empty name in %s', (path) => {
    expect(nameComplaints(path)).toEqual([expect.stringContaining('says nothing; name the subject')]);
  });

  it('refuses barrels and drawers of types, and allows names of products and words that only contain an empty one', () => {
    expect(nameComplaints('shared/core/index.ts')).toHaveLength(1);
    expect(nameComplaints('shared/core/types.ts')).toHaveLength(1);
    expect(nameComplaints('functions/index.ts')).toEqual([]);
    expect(nameComplaints('shared/providers/secret-manager.ts')).toEqual([]);
    expect(nameComplaints('shared/core/common-ancestor.ts')).toEqual([]);
  });

  it('counts lines and not the last line break', () => {
    expect(lengthComplaints('a.ts', 'x\n'.repeat(400))).toEqual([]);
    expect(lengthComplaints('a.ts', 'x\n'.repeat(401))).toEqual([
      'a.ts has 401 lines; divide it by subject before it passes 400',
    ]);
  });

  it('finds machine folders and registries, and lets ordinary addresses pass', () => {
    const folder = ['', 'home', 'ann', 'project'].join('/');
    const address = ['https:/', 'registry.example.com', 'x.tgz'].join('/');
    expect(placeComplaints('a.md', `fine\nsee ${folder}`)).toEqual([
      expect.stringMatching(/^a\.md:2 names .*, a folder of one machine$/),
    ]);
    expect(placeComplaints('a.sh', `npm i ${address}`)).toHaveLength(1);
    expect(placeComplaints('.npmrc', ['registry', 'http://127.0.0.1'].join('='))).toHaveLength(1);
    expect(placeComplaints('a.md', 'https://example.com/home/page and the functions-framework/testing')).toEqual([]);
  });

  it('finds an optional build without an entry, and a download address', () => {
    const lock = {
      packages: {
        '': {},
        'node_modules/tool': {
          resolved: 'somewhere',
          optionalDependencies: { 'tool-linux': '1.0.0', 'tool-mac': '1.0.0' },
        },
        'node_modules/tool-linux': {},
      },
    };
    expect(lockComplaints(lock)).toEqual([
      'package-lock.json: node_modules/tool says where it was downloaded from',
      'package-lock.json: no entry for tool-mac, an optional build of node_modules/tool; npm ci will refuse',
    ]);
  });
});

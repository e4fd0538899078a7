import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { freePort } from '../../sandbox/host/free-port.ts';
import { bundleFunctions } from '../../scripts/bundle-functions.ts';
import { partOf } from '../../scripts/bundle-parts.ts';

// A bundle is compiled by `gcp-build` where Google's buildpack builds it: the script is run here as it is run there, but for the network,
// and the function is started by the framework's own main.

/** Loads every part, and says of how many what was compiled lay there, and which of it was refused. */
const LOAD_EACH = `
  import { readdirSync } from 'node:fs';
  import { partsIn } from './parts.mjs';
  const parts = partsIn(process.cwd());
  const names = ['main.js', ...readdirSync('chunks').filter((name) => name.endsWith('.js')).map((name) => 'chunks/' + name)];
  for (const name of names) parts.load(name);
  console.log(JSON.stringify({ parts: names.length, refused: parts.refused().length }));
`;

/** Writes down whom the process speaks to. */
const WATCH = `
  import { appendFileSync } from 'node:fs';
  import net from 'node:net';
  const { connect } = net.Socket.prototype;
  net.Socket.prototype.connect = function (...given) {
    const [first] = given;
    const { host, port, path } = Array.isArray(first) ? first[0] : first;
    appendFileSync(process.env.SPOKEN_TO, (path ?? host + ' ' + port) + '\\n');
    return connect.apply(this, given);
  };
`;

const refusedWire = z.object({ cause: z.object({ code: z.literal('ECONNREFUSED') }) });

/** Passes over a refused connection, which is all that there is of a function that is starting; every other failure is one. */
function notListeningYet(error: unknown): undefined {
  if (!refusedWire.safeParse(error).success) throw error;
}

interface Loaded {
  readonly parts: number;
  readonly refused: number;
}

describe('a bundle that is compiled where it is deployed', () => {
  let out: string;
  let directory: string;
  let said: string;

  beforeAll(async () => {
    out = mkdtempSync(join(tmpdir(), 'dr-compile-'));
    directory = join(out, 'status');
    await bundleFunctions(process.cwd(), ['classify', 'status'], out);
    // What the buildpack installs.
    symlinkSync(resolve('node_modules'), join(out, 'node_modules'));
    // An installation's own settings, which are none of its business.
    const env = { ...process.env, DR_STORE: '/nowhere', GOOGLE_APPLICATION_CREDENTIALS: '/nowhere' };
    said = execFileSync(process.execPath, ['compile.mjs'], { cwd: directory, env, encoding: 'utf8' });
  }, 180_000);

  afterAll(() => rmSync(out, { recursive: true, force: true }));

  const compiled = (): readonly string[] =>
    readdirSync(join(directory, 'chunks')).filter((name) => name.endsWith('.compiled'));

  const loaded = (...flags: string[]): Loaded =>
    JSON.parse(
      execFileSync(process.execPath, [...flags, '--input-type=module', '-e', LOAD_EACH], {
        cwd: directory,
        encoding: 'utf8',
      }),
    );

  /** What the function answers, started as the platform starts it. */
  async function answered(): Promise<string> {
    const port = String(await freePort());
    const main = resolve('node_modules/@google-cloud/functions-framework/build/src/main.js');
    const config = join(out, 'dr.json');
    const told: { config: string } = JSON.parse(readFileSync(join(directory, 'compile.json'), 'utf8'));
    writeFileSync(config, told.config);
    const child = spawn(process.execPath, [main, `--source=${directory}`, '--target=status', '--signature-type=http'], {
      env: { PORT: port, NODE_ENV: 'production', DR_CONFIG: config, DR_STORE: join(out, 'state.sqlite') },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const gone = once(child, 'exit');
    try {
      for (;;) {
        const response = await fetch(`http://127.0.0.1:${port}/status.json`).catch(notListeningYet);
        if (response !== undefined) return `${response.status} ${await response.text()}`;
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      }
    } finally {
      child.kill('SIGKILL');
      await gone;
    }
  }

  it('has what V8 made of every part, its clients’ too, which V8 takes with the heap that a function is given', () => {
    expect(said).toMatch(/^compiled \d{7} bytes$/m);
    expect(compiled()).toContainEqual(expect.stringMatching(/^firestore-library-/));
    const all = { parts: compiled().length + 1, refused: 0 };
    expect(loaded()).toEqual(all);
    expect(loaded('--max-old-space-size=512')).toEqual(all);
  }, 60_000);

  it('compiles what is read where V8 has other flags, and where what was compiled is torn', () => {
    expect(loaded('--no-opt').refused).toBeGreaterThan(10);
    const [first = ''] = compiled();
    const file = join(directory, 'chunks', first);
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    try {
      expect(loaded().refused).toBe(1);
    } finally {
      writeFileSync(file, whole);
    }
  }, 60_000);

  it('speaks to nobody outside the process while it is compiled, whatever it would speak to', () => {
    const [watch, spokenTo] = [join(out, 'watch.mjs'), join(out, 'spoken-to')];
    writeFileSync(watch, WATCH);
    const env = { ...process.env, NODE_OPTIONS: `--import ${watch}`, SPOKEN_TO: spokenTo };
    // A configuration that knows other machines, as one may that this does not foresee.
    const file = join(out, 'classify/compile.json');
    const told: { config: string } = JSON.parse(readFileSync(file, 'utf8'));
    const config: { endpoints: { google: Record<string, string> } } = JSON.parse(told.config);
    config.endpoints.google['monitoring'] = 'http://127.0.0.2:1';
    writeFileSync(file, JSON.stringify({ ...told, config: JSON.stringify(config) }));
    execFileSync(process.execPath, ['compile.mjs'], { cwd: join(out, 'classify'), env, stdio: 'pipe' });
    const hosts = readFileSync(spokenTo, 'utf8').trim().split('\n');
    // Its identity, Firestore, the APIs of Google, and us.
    expect(new Set(hosts).size).toBeGreaterThanOrEqual(3);
    expect(hosts.filter((host) => !host.startsWith('127.0.0.1 '))).toEqual([]);
    const clients = readdirSync(join(out, 'classify/chunks')).filter((name) => /-client-.*\.compiled$/.test(name));
    for (const name of ['sql', 'run', 'monitoring', 'container', 'kubernetes', 'pubsub'])
      expect(clients).toContainEqual(expect.stringMatching(`^${name}-client-`));
  }, 90_000);

  it('answers as it does when nothing was compiled', async () => {
    const answer = await answered();
    expect(answer).toMatch(/^200 \{/);
    for (const name of compiled()) rmSync(join(directory, 'chunks', name));
    rmSync(join(directory, 'main.js.compiled'));
    expect(await answered()).toBe(answer);
  }, 60_000);

  it('is deployed all the same when it can’t be run, and says why', () => {
    const file = join(directory, 'compile.json');
    const told = readFileSync(file, 'utf8');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(told), config: '{}' }));
    try {
      const words = execFileSync(process.execPath, ['compile.mjs'], {
        cwd: directory,
        encoding: 'utf8',
        stdio: 'pipe',
      });
      expect(words).toMatch(/^compiled \d+ bytes$/m);
    } finally {
      writeFileSync(file, told);
    }
  }, 60_000);
});

describe('a part of a bundle', () => {
  const map = JSON.stringify({ version: 3, sources: ['../../shared/a.ts'], names: [], mappings: 'AAAA' });

  it('asks the same loader for what it imports, now or later, and knows files by their places in the checkout', async () => {
    const text = `import { a } from './b.js'; export const later = () => import('./c.js'); export const now = a;`;
    const part = await partOf('chunks/d.js', text, map);
    expect(part.code).toMatch(/^\(function\(exports,require,module,__filename,__dirname\)\{/);
    expect(part.code).toContain('require("./b.js")');
    expect(part.code).toContain('require("./c.js")');
    expect(part.code).not.toMatch(/\bimport\(/);
    expect(JSON.parse(part.map).sources).toEqual(['../../shared/a.ts']);
  });

  it.each([
    ['waits at its top', 'export const a = await Promise.resolve(1);'],
    ['asks where it is', 'export const a = import.meta.url;'],
  ])('can’t be made of a module that %s', async (_kind, text) => {
    await expect(partOf('chunks/d.js', text, map)).rejects.toThrow();
  });
});

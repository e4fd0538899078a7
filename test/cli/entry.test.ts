import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { complaintAbout } from '../../cli/require-node.js';
import { besideSilence } from './silent-server.ts';

const DR = join(import.meta.dirname, '../../dr');

describe('the dr command', () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'dr-entry-')));
    for (const name of ['bare', 'with a space/node_modules/.bin', 'links'])
      mkdirSync(join(folder, name), { recursive: true });
    copyFileSync(DR, join(folder, 'bare/dr'));
    copyFileSync(DR, join(folder, 'with a space/dr'));
    // Stands for Node: says what it was asked to run, and where.
    const node = join(folder, 'with a space/node_modules/.bin/node');
    writeFileSync(node, '#!/bin/sh\nprintf "%s\\n" "$PWD" "$@"\nexit 3\n');
    chmodSync(node, 0o755);
    symlinkSync('../with a space/dr', join(folder, 'links/relative'));
    symlinkSync(join(folder, 'links/relative'), join(folder, 'links/dr'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (command: string, ...args: readonly string[]) =>
    spawnSync(join(folder, command), args, { cwd: folder, encoding: 'utf8' });

  it('says what to run before anything is installed', () => {
    const { status, stdout, stderr } = run('bare/dr', 'status');
    expect(stderr).toBe(
      `dr: not installed yet. Run "npm ci" in ${join(folder, 'bare')} first (not with --ignore-scripts).\n`,
    );
    expect([status, stdout]).toEqual([2, '']);
  });

  it.each(['with a space/dr', 'links/dr'])('runs its own Node as %s, in the folder of the caller', (command) => {
    const { status, stdout } = run(command, 'show', 'two words', '--json');
    const program = join(folder, 'with a space/cli/dr.ts');
    const asked = ['--disable-warning=ExperimentalWarning', program, 'show', 'two words', '--json'];
    expect(stdout.trimEnd().split('\n')).toEqual([folder, ...asked]);
    expect(status).toBe(3);
  });
});

describe('a reader who has seen enough', () => {
  it('ends the command quietly', () => {
    const { status, stderr } = spawnSync('sh', ['-c', `("$0" --help; echo "ended with $?" >&2) | true`, DR], {
      encoding: 'utf8',
    });
    expect([status, stderr.trim()]).toEqual([0, 'ended with 0']);
  });
});

describe('the check of the Node version', () => {
  it('names the version it found and what to run', () => {
    expect(complaintAbout('20.20.2')).toMatch(/needs Node 24 or newer, and this is Node 20\.20\.2\. Run "npm ci"/);
    expect(complaintAbout('22.18.0')).toBeDefined();
  });

  it('is silent from Node 24 on', () => {
    expect(complaintAbout('24.0.0')).toBeUndefined();
    expect(complaintAbout('100.1.0')).toBeUndefined();
  });
});

describe('a store that does not answer', () => {
  it('ends the command with what it was about, and 4', async () => {
    const { status, stdout, stderr } = await besideSilence((port) =>
      spawnSync(DR, ['incidents', '--store', `firestore:p/(default)@127.0.0.1:${port}`], { encoding: 'utf8' }),
    );
    expect([status, stdout, stderr]).toEqual([4, '', 'dr: listing incidents: retryable (timeout)\n']);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sandboxConfig } from '../../sandbox/host/sandbox-config.ts';
import { GOOGLE_APIS } from '../../shared/providers/google-call.ts';
import { readEnvironment } from '../../shared/wiring/environment.ts';

const storeOf = (env: Readonly<Record<string, string>>) => readEnvironment({ DR_CONFIG: 'dr.yaml', ...env }).store;

describe('the store that the environment names', () => {
  it('is a file where a path stands', () => {
    expect(storeOf({ DR_STORE: '.dr/store.sqlite' })).toEqual({ kind: 'sqlite', path: '.dr/store.sqlite' });
    expect(storeOf({ DR_STORE: './firestore:dr' })).toEqual({ kind: 'sqlite', path: './firestore:dr' });
  });

  it.each(['(default)', 'dr', 'dr-autopilot-2'])('is the Firestore database %s', (database) => {
    expect(storeOf({ DR_STORE: `firestore:${database}` })).toEqual({ kind: 'firestore', database });
  });

  it('is Google’s emulator where its own variable says so', () => {
    expect(storeOf({ DR_STORE: 'firestore:dr', FIRESTORE_EMULATOR_HOST: '127.0.0.1:8080' })).toEqual({
      kind: 'firestore',
      database: 'dr',
      emulator: '127.0.0.1:8080',
    });
  });

  it.each([
    ['no name', { DR_STORE: 'firestore:' }, 'no name of a Firestore database'],
    ['a name that Google refuses', { DR_STORE: 'firestore:Dr_1' }, 'no name of a Firestore database'],
    ['an emulator without a port', { DR_STORE: 'firestore:dr', FIRESTORE_EMULATOR_HOST: 'http://x' }, 'host:port'],
    ['nothing', {}, 'DR_STORE'],
  ])('is refused with a sentence when it says %s', (_what, env, sentence) => {
    expect(() => storeOf(env)).toThrow(sentence);
  });
});

describe('a scaled clock', () => {
  let folder: string;
  let config: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dr-environment-'));
    config = join(folder, 'dr.yaml');
    const nobody = 'http://127.0.0.1:1';
    const google = Object.fromEntries(GOOGLE_APIS.map((api) => [api, nobody]));
    const endpoints = { google, kubernetes: {}, hosts: {}, dataPlane: {}, postgres: {}, approve: [nobody] };
    writeFileSync(config, sandboxConfig(readFileSync('dr.yaml', 'utf8'), endpoints));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const scaled = (env: Readonly<Record<string, string>>) => () =>
    readEnvironment({ DR_CONFIG: config, DR_CLOCK_RATE: '20', ...env });

  it('is for stores of this machine, since leases would end in a fraction of their time', () => {
    expect(scaled({ DR_STORE: 'firestore:dr' })).toThrow('not its emulator');
    expect(scaled({ DR_STORE: 'firestore:dr', FIRESTORE_EMULATOR_HOST: 'dr.example:80' })).toThrow('not its emulator');
    expect(scaled({ DR_STORE: 'firestore:dr', FIRESTORE_EMULATOR_HOST: '127.0.0.1:80' })().clock.rate).toBe(20);
    expect(scaled({ DR_STORE: 'store.sqlite' })().clock.rate).toBe(20);
  });
});

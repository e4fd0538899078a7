import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { blankImage } from '../../sandbox/postgres/blank-image.ts';

const MADE = new Uint8Array([1, 2, 3]);

let folder: string;
let times = 0;
const make = async (): Promise<Uint8Array> => {
  times += 1;
  return MADE;
};
const bytes = async (statements: readonly string[], packages: URL) => [
  ...(await blankImage(statements, make, packages)),
];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blank-'));
  times = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('The image that engines begin with', () => {
  it('is made once for the same statements, and read from then on', async () => {
    const packages = pathToFileURL(`${folder}/`);

    expect(await bytes(['create role a'], packages)).toEqual([...MADE]);
    expect(await bytes(['create role a'], packages)).toEqual([...MADE]);
    expect(times).toBe(1);
    await bytes(['create role b'], packages);
    expect(times).toBe(2);
    expect(readdirSync(join(folder, '.cache/dr-autopilot')).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('is made each time where nothing can be kept', async () => {
    writeFileSync(join(folder, 'file'), '');
    const packages = pathToFileURL(join(folder, 'file/'));

    expect(await bytes([], packages)).toEqual([...MADE]);
    expect(await bytes([], packages)).toEqual([...MADE]);
    expect(times).toBe(2);
  });
});

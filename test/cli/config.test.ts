import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configCheck } from '../../cli/config.ts';

describe('./dr config check', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dr-config-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('says that a sound file is sound', async () => {
    const ending = await configCheck('dr.yaml', { json: false });

    expect(ending).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ending.stdout).toContain('dr.yaml is sound: CODITECT DMS (coditect-prod)');
  });

  it('prints one object for programs', async () => {
    const { stdout } = await configCheck('dr.yaml', { json: true });

    expect(JSON.parse(stdout)).toMatchObject({ ok: true, file: 'dr.yaml', databases: 1, applications: 3 });
  });

  it('ends with 1 and every fault when a file has faults', async () => {
    const path = join(folder, 'faulty.yaml');
    await writeFile(path, 'version: 2\n');

    const { exitCode, stdout, stderr } = await configCheck(path, { json: true });

    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      faults: expect.arrayContaining([expect.objectContaining({ line: 1 })]),
    });
    expect(stderr).toContain(`${path}:1:10: version`);
  });

  it('ends with 2 when there is no such file, and says what to do', async () => {
    const { exitCode, stderr } = await configCheck(join(folder, 'nowhere.yaml'), { json: false });

    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/there is no such file\. Name another with --config\.\n$/);
  });
});

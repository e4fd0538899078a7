import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createScaledClock, type ScaledClock } from '../../sandbox/world/clock.ts';
import { instant } from '../../shared/core/time.ts';
import { hasGcloud, runGcloud, type Said } from './gcloud.ts';
import { tokenOf } from './sql-sandbox.ts';
import { BUCKET, startStorageSandbox } from './storage-sandbox.ts';

// The real `gcloud storage`, as chapter 6 of the runbook needs it, against the sandbox on loopback.

const suite = hasGcloud() ? describe : describe.skip;

let clock: ScaledClock;
let sandbox: Awaited<ReturnType<typeof startStorageSandbox>>;
let folder: string;

beforeEach(async () => {
  clock = createScaledClock(1, instant(1_767_607_200_000));
  sandbox = await startStorageSandbox(clock);
  folder = await mkdtemp(join(tmpdir(), 'gcloud-storage-'));
});

afterEach(async () => {
  clock.close();
  await sandbox.close();
  await rm(folder, { recursive: true });
});

/** Runs `gcloud storage …`; its exit code and what it printed. */
function storage(...words: readonly string[]): Promise<Said> {
  const variables = {
    CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `http://127.0.0.1:${sandbox.port}/`,
    CLOUDSDK_STORAGE_PROCESS_COUNT: '1',
    CLOUDSDK_STORAGE_THREAD_COUNT: '1',
  };
  return runGcloud(['storage', ...words], { folder, token: tokenOf('operator'), variables });
}

suite('gcloud storage', () => {
  it('lists and downloads a backup, whose checksum it verifies', async () => {
    const content = Buffer.from('rows of the day');
    const description = { contentType: 'application/gzip', metadata: {} };
    sandbox.storage.insert(BUCKET, { name: 'daily/2026-01-05.sql.gz', content, description });
    const path = join(folder, 'backup');

    const listed = await storage('ls', `gs://${BUCKET}/daily/`);
    const copied = await storage('cp', `gs://${BUCKET}/daily/2026-01-05.sql.gz`, path);

    expect(listed).toMatchObject({ code: 0, out: `gs://${BUCKET}/daily/2026-01-05.sql.gz\n` });
    expect(copied).toMatchObject({ code: 0 });
    expect((await readFile(path)).equals(content)).toBe(true);
  }, 120_000);

  it('uploads, holds, refuses to delete what is held, and deletes', async () => {
    const path = join(folder, 'evidence.json');
    await writeFile(path, '{}');
    const url = `gs://${BUCKET}/evidence.json`;

    expect(await storage('cp', path, url)).toMatchObject({ code: 0 });
    expect(await storage('objects', 'update', url, '--temporary-hold')).toMatchObject({ code: 0 });
    const refused = await storage('rm', url);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('is under active Temporary hold');
    expect(await storage('objects', 'update', url, '--no-temporary-hold')).toMatchObject({ code: 0 });
    expect(await storage('rm', url)).toMatchObject({ code: 0 });
    expect(sandbox.storage.list(BUCKET, {})).toEqual([]);
  }, 120_000);

  it("grants a role in the bucket's policy", async () => {
    const granted = await storage(
      'buckets',
      'add-iam-policy-binding',
      `gs://${BUCKET}`,
      '--member=serviceAccount:restore@coditect-prod.iam.gserviceaccount.com',
      '--role=roles/storage.objectViewer',
    );

    expect(granted).toMatchObject({ code: 0 });
    expect(sandbox.storage.bucket(BUCKET).policy.bindings).toEqual([
      {
        role: 'roles/storage.objectViewer',
        members: ['serviceAccount:restore@coditect-prod.iam.gserviceaccount.com'],
      },
    ]);
  }, 120_000);
});

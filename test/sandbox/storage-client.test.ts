import { Storage } from '@google-cloud/storage';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OAuth2Client } from 'google-auth-library';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { instant, minutes, seconds } from '../../shared/core/time.ts';
import { tokenOf } from './sql-sandbox.ts';
import { BUCKET, startStorageSandbox } from './storage-sandbox.ts';

// The client that the product uses, unchanged, against the sandbox on loopback.

let clock: VirtualClock;
let sandbox: Awaited<ReturnType<typeof startStorageSandbox>>;

beforeEach(async () => {
  clock = createVirtualClock(instant(1_767_607_200_000));
  sandbox = await startStorageSandbox(clock);
});

afterEach(async () => {
  await sandbox.close();
});

function bucketAs(name: Parameters<typeof tokenOf>[0] = 'operator') {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: tokenOf(name), expiry_date: 32_503_680_000_000 });
  // The package brings an auth library of its own, whose classes are others to the compiler.
  const own = { projectId: 'coditect-prod', authClient } as unknown as object;
  return new Storage({
    ...own,
    apiEndpoint: `http://127.0.0.1:${sandbox.port}`,
    useAuthWithCustomEndpoint: true,
    retryOptions: { autoRetry: false },
  }).bucket(BUCKET);
}

/** The HTTP status with which a call is refused. */
async function statusOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return (error as { code: unknown }).code; // the client's ApiError
  }
  throw new Error('it was not refused');
}

const simple = { resumable: false } as const;

describe('@google-cloud/storage', () => {
  it('writes an object and reads it back with its checksums', async () => {
    const file = bucketAs().file('daily/2026-01-05.sql.gz');

    await file.save(Buffer.from('rows'), { ...simple, metadata: { metadata: { database: 'dms' } } });

    const [content] = await file.download();
    expect(content.toString()).toBe('rows');
    const [metadata] = await file.getMetadata();
    expect(metadata).toMatchObject({
      name: 'daily/2026-01-05.sql.gz',
      size: '4',
      crc32c: 'r5sJTQ==',
      metadata: { database: 'dms' },
    });
    expect(metadata.md5Hash).toBe('3zR6NzuPkqoK492SCl7C9g==');
  });

  it('sends a large object in a session of several parts', async () => {
    const content = Buffer.alloc(300_000, 'rows and more rows, ');
    const file = bucketAs().file('large.sql');

    // Against an address of our own the client opens a session with our token only when it is asked for one by itself.
    const [uri] = await file.createResumableUpload();
    await file.save(content, { resumable: true, uri, chunkSize: 256 * 1024 });

    const [read] = await file.download();
    expect(read.equals(content)).toBe(true);
  });

  it('reads a part of an object', async () => {
    const file = bucketAs().file('a.sql');
    await file.save('0123456789', simple);

    const [part] = await file.download({ start: 2, end: 4, validation: false });

    expect(part.toString()).toBe('234');
  });

  it('lists by prefix, by folder and by page', async () => {
    for (const name of ['daily/a', 'daily/b', 'hourly/a', 'readme']) await bucketAs().file(name).save(name, simple);

    const [daily] = await bucketAs().getFiles({ prefix: 'daily/' });
    const [top, , raw] = await bucketAs().getFiles({ delimiter: '/', autoPaginate: false });
    const [page, next] = await bucketAs().getFiles({ maxResults: 3, autoPaginate: false });

    expect(daily.map(({ name }) => name)).toEqual(['daily/a', 'daily/b']);
    expect(top.map(({ name }) => name)).toEqual(['readme']);
    expect(raw).toMatchObject({ prefixes: ['daily/', 'hourly/'] });
    expect(page).toHaveLength(3);
    const [rest] = await bucketAs().getFiles({ ...next, autoPaginate: false });
    expect(rest.map(({ name }) => name)).toEqual(['readme']);
  });

  it('keeps generations apart: who names one gets that one, or 404', async () => {
    const file = bucketAs().file('a.sql');
    await file.save('first', simple);
    const first = Number((await file.getMetadata())[0].generation);
    await file.save('second', simple);

    expect(await statusOf(bucketAs().file('a.sql', { generation: first }).download())).toBe(404);
    expect((await file.download())[0].toString()).toBe('second');
  });

  it('keeps the replaced generation where the bucket has versions', async () => {
    sandbox.storage.patchBucket(BUCKET, { versioning: true });
    const file = bucketAs().file('a.sql');
    await file.save('first', simple);
    const first = Number((await file.getMetadata())[0].generation);
    await file.save('second', simple);
    await file.delete();

    const [content] = await bucketAs().file('a.sql', { generation: first }).download();

    expect(content.toString()).toBe('first');
    expect(await statusOf(file.getMetadata())).toBe(404);
    const [all] = await bucketAs().getFiles({ versions: true });
    expect(all).toHaveLength(2);
  });

  it('refuses with 412 what was decided on another generation or metageneration', async () => {
    const file = bucketAs().file('a.sql');
    await file.save('first', { ...simple, preconditionOpts: { ifGenerationMatch: 0 } });

    expect(await statusOf(file.save('again', { ...simple, preconditionOpts: { ifGenerationMatch: 0 } }))).toBe(412);
    await file.setMetadata({ temporaryHold: true }, { ifMetagenerationMatch: 1 });
    expect(await statusOf(file.setMetadata({ temporaryHold: false }, { ifMetagenerationMatch: 1 }))).toBe(412);
  });

  it('keeps what is held or retained from being deleted and replaced', async () => {
    const file = bucketAs().file('evidence.json');
    await file.save('{}', simple);
    await file.setMetadata({ temporaryHold: true });

    expect(await statusOf(file.delete())).toBe(403);
    expect(await statusOf(file.save('other', simple))).toBe(403);

    await file.setMetadata({ temporaryHold: false });
    await bucketAs().setRetentionPeriod(600);
    expect(await statusOf(file.delete())).toBe(403);
    clock.advanceBy(minutes(11));
    await file.delete();
    expect(await statusOf(file.getMetadata())).toBe(404);
  });

  it('begins the retention of an object when its event-based hold is released', async () => {
    await bucketAs().setRetentionPeriod(600);
    const file = bucketAs().file('evidence.json');
    await file.save('{}', simple);
    await file.setMetadata({ eventBasedHold: true });
    clock.advanceBy(minutes(60));
    await file.setMetadata({ eventBasedHold: false });

    expect(await statusOf(file.delete())).toBe(403);
    clock.advanceBy(seconds(601));
    await file.delete();
  });

  it('never shortens or removes a locked retention policy', async () => {
    await bucketAs().setRetentionPeriod(600);
    const [{ metageneration }] = await bucketAs().getMetadata();
    await bucketAs().lock(metageneration ?? '');

    expect(await statusOf(bucketAs().setRetentionPeriod(300))).toBe(403);
    expect(await statusOf(bucketAs().removeRetentionPeriod())).toBe(403);
    await bucketAs().setRetentionPeriod(900);
    expect((await bucketAs().getMetadata())[0].retentionPolicy).toMatchObject({
      retentionPeriod: '900',
      isLocked: true,
    });
  });

  it('copies an object, of the generation that is asked for', async () => {
    const file = bucketAs().file('a.sql');
    await file.save('rows', simple);

    await file.copy(bucketAs().file('evidence/a.sql'), { preconditionOpts: { ifGenerationMatch: 0 } });

    expect((await bucketAs().file('evidence/a.sql').download())[0].toString()).toBe('rows');
  });

  it('denies by default, and lets in whom the policy of the bucket names', async () => {
    await bucketAs().file('a.sql').save('rows', simple);
    expect(await statusOf(bucketAs('notify').file('a.sql').download())).toBe(403);
    const [policy] = await bucketAs().iam.getPolicy();
    policy.bindings.push({
      role: 'roles/storage.objectViewer',
      members: ['serviceAccount:dr-notify@coditect-prod.iam.gserviceaccount.com'],
    });

    await bucketAs().iam.setPolicy(policy);

    expect((await bucketAs('notify').file('a.sql').download())[0].toString()).toBe('rows');
    expect(await statusOf(bucketAs('notify').file('b.sql').save('rows', simple))).toBe(403);
    expect(await statusOf(bucketAs().iam.setPolicy(policy))).toBe(412);
  });

  it('refuses to replace an object for who may only create', async () => {
    await bucketAs().file('a.sql').save('rows', simple);
    sandbox.iam.grant('dr-notify@coditect-prod.iam.gserviceaccount.com', ['storage.objects.create']);

    await bucketAs('notify').file('b.sql').save('rows', simple);

    expect(await statusOf(bucketAs('notify').file('a.sql').save('other', simple))).toBe(403);
  });

  it('refuses a content that is not what its writer computed', async () => {
    const file = bucketAs().file('a.sql');

    expect(await statusOf(file.save('rows', { ...simple, validation: false, metadata: { crc32c: 'AAAAAA==' } }))).toBe(
      400,
    );
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_ROW_FILES } from '../../sandbox/world/reference-world.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { minutes } from '../../shared/core/time.ts';
import { createCloudSqlBackups } from '../../shared/providers/cloud-sql-backups.ts';
import { createCloudStorageRowFiles } from '../../shared/providers/cloud-storage-row-files.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createRowServers, createServerAddresses } from '../../shared/providers/row-servers.ts';
import { createSecretManagerSecrets } from '../../shared/providers/secret-manager-secrets.ts';
import { instanceName } from '../../shared/system/names.ts';
import { startSandbox } from './sandbox-world.ts';

// Files with rows, where rows are reached, and the end of a copy: the real clients against the sandbox, each with the identity of one
// of our functions.

const PLACE = `gs://${REFERENCE_ROW_FILES.name}/rows/inc-a/`;
const PRIMARY = instanceName('coditect-dms-db');
const bytes = (text: string): Uint8Array => Buffer.from(text);
const MAX = 1_000;

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
let classify: GoogleAccess;

beforeAll(async () => {
  sandbox = await startSandbox();
  recover = await sandbox.as('recover');
  classify = await sandbox.as('classify');
});
afterAll(() => sandbox.close());

describe('files with rows', () => {
  it('are written where none is, and never over one', async () => {
    const files = createCloudStorageRowFiles(recover);
    expect(await files.newest(PLACE, 'rows.jsonl')).toBeUndefined();
    const file = await files.create(PLACE, 'rows.jsonl', bytes('one\n'));

    const again = files.create(PLACE, 'rows.jsonl', bytes('two\n'));

    await expect(again).rejects.toMatchObject({ kind: 'conflict', code: 'exists' });
    expect(await files.newest(PLACE, 'rows.jsonl')).toEqual(file);
    expect(file).toMatchObject({ bucket: REFERENCE_ROW_FILES.name, name: 'rows/inc-a/rows.jsonl', bytes: 4 });
  });

  it('are read by their generation, whatever a person has put in their place since', async () => {
    const files = createCloudStorageRowFiles(recover);
    const file = await files.create(PLACE, 'reviewed.jsonl', bytes('as it was\n'));
    const description = { contentType: 'text/plain', metadata: {} };
    sandbox.world.storage.insert(file.bucket, { name: file.name, content: bytes('another\n'), description }, {});

    const newest = await createCloudStorageRowFiles(classify).newest(PLACE, 'reviewed.jsonl');

    expect(newest?.generation).not.toBe(file.generation);
    expect(Buffer.from(await files.read(file, MAX)).toString()).toBe('as it was\n');
  });

  it('that are too large are not read, and who only looks writes none', async () => {
    const files = createCloudStorageRowFiles(recover);
    const file = await files.create(PLACE, 'large.jsonl', bytes('12345'));

    expect(() => files.read(file, 4)).toThrow('tooLarge');
    const written = createCloudStorageRowFiles(classify).create(PLACE, 'mine.jsonl', bytes('1'));
    await expect(written).rejects.toMatchObject({ kind: 'permanent', code: 'forbidden' });
  });
});

describe('rows', () => {
  it('are reached at the port of this machine that is configured, with the login of the secret', async () => {
    const { endpoints } = recover;
    const here = { ...recover, endpoints: { ...endpoints, postgres: { [PRIMARY]: '127.0.0.1:5439' } } };
    const serverOf = createRowServers(createServerAddresses(here), createSecretManagerSecrets(here));

    const server = await serverOf({ instance: PRIMARY, database: 'dms', login: REFERENCE.databaseSecret });

    expect(server).toMatchObject({ host: '127.0.0.1', port: 5_439, user: 'dms', tls: undefined });
    expect(server.password).toBeInstanceOf(SecretText);
  });
});

describe('a copy', () => {
  it('is deleted by recover, and by nobody who only looks', async () => {
    const copies = createCloudSqlBackups(recover);
    const copy = instanceName(REFERENCE.restored);
    await copies.create(copy, await copies.template(PRIMARY), { 'dr-incident': 'inc-a' });
    sandbox.clock.advanceBy(minutes(15));

    const looking = createCloudSqlBackups(classify).remove(copy);
    await expect(looking).rejects.toMatchObject({ kind: 'permanent', code: 'forbidden' });
    await copies.remove(copy);
    sandbox.clock.advanceBy(minutes(15));

    expect(await copies.labels(copy)).toBeUndefined();
  });
});

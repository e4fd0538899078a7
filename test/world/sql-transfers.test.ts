import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { SqlOperation } from '../../sandbox/world/sql-operations.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { answered, BUCKET, createSqlWorld, EAST, PERSON, PRIMARY, REPLICA } from './sql-world.ts';

type World = ReturnType<typeof createSqlWorld>;

const URI = `gs://${BUCKET}/daily/2026-01-05.sql.gz`;

const dump = (uri = URI) => ({
  uri,
  databases: ['dms'],
  fileType: 'SQL' as const,
  offload: false,
  schemaOnly: false,
  selectQuery: undefined,
  tables: [],
});
const load = (uri = URI) => ({ uri, database: 'dms', fileType: 'SQL' as const, table: undefined, columns: [] });

/** Gives an instance's own account a role in the bucket's policy. */
function admit({ storage, fleet }: World, instance: string, role = 'roles/storage.objectAdmin'): void {
  const { bindings } = storage.bucket(BUCKET).policy;
  const member = `serviceAccount:${fleet.instance(instance).serviceAccount}`;
  storage.setPolicy(BUCKET, [...bindings, { role, members: [member] }], undefined);
}

/** A new, empty instance with the database. */
function created(world: World, name = 'restored'): string {
  const draft = { name, region: 'us-central1', databaseVersion: 'POSTGRES_15', settings: {} };
  world.finish(world.admin.insert(PERSON, draft));
  world.finish(world.admin.createDatabase(PERSON, name, 'dms'));
  return name;
}

const failureOf = ({ error }: SqlOperation): string => error?.message ?? '';

describe('an export', () => {
  it('writes the rows of the moment at which it began, under the rights of the instance itself', () => {
    const world = createSqlWorld();
    const before = world.write(PRIMARY) ?? '';

    const refused = world.finish(world.admin.export(PERSON, PRIMARY, dump()));
    admit(world, PRIMARY, 'roles/storage.objectCreator');
    const operation = answered(world.admin.export(PERSON, PRIMARY, dump()));
    world.clock.advanceBy(seconds(10));
    const later = world.write(PRIMARY) ?? '';
    world.clock.advanceBy(minutes(5));

    expect(failureOf(refused)).toContain('does not have storage.objects.create access');
    expect(world.fleet.operations.get(operation.name)).toMatchObject({ status: 'DONE', error: undefined });
    const text = gunzipSync(world.storage.object(BUCKET, 'daily/2026-01-05.sql.gz').content).toString();
    expect(text).toContain(before);
    expect(text).not.toContain(later);
  });

  it('is accepted and fails where the object exists, which stays as it is', () => {
    const world = createSqlWorld();
    admit(world, PRIMARY);
    world.finish(world.admin.export(PERSON, PRIMARY, dump()));
    const { generation } = world.storage.object(BUCKET, 'daily/2026-01-05.sql.gz');

    const second = world.finish(world.admin.export(PERSON, PRIMARY, dump()));

    expect(failureOf(second)).toContain('already exists');
    expect(world.storage.object(BUCKET, 'daily/2026-01-05.sql.gz').generation).toBe(generation);
  });

  it('keeps the instance busy, unless it is offloaded; never two of them at once', () => {
    const world = createSqlWorld();
    admit(world, PRIMARY);
    answered(world.admin.export(PERSON, PRIMARY, { ...dump(), offload: true }));

    expect(world.admin.export(PERSON, PRIMARY, dump(`gs://${BUCKET}/b.sql`))).toMatchObject({ error: { status: 409 } });
    world.finish(world.admin.restart(PERSON, PRIMARY));
    world.clock.advanceBy(minutes(20));
    answered(world.admin.export(PERSON, PRIMARY, dump(`gs://${BUCKET}/c.sql`)));
    expect(world.admin.restart(PERSON, PRIMARY)).toMatchObject({ error: { status: 409 } });
  });

  it('is refused for a stopped instance, and for two tables or two databases', () => {
    const world = createSqlWorld();
    const ask = (draft: object) => world.admin.export(PERSON, PRIMARY, { ...dump(), ...draft });

    expect(ask({ databases: ['dms', 'postgres'] })).toMatchObject({ error: { status: 400 } });
    expect(ask({ tables: ['a', 'b'] })).toMatchObject({ error: { status: 400 } });
    world.finish(world.admin.patch(PERSON, PRIMARY, { activationPolicy: 'NEVER' }));
    expect(ask({})).toMatchObject({ error: { status: 400 } });
  });
});

describe('an import', () => {
  it('brings the rows into another instance, once', () => {
    const world = createSqlWorld();
    admit(world, PRIMARY);
    const row = world.write(PRIMARY) ?? '';
    world.finish(world.admin.export(PERSON, PRIMARY, dump()));
    const name = created(world);
    admit(world, name, 'roles/storage.objectViewer');

    const first = world.finish(world.admin.import(PERSON, name, load()));
    const second = world.finish(world.admin.import(PERSON, name, load()));

    expect(failureOf(first)).toBe('');
    expect(world.has(name, row)).toBe(true);
    expect(failureOf(second)).toContain('already exists');
  });

  it.each([
    ['the account of the instance may not read the bucket', 'nobody', URI, 'storage.objects.get'],
    ['the object is not there', 'restored', `gs://${BUCKET}/nothing.sql`, 'does not exist'],
    ['the archive is cut short', 'restored', `gs://${BUCKET}/short.sql.gz`, 'unexpected end of file'],
    ['the text is no dump', 'restored', `gs://${BUCKET}/notes.sql`, 'does not know the statement'],
  ])('is accepted and fails where %s', (_, admitted, uri, why) => {
    const world = createSqlWorld();
    const name = created(world);
    if (admitted === name) admit(world, name);
    const description = { contentType: 'text/plain', metadata: {} };
    world.storage.insert(BUCKET, { name: 'short.sql.gz', content: Buffer.from('1f8b0800', 'hex'), description });
    world.storage.insert(BUCKET, { name: 'notes.sql', content: Buffer.from('some notes'), description });

    expect(failureOf(world.finish(world.admin.import(PERSON, name, load(uri))))).toContain(why);
  });

  it('needs the database to be there', () => {
    const world = createSqlWorld();
    admit(world, PRIMARY);
    world.finish(world.admin.export(PERSON, PRIMARY, dump()));
    const draft = { name: 'bare', region: 'us-central1', databaseVersion: 'POSTGRES_15', settings: {} };
    world.finish(world.admin.insert(PERSON, draft));
    admit(world, 'bare');

    expect(failureOf(world.finish(world.admin.import(PERSON, 'bare', load())))).toContain('database "dms"');
  });
});

describe('a restore of a backup', () => {
  /** A row, a backup that holds it, and a row after it. */
  function backedUp() {
    const world = createSqlWorld();
    const held = world.write(PRIMARY) ?? '';
    world.finish(world.admin.insertBackup(PERSON, PRIMARY, 'before'));
    const later = world.write(PRIMARY) ?? '';
    const [backup] = answered(world.admin.backups(PERSON, PRIMARY));
    return { world, held, later, draft: { backup: backup?.id ?? '', source: PRIMARY } };
  }

  it('replaces what is in another instance, and leaves the source alone', () => {
    const { world, held, later, draft } = backedUp();
    const name = created(world);

    const done = world.finish(world.admin.restoreBackup(PERSON, name, draft));

    expect(failureOf(done)).toBe('');
    expect(done.type).toBe('RESTORE_VOLUME');
    expect([world.has(name, held), world.has(name, later)]).toEqual([true, false]);
    expect(world.has(PRIMARY, later)).toBe(true);
    expect(answered(world.admin.databases(PERSON, name))).toEqual(['postgres', 'dms']);
  });

  it('is refused for a primary that has replicas, for a replica, and for a backup that is not there', () => {
    const { world, draft } = backedUp();
    const name = created(world);
    const refused = { error: { status: 400 } };

    expect(world.admin.restoreBackup(PERSON, PRIMARY, draft)).toMatchObject(refused);
    expect(world.admin.restoreBackup(PERSON, REPLICA, draft)).toMatchObject(refused);
    expect(world.admin.restoreBackup(PERSON, name, { ...draft, backup: '1' })).toMatchObject(refused);
  });

  it('is no longer possible once the source was deleted, and its backups with it', () => {
    const { world, draft } = backedUp();
    const name = created(world);
    for (const replica of [REPLICA, EAST]) world.finish(world.admin.delete(PERSON, replica));
    world.finish(world.admin.patch(PERSON, PRIMARY, { deletionProtectionEnabled: false }));
    world.finish(world.admin.delete(PERSON, PRIMARY));

    expect(world.admin.restoreBackup(PERSON, name, draft)).toMatchObject({ error: { status: 400 } });
  });
});

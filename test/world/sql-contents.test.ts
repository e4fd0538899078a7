import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { ContentsOutcome, DumpRequest, LoadRequest } from '../../sandbox/world/sql-contents.ts';
import { documentOf, TENANTS, tenantOf } from '../../sandbox/world/sql-schema.ts';
import { createSqlWorld, PERSON, PRIMARY, REPLICA } from './sql-world.ts';

// What files hold of the modelled databases, and how it gets back.

const EVERYTHING: DumpRequest = { kind: 'sql', database: 'dms', tables: [], what: 'everything' };

function arranged(writes = 6) {
  const world = createSqlWorld();
  const ids = Array.from({ length: writes }, () => world.write(PRIMARY) ?? '');
  let said: ContentsOutcome<unknown> | undefined;
  const dump = (instance: string, request: DumpRequest): string => {
    world.fleet.contents.dump(instance, request, (outcome) => (said = outcome));
    return said?.kind === 'done' ? String(said.value) : JSON.stringify(said);
  };
  const load = (instance: string, request: LoadRequest) => {
    world.fleet.contents.load(instance, request, (outcome) => (said = outcome));
    return said;
  };
  const remove = (id: string) =>
    world.servers.write('pods', PRIMARY, {
      kind: 'transaction',
      writer: { user: 'postgres', application: 'psql' },
      changes: [{ kind: 'delete', table: 'documents', before: { id: documentOf(id), request_id: id } }],
    });
  return { ...world, ids, dump, load, remove };
}

const csvOf = (tenant: string): DumpRequest => ({
  kind: 'csv',
  database: 'dms',
  query: `select * from documents where tenant_id = '${tenant}'`,
});

describe('a dump of the modelled database', () => {
  it('has every table with its rows, and is loaded into an instance that has none', () => {
    const world = arranged();
    const { dump, load, fleet, admin, has, ids } = world;
    const text = dump(PRIMARY, EVERYTHING);
    expect(text).toMatch(/^COPY public\.documents \(id, tenant_id, .*\) FROM stdin;$/m);

    world.finish(
      admin.insert(PERSON, { name: 'restored', region: 'us-central1', databaseVersion: 'POSTGRES_15', settings: {} }),
    );
    expect(load('restored', { kind: 'sql', database: 'dms', text })).toMatchObject({ kind: 'failed', code: '3D000' });
    fleet.server('restored').history.databases.add('dms');
    // Three tenants; a document, a version, an event and an audit entry for each write.
    expect(load('restored', { kind: 'sql', database: 'dms', text })).toEqual({
      kind: 'done',
      value: { rows: 3 + 6 * 4 },
    });
    expect(ids.every((id) => has('restored', id))).toBe(true);
    expect(dump('restored', EVERYTHING)).toBe(text);
  });

  it('can be of one customer, as CSV, which brings back what was deleted and nothing else', () => {
    const { dump, load, ids, remove, has, clock } = arranged();
    const [lost = ''] = ids;
    const rows = dump(PRIMARY, csvOf(tenantOf(lost)));
    expect(rows.trimEnd().split('\n')).toHaveLength(ids.filter((id) => tenantOf(id) === tenantOf(lost)).length);
    remove(lost);
    expect(has(PRIMARY, lost)).toBe(false);
    const only = `${rows.split('\n').find((line) => line.includes(lost)) ?? ''}\n`;
    expect(load(PRIMARY, { kind: 'csv', database: 'dms', table: 'documents', columns: [], text: only })).toEqual({
      kind: 'done',
      value: { rows: 1 },
    });
    expect(has(PRIMARY, lost)).toBe(true);
    clock.advanceBy(minutes(1));
    expect(has(REPLICA, lost)).toBe(true);
  });

  it('keeps tabs, quotes, commas and what is missing', () => {
    const { load, dump, servers } = arranged(0);
    const title = 'a\t"b",\\ c\nd';
    const row = {
      id: documentOf('x'),
      tenant_id: TENANTS[0].id,
      request_id: 'x',
      title,
      body: '',
      created_at: 't',
      updated_at: 't',
    };
    servers.write('pods', PRIMARY, {
      kind: 'transaction',
      writer: { user: 'dms', application: '' },
      changes: [{ kind: 'insert', table: 'documents', row }],
    });
    const files = [dump(PRIMARY, EVERYTHING), dump(PRIMARY, csvOf(TENANTS[0].id))];
    servers.write('pods', PRIMARY, {
      kind: 'transaction',
      writer: { user: 'dms', application: '' },
      changes: [{ kind: 'delete', table: 'documents', before: row }],
    });
    load(PRIMARY, { kind: 'csv', database: 'dms', table: 'documents', columns: [], text: files[1] ?? '' });
    expect(dump(PRIMARY, EVERYTHING)).toBe(files[0]);
  });

  it('is refused, where PostgreSQL would, in its words', () => {
    const { dump, load, remove, ids, disasters } = arranged();
    const text = dump(PRIMARY, { ...EVERYTHING, what: 'dataOnly', tables: ['documents'] });
    const again = (where: string) => load(where, { kind: 'sql', database: 'dms', text });
    expect(again(PRIMARY)).toMatchObject({ code: '23505', message: expect.stringContaining('documents_pkey') });
    expect(again(REPLICA)).toMatchObject({ code: '25006' });
    remove(ids[0] ?? '');
    const orphan = `${documentOf('o')},${documentOf('no tenant')},o,t,b,t,t\n`;
    expect(
      load(PRIMARY, { kind: 'csv', database: 'dms', table: 'documents', columns: [], text: orphan }),
    ).toMatchObject({
      code: '23503',
    });
    expect(dump(PRIMARY, { kind: 'csv', database: 'dms', query: 'select * from nothing' })).toContain('42P01');
    expect(dump(PRIMARY, { kind: 'csv', database: 'dms', query: 'select count(*) from documents' })).toContain('0A000');
    disasters.breakZone(PRIMARY, 'refuses');
    expect(dump(PRIMARY, EVERYTHING)).toContain('"code":"connection"');
  });
});

describe('the history of a database', () => {
  it('forgets a document that was deleted, and tells one that says something else', () => {
    const world = arranged(0);
    const { servers, remove, has, fleet, clock } = world;
    const id = world.write(PRIMARY) ?? '';
    const before = { id: documentOf(id), request_id: id };
    servers.write('pods', PRIMARY, {
      kind: 'transaction',
      writer: { user: 'dms', application: 'bulk-import' },
      changes: [{ kind: 'update', table: 'documents', before, row: { ...before, body: 'nonsense' } }],
    });
    const { history } = fleet.server(PRIMARY);
    expect([has(PRIMARY, id), history.isAltered(id)]).toEqual([true, true]);
    remove(id);
    expect([has(PRIMARY, id), history.isAltered(id)]).toEqual([false, false]);
    clock.advanceBy(seconds(10));
    expect(has(REPLICA, id)).toBe(false);
  });

  it('refuses the writes of a customer who is gone, as the foreign key does', () => {
    const { servers } = arranged(0);
    servers.write('pods', PRIMARY, {
      kind: 'transaction',
      writer: { user: 'postgres', application: 'psql' },
      changes: [{ kind: 'delete', table: 'tenants', before: { id: TENANTS[1].id } }],
    });
    const write = (id: string) => servers.write('pods', PRIMARY, { kind: 'application', id });
    expect(write('w/1')).toMatchObject({ kind: 'refusedByServer', message: expect.stringContaining('foreign key') });
    expect(write('w/2')).toMatchObject({ kind: 'written' });
  });
});

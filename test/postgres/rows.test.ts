import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import type { ImportOutcome } from '../../shared/rows/import-set.ts';
import { PRIMARY } from '../world/sql-world.ts';
import { kinds } from './fleet.ts';
import { rowStage } from './row-stage.ts';

// Rows compared and imported on real databases, on each kind of engine. Each test leaves the primary as it found it.

const ENGINE_MS_MAX = 120_000;
const [ACME, BOREALIS] = [TENANTS[0].id, TENANTS[1].id];
const IDS = `select request_id from documents order by 1`;

const resultOf = (outcome: ImportOutcome) => {
  if (outcome.kind === 'refused') throw new Error(`${outcome.code}: ${outcome.detail}`);
  return z
    .object({
      tables: z.array(z.record(z.string(), z.union([z.string(), z.number()]))),
      undo: z.string().nullable(),
      secondReview: z.string().nullable(),
      others: z.number(),
    })
    .parse(JSON.parse(outcome.result));
};

describe.each(kinds())('rows on %s', (_name, kindOf) => {
  let stage: ReturnType<typeof rowStage>;

  beforeAll(async () => {
    stage = rowStage(kindOf());
    for (let written = 0; written < 12; written++) stage.world.write(PRIMARY);
    await stage.sql(PRIMARY, IDS);
    stage.clone('before');
    // It starts now, and no test waits for it.
    await stage.sql('before', 'select 1');
  }, ENGINE_MS_MAX);

  afterAll(() => stage.close(), ENGINE_MS_MAX);

  it(
    'come back for one tenant, in the order of their foreign keys, and nobody else’s are touched',
    async () => {
      const { sql, compare, importText, files, world } = stage;
      const all = await sql(PRIMARY, IDS);
      await sql(PRIMARY, 'delete from documents where tenant_id = $1', [BOREALIS]);
      await sql(PRIMARY, `update documents set title = 'edited since' where tenant_id = $1`, [ACME]);
      const since = world.write(PRIMARY);

      const { text, found } = await compare('before', { tenant: BOREALIS });
      expect(found.tables.map(({ table, missing, changed, added }) => ({ table, missing, changed, added }))).toEqual([
        { table: 'public.tenants', missing: 0, changed: 0, added: 0 },
        { table: 'public.documents', missing: 4, changed: 0, added: 1 },
        { table: 'public.document_versions', missing: 4, changed: 0, added: 1 },
      ]);
      expect(found.tables[1]?.samples.missing[0]?.columns['body']).toEqual({ source: '[hidden]' });

      const result = resultOf(await importText(text));
      expect(result.others).toBe(2);
      expect(result.tables).toEqual([
        expect.objectContaining({ table: 'public.documents', inserted: 4, secondReview: 0 }),
        expect.objectContaining({ table: 'public.document_versions', inserted: 4, secondReview: 0 }),
      ]);
      expect(await sql(PRIMARY, IDS)).toEqual(
        [...all, { request_id: since }].toSorted((a, b) => (a.request_id < b.request_id ? -1 : 1)),
      );
      expect(
        await sql(PRIMARY, `select distinct title from documents where tenant_id = $1 and title ~ 'since'`, [ACME]),
      ).toHaveLength(1);

      const undone = resultOf(await importText(files.get(result.undo ?? '') ?? ''));
      expect(undone.tables).toEqual([
        expect.objectContaining({ table: 'public.document_versions', deleted: 4 }),
        expect.objectContaining({ table: 'public.documents', deleted: 4 }),
      ]);
      expect(resultOf(await importText(files.get(undone.undo ?? '') ?? '')).tables).toHaveLength(2);
      await sql(PRIMARY, `update documents set title = 'Document ' || request_id where tenant_id = $1`, [ACME]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'are imported once, and a repeat answers the same',
    async () => {
      const { sql, compare, importText, files } = stage;
      await sql(PRIMARY, `update documents set body = 'nonsense' where request_id in ('w-1', 'w-2')`);
      const { text } = await compare('before');
      const first = await importText(text);
      expect(first.kind).toBe('imported');
      await sql(PRIMARY, `update documents set body = 'nonsense' where request_id = 'w-1'`);
      const kept = files.size;
      expect(await importText(text)).toEqual({
        kind: 'already',
        result: resultOf(first) && (first.kind === 'imported' ? first.result : ''),
      });
      expect(files.size).toBe(kept);
      expect(await sql(PRIMARY, `select request_id from documents where body = 'nonsense'`)).toEqual([
        { request_id: 'w-1' },
      ]);
      resultOf(await importText((await compare('before')).text));
    },
    ENGINE_MS_MAX,
  );

  it(
    'that somebody has changed, deleted or made since the review are left for another one',
    async () => {
      const { sql, compare, importText, files } = stage;
      await sql(PRIMARY, `update documents set body = 'nonsense' where request_id in ('w-1', 'w-2', 'w-3')`);
      await sql(PRIMARY, `delete from documents where request_id in ('w-4', 'w-5')`);
      const { text } = await compare('before', { only: ['public.documents'] });
      await sql(PRIMARY, `update documents set body = 'a person’s' where request_id = 'w-1'`);
      await sql(PRIMARY, `delete from documents where request_id = 'w-2'`);
      await sql(
        PRIMARY,
        `insert into documents select id, tenant_id, 'again', title, body, created_at, updated_at from jsonb_populate_record(null::documents, ($1::text)::jsonb)`,
        [
          JSON.stringify(
            (await sql('before', `select to_jsonb(d) as row from documents d where request_id = 'w-4'`))[0]?.row,
          ),
        ],
      );
      // Another document has taken the number of a request that is unique.
      await sql(
        PRIMARY,
        `insert into documents select gen_random_uuid(), tenant_id, 'w-5', title, body, created_at, updated_at from documents where request_id = 'w-6'`,
      );
      const result = resultOf(await importText(text));
      expect(result.tables).toEqual([
        { table: 'public.documents', inserted: 0, updated: 1, deleted: 0, already: 0, secondReview: 4 },
      ]);
      const second = (files.get(result.secondReview ?? '') ?? '')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).because);
      expect(second).toEqual(expect.arrayContaining(['changed', 'gone', 'exists', { refused: '23505' }]));
      expect(await sql(PRIMARY, `select body from documents where request_id = 'w-1'`)).toEqual([
        { body: 'a person’s' },
      ]);
      await sql(PRIMARY, `delete from documents where request_id in ('again', 'w-5')`);
      resultOf(await importText((await compare('before')).text));
    },
    ENGINE_MS_MAX,
  );

  it(
    'raise a sequence past what is brought back, and never lower it',
    async () => {
      const { sql, importText, compare, clone } = stage;
      await sql(
        PRIMARY,
        `insert into document_versions (document_id, version, body, created_at) select id, 2, body, now() from documents limit 3`,
      );
      clone('numbered');
      const odd = `(select max(id) from document_versions where id % 2 = 1)`;
      const [{ most }] = (await sql(PRIMARY, `select ${odd} as most`)) as [{ most: string }];
      await sql(PRIMARY, `delete from document_versions where version = 2`);
      await sql(PRIMARY, `select setval('document_versions_id_seq', 1, false)`);
      resultOf(await importText((await compare('numbered')).text));
      const next = await sql(PRIMARY, `select nextval('document_versions_id_seq') as next`);
      expect(next).toEqual([{ next: String(Number(most) + 2) }]);
      await sql(PRIMARY, `select setval('document_versions_id_seq', 901)`);
      await sql(PRIMARY, `delete from document_versions where version = 2`);
      resultOf(await importText((await compare('numbered')).text));
      expect(await sql(PRIMARY, `select nextval('document_versions_id_seq') as next`)).toEqual([{ next: '903' }]);
      await sql(PRIMARY, `delete from document_versions where version = 2`);
    },
    ENGINE_MS_MAX,
  );

  it(
    'of a set whose commit is forbidden, or whose session ends, stay as they were, and no record is left',
    async () => {
      const { sql, compare, importText } = stage;
      await sql(PRIMARY, `update documents set body = 'nonsense' where request_id = 'w-1'`);
      const { text } = await compare('before');
      const mayGoOn = async (): Promise<void> => {
        throw new Error('the lease is lost');
      };
      await expect(importText(text, { mayGoOn })).rejects.toThrow('the lease is lost');
      expect(await sql(PRIMARY, `select body from documents where request_id = 'w-1'`)).toEqual([{ body: 'nonsense' }]);
      expect((await importText(text)).kind).toBe('imported');
    },
    ENGINE_MS_MAX,
  );

  it(
    'are read by nobody whose password the copy does not know, which is said as that',
    async () => {
      const { rows, place } = stage;
      const asked = rows.reading({ ...place('before'), login: 'another' }, (reader) => reader.schema());

      await expect(asked).rejects.toMatchObject({ kind: 'permanent', code: 'passwordRefused' });
    },
    ENGINE_MS_MAX,
  );
});

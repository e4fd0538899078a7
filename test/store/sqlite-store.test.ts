import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, instant, minutes } from '../../shared/core/time.ts';
import { sha256 } from '../../shared/core/digest.ts';
import { openConnection } from '../../shared/store/sqlite-connection.ts';
import { DUE_SQL, OPEN_ABOUT_SQL, OPEN_SQL } from '../../shared/store/sqlite-log.ts';
import { migrate, MIGRATIONS } from '../../shared/store/sqlite-schema.ts';
import { openSqliteStore } from '../../shared/store/sqlite-store.ts';
import { append, endOf, FIRE, idsOf, prepared, signal } from '../contracts/store-arranged.ts';
import { storeContract } from '../contracts/store.ts';
import { tamper, withFile, withStoreAt } from './sqlite-file.ts';

storeContract('the SQLite store', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'dr-store-')), 'dr.sqlite');
  let now = instant(1_764_000_000_000);
  const store = openSqliteStore({ path, clock: { now: () => now } });
  return {
    store,
    advance: (ms) => {
      now = after(now, ms);
    },
    close: () => {
      store.close();
      rmSync(dirname(path), { recursive: true });
    },
  };
});

describe('a store in a file', () => {
  it('is there again after it was closed', () =>
    withFile(async (path) => {
      await withStoreAt(path, async (store) => {
        await append(store.log, prepared({ ids: ['a'] }));
        await store.log.receive(signal('s'));
      });
      await withStoreAt(path, async (store) => {
        expect(await idsOf(store, FIRE)).toEqual(['a']);
        expect(await store.log.receive(signal('s'))).toBe('duplicate');
      });
    }));

  it('shows each of two open instances what the other wrote, and gives a race one winner', () =>
    withFile((path) =>
      withStoreAt(path, (one) =>
        withStoreAt(path, async (two) => {
          const outcomes = [
            await append(one.log, prepared({ ids: ['one'] })),
            await append(two.log, prepared({ ids: ['two'] })),
          ];
          expect(outcomes.map(({ kind }) => kind)).toEqual(['appended', 'lost']);
          expect(await idsOf(two, FIRE)).toEqual(['one']);
          await append(two.log, prepared({ after: await endOf(two, FIRE), ids: ['two'] }));
          expect(await idsOf(one, FIRE)).toEqual(['one', 'two']);
        }),
      ),
    ));

  it('can be read by nobody but its owner', () =>
    withFile((path) =>
      withStoreAt(path, async (store) => {
        await append(store.log, prepared({}));
        const modes = [path, `${path}-wal`, `${path}-shm`].map((file) => statSync(file).mode & 0o777);
        expect(modes).toEqual([0o600, 0o600, 0o600]);
      }),
    ));

  it('finds what is due by an index, not by a scan', () =>
    withFile((path) =>
      withStoreAt(path, async () => {
        const database = new DatabaseSync(path);
        const [plan, ...more] = database.prepare(`EXPLAIN QUERY PLAN ${DUE_SQL}`).all(0, 10);
        database.close();
        expect(plan?.['detail']).toBe('SEARCH heads USING INDEX heads_due (due_at<?)');
        expect(more).toEqual([]);
      }),
    ));

  it('finds open incidents by an index, so that past ones cost nothing', () =>
    withFile((path) =>
      withStoreAt(path, async () => {
        const database = new DatabaseSync(path);
        const plan = (sql: string, ...values: (string | number)[]) =>
          database
            .prepare(`EXPLAIN QUERY PLAN ${sql}`)
            .all(...values)
            .map((row) => row['detail']);
        const [open, about] = [plan(OPEN_SQL, 10), plan(OPEN_ABOUT_SQL, 'target', 10)];
        database.close();
        expect(open).toEqual(['SCAN heads USING INDEX heads_open']);
        expect(about).toEqual([
          'SEARCH open_about USING PRIMARY KEY (target=?)',
          'SEARCH heads USING INDEX sqlite_autoindex_heads_1 (incident=?)',
          'USE TEMP B-TREE FOR ORDER BY',
        ]);
      }),
    ));

  it('does not keep a signal twice once it is in the log', () =>
    withFile((path) =>
      withStoreAt(path, async (store) => {
        await store.log.receive(signal('s'));
        await append(store.log, prepared({ absorbed: ['s'] }));
        const database = new DatabaseSync(path);
        const row = database.prepare('SELECT key, signal, absorbed_by FROM inbox').get();
        database.close();
        expect(row).toEqual({ key: 's', signal: null, absorbed_by: FIRE });
      }),
    ));
});

describe('a file that somebody else uses or changed', () => {
  it('asks to try again while another writer has it, and lets readers read', () =>
    withFile((path) =>
      withStoreAt(
        path,
        async (store) => {
          await append(store.log, prepared({ ids: ['a'] }));
          const other = new DatabaseSync(path);
          other.exec('BEGIN IMMEDIATE');

          const next = prepared({ after: await endOf(store, FIRE), ids: ['b'] });
          await expect(append(store.log, next)).rejects.toMatchObject({ kind: 'retryable', code: 'busy' });
          expect(await idsOf(store, FIRE)).toEqual(['a']);

          other.exec('ROLLBACK');
          other.close();
          expect(await append(store.log, next)).toEqual({ kind: 'appended' });
        },
        { busyTimeoutMs: 5 },
      ),
    ));

  it.each<readonly [string, string, 'log' | 'head' | 'inbox' | 'lease' | 'document' | 'evidence']>([
    ['an event', "UPDATE events SET data = '{'", 'log'],
    ['an event', "UPDATE events SET at = 'yesterday'", 'log'],
    ['a head', "UPDATE heads SET hash = 'x'", 'head'],
    ['a waiting signal', "UPDATE inbox SET signal = '[]'", 'inbox'],
    ['a lease', 'UPDATE leases SET token = 0', 'lease'],
    ['a document', "UPDATE documents SET value = '{'", 'document'],
    ['evidence', "UPDATE evidence SET content = 'forged'", 'evidence'],
  ])('does not hand out %s that is no longer what it wrote: %s', (_what, statement, part) =>
    withFile((path) =>
      withStoreAt(path, async (store) => {
        await append(store.log, prepared({}));
        await store.log.receive(signal('s'));
        await store.leases.acquire('lease', 'ann', minutes(1));
        await store.documents.put('document', 1, 0);
        await store.evidence.keep('seen');
        tamper(path, statement);
        const reads = {
          log: () => store.log.read(FIRE, 0, 1),
          head: () => store.log.head(FIRE),
          inbox: () => store.log.waiting(FIRE, 1),
          lease: () => store.leases.read('lease'),
          document: () => store.documents.get('document'),
          evidence: () => store.evidence.read(sha256('seen')),
        };
        await expect(reads[part]()).rejects.toMatchObject({ kind: 'permanent', code: 'corrupt' });
      }),
    ),
  );

  it('refuses to write where a head was removed and its events were not', () =>
    withFile((path) =>
      withStoreAt(path, async (store) => {
        await append(store.log, prepared({ ids: ['a'] }));
        tamper(path, 'DELETE FROM heads');
        await expect(append(store.log, prepared({ ids: ['b'] }))).rejects.toMatchObject({
          kind: 'permanent',
          code: 'constraint',
        });
        expect(await idsOf(store, FIRE)).toEqual(['a']);
      }),
    ));

  it('is not opened when it is no database, or lies nowhere', () =>
    withFile((path) => {
      const open = (where: string) => () => openSqliteStore({ path: where, clock: { now: () => instant(0) } });
      writeFileSync(path, 'This is a letter to my mother, and long enough to have a header. '.repeat(4));
      expect(open(path)).toThrow(expect.objectContaining({ kind: 'permanent', code: 'not a database' }));
      expect(open(join(path, 'below'))).toThrow(expect.objectContaining({ kind: 'permanent', code: 'cannot open' }));
    }));
});

describe('a file of another version', () => {
  const more = [...MIGRATIONS, "ALTER TABLE heads ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"];
  const migrated = (path: string, migrations: readonly string[]) => {
    const connection = openConnection({ path, readOnly: false, busyTimeoutMs: 100 });
    try {
      migrate(connection, path, migrations);
      return connection.prepare('SELECT * FROM heads').all();
    } finally {
      connection.close();
    }
  };

  it('is brought up to date with what it holds, once', () =>
    withFile(async (path) => {
      await withStoreAt(path, (store) => append(store.log, prepared({ ids: ['a'] })));
      expect(migrated(path, more)).toEqual([expect.objectContaining({ incident: FIRE, note: 'none' })]);
      expect(migrated(path, more)).toHaveLength(1);
    }));

  it('is left as it was when a migration fails', () =>
    withFile(async (path) => {
      await withStoreAt(path, (store) => append(store.log, prepared({ ids: ['a'] })));
      expect(() => migrated(path, [...more, 'ALTER TABLE nothing ADD COLUMN x'])).toThrow();
      await withStoreAt(path, async (store) => expect(await idsOf(store, FIRE)).toEqual(['a']));
    }));

  it('is refused when a newer version wrote it', () =>
    withFile((path) => {
      migrated(path, more);
      for (const readOnly of [false, true])
        expect(() => openSqliteStore({ path, clock: { now: () => instant(0) }, readOnly })).toThrow(
          expect.objectContaining({ kind: 'permanent', code: 'newer schema' }),
        );
    }));
});

describe('a file that is opened for verification', () => {
  it('is read and never written', () =>
    withFile(async (path) => {
      await withStoreAt(path, (store) => append(store.log, prepared({ ids: ['a'] })));
      await withStoreAt(
        path,
        async (store) => {
          expect(await idsOf(store, FIRE)).toEqual(['a']);
          await expect(store.log.receive(signal('s'))).rejects.toMatchObject({ kind: 'permanent', code: 'read only' });
        },
        { readOnly: true },
      );
    }));

  it('is not created when it is missing', () =>
    withFile((path) => {
      expect(() => openSqliteStore({ path, clock: { now: () => instant(0) }, readOnly: true })).toThrow(
        expect.objectContaining({ kind: 'permanent', code: 'cannot open' }),
      );
      expect(() => statSync(path)).toThrow();
    }));
});

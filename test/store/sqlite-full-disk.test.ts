import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { instant } from '../../shared/core/time.ts';
import { isPortError } from '../../shared/ports/port-error.ts';
import type { LogStore } from '../../shared/ports/store.ts';
import { type Connection, openConnection } from '../../shared/store/sqlite-connection.ts';
import { sqliteLog } from '../../shared/store/sqlite-log.ts';
import { migrate } from '../../shared/store/sqlite-schema.ts';
import { openSqliteStore } from '../../shared/store/sqlite-store.ts';
import { append, FIRE, idsOf, prepared, signal } from '../contracts/store-arranged.ts';
import { withFile } from './sqlite-file.ts';

const clock = { now: () => instant(0) };
const large = (key: string) => signal(key, { signal: { text: 'x'.repeat(20_000) } });

/** A log whose file may have so many pages more than it has now. */
async function withRoomFor(pages: number, test: (log: LogStore, connection: Connection) => Promise<void>) {
  await withFile(async (path) => {
    const connection = openConnection({ path, readOnly: false, busyTimeoutMs: 100 });
    try {
      migrate(connection, path);
      const now = Number(connection.prepare('PRAGMA page_count').get()?.['page_count']);
      connection.execute(`PRAGMA max_page_count = ${now + pages}`);
      await test(sqliteLog(connection, clock), connection);
    } finally {
      connection.close();
    }
  });
}

/** What each of several signals that arrive at one moment comes to. */
async function receiveTogether(log: LogStore, keys: readonly string[]): Promise<readonly string[]> {
  const answers = await Promise.allSettled(keys.map((key) => log.receive(large(key))));
  return answers.map((answer) =>
    answer.status === 'fulfilled' ? answer.value : isPortError(answer.reason) ? answer.reason.message : 'a bug',
  );
}

const keys = (count: number): readonly string[] => Array.from({ length: count }, (_, number) => `k${number}`);

describe('a file that can grow no more', () => {
  it('refuses in a sentence what it has no room for, and keeps what it has taken', () =>
    withRoomFor(40, async (log, connection) => {
      const answers: string[] = [];
      for (const key of keys(20)) answers.push(...(await receiveTogether(log, [key])));
      const taken = answers.filter((answer) => answer === 'received').length;

      expect(taken).toBeGreaterThan(0);
      expect(answers[taken]).toBe(`receiving signal k${taken}: retryable (disk full)`);
      expect((await log.waiting(FIRE, 100)).length).toBe(taken);

      // With room again what was refused is taken as if it had never been tried.
      connection.execute('PRAGMA max_page_count = 10000');
      expect(await receiveTogether(log, ['k0', `k${taken}`])).toEqual(['duplicate', 'received']);
    }));

  it('answers each of those that share a commit truthfully', () =>
    withRoomFor(40, async (log, connection) => {
      const answers = await receiveTogether(log, keys(20));

      expect(answers.every((answer) => answer === 'received' || answer.endsWith('retryable (disk full)'))).toBe(true);
      expect(answers.some((answer) => answer !== 'received')).toBe(true);
      const kept = (await log.waiting(FIRE, 100)).map(({ key }) => key).toSorted();
      expect(kept).toEqual(
        keys(20)
          .filter((_, index) => answers[index] === 'received')
          .toSorted(),
      );
      connection.execute('PRAGMA max_page_count = 10000');
      expect((await receiveTogether(log, keys(20))).filter((answer) => answer === 'received').length).toBe(
        20 - kept.length,
      );
    }));
});

describe('writes that share a commit', () => {
  it('stand for themselves: one that is refused takes no other along', () =>
    withRoomFor(10_000, async (log) => {
      const fire = prepared({ ids: ['a'] });
      const [first, lost, broken, later] = await Promise.allSettled([
        append(log, fire),
        append(log, prepared({ ids: ['b'] })),
        append(log, {
          ...prepared({ ids: ['c'], after: { sequence: 1, hash: fire.head.hash } }),
          absorbed: ['nobody'],
        }),
        log.receive(signal('s')),
      ]);

      expect([first, later]).toMatchObject([{ value: { kind: 'appended' } }, { value: 'received' }]);
      expect(lost).toMatchObject({ value: { kind: 'lost' } });
      expect(broken).toMatchObject({ reason: { kind: 'conflict', code: 'not waiting' } });
      expect((await log.read(FIRE, 0, 10)).map(({ id }) => id)).toEqual(['a']);
    }));
});

/** A disk of its own of so many KiB; `undefined` where this user can't mount one. */
function smallDisk(kibi: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'dr-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kibi}k`, 'dr-test', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmdirSync(folder);
    process.stderr.write('\nSKIPPED: this user can mount no disk, so nothing is known of one that is really full.\n\n');
    return undefined;
  }
}

describe('a disk that is full', () => {
  it('loses nothing that was taken, and takes the rest when there is room again', async () => {
    const disk = smallDisk(1_024);
    if (disk === undefined) return;
    try {
      const store = openSqliteStore({ path: join(disk, 'dr.sqlite'), clock });
      writeFileSync(join(disk, 'other'), Buffer.alloc(400_000));
      const answers: string[] = [];
      for (const key of keys(60)) answers.push(...(await receiveTogether(store.log, [key])));
      const taken = answers.filter((answer) => answer === 'received').length;
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThan(60);
      for (const answer of answers.slice(taken))
        expect(answer).toMatch(/^receiving signal k\d+: (retryable|ambiguous) \((disk full|disk error)\)$/);
      expect((await store.log.waiting(FIRE, 100)).length).toBe(taken);
      await expect(append(store.log, prepared({ ids: ['x'], data: { text: 'x'.repeat(50_000) } }))).rejects.toThrow();

      rmSync(join(disk, 'other'));
      expect((await receiveTogether(store.log, keys(taken + 1))).filter((answer) => answer === 'received').length).toBe(
        1,
      );
      await append(store.log, prepared({ ids: ['x'], absorbed: ['k0'] }));
      expect(await idsOf(store, FIRE)).toEqual(['x']);
      store.close();
    } finally {
      execFileSync('umount', [disk]);
      rmdirSync(disk);
    }
  });
});

import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { verifyCommand } from '../../cli/verify.ts';
import { anchorKey } from '../../shared/log/verify.ts';
import type { EventRecord } from '../../shared/ports/store.ts';
import type { SqliteStore } from '../../shared/store/sqlite-store.ts';
import { append, FIRE, prepared } from '../contracts/store-arranged.ts';
import { anchorAt, logOf } from '../log/logs.ts';
import { tamper, withFile, withStoreAt } from '../store/sqlite-file.ts';

const five = prepared({ ids: ['a', 'b', 'c', 'd', 'e'] });

/** A store with one incident of five events, and what else the test puts there. */
const withIncident = (test: (path: string) => Promise<void>, also?: (store: SqliteStore) => Promise<unknown>) =>
  withFile(async (path) => {
    await withStoreAt(path, async (store) => {
      await append(store.log, five);
      await also?.(store);
    });
    await test(path);
  });

const verifyStore = (storePath: string, incident: string = FIRE) =>
  verifyCommand({ kind: 'incident', incident, storePath }, { json: false });

const anchored = (n: number) => async (store: SqliteStore) => {
  const anchor = anchorAt(five.events, n);
  await store.documents.put(anchorKey(anchor), { ...anchor }, 0);
};

describe('./dr verify INCIDENT', () => {
  it('says how far the log is verified and how far it is anchored', () =>
    withIncident(async (path) => {
      const { exitCode, stdout } = await verifyStore(path);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(
        /^inc-fire: verified to event 5, anchored to event 3\nEvents 4 to 5 rest on the chain alone/,
      );
    }, anchored(3)));

  it('adds nothing when everything is anchored', () =>
    withIncident(async (path) => {
      expect((await verifyStore(path)).stdout).toBe('inc-fire: verified to event 5, anchored to event 5\n');
    }, anchored(5)));

  it('prints one object for programs', () =>
    withIncident(async (path) => {
      const source = { kind: 'incident', incident: FIRE, storePath: path } as const;
      const { stdout } = await verifyCommand(source, { json: true });
      expect(JSON.parse(stdout)).toEqual({
        ok: true,
        incident: FIRE,
        kind: 'sound',
        upTo: 5,
        anchoredTo: 0,
        message: 'verified to event 5, anchored to event 0',
      });
    }));

  it.each([
    ['an event was edited', "UPDATE events SET kind = 'forged' WHERE sequence = 3", 3, 'its hash is not the hash'],
    ['an event was removed', 'DELETE FROM events WHERE sequence = 2', 2, 'missing or out of place'],
    ['the last event was removed', 'DELETE FROM events WHERE sequence = 5', 5, 'does not end where its head says'],
    ['the head was removed', 'DELETE FROM heads', 1, 'does not end where its head says'],
    [
      'an event is no event any more',
      "UPDATE events SET data = '{' WHERE sequence = 4",
      4,
      'reading the log of inc-fire',
    ],
    ['the head is no head any more', "UPDATE heads SET hash = 'x'", 1, 'reading the head of inc-fire'],
  ])('ends with 1 and where and why when %s', (_what, statement, at, why) =>
    withIncident(async (path) => {
      tamper(path, statement);
      const { exitCode, stdout } = await verifyStore(path);
      expect(exitCode).toBe(1);
      expect(stdout).toContain(`inc-fire: broken at event ${at}: `);
      expect(stdout).toContain(why);
    }),
  );

  it('ends with 1 when a log was removed that had been anchored', () =>
    withIncident(async (path) => {
      tamper(path, 'DELETE FROM heads', 'DELETE FROM events');
      expect(await verifyStore(path)).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('anchored') });
    }, anchored(3)));

  it.each([
    ['written again', 'UPDATE documents SET version = 2'],
    ['moved', "UPDATE documents SET key = 'anchor/inc-fire/9'"],
    ['damaged', "UPDATE documents SET value = '{}'"],
  ])('ends with 1 when an anchor was %s', (_what, statement) =>
    withIncident(async (path) => {
      tamper(path, statement);
      expect(await verifyStore(path)).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('is no anchor') });
    }, anchored(3)),
  );

  it('ends with 2 when there is no such incident, or no such store, and makes none', () =>
    withIncident(async (path) => {
      expect((await verifyStore(path, 'inc-nobody')).exitCode).toBe(2);
      const elsewhere = join(dirname(path), 'elsewhere.sqlite');
      const { exitCode, stderr } = await verifyStore(elsewhere);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(elsewhere);
      expect((await verifyStore(elsewhere)).exitCode).toBe(2);
    }));
});

describe('./dr verify FILE', () => {
  const verifyLines = (lines: readonly string[]) => {
    const answer: { ending?: Awaited<ReturnType<typeof verifyCommand>> } = {};
    return withFile(async (path) => {
      writeFileSync(path, lines.join('\n'));
      answer.ending = await verifyCommand({ kind: 'file', path }, { json: false });
    }).then(() => answer.ending);
  };
  const log = logOf(4);
  const lines = (records: readonly EventRecord[]) => records.map((record) => JSON.stringify(record));

  it('verifies what `show --json` printed, with the anchors that stand beside it', async () => {
    const ending = await verifyLines([...lines(log), '', JSON.stringify(anchorAt(log, 4)), '']);
    expect(ending).toEqual({
      exitCode: 0,
      stdout:
        "inc-aaaaaaaaaa: verified to event 4, anchored to event 4\nA file can't say whether events followed event 4.\n",
      stderr: '',
    });
  });

  it('ends with 1 when an event was edited, or a line is none', async () => {
    const edited = lines(log).map((line) => line.replace('number 2', 'number 3'));
    expect(await verifyLines(edited)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('broken at event 2: its hash is not the hash of its content'),
    });
    expect(await verifyLines(lines(log).with(2, '{"version":1}'))).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('broken at event 3: line 3 is neither an event nor an anchor'),
    });
  });

  it('ends with 2 when there is no such file, or no event in it', async () => {
    expect(await verifyCommand({ kind: 'file', path: 'no/such/file' }, { json: false })).toMatchObject({ exitCode: 2 });
    expect(await verifyLines([''])).toMatchObject({ exitCode: 2 });
  });
});

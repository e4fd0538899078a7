import { parseEventRecord } from '../ports/event-record.ts';
import type { Clock } from '../ports/clock.ts';
import type { AppendOutcome, EventRecord, Head, InboxEntry, LogStore } from '../ports/store.ts';
import type { IncidentId } from '../system/names.ts';
import type { Connection, Row } from './sqlite-connection.ts';
import {
  appending,
  checkContinues,
  checkedAppend,
  checkedEntry,
  checkLimit,
  noHead,
  notWaiting,
  parsed,
  parseEntry,
  parseHead,
  storedText,
  type CheckedAppend,
} from './stored.ts';

/** Logs and inbox in one file, so that head, events and absorbed entries commit together. */
export function sqliteLog(connection: Connection, clock: Pick<Clock, 'now'>): LogStore {
  const statements = prepare(connection);

  return {
    async receive(entry) {
      const { key, incident, receivedAt, signal } = checkedEntry(entry);
      const doing = `receiving signal ${key}`;
      const text = storedText(signal, doing);
      const added = await connection.write(doing, () => statements.receive.run(key, incident, receivedAt, text));
      return added === 1 ? 'received' : 'duplicate';
    },

    async waiting(incident, limit) {
      checkLimit(limit);
      const doing = `reading what waits for ${incident}`;
      return connection.read(doing, () =>
        statements.waiting.all(incident, limit).map((row) => parsed(doing, () => entryOf(row))),
      );
    },

    async append(incident, expected, events, head, absorbed) {
      const append = checkedAppend({ incident, expected, events, head, absorbed });
      return connection.write(appending(append), () => appended(statements, append, clock));
    },

    async read(incident, afterSequence, limit) {
      checkLimit(limit);
      const doing = `reading the log of ${incident}`;
      return connection.read(doing, () =>
        statements.read.all(incident, afterSequence, limit).map((row) => parsed(doing, () => eventOf(row))),
      );
    },

    async head(incident) {
      return connection.read(`reading the head of ${incident}`, () => headOf(statements, incident));
    },

    async due(at, limit) {
      checkLimit(limit);
      return connection.read('reading what is due', () => statements.due.all(at, limit).map(parsedHead));
    },

    async openAbout(targets, limit) {
      checkLimit(limit);
      return connection.read('finding open incidents by their targets', () => {
        const rows = targets.flatMap((target) => statements.openAbout.all(target, limit));
        const newestFirst = new Map(rows.map((row) => [row['incident'], row])).values();
        return [...newestFirst]
          .toSorted(
            (a, b) => Number(b['opened_at']) - Number(a['opened_at']) || Number(b['place']) - Number(a['place']),
          )
          .map(parsedHead);
      });
    },

    async heads(filter, limit) {
      checkLimit(limit);
      const statement = filter === 'open' ? statements.openHeads : statements.allHeads;
      return connection.read('listing incidents', () => statement.all(limit).map(parsedHead));
    },
  };
}

/** How due incidents are found; a test asks SQLite whether it uses the index. */
export const DUE_SQL = 'SELECT * FROM heads WHERE due_at <= ? ORDER BY due_at, incident LIMIT ?';

/** How open incidents are found; a test asks SQLite whether past ones cost anything. The planner would walk through all of them. */
export const OPEN_SQL =
  'SELECT * FROM heads INDEXED BY heads_open WHERE due_at IS NOT NULL ORDER BY opened_at DESC, rowid DESC LIMIT ?';

/** How open incidents about a target are found; the same test asks. */
export const OPEN_ABOUT_SQL = `SELECT heads.*, heads.rowid AS place FROM open_about CROSS JOIN heads USING (incident)
   WHERE target = ? ORDER BY opened_at DESC, heads.rowid DESC LIMIT ?`;

type Statements = ReturnType<typeof prepare>;

function prepare(connection: Connection) {
  return {
    receive: connection.prepare(
      'INSERT INTO inbox (key, incident, received_at, signal) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING',
    ),
    waiting: connection.prepare(
      'SELECT * FROM inbox WHERE incident = ? AND absorbed_by IS NULL ORDER BY received_at, key LIMIT ?',
    ),
    absorb: connection.prepare('UPDATE inbox SET absorbed_by = ?, signal = NULL WHERE key = ? AND absorbed_by IS NULL'),
    addEvent: connection.prepare(
      'INSERT INTO events (incident, sequence, version, id, at, kind, data, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    read: connection.prepare('SELECT * FROM events WHERE incident = ? AND sequence > ? ORDER BY sequence LIMIT ?'),
    head: connection.prepare('SELECT * FROM heads WHERE incident = ?'),
    setHead: connection.prepare(
      `INSERT INTO heads (incident, sequence, hash, due_at, targets, summary, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (incident) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, due_at = excluded.due_at,
         targets = excluded.targets, summary = excluded.summary`,
    ),
    forgetOpen: connection.prepare('DELETE FROM open_about WHERE incident = ?'),
    addOpen: connection.prepare('INSERT OR IGNORE INTO open_about (target, incident) VALUES (?, ?)'),
    openAbout: connection.prepare(OPEN_ABOUT_SQL),
    due: connection.prepare(DUE_SQL),
    openHeads: connection.prepare(OPEN_SQL),
    allHeads: connection.prepare('SELECT * FROM heads ORDER BY opened_at DESC, rowid DESC LIMIT ?'),
  };
}

function appended(statements: Statements, append: CheckedAppend, clock: Pick<Clock, 'now'>): AppendOutcome {
  const { incident, events, head } = append;
  const stored = headOf(statements, incident) ?? noHead(incident);
  if (stored.sequence !== append.expected) return { kind: 'lost', head: stored };
  checkContinues(stored, append);
  const doing = appending(append);
  for (const { sequence, version, id, at, kind, data, prevHash, hash } of events)
    statements.addEvent.run(incident, sequence, version, id, at, kind, storedText(data, doing), prevHash, hash);
  const [targets, summary] = [storedText([...head.targets], doing), storedText(head.summary, doing)];
  statements.setHead.run(incident, head.sequence, head.hash, head.dueAt ?? null, targets, summary, clock.now());
  const open = head.dueAt === undefined ? [] : head.targets;
  if (open.join('\n') !== (stored.dueAt === undefined ? [] : stored.targets).join('\n')) {
    statements.forgetOpen.run(incident);
    for (const target of open) statements.addOpen.run(target, incident);
  }
  for (const key of append.absorbed) if (statements.absorb.run(incident, key) !== 1) throw notWaiting(append);
  return { kind: 'appended' };
}

function headOf(statements: Statements, incident: IncidentId): Head | undefined {
  const row = statements.head.get(incident);
  return row === undefined ? undefined : parsedHead(row);
}

function parsedHead(row: Row): Head {
  const { incident, sequence, hash, due_at: dueAt, targets, summary } = row;
  return parsed(`reading the head of ${String(incident)}`, () => {
    const texts = { targets: JSON.parse(String(targets)) as unknown, summary: JSON.parse(String(summary)) as unknown };
    return parseHead({ incident, sequence, hash, dueAt, ...texts });
  });
}

function entryOf({ key, incident, received_at: receivedAt, signal }: Row): InboxEntry {
  return parseEntry({ key, incident, receivedAt, signal: JSON.parse(String(signal)) });
}

function eventOf({ prev_hash: prevHash, data, ...rest }: Row): EventRecord {
  return parseEventRecord({ ...rest, prevHash, data: JSON.parse(String(data)) });
}

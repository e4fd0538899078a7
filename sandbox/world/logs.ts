import { sha256 } from '../../shared/core/digest.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { Instant } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import type { ApiDoor, ApiOutcome, WorldClock } from './kernel.ts';

// Cloud Logging: entries that parts of the world write, kept for a while, read with a filter.

/** google.logging.type.LogSeverity, least first. */
export const SEVERITIES = [
  'DEFAULT',
  'DEBUG',
  'INFO',
  'NOTICE',
  'WARNING',
  'ERROR',
  'CRITICAL',
  'ALERT',
  'EMERGENCY',
] as const;

/** A severity by name. */
export type Severity = (typeof SEVERITIES)[number];

/** One entry. */
export interface LogEntry {
  readonly insertId: string;
  /** The last part of the log's name, such as `run.googleapis.com/stderr`. */
  readonly log: string;
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> };
  readonly at: Instant;
  readonly severity: Severity;
  /** Empty where there is a `protoPayload`. */
  readonly text: string;
  /** What an audit log tells (google.cloud.audit.AuditLog), in place of a text. */
  readonly protoPayload?: JsonObject;
}

/** An entry to write; it is written now unless it says when. */
export type LogDraft = Omit<LogEntry, 'insertId' | 'at'> & { readonly at?: Instant };

/** Newest entries kept. A world that runs for hours must not grow without end; the real default is 30 days. */
const ENTRIES_MAX = 20_000;

/** The logs of a project, and their API. */
export interface Logs {
  write(draft: LogDraft): void;
  /** Hears of every entry when it is written. */
  listen(listener: (entry: LogEntry) => void): void;
  /** Oldest first. */
  entries(): readonly LogEntry[];
  readonly api: LogsApi;
}

/** Reading, with `logging.logEntries.list`. `keeps` is the filter; who made it knows its language. */
export interface LogsApi {
  list(caller: Caller, keeps: (entry: LogEntry) => boolean): ApiOutcome<readonly LogEntry[]>;
}

/** Empty logs. */
export function createLogs({ clock, door }: { clock: WorldClock; door: ApiDoor }): Logs {
  const kept: LogEntry[] = [];
  const listeners: ((entry: LogEntry) => void)[] = [];
  let written = 0;
  return {
    write(draft) {
      written += 1;
      const entry = { ...draft, at: draft.at ?? clock.now(), insertId: sha256(`log-entry-${written}`).slice(0, 20) };
      kept.push(entry);
      if (kept.length > ENTRIES_MAX) kept.splice(0, kept.length - ENTRIES_MAX);
      for (const listener of listeners) listener(entry);
    },
    listen: (listener) => void listeners.push(listener),
    entries: () => [...kept],
    api: {
      list: (caller, keeps) =>
        door.call(
          { api: 'logging', permission: 'logging.logEntries.list', resource: 'entries', writes: false, ...caller },
          () => kept.filter(keeps),
        ),
    },
  };
}

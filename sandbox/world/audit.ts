import type { ApiCall, Audit, AuditEntry, WorldClock } from './kernel.ts';

/** An audit that its owner, the door, writes. */
export interface AuditLog extends Audit {
  record(call: ApiCall, result: AuditEntry['result'], status: number): void;
}

/** Newest entries that are kept whatever they are; of older ones only the writes, so that a sandbox may stay up for days. */
const KEPT = 50_000;

/** An empty audit. */
export function createAudit(clock: WorldClock): AuditLog {
  let entries: AuditEntry[] = [];
  const listeners: ((entry: AuditEntry) => void)[] = [];
  return {
    entries: () => entries,
    effects: (permission) =>
      entries.filter(({ call, result }) => result === 'effect' && call.writes && call.permission === permission),
    listen(listener) {
      listeners.push(listener);
    },
    record(call, result, status) {
      const entry = { at: clock.now(), call, result, status };
      entries.push(entry);
      for (const listener of listeners) listener(entry);
      if (entries.length % (2 * KEPT) !== 0) return;
      const old = entries.length - KEPT;
      entries = entries.filter((entry, index) => index >= old || entry.call.writes);
    },
  };
}

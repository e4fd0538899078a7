import type { ApiCall, Audit, AuditEntry, WorldClock } from './kernel.ts';

/** An audit that its owner, the door, writes. */
export interface AuditLog extends Audit {
  record(call: ApiCall, result: AuditEntry['result'], status: number): void;
}

/** An empty audit. */
export function createAudit(clock: WorldClock): AuditLog {
  const entries: AuditEntry[] = [];
  return {
    entries: () => entries,
    effects: (permission) =>
      entries.filter(({ call, result }) => result === 'effect' && call.writes && call.permission === permission),
    record(call, result, status) {
      entries.push({ at: clock.now(), call, result, status });
    },
  };
}

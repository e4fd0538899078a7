import { z } from 'zod';
import { type Millis, minutes } from '../core/time.ts';
import type { Json } from '../core/json.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import type { DocumentStore } from '../ports/store.ts';
import type { TargetId } from '../system/names.ts';

// Which runs a target has had, for budgets and cooldowns: the document `runs/<target>`.
//
// L1. A start is written before the run starts, so a run that nobody remembers can't have happened.
// L2. What can't be read is unknown, never empty.

/** One run on a target. `endedAtMs` is `null` while it lasts, or when nobody lived to write its end. */
export interface RecordedRun {
  readonly incident: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  readonly drill: boolean;
}

/** The runs of one target, oldest first. */
export interface RunLedger {
  readonly runs: readonly RecordedRun[];
}

/** A ledger, or why it is unknown. */
export type LedgerReading = RunLedger | { readonly unknown: string };

/** How long a run is remembered: longer than any budget's window should be. */
const REMEMBERED = minutes(60 * 24 * 35);

/** Runs that are remembered at the most; budgets allow a handful a day. */
const RUNS_MAX = 1_000;

/** Writers that may race for one document: the worker of one run, and its successor. */
const ATTEMPTS_MAX = 10;

const wire = z.strictObject({
  runs: z.array(
    z.strictObject({
      incident: z.string(),
      startedAtMs: z.number(),
      endedAtMs: z.number().nullable(),
      drill: z.boolean(),
    }),
  ),
});

const keyOf = (target: TargetId): string => `runs/${target}`;

/** The ledger of a target. No document means that it never had a run. */
export async function readLedger(documents: DocumentStore, target: TargetId): Promise<LedgerReading> {
  try {
    const found = await documents.get(keyOf(target));
    return found === undefined ? { runs: [] } : parseLedger(found.value);
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { unknown: `the runs of ${target} can't be read (${error.code})` };
  }
}

/** What a stored document says. */
export function parseLedger(value: unknown): LedgerReading {
  const read = wire.safeParse(value);
  return read.success ? read.data : { unknown: "the record of runs can't be understood" };
}

/**
 * Changes the ledger of a target, again on each lost race. Rejects with `PortError` when the store stays unreachable or what
 * it holds can't be understood: then the run must not start.
 */
export async function writeLedger(
  documents: DocumentStore,
  target: TargetId,
  change: (ledger: RunLedger) => RunLedger,
): Promise<void> {
  const doing = `recording a run on ${target}`;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const found = await documents.get(keyOf(target));
    const known = found === undefined ? { runs: [] } : parseLedger(found.value);
    if ('unknown' in known) throw new PortError('permanent', 'malformed ledger', doing);
    const next = change(known);
    if (next === known) return;
    if (await documents.put(keyOf(target), ledgerJson(next), found?.version ?? 0)) return;
  }
  throw new PortError('retryable', 'contention', doing);
}

/** Remembers a start. A start of the same incident that has no end yet is the same run: its worker died and another goes on. */
export function recordStart(ledger: RunLedger, run: Omit<RecordedRun, 'endedAtMs'>): RunLedger {
  const isSame = ({ incident, endedAtMs, drill }: RecordedRun): boolean =>
    incident === run.incident && drill === run.drill && endedAtMs === null;
  if (ledger.runs.some(isSame)) return ledger;
  const young = ledger.runs.filter(({ startedAtMs }) => startedAtMs > run.startedAtMs - REMEMBERED);
  const runs = [...young, { ...run, endedAtMs: null }].toSorted((a, b) => a.startedAtMs - b.startedAtMs);
  return { runs: runs.slice(-RUNS_MAX) };
}

/** Remembers the end of an incident's run; a second end changes nothing. */
export function recordEnd(ledger: RunLedger, incident: string, atMs: number): RunLedger {
  const isOpen = (run: RecordedRun): boolean => run.incident === incident && run.endedAtMs === null;
  if (!ledger.runs.some(isOpen)) return ledger;
  return {
    runs: ledger.runs.map((run) => (isOpen(run) ? { ...run, endedAtMs: Math.max(atMs, run.startedAtMs) } : run)),
  };
}

/** Runs that count against `incident`: no drills, and not the one that this incident is about to continue. */
export function countedRuns(ledger: RunLedger, incident: string): readonly RecordedRun[] {
  return ledger.runs.filter((run) => !run.drill && !(run.incident === incident && run.endedAtMs === null));
}

/** When a run ended, or when it must have: one without an end lasted as long as its runbook may. */
export function endOf(run: RecordedRun, longest: Millis): number {
  return run.endedAtMs ?? run.startedAtMs + longest;
}

const ledgerJson = ({ runs }: RunLedger): Json => ({ runs: runs.map((run) => ({ ...run })) });

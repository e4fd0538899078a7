import { instant, type Instant, type Millis, millis, minutes, showDuration, toIso } from '../core/time.ts';
import type { GuardBlock } from '../plan/plan.ts';
import type { Mode, RunbookName, TargetId } from '../system/names.ts';
import type { Guards } from '../system/system.ts';
import { countedRuns, endOf, type LedgerReading } from './run-ledger.ts';

// Brakes stop what nobody asked for. An approval that lists one releases it. What is not known is a warning on the page, and
// holds back what nobody asked for.

/** How soon something unknown is looked at again. */
const LOOK_AGAIN = minutes(1);

const brake = (
  guard: string,
  code: string,
  said: Pick<GuardBlock, 'observed' | 'limit'> & { readonly clearsAtMs: number | null; readonly openedBy?: string },
): GuardBlock => ({
  guard,
  kind: 'brake',
  code,
  observed: said.observed,
  limit: said.limit,
  clearsAtMs: said.clearsAtMs,
  openedBy: said.openedBy ?? null,
});

/** In mode observe nothing is done but to say what would be done. */
export function modeGuard(mode: Mode, runbook: RunbookName): GuardBlock | undefined {
  if (mode !== 'observe') return undefined;
  return brake('mode', 'modeObserve', {
    observed: `mode observe for ${runbook}`,
    limit: 'approve or auto',
    clearsAtMs: null,
    openedBy: 'dr mode',
  });
}

/** Runs of one target, at most so many within each window, of whatever length: the first that is used up. */
export function budgetGuard(
  budgets: Guards['budgets'],
  ledger: LedgerReading,
  incident: string,
  now: Instant,
): GuardBlock | undefined {
  if ('unknown' in ledger) return unknownRuns('budget', 'budgetUnknown', ledger.unknown, now);
  const starts = countedRuns(ledger, incident).map(({ startedAtMs }) => startedAtMs);
  const blocks = budgets.flatMap(({ runs, window }) => {
    // A clock that is ahead of ours may have written a start that lies in our future: it counts.
    const within = starts.filter((at) => at > now - window).toSorted((a, b) => a - b);
    if (within.length < runs) return [];
    const leaves = within[within.length - runs] ?? now;
    return [
      brake('budget', 'budgetUsedUp', {
        observed: `${within.length} runs within ${showDuration(window)}`,
        limit: `${runs} within ${showDuration(window)}`,
        clearsAtMs: leaves + window,
      }),
    ];
  });
  return blocks.toSorted((a, b) => (b.clearsAtMs ?? 0) - (a.clearsAtMs ?? 0))[0];
}

/** The time after the end of a run in which the next one would act on what it has just changed. */
export function cooldownGuard(
  cooldown: Millis,
  longest: Millis,
  ledger: LedgerReading,
  incident: string,
  now: Instant,
): GuardBlock | undefined {
  if ('unknown' in ledger) return unknownRuns('cooldown', 'cooldownUnknown', ledger.unknown, now);
  const last = countedRuns(ledger, incident).toSorted((a, b) => endOf(b, longest) - endOf(a, longest))[0];
  if (last === undefined) return undefined;
  const clearsAtMs = endOf(last, longest) + cooldown;
  if (now >= clearsAtMs) return undefined;
  const observed =
    last.endedAtMs === null
      ? `the run of ${last.incident} since ${toIso(instant(last.startedAtMs))} has no end yet`
      : `the last run ended at ${toIso(instant(last.endedAtMs))} (${last.incident})`;
  return brake('cooldown', 'coolingDown', {
    observed,
    limit: `${showDuration(cooldown)} after the end of a run`,
    clearsAtMs,
  });
}

const unknownRuns = (guard: string, code: string, observed: string, now: Instant): GuardBlock =>
  brake(guard, code, { observed, limit: 'known runs', clearsAtMs: now + LOOK_AGAIN });

/** A target that fails, and since when. */
export interface FailingTarget {
  readonly target: TargetId;
  readonly sinceMs: number;
}

/** Names of failing targets that are said at the most; the rest is counted. */
const NAMED_MAX = 20;

/**
 * Targets whose incidents are open and began within the window of one another, one that began at `sinceMs` among them: what fails
 * together is one failure until all but a few have ended, however long that takes.
 */
export function failingTogether(
  { window }: Guards['massFailure'],
  failing: readonly FailingTarget[],
  sinceMs: number,
): readonly TargetId[] {
  const together = failing.filter((other) => Math.abs(other.sinceMs - sinceMs) < window);
  return [...new Set(together.map(({ target }) => target))].toSorted();
}

/** Some of the targets by name, and how many others. */
export function showTargets(targets: readonly TargetId[]): string {
  const others = targets.length - NAMED_MAX;
  return `${targets.slice(0, NAMED_MAX).join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}

/** Many targets at once usually mean the observer, the network or the provider: freeze, and let people resume. */
export function massFailureGuard(
  { targets, window }: Guards['massFailure'],
  together: readonly TargetId[],
): GuardBlock | undefined {
  if (together.length <= targets) return undefined;
  return brake('massFailure', 'massFailure', {
    observed: `${together.length} targets failed within ${showDuration(window)}: ${showTargets(together)}`,
    limit: `${targets} targets within ${showDuration(window)}`,
    clearsAtMs: null,
    openedBy: 'dr resume',
  });
}

/** A person's word that a target is being worked on. It suppresses action, never a page. */
export interface DowntimeMark {
  readonly target: TargetId;
  readonly by: string;
  readonly reason: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Longest that a mark holds, whatever it says: a forgotten one must not switch recovery off (design.md section 6). */
const DOWNTIME_MAX = minutes(4 * 60);

/** Holds back while a target is marked as being worked on. */
export function downtimeGuard(marks: readonly DowntimeMark[], target: TargetId, now: Instant): GuardBlock | undefined {
  const ends = (mark: DowntimeMark): number => Math.min(mark.untilMs, mark.fromMs + DOWNTIME_MAX);
  const mark = marks
    .filter((known) => known.target === target && known.fromMs <= now && now < ends(known))
    .toSorted((a, b) => ends(b) - ends(a))[0];
  if (mark === undefined) return undefined;
  return brake('downtime', 'markedDown', {
    observed: `marked by ${mark.by} until ${toIso(instant(ends(mark)))}: ${mark.reason}`,
    limit: `no mark, or ${showDuration(millis(DOWNTIME_MAX))} at the most`,
    clearsAtMs: ends(mark),
  });
}

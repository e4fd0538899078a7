import { type Instant, type Millis, millis } from '../core/time.ts';
import type { IncidentEvent } from '../incident/events.ts';
import { type ApprovalState, type IncidentState, standing } from '../incident/state.ts';
import { criticalPath, type Plan } from '../plan/plan.ts';
import type { GuardBlock } from '../plan/plan.ts';
import type { Objectives } from '../system/system.ts';

// What happened in some days, scenario by scenario: what was done, or would have been, what held it back, how long people and we took. A
// projection of the logs alone, by which a team decides how far to let a runbook go. Pure.

/** A log with what it folds to. */
export interface ReportedLog {
  readonly state: IncidentState;
  readonly events: readonly IncidentEvent[];
}

/** Lengths of one kind: how many there are, the least, the one in the middle and the most. */
export interface Spread {
  readonly count: number;
  readonly least: Millis;
  readonly median: Millis;
  readonly most: Millis;
}

/** Something with how often it was so. */
export interface Counted {
  readonly what: string;
  readonly times: number;
}

/** One scenario. Times are clock time; `undefined` where there was none. */
export interface ScenarioReport {
  readonly scenario: string;
  readonly incidents: readonly string[];
  /** How they stand, by the kind of their phase. */
  readonly ends: readonly Counted[];
  /** Dismissed without anything that anybody had to do. */
  readonly falseAlarms: number;
  readonly plans: readonly Counted[];
  /** Steps of plans that were only said: mode observe. */
  readonly wouldDo: readonly Counted[];
  readonly done: readonly Counted[];
  readonly failed: readonly Counted[];
  /** Guards that held something back. */
  readonly refused: readonly Counted[];
  readonly approvals: Readonly<Record<'asked' | 'approved' | 'denied' | 'expired' | 'voided' | 'open', number>>;
  /** From the question to the approval that decided. */
  readonly people: Spread | undefined;
  /** From the first sign of failure until an incident was open. */
  readonly detect: Spread | undefined;
  /** From then until it was named for the first time as what something is done about. */
  readonly decide: Spread | undefined;
  /** From the first sign of failure until every consumer was verified. */
  readonly recover: Spread | undefined;
  /** The same as it would have been: until the plan was drawn, and then what the plan says of itself. People's time is not in it. */
  readonly wouldRecover: Spread | undefined;
  /** Recoveries, or what they would have been, that took longer than the recovery time objective. */
  readonly overRto: number;
  /** Recoveries that lost more than the recovery point objective. */
  readonly overRpo: number;
  /** What could not be known, in the words of the log. */
  readonly unknown: readonly Counted[];
}

/** All of it. */
export interface AdoptionReport {
  readonly from: Instant;
  readonly to: Instant;
  readonly objectives: Objectives;
  readonly scenarios: readonly ScenarioReport[];
  /** Incidents on purpose, which are in no scenario above. */
  readonly drills: number;
  /** Logs that could not be read, and messages. */
  readonly unread: readonly string[];
}

/** Projects the incidents that were opened from a moment on. */
export function reportOn(
  logs: readonly ReportedLog[],
  { from, to, objectives, unread }: Pick<AdoptionReport, 'from' | 'to' | 'objectives' | 'unread'>,
): AdoptionReport {
  const within = logs.filter(({ state }) => state.openedAt >= from && state.openedAt <= to);
  const real = within.filter(({ state }) => !state.drill);
  const groups = Map.groupBy(real, scenarioOf);
  const scenarios = [...groups]
    .map(([scenario, own]) => scenarioReport(scenario, own, objectives, to))
    .toSorted((a, b) => b.incidents.length - a.incidents.length || (a.scenario < b.scenario ? -1 : 1));
  return { from, to, objectives, scenarios, drills: within.length - real.length, unread };
}

/** The last that something was done about; where there was none, what it was last named as. */
function scenarioOf({ events }: ReportedLog): string {
  const named = events.flatMap((event) => (event.kind === 'diagnosed' ? [event.data.diagnosis] : []));
  return (named.findLast(({ conclusion }) => conclusion === 'act') ?? named.at(-1))?.scenario ?? 'not named';
}

function scenarioReport(
  scenario: string,
  logs: readonly ReportedLog[],
  objectives: Objectives,
  to: Instant,
): ScenarioReport {
  const events = logs.flatMap((log) => log.events);
  const plans = events.flatMap((event) => (event.kind === 'planDrawn' ? [event.data] : []));
  const steps = stepTitles(logs);
  const approvals = logs.flatMap(({ state }) => state.approvals);
  const recovered = logs.flatMap(({ state }) => state.measures?.['rto'] ?? []);
  const would = logs.flatMap(wouldRecover);
  const lost = logs.flatMap(({ state }) => state.measures?.['rpo'] ?? []);
  return {
    scenario,
    incidents: logs.map(({ state }) => state.id),
    ends: counted(logs.map(({ state }) => state.phase.kind)),
    falseAlarms: logs.filter(isFalseAlarm).length,
    plans: counted(plans.map(({ plan, performed }) => (performed ? plan.runbook : `${plan.runbook} (said only)`))),
    wouldDo: counted(
      plans
        .filter(({ performed }) => !performed)
        .flatMap(({ plan }) => plan.steps.map((step) => `${step.title} (${step.risk})`)),
    ),
    done: counted(
      events.flatMap((event) =>
        event.kind === 'stepDone' && event.data.direction === 'do' && !event.data.already
          ? [steps(event.data.step)]
          : [],
      ),
    ),
    failed: counted(
      events.flatMap((event) =>
        event.kind === 'stepFailed' ? [`${steps(event.data.step)}: ${event.data.failure.code}`] : [],
      ),
    ),
    refused: counted(events.flatMap(blocksOf).map(({ guard, kind, code }) => `${guard} (${kind}): ${code}`)),
    approvals: approvalCounts(approvals, to),
    people: spreadOf(approvals.flatMap(timeOfPeople)),
    detect: spreadOf(logs.flatMap(({ state }) => (isPlannedOrAsked(state) ? [] : [state.openedAt - failedAt(state)]))),
    decide: spreadOf(logs.flatMap(timeToName)),
    recover: spreadOf(recovered),
    wouldRecover: spreadOf(would),
    overRto: [...recovered, ...would].filter((took) => took > objectives.rto).length,
    overRpo: lost.filter((missing) => missing > objectives.rpo).length,
    unknown: counted(events.flatMap(unknownIn)),
  };
}

/** A title for each step of any plan of these logs. */
function stepTitles(logs: readonly ReportedLog[]): (step: string) => string {
  const titles = new Map(
    logs.flatMap(({ events }) =>
      events.flatMap((event): readonly (readonly [string, string])[] =>
        event.kind === 'planDrawn' ? event.data.plan.steps.map(({ id, title }) => [id, title]) : [],
      ),
    ),
  );
  return (step) => titles.get(step) ?? step;
}

const failedAt = (state: IncidentState): number =>
  state.diagnosis?.failedSinceMs ?? state.firstSignalAt ?? state.openedAt;

/** What people asked for by hand has not been detected by anybody. */
const isPlannedOrAsked = ({ requested }: IncidentState): boolean => requested !== null;

/** When it was first named as what something is done about, by us or by people. */
function namedAt(events: readonly IncidentEvent[]): number | undefined {
  return events.find(
    (event) =>
      event.kind === 'diagnosed' &&
      (event.data.diagnosis.conclusion === 'act' || event.data.diagnosis.conclusion === 'person'),
  )?.at;
}

function timeToName({ state, events }: ReportedLog): readonly number[] {
  const at = namedAt(events);
  return at === undefined ? [] : [at - state.openedAt];
}

/** How long it would have taken, where its last plan was only said. */
function wouldRecover({ state, events }: ReportedLog): readonly number[] {
  const last = events.findLast((event) => event.kind === 'planDrawn');
  if (last?.kind !== 'planDrawn' || last.data.performed) return [];
  const plan: Plan = last.data.plan;
  return [last.at - failedAt(state) + criticalPath(plan)];
}

/** Nothing failed, nobody had to do anything, and it was no test of the way that alerts take. */
function isFalseAlarm({ state, events }: ReportedLog): boolean {
  if (state.phase.kind !== 'dismissed' || namedAt(events) !== undefined) return false;
  return state.diagnosis?.conclusion === 'nothing' && state.diagnosis.scenario !== 'test-notification';
}

function blocksOf(event: IncidentEvent): readonly GuardBlock[] {
  if (event.kind === 'held' || event.kind === 'preparationWithheld') return event.data.blocks;
  if (event.kind !== 'stepFailed' || event.data.failure.block === null) return [];
  return [event.data.failure.block];
}

function unknownIn(event: IncidentEvent): readonly string[] {
  if (event.kind !== 'diagnosed')
    return blocksOf(event).flatMap(({ code, guard }) => (/unknown/i.test(code) ? [`${guard}: ${code}`] : []));
  const { confidence, reasons } = event.data.diagnosis;
  return confidence === 'unknown' ? reasons.map(({ text }) => text) : [];
}

/** From the question to the approval that made the quorum. */
function timeOfPeople(approval: ApprovalState): readonly number[] {
  const approved = approval.decisions.filter(({ decision }) => decision === 'approve');
  const last = approved[approval.quorum - 1];
  return last === undefined ? [] : [last.at - approval.askedAt];
}

function approvalCounts(approvals: readonly ApprovalState[], to: Instant): ScenarioReport['approvals'] {
  // What people said counts, also of an approval that was closed since.
  const outcomes = approvals
    .map((approval) => standing({ ...approval, voided: undefined }, to))
    .map((said, index) =>
      (said === 'open' || said === 'expired') && approvals[index]?.voided !== undefined ? 'voided' : said,
    );
  const count = (what: ReturnType<typeof standing>): number => outcomes.filter((outcome) => outcome === what).length;
  return {
    asked: approvals.length,
    approved: count('approved'),
    denied: count('denied'),
    expired: count('expired'),
    voided: count('voided'),
    open: count('open'),
  };
}

/** The most frequent first. */
function counted(items: readonly string[]): readonly Counted[] {
  return [...Map.groupBy(items, (item) => item)]
    .map(([what, same]) => ({ what, times: same.length }))
    .toSorted((a, b) => b.times - a.times);
}

function spreadOf(lengths: readonly number[]): Spread | undefined {
  const sorted = lengths.map((length) => Math.max(0, length)).toSorted((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined) return undefined;
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? least;
  return { count: sorted.length, least: millis(least), median: millis(median), most: millis(most) };
}

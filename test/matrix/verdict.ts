import { logInFileStore } from '../../cli/found-log.ts';
import type { ReadIncident } from '../../cli/read-incidents.ts';
import { showDuration } from '../../shared/core/time.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { describeVerification, verifyChain } from '../../shared/log/verify.ts';
import type { Millis } from '../../shared/core/time.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { changes, loss, promotions, unbalanced, withoutService } from '../stories/judge.ts';
import type { Stage } from '../stories/story.ts';
import { isChange, isEffect, type MatrixPlan, type MatrixStory, planName, type Row } from './plan.ts';

// Whether recoveries whose workers were killed came to their right end, from outside (decisions.md 24). The right end is the story's
// own, however often a worker died: that is no reason to land. The log is asked for intents, because "once for each intent" is a
// claim about it, and for its own chain.

/** What a step came to. */
export interface Tally {
  readonly intents: number;
  readonly repeat: string;
}

/** Tries of a step by the log; a second one is a repeat that its class allowed. */
export function tally({ step }: Row, plan: MatrixPlan, incident: Pick<ReadIncident, 'events'> | undefined): Tally {
  const runs = runsOf(plan, incident?.events ?? []);
  const planned = runs.flatMap(({ plan: { steps } }) => steps.filter(({ id }) => id === step))[0];
  const intents = runs.flatMap(({ events }) =>
    events.filter(({ kind, data }) => kind === 'stepStarted' && data.step === step && data.direction === 'do'),
  );
  return { intents: intents.length, repeat: planned?.repeat ?? 'unknown' };
}

/** What became of a step in the end. `underWay`: it had an intent, or waited for what was under way already. */
export function outcome({ step }: Row, plan: MatrixPlan, { events }: Pick<ReadIncident, 'events'>) {
  const own = runsOf(plan, events)
    .flatMap((run) => run.events)
    .filter((event) => 'step' in event.data && event.data.step === step);
  return {
    seen: own.length > 0,
    underWay: own.some(({ kind }) => kind === 'stepStarted' || kind === 'stepWaiting'),
    done: own.some(({ kind }) => kind === 'stepDone'),
  };
}

/**
 * The runs of a runbook that were begun, in their order, each with what happened until the next began: an incident may have several, each
 * after a word of people, and of other runbooks before.
 */
function runsOf({ runbook }: MatrixPlan, events: readonly IncidentEvent[]) {
  const drawn = new Map(
    events.flatMap((event) => (event.kind === 'planDrawn' ? [[event.data.digest, event.data.plan]] : [])),
  );
  const runs: { readonly plan: Plan; readonly events: IncidentEvent[] }[] = [];
  for (const event of events) {
    const plan =
      event.kind === 'runStarted' || event.kind === 'preparationStarted' ? drawn.get(event.data.run) : undefined;
    if (plan !== undefined) runs.push({ plan, events: [] });
    else runs.at(-1)?.events.push(event);
  }
  return runs.filter(({ plan }) => plan.runbook === runbook);
}

/** Everything that is wrong, as sentences; empty when all is right. `promised` is the loss that the page named. */
export async function wrongs(
  stage: Stage,
  story: MatrixStory,
  incidents: readonly ReadIncident[],
  promised: Millis | undefined,
): Promise<readonly string[]> {
  const lost = promised === undefined ? undefined : loss(stage);
  const promoted = promotions(stage).length;
  const wanted = promotionsIn(story);
  const without = withoutService(stage).filter((service) => story.users === undefined || service === story.users);
  const complaints: readonly (string | undefined)[] = [
    ...story.plans.flatMap((plan, index) => wrongPlan(stage, plan, incidents[index])),
    promoted === wanted ? undefined : `${promoted} promotions`,
    without.length === 0 ? undefined : `${without.join(', ')} not served`,
    lost === undefined || promised === undefined || lost.rpo <= promised
      ? undefined
      : `${showDuration(lost.rpo)} lost, ${showDuration(promised)} promised`,
    ...unbalanced(stage).map((row) => `messages don't balance: ${row}`),
    ...wrongEffects(stage, story, incidents),
    ...(story.wrongs?.(stage) ?? []),
    ...(await Promise.all(incidents.map(({ state }) => brokenLog(stage, state.id)))),
  ];
  return complaints.filter((complaint) => complaint !== undefined);
}

/** Promotions of the story: those of its plans, and those of what comes before them. */
const promotionsIn = ({ plans, also = [] }: MatrixStory): number =>
  [...plans.flatMap(({ rows }) => rows.flatMap(({ effect }) => effect ?? [])), ...also].filter(
    ({ permission }) => permission === 'cloudsql.instances.promoteReplica',
  ).length;

function wrongPlan(stage: Stage, plan: MatrixPlan, incident: ReadIncident | undefined): readonly string[] {
  if (incident === undefined) return [`there is no incident of ${planName(plan)}`];
  const runs = runsOf(plan, incident.events);
  const steps = new Set(runs.flatMap((run) => run.plan.steps.map(({ id }) => String(id))));
  const known = plan.rows.map(({ step }) => step);
  return [
    ...(sorted(steps) === sorted(known) ? [] : [`the steps of ${planName(plan)} are ${[...steps].join(', ')}`]),
    ...(isRight(plan, incident.state) ? [] : [ending(stage, incident.state)]),
  ];
}

const sorted = (names: Iterable<string>): string => [...names].toSorted().join();

/** Whether it came to the end of its story: resolved, or with the question to people with which the plan ends. */
const isRight = ({ asks }: MatrixPlan, { phase }: IncidentState): boolean =>
  asks === undefined ? phase.kind === 'resolved' : phase.kind === 'needsPerson' && asks.test(phase.because);

/** How a run ended that was not resolved, and whether people know. */
function ending(stage: Stage, { phase, run }: IncidentState): string {
  const because = run?.landing?.because.detail ?? ('because' in phase ? phase.because : '');
  const last = stage.paged.at(-1)?.subject ?? 'nobody was paged';
  return `${run?.landing?.landed === true ? 'landed' : phase.kind}: ${because} (last page: ${last})`;
}

/** Steps that make the same change share a sum: no audit can tell a hold's request from its release's. */
function wrongEffects(
  stage: Stage,
  { plans, also = [] }: MatrixStory,
  incidents: readonly ReadIncident[],
): readonly string[] {
  const made = changes(stage).map((text) => {
    const [permission = '', resource = ''] = text.split(' ');
    return { permission, resource, text };
  });
  const rows = plans.flatMap((plan, index) => plan.rows.map((row) => ({ row, plan, incident: incidents[index] })));
  const foreign = made
    .filter(
      (change) => !rows.some(({ row }) => isEffect(row, change)) && !also.some((known) => isChange(known, change)),
    )
    .map(({ text }) => `also ${text}`);
  const kinds = Map.groupBy(
    rows.filter(({ row }) => row.effect !== undefined),
    ({ row: { effect } }) => `${effect?.permission} ${effect?.resource}`,
  );
  const miscounted = [...kinds].flatMap(([kind, same]) => {
    const these = made.filter((change) => same.some(({ row }) => isEffect(row, change)));
    // What comes before the plans made some of them as well.
    const count = these.filter((change) => !also.some((known) => isChange(known, change))).length;
    if (count < these.length) return these.length < same.length ? [`${kind}: ${these.length} times`] : [];
    // Only a state that absorbs a repeat may be asked for twice, and then once for each intent.
    const most = same.reduce((sum, { row, plan, incident }) => {
      const { intents, repeat } = tally(row, plan, incident);
      return sum + (repeat === 'terminal' ? Math.max(1, intents) : 1);
    }, 0);
    return count >= same.length && count <= most ? [] : [`${kind}: ${count} times, ${same.length} wanted`];
  });
  return [...foreign, ...miscounted];
}

async function brokenLog(stage: Stage, incident: string): Promise<string | undefined> {
  const found = await logInFileStore({ incident, storePath: stage.sandbox.facts.store });
  if (found.kind !== 'log') return `the log of ${incident} is ${found.kind}`;
  const judged = verifyChain(found.records, found.known);
  return judged.kind === 'sound' ? undefined : `the log of ${incident} is ${describeVerification(judged)}`;
}

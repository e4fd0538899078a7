import type { Instant } from '../core/time.ts';
import { type GuardBlock, isOneOfSeveralWays, type PlannedStep, preparingSteps } from '../plan/plan.ts';
import { event, type NewEvent, type Notice } from './events.ts';
import { isLeftOut } from './left-out.ts';
import { type IncidentState, passedNoReturn, type RunState, type StepProgress } from './state.ts';

// What people are told when something is decided: in the same breath, once for each occasion, with where things stand and what
// they can type next. Pure, as deciding is.

/** What an incident is about, in the first words of a notice: the failure as it is named now, else what was first heard. */
export function about({ diagnosis, headline }: IncidentState): string {
  if (diagnosis === undefined || diagnosis.conclusion === 'wait' || diagnosis.scenario === 'unknown') return headline;
  return `${diagnosis.scenario} of ${diagnosis.target.replace(/^[^/]*\//, '')}`;
}

/** Something people must know, said once for `id`. */
export function tell(
  id: string,
  kind: Notice['kind'],
  subject: string,
  text: string,
  options: { readonly urgent?: boolean; readonly approval?: string } = {},
): NewEvent {
  return event('noticeDue', {
    notice: { id, kind, urgent: options.urgent ?? false, subject, text, approval: options.approval ?? null },
  });
}

/** Names an occasion: what happens again in another run, or after people handed it back, is told again (D2). */
export const anew = (state: IncidentState, id: string): string => (state.turn === 0 ? id : `${id}/${state.turn}`);

/** Holds back what is planned, and says so once. */
export function held(state: IncidentState, blocks: readonly GuardBlock[], now: Instant): readonly NewEvent[] {
  const clears = blocks.map((block) => block.clearsAtMs);
  const until = clears.every((at) => at !== null) ? Math.max(now + 1_000, ...clears.filter((at) => at !== null)) : null;
  const text = blocks
    .map(
      (block) =>
        `${block.guard}: ${block.observed} (limit ${block.limit})${block.clearsAtMs === null ? '' : `, clears ${new Date(block.clearsAtMs).toISOString()}`}${block.openedBy === null ? '' : `, opened by ${block.openedBy}`}`,
    )
    .join('; ');
  const codes = blocks.map((block) => block.code).join('+');
  const id = anew(state, `blocked/${codes}`);
  const known = state.phase.kind === 'held' && state.notices.has(id);
  const said = tell(id, 'blocked', `${about(state)}: held back (${codes})`, text, {
    urgent: until === null,
  });
  return [event('held', { blocks: [...blocks], until }), ...(known ? [] : [said])];
}

/** The incident goes to people, with what was tried and what they can do. */
export function forPeople(
  id: string,
  state: IncidentState,
  because: string,
  tried: readonly string[],
  next: readonly string[],
): readonly NewEvent[] {
  const text = [because, ...tried.map((what) => `tried: ${what}`), ...next].join('\n');
  return [
    event('needsPerson', { because, tried: [...tried], next: [...next] }),
    tell(anew(state, `person/${id}`), 'needsPerson', `${about(state)}: needs a person`, text, { urgent: true }),
  ];
}

/** What has been done and what is under way, one line for each step that began. */
export function position(state: IncidentState): readonly string[] {
  return (state.run?.plan.steps ?? []).flatMap((step) => {
    const progress = state.run?.steps.get(step.id);
    if (progress === undefined) return [];
    const detail =
      progress.kind === 'failed' || progress.kind === 'undoFailed'
        ? `: ${progress.failure.detail}`
        : progress.kind === 'waiting' || progress.kind === 'done' || progress.kind === 'undone'
          ? `: ${progress.detail}`
          : '';
    return [`${step.title} (${progress.kind}${detail})`];
  });
}

/** What a person can type next. */
export function nextCommands(state: IncidentState): readonly string[] {
  const further =
    state.run !== undefined && passedNoReturn(state.run)
      ? [`the promotion has begun and can't be taken back: go on with ./dr resume ${state.id}, which asks again`]
      : [`./dr resume ${state.id} (looks again and draws a new plan)`];
  return [...leftPrepared(state), `./dr show ${state.id}`, ...further];
}

/** What was prepared while people decided, and was not needed: it stays as it is, and nobody forgets it. */
export function leftPrepared({ run }: IncidentState): readonly string[] {
  if (run === undefined || run.preparation !== 'begun' || run.startedAt !== undefined) return [];
  const begun = preparingSteps(run.plan).filter(({ id, risk }) => risk === 'safe' && run.intents.has(`do:${id}`));
  return begun.map(
    ({ title }) => `prepared, and left so: ${title}; it is taken back once ${run.plan.target} is well again`,
  );
}

/** What became of the plan beside that it is done: what was tried in vain, what is left to do, and what was not needed. */
export function outcome(run: RunState): readonly string[] {
  const { plan } = run;
  const inVain = failedSteps(run).filter(({ step }) => isOneOfSeveralWays(step, plan));
  const left = leftByHand(run);
  const told = plan.steps.flatMap(({ id }) => toldBy(run.steps.get(id)));
  const isSpared = plan.steps.some((step) => step.undo.kind === 'pointOfNoReturn' && isLeftOut(run, step));
  return [
    ...told,
    ...(left.length === 0
      ? []
      : [`Left to do by hand: ${left.map(({ step, detail }) => `${step.id}: ${detail}`).join('; ')}.`]),
    ...(inVain.length === 0
      ? []
      : [`Tried in vain: ${inVain.map(({ step, detail }) => `${step.title} (${detail})`).join('; ')}.`]),
    isSpared ? 'That was enough: nothing was promoted.' : plan.failback,
  ];
}

interface FailedStep {
  readonly step: PlannedStep;
  readonly detail: string;
}

/** What a plan was to do, could not, and no other step of it did: people do it. */
export const leftByHand = (run: RunState): readonly FailedStep[] =>
  failedSteps(run).filter(({ step }) => !isOneOfSeveralWays(step, run.plan));

const failedSteps = ({ plan, steps }: RunState): readonly FailedStep[] =>
  plan.steps.flatMap((step) => {
    const progress = steps.get(step.id);
    return progress?.kind === 'failed' ? [{ step, detail: progress.failure.detail }] : [];
  });

/** What a step found out that people have to be told when all is done. */
function toldBy(progress: StepProgress | undefined): readonly string[] {
  if (progress?.kind !== 'done') return [];
  const { output } = progress;
  const told = typeof output === 'object' && output !== null && 'told' in output ? output['told'] : undefined;
  return typeof told === 'string' ? [told] : [];
}

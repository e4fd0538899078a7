import { logInFileStore } from '../../cli/found-log.ts';
import { showDuration } from '../../shared/core/time.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { describeVerification, verifyChain } from '../../shared/log/verify.ts';
import type { Millis } from '../../shared/core/time.ts';
import { changes, loss, promotions, unbalanced, withoutService } from '../stories/judge.ts';
import type { Stage } from '../stories/story.ts';
import type { Cell } from './cells.ts';
import { isChange, isEffect } from './kill.ts';
import type { MatrixStory, Row } from './plans.ts';

// Whether a recovery whose worker was killed came to its right end, from outside (decisions.md 24). The right end of every cell is
// the story's own: a worker that dies is no reason to land. The log is asked for intents, because "once for each intent" is a claim
// about it, and for its own chain.

/** What a step came to. */
export interface Tally {
  readonly intents: number;
  readonly repeat: string;
}

/** Tries of a step by the log; a second one is a repeat that its class allowed. */
export function tally(row: Row, state: IncidentState, events: readonly IncidentEvent[]): Tally {
  return {
    intents: intentsOf(row, events),
    repeat: state.run?.plan.steps.find(({ id }) => id === row.step)?.repeat ?? 'unknown',
  };
}

const intentsOf = ({ step }: Row, events: readonly IncidentEvent[]): number =>
  events.filter(({ kind, data }) => kind === 'stepStarted' && data.step === step && data.direction === 'do').length;

/** Everything that is wrong, as sentences; empty when all is right. `promised` is the loss that the page named. */
export async function wrongs(
  stage: Stage,
  { story }: Cell,
  { state, events }: { readonly state: IncidentState; readonly events: readonly IncidentEvent[] },
  promised: Millis | undefined,
): Promise<readonly string[]> {
  const steps = state.run?.plan.steps.map(({ id }) => String(id)) ?? [];
  const known = story.rows.map(({ step }) => step);
  const lost = promised === undefined ? undefined : loss(stage);
  const promoted = promotions(stage).length;
  const wanted = story.rows.filter(({ effect }) => effect?.permission === 'cloudsql.instances.promoteReplica').length;
  const without = withoutService(stage);
  const complaints: readonly (string | undefined)[] = [
    steps.join() === known.join() ? undefined : `the plan's steps are ${steps.join(', ')}`,
    isRight(story, state) ? undefined : ending(stage, state),
    promoted === wanted ? undefined : `${promoted} promotions`,
    without.length === 0 ? undefined : `${without.join(', ')} not served`,
    lost === undefined || promised === undefined || lost.rpo <= promised
      ? undefined
      : `${showDuration(lost.rpo)} lost, ${showDuration(promised)} promised`,
    ...unbalanced(stage).map((row) => `messages don't balance: ${row}`),
    ...wrongEffects(stage, story, state, events),
    await brokenLog(stage, state.id),
  ];
  return complaints.filter((complaint) => complaint !== undefined);
}

/** Whether it came to the end of its story: resolved, or with the question to people with which the plan ends. */
const isRight = ({ asks }: MatrixStory, { phase }: IncidentState): boolean =>
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
  { rows, before = [] }: MatrixStory,
  state: IncidentState,
  events: readonly IncidentEvent[],
): readonly string[] {
  const made = changes(stage).map((text) => {
    const [permission = '', resource = ''] = text.split(' ');
    return { permission, resource, text };
  });
  const foreign = made
    .filter((change) => !rows.some((row) => isEffect(row, change)) && !before.some((known) => isChange(known, change)))
    .map(({ text }) => `also ${text}`);
  const kinds = Map.groupBy(
    rows.filter(({ effect }) => effect !== undefined),
    ({ effect }) => `${effect?.permission} ${effect?.resource}`,
  );
  const miscounted = [...kinds].flatMap(([kind, same]) => {
    const count = made.filter((change) => same.some((row) => isEffect(row, change))).length;
    // Only a state that absorbs a repeat may be asked for twice, and then once for each intent.
    const most = same.reduce((sum, row) => {
      const { intents, repeat } = tally(row, state, events);
      return sum + (repeat === 'terminal' ? Math.max(1, intents) : 1);
    }, 0);
    return count >= same.length && count <= most ? [] : [`${kind}: ${count} times, ${same.length} wanted`];
  });
  return [...foreign, ...miscounted];
}

async function brokenLog(stage: Stage, incident: string): Promise<string | undefined> {
  const found = await logInFileStore({ incident, storePath: stage.sandbox.facts.store });
  if (found.kind !== 'log') return `the log is ${found.kind}`;
  const judged = verifyChain(found.records, found.known);
  return judged.kind === 'sound' ? undefined : `the log is ${describeVerification(judged)}`;
}

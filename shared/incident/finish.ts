import { event, type NewEvent } from './events.ts';
import { leftRaised, showRaised } from './left-raised.ts';
import { measure, showObjective } from './measures.ts';
import type { IncidentState } from './state.ts';
import { hasChanged, realityAfter } from './reality.ts';
import { about, outcome, tell } from './telling.ts';

/**
 * Every step is done or left out: the incident is measured and resolved. It goes on where another of its runs left limits raised:
 * nobody else would take them back.
 */
export function decideFinish(state: IncidentState): readonly NewEvent[] {
  const { run } = state;
  const left = leftRaised(state);
  if (left.length > 0)
    return [
      event('continued', {
        because: `${run?.plan.runbook ?? 'recovery'} done and verified; ${left.map(showRaised).join('; ')}`,
      }),
    ];
  const measures = measure(state);
  const rest = [...(run === undefined ? [] : outcome(run)), ...stillIll(state), ...declaredElsewhere(state)];
  const text = [`${run?.plan.runbook ?? 'recovery'} done and verified.${showObjective(measures)}`, ...rest]
    .join(' ')
    .trim();
  return [event('resolved', { measures, text }), tell('resolved', 'resolved', `${about(state)}: resolved`, text)];
}

/** Whoever declares the system in Terraform is told, since its next apply would put back what was before. */
const declaredElsewhere = (state: IncidentState): readonly string[] =>
  hasChanged(realityAfter(state))
    ? [`Terraform has to declare what is true now before its next apply: ./dr reality ${state.id}.`]
    : [];

/** By these steps a plan sees whether an application is well: that it stays so, or that it writes and reads. */
const VERIFIES = 'verify-consumer';
const SEES: ReadonlySet<string> = new Set(['stay-healthy', VERIFIES]);

/**
 * Applications that an earlier plan of the incident found ill again or could not verify, and that no later one has seen well: people were
 * told then, and are now.
 */
function stillIll({ formerRuns, run }: IncidentState): readonly string[] {
  const ill = new Map<string, string>();
  for (const { plan, steps } of [...formerRuns, ...(run === undefined ? [] : [run])])
    for (const { id, action, input } of plan.steps) {
      const { application } = input;
      const progress = SEES.has(action) ? steps.get(id) : undefined;
      if (typeof application !== 'string') continue;
      if (progress?.kind === 'done') ill.delete(application);
      if (progress?.kind === 'failed' && (action === VERIFIES || progress.failure.code === 'relapsed'))
        ill.set(application, progress.failure.detail);
    }
  return [...ill.values()].map((detail) => `Not seen well since: ${detail}.`);
}

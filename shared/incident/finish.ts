import { event, type NewEvent } from './events.ts';
import { leftRaised, showRaised } from './left-raised.ts';
import { measure, showObjective } from './measures.ts';
import type { IncidentState } from './state.ts';
import { hasChanged, realityAfter } from './reality.ts';
import { about, leftByHand, outcome, tell } from './telling.ts';

/**
 * Every step is done or left out: the incident is measured and resolved. It goes on where another of its runs left limits raised:
 * nobody else would take them back.
 */
export function decideFinish(state: IncidentState): readonly NewEvent[] {
  const { run } = state;
  const raised = leftRaised(state);
  if (raised.length > 0)
    return [
      event('continued', {
        because: `${run?.plan.runbook ?? 'recovery'} done and verified; ${raised.map(showRaised).join('; ')}`,
      }),
    ];
  const measures = measure(state);
  const rest = [...(run === undefined ? [] : outcome(run)), ...stillIll(state), ...declaredElsewhere(state)];
  const text = [`${run?.plan.runbook ?? 'recovery'} done and verified.${showObjective(measures)}`, ...rest]
    .join(' ')
    .trim();
  // A secret that was not replaced, or a replica that was not made, is no news to read in the morning; a log that was not kept is.
  const left = run === undefined ? [] : leftByHand(run).filter(({ step }) => step.risk !== 'observe');
  const subject = left.length === 0 ? 'resolved' : `resolved, and ${showLeft(left.length)} left to do by hand`;
  return [
    event('resolved', { measures, text }),
    tell('resolved', 'resolved', `${about(state)}: ${subject}`, text, { urgent: left.length > 0 }),
  ];
}

const showLeft = (steps: number): string => (steps === 1 ? '1 step is' : `${steps} steps are`);

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

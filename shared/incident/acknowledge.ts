import { askedBy, stepId } from '../plan/plan.ts';
import type { PersonId } from '../system/names.ts';
import { event, type NewEvent } from './events.ts';
import { hasEnded, type IncidentState } from './state.ts';
import { about, tell } from './telling.ts';

/** Who says it, and that it is done. */
export interface Acknowledgement {
  readonly step: string;
  readonly by: { readonly id: PersonId; readonly email: string };
  readonly reason: string;
}

/** What follows when a person says that what a step asked for is done; a sentence when it may not be said, by this person or now. */
export function decideAcknowledge(
  state: IncidentState,
  { step: id, by, reason }: Acknowledgement,
): readonly NewEvent[] | string {
  const { run } = state;
  const step = run?.plan.steps.find((known) => known.id === id);
  if (run === undefined || step === undefined) return `${state.id} has no step ${id}`;
  const asked = askedBy(step);
  if (asked === undefined) return `the step ${id} asks nobody`;
  if (asked !== by.id) return `the step ${id} asks ${asked}, not ${by.id}`;
  const isOpen = run.steps.get(stepId(id))?.kind === 'waiting';
  if (hasEnded(state) || !isOpen) return `the step ${id} does not wait for an answer`;
  if (run.acknowledged.has(stepId(id))) return `${id} was acknowledged already`;
  return [
    event('acknowledged', { step: id, by: by.email, reason }),
    tell(
      `acknowledged/${id}`,
      'progress',
      `${about(state)}: ${by.id} says that it is done`,
      `${step.title}: ${reason}`,
    ),
  ];
}

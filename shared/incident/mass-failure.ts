import { showDuration, type Millis } from '../core/time.ts';
import type { NewEvent } from './events.ts';
import { hasEnded, type IncidentState } from './state.ts';
import { about, anew, tell } from './telling.ts';

// When many targets fail at once there is one card for all of them, in the log of one of their incidents, and the others keep quiet:
// two hundred pages say no more than one, and hide it.
//
// Q1. Only what a look says by itself is kept back. Requests for an approval, and whatever people or a run caused, always go out.
// Q2. An incident that still needs a person when the others have ended says so then.

/** A failure of many targets, as one of its incidents sees it. */
export interface MassFailure {
  /** The incident that holds the card. */
  readonly card: string;
  /** Of how many targets people were told before this incident held it. */
  readonly told: number;
  readonly targets: number;
  /** Some of them by name. */
  readonly shown: string;
  readonly window: Millis;
}

/** What a look tells by itself (Q1). */
const QUIET: ReadonlySet<string> = new Set(['diagnosed', 'dismissed', 'blocked', 'needsPerson']);

/** The events of a look as they are while `mass` goes on, or when it has passed (`undefined`). */
export function amidst(
  mass: MassFailure | undefined,
  events: readonly NewEvent[],
  state: IncidentState,
): readonly NewEvent[] {
  if (mass === undefined) return [...events, ...untold(events, state)];
  if (mass.card === state.id) return [...events, ...cardOf(mass, state)];
  return events.filter((said) => said.kind !== 'noticeDue' || !QUIET.has(said.data.notice.kind));
}

/** The card, and again whenever twice as many targets are on it. */
function cardOf({ told, targets, shown, window }: MassFailure, state: IncidentState): readonly NewEvent[] {
  const count = 2 ** Math.floor(Math.log2(targets));
  const id = `massFailure/${count}`;
  if (hasEnded(state) || count <= told || state.notices.has(id)) return [];
  const text = [
    `${targets} targets failed within ${showDuration(window)} of one another: ${shown}.`,
    'So many at once usually means the observer, the network or the provider. Nothing that nobody asked for is started on any of them.',
    'Each is watched in an incident of its own, which keeps quiet while this lasts; approvals are asked as ever.',
    './dr incidents lists them. ./dr resume INCIDENT lets one of them act. There is no plan for a whole region yet: the runbook is yours.',
  ];
  return [
    tell(id, 'blocked', `${targets} targets fail at once: everything is frozen`, text.join('\n'), { urgent: true }),
  ];
}

/** The number of targets that a card of that name speaks of, rounded down; 0 for any other notice. */
export const targetsOnCard = (notice: string): number => Number(/^massFailure\/(\d+)$/.exec(notice)?.[1] ?? 0);

/** What was kept back and still holds (Q2). */
function untold(events: readonly NewEvent[], state: IncidentState): readonly NewEvent[] {
  if (state.phase.kind !== 'needsPerson' || events.some(({ kind }) => kind === 'needsPerson' || kind === 'dismissed'))
    return [];
  const told = [...state.notices.values()].some(
    ({ notice }) => notice.kind === 'needsPerson' || notice.kind === 'landing',
  );
  if (told) return [];
  return [
    tell(anew(state, 'person/untold'), 'needsPerson', `${about(state)}: needs a person`, state.phase.because, {
      urgent: true,
    }),
  ];
}

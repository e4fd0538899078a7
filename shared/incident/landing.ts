import { event, type NewEvent, type StepFailure } from './events.ts';
import type { IncidentState } from './state.ts';
import { about, anew, nextCommands, position, tell } from './telling.ts';

// A stop inside the committed section: it has a landing, and people are told where things stand at its beginning and at its end.

/** A stop inside the committed section begins its landing and pages at once (design.md section 8). */
export function decideLanding(
  state: IncidentState,
  landing: 'unfence' | 'hold',
  because: StepFailure,
): readonly NewEvent[] {
  const what =
    landing === 'unfence' ? 'taking back what was done' : 'nothing can be taken back: a person decides how to go on';
  return [
    event('landingStarted', { landing, because }),
    tell(
      anew(state, `landing/${because.code}`),
      'landing',
      `${about(state)}: stopped inside the committed section, ${landing}`,
      `${because.detail}\n${what}\n${position(state).join('\n')}`,
      { urgent: true },
    ),
  ];
}

/** The end of a landing: where things stand and what people can do. */
export function decideLanded(
  state: IncidentState,
  landing: 'unfence' | 'hold',
  ...because: readonly string[]
): readonly NewEvent[] {
  const where = position(state).join('; ');
  const next = nextCommands(state);
  return [
    event('landed', { landing, position: where, next: [...next] }),
    tell(
      anew(state, 'landed'),
      'landing',
      `${about(state)}: landed (${landing})`,
      [...because, where, ...next].join('\n'),
      {
        urgent: true,
      },
    ),
  ];
}

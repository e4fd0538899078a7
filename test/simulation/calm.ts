import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import { minutes } from '../../shared/core/time.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { Deed, Happening, Plot } from './plot.ts';

/** When the disaster of a plot made here strikes, in milliseconds from the start. */
export const BROKEN_AT = minutes(5);

/** Something that happens so long after the break. */
export const later = (ms: number, deed: Deed): Happening => ({ trigger: { kind: 'at', ms: BROKEN_AT + ms }, deed });

/** Something that happens when a step begins. */
export const atStep = (action: string, deed: Deed, ms = 0): Happening => ({
  trigger: { kind: 'step', action, ms },
  deed,
});

/** Something that happens when the log first gets such an event. */
export const atEvent = (event: IncidentEvent['kind'], deed: Deed, ms = 0): Happening => ({
  trigger: { kind: 'event', event, ms },
  deed,
});

/** The same at the beginning of each of some steps. */
export const atEach = (actions: readonly string[], deed: Deed): readonly Happening[] =>
  actions.map((action) => atStep(action, deed));

/** What keeps the outcome of a step from whoever performs it, by name; `when`: before its effect, or after it. */
export const troubles = (
  of: 'recover' | 'heal',
  when: readonly ('before' | 'after')[] = ['after'],
): readonly (readonly [string, Deed])[] =>
  when.flatMap((moment): readonly (readonly [string, Deed])[] => [
    [`the worker dies ${moment} the effect`, { kind: 'blow', of, blow: { calls: 1, when: moment } }],
    [
      `a reply is lost ${moment} the effect`,
      {
        kind: 'calls',
        of,
        what: { kind: moment === 'before' ? 'loseReplyBefore' : 'loseReplyAfter' },
        writes: true,
        count: 1,
      },
    ],
  ]);

/** A plot in which nothing goes wrong but the primary, and somebody approves at once; with what makes it special. */
export function calm(happenings: readonly Happening[], more: Partial<Plot> = {}): Plot {
  return {
    title: 'made by hand',
    mood: 'calm',
    remedies: undefined,
    isRegional: false,
    byRecord: false,
    secondary: false,
    goesHome: false,
    brokenAtMs: BROKEN_AT,
    faultsUntilMs: BROKEN_AT + minutes(15),
    endsAtMs: BROKEN_AT + minutes(60),
    happenings: [later(0, { kind: 'break', fault: 'primary-database', variant: 'refuses' }), ...happenings],
    habits: { 'oncall-pager': 'quick' },
    assumptions: BELIEVED,
    duplicates: 0,
    delayMaxMs: 0,
    killRate: 0,
    storeRate: 0,
    storeLatencyMs: 0,
    copies: 1,
    regions: 1,
    skewMs: {},
    deadDestinations: [],
    ...more,
  };
}

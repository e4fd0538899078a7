import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { after, instant, minutes, seconds } from '../../shared/core/time.ts';
import { nextMove } from '../../shared/engine/next-move.ts';
import { event, type IncidentEvent } from '../../shared/incident/events.ts';
import { replay } from '../../shared/incident/evolve.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { incidentId } from '../../shared/system/names.ts';

/** An incident that people have, last looked at at that moment. */
function withPeople(lookedAt: number): IncidentState {
  const opened = event('opened', {
    dedupeKey: 'k',
    source: 'alert',
    target: 'application/api',
    runbook: null,
    headline: 'it broke',
    drill: false,
  });
  const person = event('needsPerson', { because: 'all pods fail', tried: [], next: [] });
  const looked = event('looked', { round: 1, facts: 'f', summary: [] });
  const events = [opened, person, looked].map(
    (made, index) => ({ ...made, sequence: index + 1, at: lookedAt, id: String(index) }) as IncidentEvent, // as the log would
  );
  const state = replay(incidentId('inc-aaaaaaaaaa'), events);
  if (state === undefined) throw new Error('a log with events has a state');
  return state;
}

describe('While people have an incident', () => {
  it('looks never come so far apart that they don’t count together, whenever a signal made one come early', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 59_999 }), (sinceTick) => {
        const state = withPeople(sinceTick);
        const ticks = [1, 2, 3].map((minute) => after(instant(0), minutes(minute)));
        const next = ticks.find((at) => nextMove(state, at).kind === 'look') ?? Number.POSITIVE_INFINITY;
        expect(next - sinceTick).toBeLessThan(1.5 * seconds(60));
      }),
    );
  });
});

describe('When a brake has cleared', () => {
  it('the first look comes at once, and those that it needs to confirm again at their own pace', () => {
    const [heldAt, clears] = [instant(0), minutes(10)];
    const brake = { ...withPeople(heldAt), phase: { kind: 'held', until: after(heldAt, clears) } } as const;

    expect(nextMove(brake, after(heldAt, clears))).toEqual({ kind: 'look' });
    const looked = { ...brake, lookedAt: after(heldAt, clears + 1_000) };
    expect(nextMove(looked, after(heldAt, clears + 2_000)).kind).toBe('wait');
    expect(nextMove(looked, after(heldAt, clears + 26_000))).toEqual({ kind: 'look' });
  });
});

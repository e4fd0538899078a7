import { digestOf } from '../../shared/core/digest.ts';
import { between, instant, showDuration } from '../../shared/core/time.ts';
import { timeline } from '../../shared/status/timeline.ts';
import { effectsBy, isForged } from './judged.ts';
import { showHappening } from './plot.ts';
import type { Run } from './run.ts';
import type { Meeting } from './witness.ts';

/** What one run came to, small enough to count over many. */
export interface Summary {
  readonly seed: number;
  readonly title: string;
  readonly mood: string;
  /** Phases of its incidents at the end, the worst first. */
  readonly outcome: string;
  /** Whether its disaster led to a step: only then does it count (decisions.md 29). */
  readonly counts: boolean;
  readonly meetings: readonly Pick<Meeting, 'what' | 'positions'>[];
  readonly virtualMs: number;
  readonly violations: readonly string[];
}

/** The end of a run in a word: how its most important incident stands. */
export function outcomeOf({ incidents }: Run): string {
  const phases = incidents.map(({ state }) => state.phase.kind);
  return OUTCOMES.find((kind) => phases.some((phase) => phase === kind)) ?? phases[0] ?? 'nothing';
}

const OUTCOMES = ['resolved', 'needsPerson', 'takenOver', 'held', 'awaitingApproval', 'dismissed'] as const;

/** The summary of a run. */
export function summarise(run: Run, violations: readonly string[]): Summary {
  const { seed, plot } = run.stage;
  return {
    seed,
    title: plot.title,
    mood: plot.mood,
    outcome: outcomeOf(run),
    counts: run.incidents.some(({ events }) =>
      events.some(({ kind }) => kind === 'stepStarted' || kind === 'stepDone'),
    ),
    meetings: run.witness.meetings.map(({ what, positions }) => ({ what, positions })),
    virtualMs: between(run.stage.world.startedAt, run.endedAt),
    violations,
  };
}

/** A hash of all that happened: the same seed and plot give the same one, or the simulation is worth nothing. */
export function traceOf({ stage, incidents, ledger, witness, endedAt }: Run): string {
  return digestOf({
    endedAt,
    logs: incidents.map(({ head }) => head.hash),
    audit: stage.world.kernel.audit
      .entries()
      .map(({ at, call, result, status }) => [at, call.principal, call.permission, call.resource, result, status]),
    ledger: JSON.stringify(ledger),
    seen: JSON.stringify(witness),
  });
}

/** A run as a timeline that a person can read, with what does not hold and how to play it again. */
export function story(run: Run, violations: readonly string[]): string {
  const { stage, witness, incidents, brokenAt, endedAt } = run;
  const { seed, plot } = stage;
  const line = (at: number, text: string) => ({ at, text });
  const lines = [
    ...incidents.flatMap((incident) =>
      timeline(incident.events, incident.state).map(({ at, text }) =>
        line(at, `${incident.state.id}${isForged(run, incident) ? ' (forged)' : ''} ${text}`),
      ),
    ),
    ...(['recover', 'heal'] as const).flatMap((name) =>
      effectsBy(run, name).map(({ at, call, writers }) =>
        line(at, `  !! ${name} ${call.permission} ${call.resource} [takes writes: ${writers.join(', ') || 'nobody'}]`),
      ),
    ),
    ...witness.hands.map(({ at, what, accepted }) => line(at, `  ## by hand: ${what}${accepted ? '' : ' (refused)'}`)),
    ...witness.votes.map(({ at, approver, decision, isGenuine }) =>
      line(at, `  ## ${approver} presses ${decision}${isGenuine ? '' : ' with a forged token'}`),
    ),
    ...witness.meetings.map(({ at, what, positions }) => line(at, `  ** ${what} meets ${positions.join(', ')}`)),
    ...witness.splits.slice(0, 1).map(({ at, writers }) => line(at, `  !! ${writers.join(' and ')} both take writes`)),
    ...witness.notes.map(({ at, text }) => line(at, `  .. ${text}`)),
  ];
  const told = lines
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, text }) => `${showDuration(between(brokenAt, instant(at))).padStart(8)}  ${text.slice(0, 220)}`);
  return [
    `seed ${seed}: ${plot.title}; ${plot.mood}; people ${JSON.stringify(plot.habits)}; ended ${showDuration(between(brokenAt, endedAt))} after the break${run.isQuiet ? '' : ', not at rest'}`,
    `assumptions that don't hold: ${
      Object.entries(plot.assumptions)
        .flatMap(([name, holds]) => (holds ? [] : [name]))
        .join(', ') || 'none'
    }; regions ${plot.regions}, copies ${plot.copies}; duplicates ${plot.duplicates.toFixed(2)}; store ${plot.storeRate.toFixed(3)}, ${plot.storeLatencyMs} ms; kills ${plot.killRate.toFixed(2)}; dead: ${plot.deadDestinations.join(', ') || 'none'}`,
    ...plot.happenings.map((happening) => `  plot: ${showHappening(happening)}`),
    ...told,
    ...violations.map((text) => `VIOLATED ${text}`),
    `again: npm run simulate -- --seeds 1 --from ${seed} --verbose`,
  ].join('\n');
}

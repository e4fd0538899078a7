import { showDuration, between, instant } from '../../shared/core/time.ts';
import { parseEvent } from '../../shared/incident/events.ts';
import { timeline } from '../../shared/status/timeline.ts';
import type { Run } from './run.ts';

/** What one run came to, small enough to count over many. */
export interface Summary {
  readonly seed: number;
  readonly disaster: string;
  readonly people: string;
  readonly outcome: string;
  readonly steps: readonly string[];
  readonly crashes: number;
  readonly violations: readonly string[];
}

/** The summary of a run. */
export function summarise(run: Run, violations: readonly string[]): Summary {
  const steps = run.incidents.flatMap(({ records }) =>
    records
      .map(parseEvent)
      .flatMap((event) =>
        event.kind === 'stepDone' || event.kind === 'stepFailed'
          ? [`${event.kind === 'stepDone' ? 'done' : 'failed'} ${event.data.direction} ${event.data.step}`]
          : [],
      ),
  );
  return {
    seed: run.seed,
    disaster: run.plot.disaster,
    people: run.plot.people,
    outcome: run.incidents
      .map(({ state }) => state.phase.kind)
      .toSorted((a, b) => a.localeCompare(b))
      .join('+'),
    steps,
    crashes: run.crashes,
    violations,
  };
}

/** A run as a timeline that a person can read, with what does not hold and how to play it again. */
export function story(run: Run, violations: readonly string[]): string {
  const lines = run.incidents.flatMap(({ state, records }) =>
    timeline(records.map(parseEvent), state).map((line) => ({ at: line.at, text: `${state.id} ${line.text}` })),
  );
  const effects = run.world.kernel.audit
    .entries()
    .filter(
      ({ call, result }) =>
        call.writes &&
        result === 'effect' &&
        !call.permission.startsWith('pubsub') &&
        call.permission !== 'cloudsql.instances.login',
    )
    .map(({ at, call }) => ({
      at: at as number,
      text: `  !! ${call.principal.split('@')[0] ?? ''} ${call.permission} ${call.resource}`,
    }));
  const told = [...lines, ...effects]
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, text }) => `${showDuration(between(run.brokenAt, instant(at))).padStart(8)}  ${text.slice(0, 220)}`);
  return [
    `seed ${run.seed}: ${run.plot.disaster}; people: ${run.plot.people}; ${run.crashes} crashes`,
    ...told,
    ...violations.map((text) => `VIOLATED ${text}`),
    `again: npm run simulate -- --seeds 1 --from ${run.seed}`,
  ].join('\n');
}

import { begin, evolve } from '../../shared/incident/evolve.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import { IN_FLIGHT } from './deeds.ts';
import {
  described,
  type DrawnPlan,
  effectsBy,
  hadLateRequests,
  type Invariant,
  isForged,
  promotionsOf,
  requestOf,
  when,
} from './judged.ts';
import { requestsOf } from './powers.ts';
import type { Run } from './run.ts';

// What is done is done once, by whoever has the right to, and within what budgets and switches allow.

/** When each incident's run was under way, and what it held. */
function spansOf(run: Run) {
  return run.incidents
    .filter((incident) => !isForged(run, incident))
    .flatMap(({ state: { id }, events }) => spans(id, events));
}

function spans(id: IncidentId, events: readonly IncidentEvent[]) {
  const found: { readonly id: IncidentId; readonly holds: readonly string[]; readonly from: number; to: number }[] = [];
  let state: IncidentState | undefined;
  let open: (typeof found)[number] | undefined;
  for (const event of events) {
    state = state === undefined ? begin(id, event) : evolve(state, event);
    const isRunning = state.phase.kind === 'running' || state.phase.kind === 'landing';
    if (isRunning && open === undefined) {
      open = { id, holds: state.run?.plan.holds ?? [], from: event.at, to: Number.POSITIVE_INFINITY };
      found.push(open);
    }
    if (!isRunning && open !== undefined) {
      open.to = event.at;
      open = undefined;
    }
  }
  return found;
}

/** Steps whose intent stands in the logs and that may make a request, each counted once per direction. */
function intentsFor(run: Run, request: string): number {
  const intents = run.incidents.flatMap(({ events }) => {
    const [seen, drawn] = [new Set<string>(), new Set<string>()];
    let plan: DrawnPlan['plan'] | undefined;
    let digest = '';
    for (const event of events) {
      // What is drawn again under a known digest is not the product's (V4 of evolve.ts).
      if (event.kind === 'planDrawn' && !drawn.has(event.data.digest)) {
        ({ plan, digest } = event.data);
        drawn.add(digest);
      }
      if (event.kind !== 'stepStarted') continue;
      const step = plan?.steps.find(({ id }) => id === event.data.step);
      const call = event.data.direction === 'do' ? step : step?.undo.kind === 'action' ? step.undo : undefined;
      if (call !== undefined && requestsOf(call.action, call.input).some((known) => known === request))
        seen.add(`${digest} ${event.data.direction} ${event.data.step}`);
    }
    return [...seen];
  });
  return intents.length;
}

/** Whether a request may take effect once more than it was meant, by its class and by what this world's APIs check. */
function mayRepeat(run: Run, request: string): boolean {
  const { assumptions } = run.stage.plot;
  if (request.startsWith('cloudsql.instances.update ')) return !assumptions.settingsVersionChecked;
  if (request.startsWith('run.services.update ')) return !assumptions.runEtagChecked;
  // The pod that ends is ended: its uid goes with the request.
  if (request.startsWith('k8s.pods/eviction.create ')) return hadLateRequests(run);
  // Serialised: nothing protects against a request that is later than the late-arrival time.
  return SERIALISED.some((permission) => request.startsWith(`${permission} `)) && hadLateRequests(run);
}

const SERIALISED = ['secretmanager.versions.add', 'cloudsql.instances.restart', 'cloudsql.instances.failover'] as const;

export const EFFECTS: Readonly<Record<string, Invariant>> = {
  'S3 at most one promotion': (run) =>
    promotionsOf(run).length <= 1
      ? []
      : [
          `promoted ${promotionsOf(run)
            .map((effect) => described(run, effect))
            .join(', ')}`,
        ],
  'S3 at most one effect per intent': (run) => {
    const counts = new Map<string, number>();
    for (const effect of [...effectsBy(run, 'recover'), ...effectsBy(run, 'heal')])
      counts.set(requestOf(effect), (counts.get(requestOf(effect)) ?? 0) + 1);
    return [...counts].flatMap(([request, count]) => {
      const intents = intentsFor(run, request);
      return count <= intents || mayRepeat(run, request) ? [] : [`${request}: ${count} effects of ${intents} intents`];
    });
  },
  'S4 two runs never hold one target': (run) => {
    const all = spansOf(run);
    return all.flatMap((one, index) =>
      all
        .slice(index + 1)
        .filter(({ from, to }) => one.from < to && from < one.to)
        .filter(({ id, holds }) => id !== one.id && holds.some((target) => one.holds.includes(target)))
        .map(({ id }) => `${one.id} and ${id} ran at once`),
    );
  },
  'S8 budgets and cooldowns hold': (run) => {
    const { budgets, cooldown } = run.stage.system.guards;
    const effects = effectsBy(run, 'heal');
    const evictions = effects
      .filter(({ call }, index) => effects.findIndex((other) => other.call.resource === call.resource) === index)
      .map(({ at }) => at as number);
    return [
      ...budgets.flatMap(({ runs, window }) =>
        evictions.some((at) => evictions.filter((other) => other >= at && other < at + window).length > runs)
          ? [`more than ${runs} evictions within ${window} ms`]
          : [],
      ),
      ...evictions.flatMap((at, index) => {
        const before = evictions[index - 1];
        return before !== undefined && at - before < cooldown ? [`evictions ${at - before} ms apart`] : [];
      }),
    ];
  },
  'S11 nothing changes while the store is out of reach': (run) =>
    hadLateRequests(run)
      ? []
      : run.stage.weather
          .outages()
          .flatMap(({ from, until }) =>
            [...effectsBy(run, 'recover'), ...effectsBy(run, 'heal')]
              .filter(({ at }) => at > from + IN_FLIGHT && at < until)
              .map((effect) => `${described(run, effect)} during an outage of the store since ${when(run, from)}`),
          ),
};

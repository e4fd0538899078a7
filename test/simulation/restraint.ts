import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import {
  consentedBy,
  described,
  effectsBy,
  hadLateRequests,
  IN_FLIGHT,
  type Invariant,
  isForged,
  longestFreeze,
  ON_ITS_WAY,
  requestOf,
  when,
} from './judged.ts';
import { requestsIn } from './powers.ts';
import type { Run, RunIncident } from './run.ts';
import type { Effect } from './witness.ts';

// Nothing is done while it must not be: after a landing, under the kill switch, beyond a budget, without a store.

const effectsOfWorkers = (run: Run): readonly Effect[] => [...effectsBy(run, 'recover'), ...effectsBy(run, 'heal')];

/** Longest from the last look before an intent to the effect, where the store answers and nothing freezes; else a call's own time. */
function slackOf(run: Run): number {
  const { plot, weather } = run.stage;
  const isSound = plot.storeRate === 0 && weather.outages().length === 0;
  const freezes = run.witness.meetings.some(({ what }) => what.startsWith('frozen'));
  return isSound && !freezes && !hadLateRequests(run) ? ON_ITS_WAY : IN_FLIGHT;
}

/** From when to when the kill switch was on. */
function stopsOf({ stage }: Run): readonly { readonly from: number; readonly to: number }[] {
  const { switches } = stage.books;
  return switches.flatMap(({ at, on }, index) => {
    if (!on || switches[index - 1]?.on === true) return [];
    return [{ from: at, to: switches.slice(index).find((later) => !later.on)?.at ?? Number.POSITIVE_INFINITY }];
  });
}

/** From when to when a committed section was under way: from its first intent until all of it was done. */
function sectionsOf({ events }: RunIncident) {
  const sections: { readonly from: number; to: number }[] = [];
  let left = new Set<string>();
  let open: (typeof sections)[number] | undefined;
  for (const event of events) {
    if (event.kind === 'planDrawn') {
      left = new Set(event.data.plan.steps.flatMap(({ id, committed }) => (committed ? [id] : [])));
      if (open !== undefined) open.to = event.at;
      open = undefined;
    }
    if (event.kind === 'stepStarted' && left.has(event.data.step) && open === undefined) {
      open = { from: event.at, to: Number.POSITIVE_INFINITY };
      sections.push(open);
    }
    if (event.kind !== 'stepDone' || event.data.direction !== 'do') continue;
    left.delete(event.data.step);
    if (left.size === 0 && open !== undefined) open.to = event.at;
  }
  return sections;
}

/** Whether people handed an incident back between two moments. */
const handedBack = (run: Run, from: number, to: number): boolean =>
  run.incidents.some(({ events }) =>
    events.some(
      (event) =>
        event.kind === 'resumed' && event.at > from && event.at < to && !event.data.by.startsWith('dr-autopilot'),
    ),
  );

/** What somebody sets by hand, and the request by which we would set it. */
const SETTINGS: Readonly<Record<'setFloor' | 'setLimits', `${string} ${string}`>> = {
  setLimits: `run.services.update services/${REFERENCE.api}`,
  setFloor: `k8s.autoscaling.horizontalpodautoscalers.patch namespaces/${REFERENCE.namespace}/horizontalpodautoscalers/${REFERENCE.api}`,
};

/** When a plan was drawn that allows a request, each time. */
const drawnFor = (run: Run, request: `${string} ${string}`): readonly number[] =>
  run.incidents.flatMap(({ events }) =>
    events.flatMap((event) =>
      event.kind === 'planDrawn' && requestsIn(event.data.plan).has(request) ? [event.at] : [],
    ),
  );

export const RESTRAINT: Readonly<Record<string, Invariant>> = {
  'S16 what somebody has set by hand is not set back': (run) => {
    if (hadLateRequests(run) || run.incidents.some((incident) => isForged(run, incident))) return [];
    return run.witness.hands.flatMap(({ at, what, accepted }) => {
      const request = what === 'setLimits' || what === 'setFloor' ? SETTINGS[what] : undefined;
      if (request === undefined || !accepted) return [];
      // A plan that is drawn later knows what they set.
      const again = Math.min(Infinity, ...drawnFor(run, request).filter((drawn) => drawn > at));
      return effectsBy(run, 'heal')
        .filter((effect) => requestOf(effect) === request && effect.at > at + ON_ITS_WAY && effect.at < again)
        .map((effect) => `${described(run, effect)}, set by hand ${when(run, at)}`);
    });
  },
  'S5 what has landed stays as it is until people hand it back': (run) =>
    run.incidents.flatMap((incident) => {
      const { state, events } = incident;
      return events.flatMap((event, index) => {
        if (event.kind !== 'landed') return [];
        const before = events.slice(0, index).findLast(({ kind }) => kind === 'planDrawn');
        const next = events.slice(index).find(({ kind }) => kind === 'resumed');
        const landed = before?.kind === 'planDrawn' ? before.data.plan : undefined;
        const requests = landed === undefined ? new Set<string>() : requestsIn(landed);
        return (
          effectsBy(run, 'recover')
            .filter(({ at }) => at > event.at + IN_FLIGHT && at < (next?.at ?? Number.POSITIVE_INFINITY))
            .filter((effect) => requests.has(requestOf(effect)) && !hadLateRequests(run))
            // What people approved in another incident is that one's: the stop of an old primary that returns.
            .filter((effect) => consentedBy(run, effect).every((drawn) => drawn.incident.state.id === state.id))
            // Who writes into our log can make it look again after a landing: what people then really approve is another plan.
            .filter(
              (effect) => !isForged(run, incident) || consentedBy(run, effect).every(({ plan }) => plan === landed),
            )
            .map((effect) => `${described(run, effect)}, landed ${when(run, event.at)}`)
        );
      });
    }),
  'S8 nothing begins while the kill switch is on': (run) => {
    if (run.incidents.some((incident) => isForged(run, incident))) return [];
    const sections = run.incidents.flatMap(sectionsOf);
    const slack = slackOf(run);
    return stopsOf(run).flatMap((stop) =>
      effectsOfWorkers(run)
        .filter(({ at }) => at > stop.from + slack && at < stop.to)
        .filter(({ at }) => !sections.some(({ from, to }) => from <= stop.from + slack && at <= to + ON_ITS_WAY))
        .map((effect) => `${described(run, effect)}, stopped ${when(run, stop.from)}`),
    );
  },
  'S8 budgets and cooldowns hold': (run) => {
    const { budgets, cooldown } = run.stage.system.guards;
    const effects = effectsBy(run, 'heal').filter(({ call }) => call.permission === 'k8s.pods/eviction.create');
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
        // A person who takes a run over and hands it back asks for it: it goes on, with a new plan, as the same run.
        const isAskedFor = before !== undefined && handedBack(run, before, at);
        return before !== undefined && at - before < cooldown && !isAskedFor
          ? [`evictions ${at - before} ms apart`]
          : [];
      }),
    ];
  },
  'S11 nothing changes while the store is out of reach': (run) =>
    hadLateRequests(run) || longestFreeze(run) > 0
      ? []
      : run.stage.weather.outages().flatMap(({ from, until }) =>
          effectsOfWorkers(run)
            .filter(({ at }) => at > from + IN_FLIGHT && at < until)
            .map((effect) => `${described(run, effect)} during an outage of the store since ${when(run, from)}`),
        ),
  'S17 a service that waits for something else is given no instances': (run) => {
    const pressures = run.stage.plot.happenings.flatMap(({ deed }) =>
      deed.kind === 'break' && deed.fault === 'cloud-run-pressure' ? [deed.variant] : [],
    );
    const counts = run.stage.world.front.counts(SERVICES.apiRun);
    // Requests that failed meanwhile, as while its database restarts, say nothing of how long they would have taken.
    const isOnlySlow = pressures.length > 0 && pressures.every((variant) => variant === 'waiting');
    if (!isOnlySlow || counts['5xx'] + counts['429'] > 0) return [];
    return run.incidents
      .filter((incident) => !isForged(run, incident))
      .flatMap(({ events }) => events)
      .filter((event) => event.kind === 'planDrawn' && event.data.plan.runbook === 'service-scale-up')
      .map(({ at }) => `a raise was planned ${when(run, at)}`);
  },
};

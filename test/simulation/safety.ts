import { begin, evolve } from '../../shared/incident/evolve.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { seconds } from '../../shared/core/time.ts';
import { opensOf } from '../../shared/plan/plan.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import { IN_FLIGHT } from './deeds.ts';
import {
  type DrawnPlan,
  effectsBy,
  hadLateRequests,
  type Invariant,
  isForged,
  plansOf,
  promotionsOf,
  requestOf,
  votesOn,
  when,
} from './judged.ts';
import { requestsIn, requestsOf, SAFE } from './powers.ts';
import type { Run } from './run.ts';
import type { Effect } from './witness.ts';

// Never make a disaster worse.

/** Plans that allow a request and that somebody had approved by then. */
function consentedBy(run: Run, effect: Effect): readonly DrawnPlan[] {
  return plansOf(run).filter(
    (drawn) =>
      requestsIn(drawn.plan).has(requestOf(effect)) &&
      votesOn(run, drawn).some(({ decision, at }) => decision === 'approve' && at <= effect.at),
  );
}

const described = (run: Run, effect: Effect): string => `${requestOf(effect)} ${when(run, effect.at)}`;

/** Longest that an ordinary request is on its way, after the last look before it. */
const ON_ITS_WAY = seconds(3);

/** A decision against a plan that came before its first destructive intent. */
function denialOf(run: Run, { incident, plan, digest }: DrawnPlan): IncidentEvent | undefined {
  const destructive = new Set(plan.steps.filter(({ risk }) => risk === 'destructive').map(({ id }) => String(id)));
  const drawnAt = incident.events.find((event) => event.kind === 'planDrawn' && event.data.digest === digest);
  const begun = incident.events.find(
    (event) =>
      event.kind === 'stepStarted' && destructive.has(event.data.step) && event.sequence > (drawnAt?.sequence ?? 0),
  );
  const denials = run.witness.votes.filter(
    (vote) => vote.isGenuine && vote.decision === 'deny' && vote.planDigest === digest,
  );
  return incident.events.find(
    (event) =>
      event.kind === 'decided' &&
      event.data.decision === 'deny' &&
      denials.some(({ approval }) => approval === event.data.approval) &&
      (begun === undefined || event.sequence < begun.sequence),
  );
}

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
    const seen = new Set<string>();
    let plan: DrawnPlan['plan'] | undefined;
    let digest = '';
    for (const event of events) {
      if (event.kind === 'planDrawn') ({ plan, digest } = event.data);
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
  return request.startsWith('secretmanager.versions.add ') && hadLateRequests(run);
}

export const SAFETY: Readonly<Record<string, Invariant>> = {
  'S1 no change without the consent of people, or within what heal may': (run) => [
    ...effectsBy(run, 'recover')
      .filter((effect) => consentedBy(run, effect).length === 0)
      .map((effect) => `${described(run, effect)} and nobody had approved it`),
    ...effectsBy(run, 'heal')
      .filter(
        (effect) =>
          !SAFE.has(effect.call.permission) ||
          !plansOf(run).some(({ plan }) => requestsIn(plan).has(requestOf(effect))),
      )
      .map((effect) => `heal did ${described(run, effect)}`),
    ...(['classify', 'tick', 'notify', 'approve', 'status'] as const).flatMap((name) =>
      effectsBy(run, name).map((effect) => `${name} did ${described(run, effect)}`),
    ),
  ],
  'S1 a deny before the committed section stops the plan': (run) =>
    plansOf(run).flatMap((drawn) => {
      const denial = denialOf(run, drawn);
      if (denial === undefined) return [];
      return effectsBy(run, 'recover')
        .filter((effect) => effect.at > denial.at + IN_FLIGHT && requestsIn(drawn.plan).has(requestOf(effect)))
        .filter((effect) => consentedBy(run, effect).every(({ digest }) => digest === drawn.digest))
        .map((effect) => `${described(run, effect)} after a deny ${when(run, denial.at)}`);
    }),
  'S2 nothing is promoted while another instance takes writes from a consumer’s place': (run) =>
    promotionsOf(run).flatMap((effect) => {
      const others = effect.writers.filter((name) => !effect.call.resource.includes(`/${name}:`));
      const isOpened = consentedBy(run, effect).some(({ plan }) => opensOf(plan).includes('accept-unfenced-primary'));
      return others.length === 0 || isOpened
        ? []
        : [`${described(run, effect)} while ${others.join(', ')} took writes`];
    }),
  'S2 nothing is promoted before the old primary is stopped': (run) =>
    promotionsOf(run).flatMap((effect) => {
      const isOpened = consentedBy(run, effect).some(({ plan }) => opensOf(plan).includes('accept-unfenced-primary'));
      return effect.unstopped.length === 0 || isOpened || isResidual(run)
        ? []
        : [`${described(run, effect)} while ${effect.unstopped.join(', ')} was not stopped`];
    }),
  'S2 two instances never take writes at once through us': (run) => {
    const { witness } = run;
    const [first] = witness.splits;
    const isByOthers = witness.hands.some(
      ({ what, accepted }) => accepted && what !== 'scaleApi' && what !== 'stopPrimary',
    );
    const isOpened = plansOf(run).some(
      (drawn) => opensOf(drawn.plan).includes('accept-unfenced-primary') && votesOn(run, drawn).length > 0,
    );
    return first === undefined || isByOthers || isOpened || isResidual(run)
      ? []
      : [`${first.writers.join(' and ')} took writes ${when(run, first.at)}`];
  },
  'S2 nothing is promoted after somebody else promoted': (run) => {
    const hand = run.witness.hands.find(({ what, accepted }) => accepted && what.startsWith('promote'));
    return promotionsOf(run)
      .filter(({ at }) => hand !== undefined && at > hand.at + ON_ITS_WAY && !hadLateRequests(run))
      .map((effect) => `${described(run, effect)}, promoted by hand ${when(run, hand?.at ?? 0)}`);
  },
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
  'S9 what was lost is within what was approved, and within what was computed': (run) => {
    const [promotion] = promotionsOf(run);
    const replica = /instances\/([^:]+):/.exec(promotion?.call.resource ?? '')?.[1];
    if (promotion === undefined || replica === undefined) return [];
    const { load, world } = run.stage;
    const { servers } = world.sql.fleet;
    const { oldestLostAt, newestLostAt, lost } = load.loss(
      (id) => servers.server(replica)?.history.hasApplicationRow(id) === true,
      undefined,
      promotion.at,
    );
    if (oldestLostAt === undefined || newestLostAt === undefined) return [];
    const span = newestLostAt - oldestLostAt;
    return consentedBy(run, promotion).flatMap((drawn) =>
      limitsOf(run, drawn)
        .filter(([, limit]) => span > limit)
        .map(([name, limit]) => `lost ${lost} writes over ${span} ms, ${name} ${limit} ms`),
    );
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

/** What a plan's approvers accepted to lose, and what was computed after the fence. */
function limitsOf(run: Run, drawn: DrawnPlan): readonly (readonly [string, number])[] {
  const votes = new Set(votesOn(run, drawn).map(({ approval }) => approval));
  return drawn.incident.events.flatMap((event): readonly (readonly [string, number])[] => {
    if (event.kind === 'approvalAsked' && votes.has(event.data.approval))
      return event.data.lossLimitMs === null ? [] : [['approved', event.data.lossLimitMs]];
    if (event.kind !== 'stepDone' || event.data.step !== 'loss' || isForged(run, drawn.incident)) return [];
    const { output } = event.data;
    const bound = typeof output === 'object' && output !== null && 'boundMs' in output ? output['boundMs'] : null;
    return typeof bound === 'number' ? [['computed', bound]] : [];
  });
}

/**
 * What remains possible and is named in docs/security.md: Cloud SQL says that a stop is done, reads it back, and the server,
 * unreachable at that time, was never stopped and comes back with its zone.
 */
const isResidual = ({ stage }: Run): boolean =>
  stage.plot.happenings.some(
    ({ deed }) =>
      deed.kind === 'break' && deed.fault === 'stop-not-carried-out' && deed.variant === 'doneWithoutEffect',
  );

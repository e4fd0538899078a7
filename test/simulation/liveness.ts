import {
  currentApproval,
  hasEnded,
  type IncidentState,
  insideCommittedSection,
  standing,
} from '../../shared/incident/state.ts';
import { minutes, seconds, showDuration } from '../../shared/core/time.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { isBeside } from '../../shared/system/topology.ts';
import { effectsBy, type Invariant, isForged, lastOf, ON_ITS_WAY, plansOf, promotionsOf, when } from './judged.ts';
import type { Plot } from './plot.ts';
import { isHeldBeyond, isWithPeople, type Run, type RunIncident } from './run.ts';

// Nobody is forgotten: every incident ends or reaches a person, nothing ends that is not over, and in a calm world the recovery
// succeeds.

const genuine = (run: Run): readonly RunIncident[] => run.incidents.filter((incident) => !isForged(run, incident));

/** How long an expired request, or a hold that is over, may wait for somebody to notice. */
const NOTICED_WITHIN = minutes(3);

function whyStuck(run: Run, { state }: RunIncident): string | undefined {
  if (hasEnded(state) || isWithPeople(state) || isHeldBeyond(state, run.endedAt - NOTICED_WITHIN)) return undefined;
  const approval = currentApproval(state);
  if (state.phase.kind !== 'awaitingApproval' || approval === undefined) return `is ${state.phase.kind}`;
  const stands = standing(approval, run.endedAt);
  if (stands === 'open' || run.endedAt < approval.expiresAt + NOTICED_WITHIN) return undefined;
  return `waits for an approval that is ${stands}`;
}

/** Acts of people after which a new stop must be told anew. */
const PEOPLE_ACT = ['opened', 'resumed', 'decided'] as const;

/** Whether somebody got an urgent notice since people last acted, in the order of the log: clocks differ. */
function wasTold({ state, events }: RunIncident): boolean {
  // A word on an approval whose run has stopped already changes nothing: what was told then is still so.
  const stopped = state.phase.kind === 'needsPerson' ? lastOf(events, 'needsPerson')?.sequence : undefined;
  const acts = events.filter(({ kind, sequence }) => kind !== 'decided' || sequence <= (stopped ?? sequence));
  const since = lastOf(acts, ...PEOPLE_ACT)?.sequence ?? 0;
  return events.some(
    (event) =>
      event.kind === 'noticeDue' &&
      event.sequence >= since &&
      event.data.notice.urgent &&
      (state.notices.get(event.data.notice.id)?.delivered.length ?? 0) > 0,
  );
}

function halfDone(state: IncidentState): boolean {
  const { run } = state;
  if (run === undefined || !insideCommittedSection(run) || state.phase.kind === 'takenOver') return false;
  return run.landing?.landed !== true;
}

/** Longest from the first question of a look, over answers that don't come, to what follows from it. */
const LOOK_TAKES = seconds(30);

/** Whether the users of a service could not write at a moment, and since before it. */
const wasIll = ({ stage }: Run, service: string, at: number): boolean =>
  stage.load
    .report()
    .some(
      (report) =>
        report.service === service && report.outages.some(({ from, until }) => from <= at && at < (until ?? Infinity)),
    );

/** Minutes before a dismissal that are looked at: the newest that a load balancer shows by then ended at most four before it. */
const COUNTED_MINUTES = 5;

/** From this share of users that are turned away on, in each of the minutes: more than the one in twenty that counts. */
const TURNED_AWAY_SHARE = 0.1;

/** Whether a part of the users of a service was turned away in each of the minutes before a moment, and is after it. */
function isTurningAway({ stage }: Run, service: string, at: number): boolean {
  const outages = stage.load.report().flatMap((report) => (report.service === service ? report.outages : []));
  const isIn = ([from, to]: readonly [number, number]): boolean => {
    const lost = outages.map(({ from: began, until }) => Math.min(until ?? Infinity, to) - Math.max(began, from));
    return lost.reduce((sum, ms) => sum + Math.max(0, ms), 0) >= TURNED_AWAY_SHARE * (to - from);
  };
  const before = Array.from({ length: COUNTED_MINUTES }, (_, index) => at - index * minutes(1));
  return [[at, at + seconds(30)] as const, ...before.map((end) => [end - minutes(1), end] as const)].every(isIn);
}

/**
 * Whether an isolation of ours, which is approved or judged elsewhere, keeps users away at a moment. The entrance leads to either
 * application, and is cut off with the one that it led to.
 */
const isCutOffByUs = (run: Run, service: string, at: number): boolean => {
  const lastStart = (action: string): number =>
    Math.max(
      -Infinity,
      ...plansOf(run).flatMap(({ plan, incident }) => {
        const steps = plan.steps.filter((step) => step.action === action && isReachedBy(service, step.input));
        return incident.events.flatMap((event) =>
          event.kind === 'stepStarted' && event.at < at && steps.some(({ id }) => id === event.data.step)
            ? [event.at]
            : [],
        );
      }),
    );
  return lastStart('isolate-application') > lastStart('lift-isolation');
};

const isReachedBy = (service: string, { application }: Plan['steps'][number]['input']): boolean =>
  service === SERVICES.entrance ||
  (typeof application === 'string' && service === SERVICE_OF[`application/${application}`]);

/** What the reference system has on a calm day: the most instances of its service, and the floor of its autoscaler. */
const FORMER_MAX = 4;
const FORMER_FLOOR = 3;

/** Why a dismissal is not our judgement. */
const BY_PEOPLE = /^(cancelled by|test-notification)/;

/** A calm world in which one person approves at once and nothing else goes wrong. */
function shouldRecover({ stage: { plot } }: Run): boolean {
  const { mood, happenings, habits, assumptions } = plot;
  const isPlain = happenings.every(({ trigger }) => trigger.kind === 'at') && mood === 'calm';
  const agrees = habits['oncall-pager'] === 'quick' && habits['eng-lead-pager'] === 'never';
  return isPlain && isCurable(plot) && agrees && assumptions === BELIEVED;
}

/** What a plan does to the world; when writes ended, which becomes known meanwhile, is no part of it. */
const deedsOf = ({ steps }: Plan): string =>
  JSON.stringify(steps.filter(({ risk }) => risk !== 'observe').map(({ action, input }) => [action, input]));

const changes = ({ steps }: Plan, step: string): boolean =>
  steps.some(({ id, risk }) => id === step && risk !== 'observe');

/** Whether something that the plot lists ends its disaster. A standby that takes over by itself leaves nothing to do. */
function isCurable({ title, remedies, isRegional }: Plot): boolean {
  const promotes = remedies === undefined || remedies.includes('promote');
  switch (title) {
    case 'pod hangs':
    case 'a bad revision is deployed':
    case 'every pod hangs':
      return true;
    case 'primary lost, refuses':
    case 'primary lost, hangs':
      return promotes && !isRegional;
    case 'primary crashed':
      return isRevived({ remedies, isRegional }) || (promotes && !isRegional);
    default:
      return false;
  }
}

/** Whether a remedy that is listed brings back a server that has crashed. */
const isRevived = ({ remedies, isRegional }: Pick<Plot, 'remedies' | 'isRegional'>): boolean =>
  remedies?.includes('restart') === true || (isRegional && remedies?.includes('failover') === true);

/** From the break to the last user served again, in a world where nothing else goes wrong; each remedy may be tried first. */
const RECOVERED_WITHIN = minutes(15);
const REMEDIES_TAKE = minutes(8);

const SERVICE_OF: Readonly<Record<string, string>> = {
  'application/api-gke': SERVICES.entrance,
  // Who came to what is lost without an entrance is not led anywhere.
  'region/us-central1': SERVICES.entrance,
  // Meeting an old primary serves nobody.
  'return/us-central1': 'nobody',
  'rebuild/us-central1': 'nobody',
  'rebuild/us-east1': 'nobody',
  'application/api-run': SERVICES.apiRun,
};

export const LIVENESS: Readonly<Record<string, Invariant>> = {
  'L1 every incident has ended or is with people': (run) =>
    genuine(run).flatMap((incident) => {
      const why = whyStuck(run, incident);
      return why === undefined ? [] : [`${incident.state.id} ${why}`];
    }),
  'L1 the run comes to rest': (run) =>
    run.isQuiet || run.incidents.some((incident) => isForged(run, incident))
      ? []
      : ['something still goes on at its end'],
  'L1 people were told why they have it': (run) =>
    genuine(run)
      .filter((incident) => isWithPeople(incident.state) && incident.state.phase.kind !== 'takenOver')
      .filter((incident) => incident.state.run?.performed !== false)
      .filter((incident) => !wasTold(incident))
      .map(({ state }) => `${state.id} is ${state.phase.kind} and nobody was told since people last acted`),
  'L2 no committed section is left half done without its landing': (run) =>
    genuine(run)
      .filter(({ state }) => halfDone(state))
      .map(({ state }) => `${state.id} in phase ${state.phase.kind}`),
  'L3 every urgent notice is delivered': (run) =>
    genuine(run).flatMap(({ state }) =>
      [...state.notices.values()]
        .filter(({ notice, delivered }) => notice.urgent && delivered.length === 0)
        .filter(({ notice }) => notice.approval === null)
        .map(({ notice }) => `${state.id}: ${notice.id}`),
    ),
  'L3 what counts as delivered has reached somebody': (run) =>
    genuine(run).flatMap(({ state, events }) =>
      events.flatMap((event) => {
        if (event.kind !== 'noticeDelivered') return [];
        const { notice, destination } = event.data;
        const page = run.witness.pages.find(
          (known) => known.incident === state.id && known.notice === notice && known.destination === destination,
        );
        return page !== undefined && page.at <= event.at + run.stage.system.guards.clockSkew
          ? []
          : [`${state.id}: ${notice} counts as delivered to ${destination}`];
      }),
    ),
  'L4 nothing is dismissed that is not over': (run) =>
    run.witness.endings.flatMap(({ at, incident, how, hungPods, ...seen }) => {
      const found = run.incidents.find(({ state }) => state.id === incident);
      const phase = found?.state.phase;
      if (found === undefined || isForged(run, found)) return [];
      const isOurs = how === 'dismissed' && phase?.kind === 'dismissed' && !BY_PEOPLE.test(phase.because);
      // That nobody changed rows says nothing of users, who have an incident of their own.
      if (isBeside(found.state.target)) return [];
      const ill = seen.ill.filter((service) => wasIll(run, service, at - LOOK_TAKES));
      if (!isOurs || (ill.length === 0 && hungPods === 0)) return [];
      return [`${incident} was dismissed ${when(run, at)} with ${[...ill, `${hungPods} hung pods`].join(', ')}`];
    }),
  'L4 nothing is dismissed while users are turned away': (run) =>
    run.witness.endings.flatMap(({ at, incident, how }) => {
      const found = run.incidents.find(({ state }) => state.id === incident);
      const phase = found?.state.phase;
      if (how !== 'dismissed' || phase?.kind !== 'dismissed' || BY_PEOPLE.test(phase.because)) return [];
      if (found === undefined || isForged(run, found) || isBeside(found.state.target)) return [];
      return [SERVICES.entrance, SERVICES.apiRun]
        .filter((service) => !isCutOffByUs(run, service, at) && isTurningAway(run, service, at))
        .map((service) => `${incident} was dismissed ${when(run, at)} while ${service} had long turned users away`);
    }),
  'L4 what a scale-up raised is taken back, or somebody knows of it': (run) => {
    const { run: services, kubernetes } = run.stage.world;
    const isMoved = run.incidents.some(({ state }) => state.run?.plan.runbook.startsWith('cluster-') === true);
    const isLeft = run.incidents.some(
      ({ state, events }) => !hasEnded(state) || lastOf(events, 'cancelled') !== undefined,
    );
    const isByHand = run.witness.hands.some(({ what }) => what === 'setLimits' || what === 'setFloor');
    if (isMoved || isLeft || isByHand || run.incidents.some((incident) => isForged(run, incident))) return [];
    const { max } = services.service({ location: REFERENCE.region, service: REFERENCE.api }).spec.scaling;
    const { spec } = kubernetes.store.read('HorizontalPodAutoscaler', REFERENCE.namespace, REFERENCE.api);
    return [
      ...(max === undefined || max <= FORMER_MAX ? [] : [`the service may have ${max} instances, and nobody looks`]),
      ...(spec.minReplicas === FORMER_FLOOR ? [] : [`the floor is ${spec.minReplicas}, and nobody looks`]),
    ];
  },
  'L4 nothing is resolved that does not serve': (run) =>
    run.witness.endings.flatMap(({ at, incident, how, ill }) => {
      const found = run.incidents.find(({ state }) => state.id === incident);
      if (how !== 'resolved' || found === undefined || isForged(run, found)) return [];
      // What a breach takes away from a thief is over when it is over, whoever is served: it cuts applications off on purpose.
      if (found.state.run?.plan.runbook === 'breach-response') return [];
      // A run on one application answers for that one: what else fell ill meanwhile is an incident of its own.
      const own = SERVICE_OF[found.state.run?.plan.target ?? ''];
      const still = ill
        .filter((service) => own === undefined || service === own)
        // What fell ill after the last look of the run is the next incident's.
        .filter((service) => wasIll(run, service, at - LOOK_TAKES));
      if (still.length === 0) return [];
      return [`${incident} was resolved ${when(run, at)} while ${still.join(', ')} could not be written to`];
    }),
  'L4 a failure that lasts is known to somebody': (run) => {
    const { front } = run.stage.world;
    const ill = [SERVICES.entrance, SERVICES.apiRun].filter((service) => !front.isWell(service));
    const isKnown = run.incidents.some((incident) => !hasEnded(incident.state) || isForged(run, incident));
    const isByPeople = run.incidents.some(({ events }) => lastOf(events, 'cancelled') !== undefined);
    // A standby of which one copy is ill, with users at home, is what people are told of at the end.
    const isToldOf = run.incidents.some(({ events }) =>
      events.some((event) => event.kind === 'resolved' && /Not seen well since: .*api-run/.test(event.data.text)),
    );
    return ill.length === 0 || isKnown || isByPeople || (isToldOf && front.isWell(SERVICES.entrance))
      ? []
      : [`${ill.join(', ')} can't be written to, and nobody looks`];
  },
  'L5 what a remedy brings back is not promoted, and loses nothing': (run) => {
    const { plot } = run.stage;
    if (!shouldRecover(run) || plot.title !== 'primary crashed' || !isRevived(plot)) return [];
    const measured = run.incidents.map(({ state }) => state.measures?.['rpo'] ?? null);
    return [
      ...promotionsOf(run).map(({ at }) => `promoted ${when(run, at)}`),
      ...(measured.includes(0) ? [] : [`the loss was measured as ${measured.join(', ')}`]),
    ];
  },
  'L5 in a calm world what can be recovered is recovered': (run) => {
    if (!shouldRecover(run)) return [];
    const ends = run.stage.load.report().flatMap(({ outages }) => outages.map(({ until }) => until ?? run.endedAt));
    const took = Math.max(0, ...ends) - run.brokenAt;
    const acted = [...effectsBy(run, 'recover'), ...effectsBy(run, 'heal')].length > 0;
    const isResolved = run.incidents.some(({ state }) => state.phase.kind === 'resolved');
    if (!isResolved || !acted) return ['nothing was resolved'];
    const limit = RECOVERED_WITHIN + (run.stage.plot.remedies === undefined ? 0 : REMEDIES_TAKE);
    return took > limit ? [`users were without service for ${showDuration(took as never)}`] : [];
  },
  'L5 what was approved is asked for again only when something else is to be done': (run) =>
    genuine(run).flatMap(({ state, events }) =>
      events.flatMap((event, index) => {
        const [asked, next] = [events[index - 1], event];
        if (asked?.kind !== 'approvalVoided' || next.kind !== 'planDrawn') return [];
        const drawnAt = events.slice(0, index).findLastIndex(({ kind }) => kind === 'planDrawn');
        const before = events[drawnAt];
        // What a person stopped in its middle is not what was approved any more: a part of it is done.
        const isBegun = events
          .slice(drawnAt, index)
          .some(
            (done) =>
              done.kind === 'stepStarted' && before?.kind === 'planDrawn' && changes(before.data.plan, done.data.step),
          );
        // Whose answer could not be taken, for as long as the store did not answer, was told so.
        const isTaken = events.some(
          ({ kind, data }) =>
            kind === 'decided' && data.approval === asked.data.approval && data.decision === 'approve',
        );
        const wasApproved =
          isTaken &&
          run.witness.votes.some(
            ({ approval, decision, isGenuine, at }) =>
              approval === asked.data.approval && decision === 'approve' && isGenuine && at < asked.at - ON_ITS_WAY,
          );
        return wasApproved &&
          !isBegun &&
          before?.kind === 'planDrawn' &&
          deedsOf(before.data.plan) === deedsOf(next.data.plan)
          ? [`${state.id}: ${asked.data.approval} was approved, void ${when(run, asked.at)}, and asked for again`]
          : [];
      }),
    ),
  'L5 in a calm world nobody is asked twice': (run) => {
    if (!shouldRecover(run)) return [];
    const asked = run.incidents.flatMap(({ events }) => events.filter(({ kind }) => kind === 'approvalAsked'));
    return asked.length > 1 ? [`${asked.length} approvals were asked for`] : [];
  },
};

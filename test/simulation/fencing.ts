import { OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { hasEnded } from '../../shared/incident/state.ts';
import { minutes } from '../../shared/core/time.ts';
import { opensOf } from '../../shared/plan/plan.ts';
import {
  consentedBy,
  described,
  effectsBy,
  hadLateRequests,
  type Invariant,
  isForged,
  ON_ITS_WAY,
  plansOf,
  promotionsOf,
  requestOf,
  votesOn,
  when,
} from './judged.ts';
import { requestsIn } from './powers.ts';
import { isMove } from './traffic.ts';
import type { Run, RunIncident } from './run.ts';
import type { Effect } from './witness.ts';

// Never two primaries, and never a greater loss than people accepted.

/** What takes a database down in order to bring it back. */
const REVIVES: ReadonlySet<string> = new Set(['cloudsql.instances.restart', 'cloudsql.instances.failover']);

/** The plans of a way back that people agreed to and that allow this effect. */
const waysBack = (run: Run, effect: Effect) =>
  consentedBy(run, effect).filter(({ plan }) => plan.runbook === 'region-failback');

/** Runbooks that are about what a promotion left behind. */
const AFTER_A_PROMOTION: ReadonlySet<string> = new Set(['region-return', 'region-rebuild', 'region-failback']);

export const FENCING: Readonly<Record<string, Invariant>> = {
  'S2 nothing is promoted while another instance takes writes from a consumer’s place': (run) =>
    promotionsOf(run).flatMap((effect) => {
      const others = effect.writers.filter(
        (name) => !effect.call.resource.includes(`/${name}:`) && !effect.fresh.includes(name),
      );
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
  'S2 nothing that takes writes is restarted or failed over': (run) =>
    hadLateRequests(run)
      ? []
      : effectsBy(run, 'recover')
          .filter(({ call }) => REVIVES.has(call.permission))
          .filter(({ call, writers }) => writers.some((name) => call.resource.startsWith(`instances/${name}:`)))
          .map((effect) => `${described(run, effect)} while it took writes`),
  'S2 two instances never take writes at once through us': (run) => {
    const { witness } = run;
    const [first] = witness.splits;
    const isByOthers = witness.hands.some(
      ({ what, accepted }) => accepted && what !== 'scaleApi' && what !== 'stopPrimary',
    );
    const isOpened = plansOf(run).some(
      (drawn) =>
        opensOf(drawn.plan).includes('accept-unfenced-primary') &&
        votesOn(run, drawn).some(({ decision }) => decision === 'approve'),
    );
    return first === undefined || isByOthers || isOpened || isResidual(run)
      ? []
      : [`${first.writers.join(' and ')} took writes ${when(run, first.at)}`];
  },
  'S2 nothing is promoted after somebody else promoted': (run) => {
    const byHand = promotedByHand(run);
    return promotionsOf(run).flatMap((effect) => {
      // One that ended with an error promoted nothing.
      const before = byHand.find(
        ({ insertedAt, endedAt, error }) =>
          effect.at > insertedAt + ON_ITS_WAY && (error === undefined || (endedAt ?? effect.at) >= effect.at),
      );
      return before === undefined || hadLateRequests(run)
        ? []
        : [`${described(run, effect)}, ${before.target} promoted by hand ${when(run, before.insertedAt)}`];
    });
  },
  'S2 the old primary is left alone once another one is promoted': (run) => {
    const [promotion] = promotionsOf(run);
    if (promotion === undefined || hadLateRequests(run)) return [];
    return (
      effectsBy(run, 'recover')
        .filter(({ at, call }) => at > promotion.at && call.permission === 'cloudsql.instances.update')
        .filter(({ call }) => !promotion.call.resource.startsWith(`${call.resource}:`))
        // A clone was never a primary.
        .filter(({ call }) => !REFERENCE.clones.some((name) => call.resource === `instances/${name}`))
        // But for one whose return people agreed to meet with a stop, and for what takes its place on the way back.
        .filter((effect) => !consentedBy(run, effect).some(({ plan }) => AFTER_A_PROMOTION.has(plan.runbook)))
        .map((effect) => `${described(run, effect)}, promoted ${when(run, promotion.at)}`)
    );
  },
  'S2 a primary that returns is stopped, or somebody is asked about it': (run) => {
    const { world } = run.stage;
    const { servers } = world.sql.fleet;
    const names = servers.names().filter((name) => servers.server(name)?.role() === 'primary');
    // A copy, or a clone, was never a primary.
    const copies: readonly string[] = [REFERENCE.restored, ...REFERENCE.clones];
    const atLarge = names.filter((name) => servers.server(name)?.up() === true && !copies.includes(name));
    const isKnown = run.incidents.some(({ state }) => !hasEnded(state) && state.target.startsWith('return/'));
    const isByOthers = run.witness.hands.some(({ accepted }) => accepted);
    return !run.stage.plot.secondary || atLarge.length < 2 || isKnown || isByOthers
      ? []
      : [`${atLarge.join(' and ')} are primaries, and nobody is asked about that`];
  },
  'S2 nothing is taken away from a database that serves everybody': (run) =>
    run.incidents
      .filter((incident) => !isForged(run, incident))
      .flatMap(firstEffects(run))
      // Users who are led back to a cluster that is well lose nothing (traffic.ts).
      .filter((effect) => !isMove(effect) && servedFor(run, effect.at) > SERVES_FOR_SURE)
      .map((effect) => `${described(run, effect)}, and everybody had been served for ${servedFor(run, effect.at)} ms`),
  'S9 a way back loses nothing: what one primary had, the other has': (run) => {
    const { load, world } = run.stage;
    const { servers } = world.sql.fleet;
    return promotionsOf(run).flatMap((effect) =>
      waysBack(run, effect).flatMap(({ plan }) => {
        const [old, fresh] = [plan.bounds['primary'], plan.bounds['replica']].map((name) =>
          typeof name === 'string' ? servers.server(name) : undefined,
        );
        // Of users, so far as they were told that it is written; each row was on the old primary, or never there.
        const { lost } = load.loss(
          (id) => old?.history.hasApplicationRow(id) !== true || fresh?.history.hasApplicationRow(id) === true,
        );
        return lost === 0 ? [] : [`${described(run, effect)} lost ${lost} acknowledged writes`];
      }),
    );
  },
  'S2 a way back never has two writers, whatever people accepted before': (run) =>
    promotionsOf(run).flatMap((effect) =>
      waysBack(run, effect).flatMap(({ plan, incident }) => {
        const began = incident.events.find(({ kind }) => kind === 'runStarted')?.at ?? effect.at;
        // A second one that a person makes of another replica is that person's.
        const others = promotedByHand(run).map(({ target }) => target);
        return run.witness.splits
          .filter(({ at, writers }) => at > began && writers.some((name) => name === plan.bounds['replica']))
          .filter(({ writers }) => writers.filter((name) => !others.includes(name)).length > 1)
          .map(({ at, writers }) => `${writers.join(' and ')} took writes ${when(run, at)}`);
      }),
    ),
  'S9 what was lost is within what was approved, and within what was computed': (run) => {
    const [promotion] = promotionsOf(run);
    const replica = /instances\/([^:]+):/.exec(promotion?.call.resource ?? '')?.[1];
    if (promotion === undefined || replica === undefined) return [];
    const { load, system, world } = run.stage;
    const { servers } = world.sql.fleet;
    const [old, now] = [system.databases[0]?.instance ?? '', replica].map((name) => servers.server(name)?.history);
    // What somebody had deleted on the old side is not lost by the promotion.
    const isKept = (id: string): boolean => now?.hasApplicationRow(id) === true || old?.hasApplicationRow(id) === false;
    const { oldestLostAt, newestLostAt, lost } = load.loss(isKept, undefined, promotion.at);
    if (oldestLostAt === undefined || newestLostAt === undefined) return [];
    const span = newestLostAt - oldestLostAt;
    return limitsOf(run, promotion)
      .filter(([, limit]) => span > limit)
      .map(([name, limit]) => `lost ${lost} writes over ${span} ms, ${name} ${limit} ms`);
  },
};

/** Promotions that a person asked Cloud SQL for. */
const promotedByHand = (run: Run) =>
  run.stage.world.sql.fleet.operations
    .list()
    .filter(({ type, user }) => type === 'PROMOTE_REPLICA' && user === OPERATOR);

/** Longest from the last look before a run's first effect to that effect, over a worker that dies and a lease that ends. */
const SERVES_FOR_SURE = minutes(3);

/** The first effect of each run of an incident on a database. */
const firstEffects =
  (run: Run) =>
  ({ events }: RunIncident): readonly Effect[] =>
    events.flatMap((event) => {
      const runsOn = event.kind === 'planDrawn' ? event.data.plan : undefined;
      // A copy is handed over because a person says that what serves is wrong.
      if (
        event.kind !== 'planDrawn' ||
        runsOn?.runbook === 'backup-restore' ||
        !event.data.plan.target.startsWith('database/')
      )
        return [];
      const requests = requestsIn(event.data.plan);
      const first = effectsBy(run, 'recover').find(
        (effect) => effect.at >= event.at && requests.has(requestOf(effect)),
      );
      return first === undefined ? [] : [first];
    });

/** How long the users of every service had been able to write at a moment. */
function servedFor({ stage }: Run, at: number): number {
  const outages = stage.load.report().flatMap((report) => report.outages);
  const ends = outages.filter(({ from }) => from <= at).map(({ until }) => Math.min(until ?? at, at));
  return at - Math.max(stage.world.startedAt, ...ends);
}

/** The most that people had accepted to lose when it was promoted, and what was computed last before it. */
function limitsOf(run: Run, promotion: Effect): readonly (readonly [string, number])[] {
  const consented = consentedBy(run, promotion);
  const votes = new Set(consented.flatMap((drawn) => votesOn(run, drawn).map(({ approval }) => approval)));
  const incidents = new Set(consented.map(({ incident }) => incident));
  const approved = [...incidents].flatMap(({ events }) =>
    events.flatMap((event) =>
      event.kind === 'approvalAsked' && votes.has(event.data.approval)
        ? [event.data.lossLimitMs ?? Number.POSITIVE_INFINITY]
        : [],
    ),
  );
  const computed = [...incidents]
    .filter((incident) => !isForged(run, incident))
    .flatMap(({ events }) =>
      events.flatMap((event): readonly number[] => {
        if (event.kind !== 'stepDone' || event.data.step !== 'loss' || event.at > promotion.at) return [];
        const { output } = event.data;
        const bound = typeof output === 'object' && output !== null && 'boundMs' in output ? output['boundMs'] : null;
        return typeof bound === 'number' ? [bound] : [];
      }),
    );
  return [
    ['approved', Math.max(...approved)],
    ['computed', computed.at(-1) ?? Number.POSITIVE_INFINITY],
  ];
}

/**
 * What remains possible and is named in docs/security.md: Cloud SQL says that a stop is done, reads it back, and the server,
 * unreachable at that time, was never stopped and comes back with its zone; or a restart that is too late starts it again.
 */
const isResidual = (run: Run): boolean =>
  run.stage.plot.happenings.some(
    ({ deed }) =>
      deed.kind === 'break' && deed.fault === 'stop-not-carried-out' && deed.variant === 'doneWithoutEffect',
  ) ||
  (!run.stage.plot.assumptions.stoppedInstanceRefusesRestart &&
    hadLateRequests(run) &&
    effectsBy(run, 'recover').some(({ call }) => REVIVES.has(call.permission)));

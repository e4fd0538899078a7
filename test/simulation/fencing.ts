import { opensOf } from '../../shared/plan/plan.ts';
import {
  consentedBy,
  described,
  type DrawnPlan,
  effectsBy,
  hadLateRequests,
  type Invariant,
  isForged,
  ON_ITS_WAY,
  plansOf,
  promotionsOf,
  votesOn,
  when,
} from './judged.ts';
import type { Run } from './run.ts';

// Never two primaries, and never a greater loss than people accepted.

/** What takes a database down in order to bring it back. */
const REVIVES: ReadonlySet<string> = new Set(['cloudsql.instances.restart', 'cloudsql.instances.failover']);

export const FENCING: Readonly<Record<string, Invariant>> = {
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

import { millis, showDuration } from '../shared/core/time.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { REFERENCE, SECONDARY } from '../sandbox/world/reference-system.ts';
import { SERVICES } from '../sandbox/world/reference-world.ts';
import { type Check, effects, ledger, resolved, type Story } from './story.ts';

// The stories of a whole region, judged from outside as the others are (story.ts).

const promotions = ({ world }: Sandbox) => world.kernel.audit.effects('cloudsql.instances.promoteReplica');

const leadsTo = ({ world }: Sandbox): string => world.balancers.urlMap('coditect-dms-ingress').defaultService;

const promotedOnce = (sandbox: Sandbox): Check => ({
  name: 'the replica in the secondary was promoted, and nothing else',
  held:
    promotions(sandbox).every(({ call }) => call.resource.includes(SECONDARY.instance)) &&
    promotions(sandbox).length === 1,
  figure: `${promotions(sandbox).length} promotions`,
});

/** Who comes to the lost region without the entrance is led nowhere, and is not counted. */
const isServed = ({ load }: Sandbox): boolean =>
  load
    .report()
    .filter(({ service }) => service === SERVICES.entrance)
    .every(({ outages }) => outages.every(({ until }) => until !== undefined));

function servedThere(sandbox: Sandbox): Check {
  return {
    name: 'users of the entrance are served in the secondary',
    held: isServed(sandbox) && leadsTo(sandbox) === SECONDARY.backendService,
    figure: leadsTo(sandbox),
  };
}

/** What people approved at the most, and what users' acknowledged writes are missing there. */
function lossWithin(sandbox: Sandbox, state: IncidentState): Check {
  const { servers } = sandbox.world.sql.fleet;
  const { lost, rpo } = sandbox.load.loss(
    (id) => servers.server(SECONDARY.instance)?.history.hasApplicationRow(id) === true,
  );
  const limit = state.approvals.at(-1)?.lossLimitMs ?? 0;
  return {
    name: 'what is missing there is within what people approved',
    held: rpo <= limit,
    figure: `${lost} writes, ${Math.round(rpo / 1_000)} s of ${Math.round(limit / 1_000)} s`,
  };
}

/** What users were told is written, and which of it one server had and the other lacks. */
function nothingLost({ load, world }: Sandbox): Check {
  const { servers } = world.sql.fleet;
  const has = (name: string, id: string): boolean => servers.server(name)?.history.hasApplicationRow(id) === true;
  const { lost } = load.loss((id) => !has(SECONDARY.instance, id) || has(HOME, id));
  const acknowledged = load.report().reduce((sum, report) => sum + report.acknowledged, 0);
  return {
    name: 'no acknowledged write was lost on the way back',
    held: lost === 0,
    figure: `${lost} of ${acknowledged} acknowledged writes`,
  };
}

/** How long the users of the entrance were turned away while everything went back, by the load's own count. */
function turnedAway({ load }: Sandbox): Check {
  const outages = load.report().flatMap(({ service, outages: own }) => (service === SERVICES.entrance ? own : []));
  const last = outages.at(-1);
  const ms = last?.until === undefined ? undefined : last.until - last.from;
  return {
    name: 'users were turned away for a quarter of an hour at the most',
    held: ms !== undefined && ms <= TURNED_AWAY_MAX,
    figure: ms === undefined ? 'they still are' : showDuration(millis(ms)),
  };
}

/** The plan estimates 8 min; the sandbox's operations take from half of theirs to twice as long. */
const TURNED_AWAY_MAX = 15 * 60_000;

/** The replica at home that takes everything back. */
const [HOME] = REFERENCE.spares;

/** A look at a dark region takes some seven seconds of the wall. */
const RATE = 5;

/** All of them. */
export const REGION_STORIES: readonly Story[] = [
  {
    runbook: 'region-failover',
    title:
      'A whole region is lost; a person accepts what nobody can prove, and approves that everything goes on elsewhere',
    fault: 'region',
    accepts: 'accept-unfenced-primary',
    rateAtMost: RATE,
    withinMs: 60 * 60_000,
    check: (sandbox, state) => [
      resolved(state),
      promotedOnce(sandbox),
      servedThere(sandbox),
      lossWithin(sandbox, state),
    ],
  },
  {
    runbook: 'region-return',
    title: 'The lost region returns with a primary that writes: it is counted and stopped, as was approved beforehand',
    fault: 'region',
    accepts: 'accept-unfenced-primary',
    follows: 'region-failover',
    approvals: 2,
    passesAfterMs: 40 * 60_000,
    rateAtMost: RATE,
    withinMs: 90 * 60_000,
    check: (sandbox, state) => {
      const { power } = sandbox.world.sql.fleet.server('coditect-dms-db');
      return [
        resolved(state),
        promotedOnce(sandbox),
        servedThere(sandbox),
        { name: 'the old primary is stopped', held: power === 'stopped', figure: power },
      ];
    },
  },
  {
    runbook: 'region-failback',
    title:
      'A region that was lost is well again: it gets a replica, then its database and its users, and nothing is lost',
    fault: 'region',
    accepts: 'accept-unfenced-primary',
    follows: 'region-failover',
    between: ['region-return', 'region-rebuild'],
    approvals: 4,
    passesAfterMs: 25 * 60_000,
    rateAtMost: RATE,
    withinMs: 150 * 60_000,
    check: (sandbox, state) => {
      const { fleet } = sandbox.world.sql;
      const promoted = promotions(sandbox).map(({ call }) => /instances\/([^:]+):/.exec(call.resource)?.[1]);
      const { power } = fleet.server(SECONDARY.instance);
      const deleted = effects(sandbox, 'cloudsql.instances.delete').length;
      return [
        resolved(state),
        {
          name: 'the replica at home was promoted, after the one in the secondary',
          held: promoted.join() === [SECONDARY.instance, HOME].join(),
          figure: promoted.join(', then '),
        },
        nothingLost(sandbox),
        turnedAway(sandbox),
        {
          name: 'users of the entrance are served at home',
          held: isServed(sandbox) && leadsTo(sandbox) === 'coditect-dms-gke',
          figure: leadsTo(sandbox),
        },
        { name: 'the other side is stopped', held: power === 'stopped', figure: power },
        { name: 'nothing was deleted', held: deleted === 0, figure: `${deleted} deletions` },
        ledger(sandbox),
      ];
    },
  },
];

import type { IncidentState } from '../shared/incident/state.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { SECONDARY } from '../sandbox/world/reference-system.ts';
import { SERVICES } from '../sandbox/world/reference-world.ts';
import { type Check, resolved, type Story } from './story.ts';

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
function servedThere(sandbox: Sandbox): Check {
  const own = sandbox.load.report().filter(({ service }) => service === SERVICES.entrance);
  const isServed = own.every(({ outages }) => outages.every(({ until }) => until !== undefined));
  return {
    name: 'users of the entrance are served in the secondary',
    held: isServed && leadsTo(sandbox) === SECONDARY.backendService,
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
];

import { SECONDARY } from '../../sandbox/world/reference-system.ts';
import type { World } from '../../sandbox/world/world.ts';
import { hasEnded, type IncidentState } from '../../shared/incident/state.ts';

// Whether the next step of a way home is about to be offered, so that a run in which everything has ended is not over yet.

/** What a region failover promoted, and what waited beside it, are not what they were, and nobody has declined that they be. */
export const isOnTheWayHome = ({ sql, run }: World, states: readonly IncidentState[]): boolean =>
  states.every((state) => hasEnded(state)) &&
  !states.some((state) => state.phase.kind === 'dismissed' && isOfWayHome(state)) &&
  sql.fleet.find(SECONDARY.instance)?.instanceType === 'CLOUD_SQL_INSTANCE' &&
  runningPrimaries(sql) === 1 &&
  (run.service({ location: SECONDARY.region, service: SECONDARY.api }).spec.scaling.min ?? 0) > 1;

/** What people have ended is not offered again. */
const isOfWayHome = ({ run }: IncidentState): boolean =>
  run?.plan.runbook === 'region-failback' || run?.plan.runbook === 'region-rebuild';

/** Where somebody has promoted another one by hand nothing is offered. */
const runningPrimaries = ({ fleet }: World['sql']): number =>
  fleet
    .all()
    .filter(
      ({ instanceType, settings }) => instanceType === 'CLOUD_SQL_INSTANCE' && settings.activationPolicy === 'ALWAYS',
    ).length;

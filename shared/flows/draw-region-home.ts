import type { Facts } from '../classify/facts.ts';
import { missingReplica, wayHome } from '../classify/region-home.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { drawRegionFailback } from '../runbooks/region-failback.ts';
import { drawRegionRebuild } from '../runbooks/region-rebuild.ts';
import { type IncidentId, targetId } from '../system/names.ts';
import { rebuildIn, regionIn, regionOf } from '../system/regions.ts';
import type { Entrance, System } from '../system/system.ts';
import { applicationOf } from '../system/topology.ts';
import { consumersAsTheyWere, topologyOf } from './consumers-now.ts';
import type { PlanAsides, PlanDrawing } from './draw-plan.ts';

/** A region gets a replica again. Pure. */
export function regionRebuild(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const region = rebuildIn(targetId(diagnosis.target));
  if (region === undefined) return { kind: 'none', because: `${diagnosis.target} is no region that lacks a replica` };
  const found = missingReplica(system, region, facts);
  if (found.kind !== 'missing') return { kind: 'none', because: found.because };
  const { former, primary, replica, waiting } = found;
  const known = { at: facts.at, region, former, primary, replica, waiting, warnings };
  return { kind: 'plan', plan: drawRegionRebuild(system, incident, diagnosis.scenario, known) };
}

/** Everything goes back to a region. Pure. */
export function regionFailback(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const region = regionIn(targetId(diagnosis.target));
  const way = region === undefined ? undefined : wayHome(system, region, facts);
  if (way === undefined) return { kind: 'none', because: `nothing of ${diagnosis.target} is elsewhere` };
  const { standby, known, primary, replica } = way;
  if ('unfit' in replica) return { kind: 'none', because: `no replica is fit: ${replica.unfit}` };
  const waiting = applicationOf(system, standby.application);
  if (waiting?.kind !== 'cloudRun')
    return { kind: 'none', because: `${standby.application} is no Cloud Run application` };
  const consumers = consumersAsTheyWere(system, known, facts.applications);
  if (typeof consumers === 'string') return { kind: 'none', because: consumers };
  const led = way.entrances.map((entrance) => ({ entrance, home: homeOf(system, entrance, standby.region) }));
  const entrances = led.flatMap(({ entrance, home }) => (home === undefined ? [] : [{ entrance, home }]));
  const plan = drawRegionFailback(system, incident, diagnosis.scenario, {
    at: facts.at,
    standby,
    database: known.database,
    primary,
    replica,
    topology: topologyOf(known),
    consumers,
    waiting,
    entrances,
    warnings,
  });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

/** The first backend of an entrance that is in the region: its home there. */
function homeOf(system: System, { backends }: Entrance, region: string) {
  return backends
    .flatMap(({ application }) => applicationOf(system, application) ?? [])
    .find((application) => regionOf(application) === region);
}

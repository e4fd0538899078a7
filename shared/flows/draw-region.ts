import { chooseReplica } from '../classify/choose-replica.ts';
import { statusesOf } from '../classify/region-rules.ts';
import { type Facts, isReadable, type RegionFacts } from '../classify/facts.ts';
import { instant } from '../core/time.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import type { RegionRecord } from '../ports/region-record.ts';
import type { ServiceLimits } from '../ports/standby-record.ts';
import { drawRegionFailover, type RegionFailoverFacts } from '../runbooks/region-failover.ts';
import { drawRegionReturn } from '../runbooks/region-return.ts';
import { type IncidentId, targetId } from '../system/names.ts';
import { databaseIn, entrancesInto, regionIn, regionOf, returnIn, standbyOf } from '../system/regions.ts';
import type { RegionStandby, System } from '../system/system.ts';
import { applicationOf, consumersOf } from '../system/topology.ts';
import { consumersAsTheyWere, topologyOf } from './consumers-now.ts';
import type { PlanAsides, PlanDrawing } from './draw-plan.ts';

/** Everything of a lost region goes on in its secondary. Pure. */
export function regionFailover(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  const known = knownOf(system, diagnosis, facts, asides);
  if (typeof known === 'string') return { kind: 'none', because: known };
  const plan = drawRegionFailover(system, incident, diagnosis.scenario, known);
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

/** What a returning region is met with. Pure. */
export function regionReturn(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const region = returnIn(targetId(diagnosis.target));
  const record = facts.regions?.find((other) => other.region === region)?.record;
  if (region === undefined || record === undefined || !isReadable(record))
    return { kind: 'none', because: `nothing says what ${diagnosis.target} was` };
  const all = statusesOf(facts);
  const former = all.find(({ instance }) => instance === record.former);
  const promoted = all.find(({ instance }) => instance === record.promoted);
  if (former === undefined || promoted === undefined)
    return { kind: 'none', because: `${record.former} or ${record.promoted} is not described by the management API` };
  const consumers = consumersOf(system, record.former).filter((one) => regionOf(one) === region);
  const plan = drawRegionReturn(system, incident, diagnosis.scenario, {
    at: facts.at,
    record,
    former,
    promoted,
    consumers: consumers.map(({ id }) => id),
    warnings,
  });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

function knownOf(system: System, diagnosis: Diagnosis, facts: Facts, asides: PlanAsides): RegionFailoverFacts | string {
  const region = regionIn(targetId(diagnosis.target));
  const standby = region === undefined ? undefined : standbyOf(system, region);
  const seen = facts.regions?.find((other) => other.region === region);
  const database = region === undefined ? undefined : databaseIn(system, region);
  const known = facts.databases.find((other) => other.database.instance === database?.instance);
  const application = standby === undefined ? undefined : applicationOf(system, standby.application);
  if (standby === undefined || seen === undefined || database === undefined || known === undefined)
    return `the facts hold no region ${diagnosis.target}`;
  if (application?.kind !== 'cloudRun') return `${standby.application} is no Cloud Run application`;
  if (!isReadable(known.primary)) return `the primary’s description can’t be read (${known.primary.unreadable})`;
  const choice = chooseReplica(known, standby.secondary);
  if ('unfit' in choice) return `no replica is fit for promotion: ${choice.unfit.join('; ')}`;
  const limits = limitsOf(seen);
  if (typeof limits === 'string') return limits;
  const isInside = ({ id }: { readonly id: string }): boolean => {
    const one = applicationOf(system, id);
    return one !== undefined && regionOf(one) === standby.region;
  };
  const all = consumersOf(system, database.instance);
  const outside = all.filter((one) => !isInside(one)).map(({ id }) => id);
  const consumers = consumersAsTheyWere(system, known, facts.applications, outside);
  if (typeof consumers === 'string') return consumers;
  return {
    at: facts.at,
    standby,
    database,
    primary: known.primary,
    replica: choice.status,
    topology: topologyOf(known),
    heartbeatAt: choice.replication.heartbeat?.at,
    refusedSince: typeof known.watch?.refusedSinceMs === 'number' ? instant(known.watch.refusedSinceMs) : undefined,
    failedSince: diagnosis.failedSinceMs === null ? undefined : instant(diagnosis.failedSinceMs),
    application,
    ...limits,
    unreached: all.filter(isInside),
    consumers,
    entrances: entrancesNow(system, standby, facts),
    warnings: asides.warnings,
    opens: asides.opens,
  };
}

/** The limits of what takes over, before anything was changed for this. */
function limitsOf({
  standby: { service },
  record,
}: RegionFacts): Pick<RegionFailoverFacts, 'before' | 'revisionMax'> | string {
  if (service === undefined || !isReadable(service) || service.scaling.kind !== 'automatic')
    return 'the scaling of what takes over can’t be read';
  if (record !== undefined && !isReadable(record)) return `what was written down can’t be read (${record.unreadable})`;
  const { min, max = null } = service.scaling;
  const now: ServiceLimits = { min, max };
  return { before: isOurs(record, now) ? record.before : now, revisionMax: service.revisionMax };
}

/** Whether it is as we found it or as we made it: else somebody has changed it since, and that is what was before. */
function isOurs(record: RegionRecord | undefined, now: ServiceLimits): record is RegionRecord {
  const same = (limits: ServiceLimits): boolean => limits.min === now.min && limits.max === now.max;
  return record !== undefined && (same(record.before) || same(record.wanted));
}

/** Entrances that lead into the region, or to what takes over already. */
function entrancesNow(system: System, standby: RegionStandby, facts: Facts): RegionFailoverFacts['entrances'] {
  return entrancesInto(system, standby).flatMap((entrance) => {
    const status = facts.entrances?.find((found) => found.entrance === entrance.id)?.status;
    if (status === undefined || !isReadable(status) || status.leadsTo === undefined) return [];
    const configured = entrance.via === 'dns' ? entrance.ttl : 0;
    return [{ entrance, from: status.leadsTo, ttlMs: Math.max(configured, status.ttlMs ?? 0) }];
  });
}

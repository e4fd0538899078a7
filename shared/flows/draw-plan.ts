import { choosePromotion, chooseRemedies } from '../classify/choose-remedies.ts';
import { type ApplicationFacts, type DatabaseFacts, type Facts, isReadable } from '../classify/facts.ts';
import { instant } from '../core/time.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { parseLeftRaised } from '../incident/left-raised.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import { planFaults } from '../plan/plan.ts';
import type { ServiceLimits, StandbyRecord } from '../ports/standby-record.ts';
import { type DatabaseFailoverFacts, drawDatabaseFailover } from '../runbooks/database-failover.ts';
import { drawClusterFailback } from '../runbooks/cluster-failback.ts';
import { drawClusterFailover } from '../runbooks/cluster-failover.ts';
import { drawDeploymentScaleUp } from '../runbooks/deployment-scale-up.ts';
import { drawPodForceDelete } from '../runbooks/pod-force-delete.ts';
import { drawPodHeal } from '../runbooks/pod-heal.ts';
import { drawRolloutRestart } from '../runbooks/rollout-restart.ts';
import { drawRolloutUndo } from '../runbooks/rollout-undo.ts';
import { drawServiceScaleUp } from '../runbooks/service-scale-up.ts';
import { drawTakeBack } from '../runbooks/take-back.ts';
import { type IncidentId, targetId } from '../system/names.ts';
import type { Entrance, System } from '../system/system.ts';
import { applicationOf, entrancesOf, targetOf } from '../system/topology.ts';
import { consumersAsTheyWere, topologyOf } from './consumers-now.ts';
import { drawBreach, drawLift } from './draw-breach.ts';
import { drawRecovery } from './draw-recovery.ts';
import { regionFailover, regionReturn } from './draw-region.ts';
import { regionFailback, regionRebuild } from './draw-region-home.ts';
import { drawRestore } from './draw-restore.ts';
import { drawTenantRestore } from './draw-tenant-restore.ts';

// From a diagnosis and the facts that it rests on to a plan. Pure, so that `notify` can draw the same plan again from the
// evidence before it signs anything (design.md section 7).

/** Why no plan can be drawn, for people. */
export type PlanDrawing =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'none'; readonly because: string };

/** What people are told and asked beside the facts: brakes that the approval releases, and walls that it opens by name. */
export interface PlanAsides {
  readonly warnings: readonly GuardBlock[];
  readonly opens: readonly string[];
}

/** Draws the plan that the diagnosis names, from the system and the facts alone. */
export function drawPlan(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  const drawn = draw(system, incident, diagnosis, facts, asides);
  if (drawn.kind === 'none') return drawn;
  const faults = planFaults(drawn.plan);
  if (faults.length > 0) throw new Error(`a runbook drew an unsound plan: ${faults.join('; ')}`);
  return drawn;
}

function draw(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  switch (diagnosis.runbook) {
    case null:
      return { kind: 'none', because: `${diagnosis.scenario} has no runbook` };
    case 'backup-restore':
      return drawRestore(system, incident, diagnosis, facts, asides);
    case 'breach-response':
      return drawBreach(system, incident, diagnosis, facts, asides);
    case 'cluster-failback':
      return clusterFailback(system, incident, diagnosis, facts, asides);
    case 'cluster-failover':
      return clusterFailover(system, incident, diagnosis, facts, asides);
    case 'deployment-scale-up':
      return (
        takeBack(system, incident, diagnosis, facts, asides) ??
        deploymentScaleUp(system, incident, diagnosis, facts, asides)
      );
    case 'lift-isolation':
      return drawLift(system, incident, diagnosis, facts, asides);
    case 'pod-force-delete':
    case 'pod-heal':
      return podHeal(system, incident, diagnosis, facts, asides);
    case 'point-in-time-recovery':
      return drawRecovery(system, incident, diagnosis, facts, asides);
    case 'region-failback':
      return regionFailback(system, incident, diagnosis, facts, asides);
    case 'region-failover':
      return regionFailover(system, incident, diagnosis, facts, asides);
    case 'region-rebuild':
      return regionRebuild(system, incident, diagnosis, facts, asides);
    case 'region-return':
      return regionReturn(system, incident, diagnosis, facts, asides);
    case 'rollout-restart':
    case 'rollout-undo':
      return rolloutChange(system, incident, diagnosis, facts, asides);
    case 'service-scale-up':
      return (
        takeBack(system, incident, diagnosis, facts, asides) ??
        serviceScaleUp(system, incident, diagnosis, facts, asides)
      );
    case 'tenant-restore':
      return drawTenantRestore(system, incident, diagnosis, facts, asides);
    case 'database-failover':
      return databaseFailover(system, incident, diagnosis, facts, asides);
  }
}

/** An application on GKE, its standby, and where its entrances lead, as the facts have them. */
function standingIn(system: System, diagnosis: Diagnosis, facts: Facts) {
  const { application: id } = diagnosis.subject;
  const home = id === undefined ? undefined : applicationOf(system, id);
  if (home?.kind !== 'gke' || home.standby === undefined) return undefined;
  const standby = applicationOf(system, home.standby.application);
  if (standby?.kind !== 'cloudRun') return undefined;
  const seen = (name: string) => facts.applications.find(({ application }) => application === name);
  const record = seen(home.id)?.standby;
  const leadingTo = (application: string): readonly Entrance[] =>
    entrancesOf(system, home.id).filter(({ id: entrance, backends }) => {
      const status = facts.entrances?.find((found) => found.entrance === entrance)?.status;
      const isTheirs = status !== undefined && isReadable(status) && status.leadsTo === application;
      return isTheirs && backends.some((backend) => backend.application === standby.id);
    });
  return {
    home,
    standby,
    instances: home.standby.instances,
    service: seen(standby.id)?.service,
    record: record !== undefined && isReadable(record) ? record : undefined,
    isRecordReadable: record === undefined || isReadable(record),
    leadingTo,
  };
}

/** Whether a standby is as we found it, or as we made it: else somebody else has changed it since, and that is what was before. */
function isOurs(record: StandbyRecord | undefined, now: ServiceLimits): record is StandbyRecord {
  const same = (limits: ServiceLimits): boolean => limits.min === now.min && limits.max === now.max;
  return record !== undefined && (same(record.before) || same(record.wanted));
}

function clusterFailover(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const found = standingIn(system, diagnosis, facts);
  if (found === undefined) return { kind: 'none', because: 'the diagnosis names no application with a standby' };
  const { home, standby, service, record } = found;
  if (service === undefined || !isReadable(service) || service.scaling.kind !== 'automatic' || !found.isRecordReadable)
    return { kind: 'none', because: `the scaling of ${standby.id}, or what it was before, can't be read` };
  const { min, max = null } = service.scaling;
  const plan = drawClusterFailover(system, incident, diagnosis.scenario, {
    at: facts.at,
    home,
    standby,
    instances: found.instances,
    before: isOurs(record, { min, max }) ? record.before : { min, max },
    revisionMax: service.revisionMax,
    entrances: found.leadingTo(home.id),
    warnings,
  });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

function clusterFailback(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const found = standingIn(system, diagnosis, facts);
  if (found === undefined) return { kind: 'none', because: 'the diagnosis names no application with a standby' };
  const { home, standby, record } = found;
  const entrances = found.leadingTo(standby.id);
  const plan = drawClusterFailback(system, incident, diagnosis.scenario, {
    at: facts.at,
    home,
    standby,
    entrances,
    record,
    warnings,
  });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

function podHeal(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  const { application: id, pod, uid } = diagnosis.subject;
  const application = id === undefined ? undefined : applicationOf(system, id);
  if (application?.kind !== 'gke' || pod === undefined || uid === undefined)
    return { kind: 'none', because: 'the diagnosis names no pod' };
  const known = { at: facts.at, application, pod, uid, warnings: asides.warnings };
  if (diagnosis.runbook !== 'pod-force-delete')
    return { kind: 'plan', plan: drawPodHeal(system, incident, diagnosis.scenario, known) };
  const pods = facts.applications.find((seen) => seen.application === id)?.pods;
  const node = pods === undefined || !isReadable(pods) ? undefined : pods.find((other) => other.uid === uid)?.node;
  return { kind: 'plan', plan: drawPodForceDelete(system, incident, diagnosis.scenario, { ...known, node }) };
}

function rolloutChange(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  const { application: id, from, to } = diagnosis.subject;
  const application = id === undefined ? undefined : applicationOf(system, id);
  const rollout = facts.applications.find((seen) => seen.application === id)?.rollout;
  if (application?.kind !== 'gke' || rollout === undefined || !isReadable(rollout))
    return { kind: 'none', because: 'the facts hold no rollout that could be changed' };
  const known = { at: facts.at, application, rollout, from, warnings: asides.warnings };
  const plan =
    diagnosis.runbook === 'rollout-restart'
      ? drawRolloutRestart(system, incident, diagnosis.scenario, known)
      : drawRolloutUndo(system, incident, diagnosis.scenario, { ...known, to });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

/** Where the diagnosis is about what was left raised, the plan takes that back and raises nothing. */
function takeBack(
  system: System,
  incident: IncidentId,
  { scenario, subject }: Diagnosis,
  { at }: Facts,
  { warnings }: PlanAsides,
): PlanDrawing | undefined {
  const raised = parseLeftRaised(subject['raised']);
  return raised === undefined
    ? undefined
    : { kind: 'plan', plan: drawTakeBack(system, incident, scenario, { at, raised, warnings }) };
}

function deploymentScaleUp(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const { application: id } = diagnosis.subject;
  const application = id === undefined ? undefined : applicationOf(system, id);
  const status = facts.applications.find((seen) => seen.application === id)?.workload;
  if (application?.kind !== 'gke' || status === undefined || !isReadable(status))
    return { kind: 'none', because: 'the facts hold no Deployment that could be scaled' };
  const known = { at: facts.at, application, status, warnings };
  const plan = drawDeploymentScaleUp(system, incident, diagnosis.scenario, known);
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

function serviceScaleUp(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  const { application: id } = diagnosis.subject;
  const application = id === undefined ? undefined : applicationOf(system, id);
  const service = facts.applications.find((seen) => seen.application === id)?.service;
  if (application?.kind !== 'cloudRun' || service === undefined || !isReadable(service))
    return { kind: 'none', because: 'the facts hold no service that could be scaled' };
  const { scaling, revisionMax } = service;
  if (scaling.kind !== 'automatic' || scaling.max === undefined)
    return { kind: 'none', because: `${application.id} has no maximum that could be raised` };
  const plan = drawServiceScaleUp(system, incident, diagnosis.scenario, {
    at: facts.at,
    application,
    before: { min: scaling.min, max: scaling.max },
    revisionMax,
    warnings: asides.warnings,
  });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

function databaseFailover(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  const ref = targetOf(system, targetId(diagnosis.target));
  const known =
    ref?.kind === 'database' ? facts.databases.find(({ database }) => database.instance === ref.instance) : undefined;
  if (known === undefined) return { kind: 'none', because: `the facts hold no database ${diagnosis.target}` };
  if (!isReadable(known.primary))
    return { kind: 'none', because: `the primary’s description can’t be read (${known.primary.unreadable})` };
  const promotion = promotionOf(system, known, facts.applications);
  if (typeof promotion === 'string') return { kind: 'none', because: promotion };
  const failedSince = diagnosis.failedSinceMs === null ? undefined : instant(diagnosis.failedSinceMs);
  const plan = drawDatabaseFailover(system, incident, diagnosis.scenario, {
    at: facts.at,
    database: known.database,
    primary: known.primary,
    topology: topologyOf(known),
    failedSince,
    remedies: chooseRemedies(known, failedSince),
    promotion,
    warnings: asides.warnings,
    opens: asides.opens,
  });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

/** What may be promoted; a sentence when nobody can tell now, since a plan without it would be another one at the next look. */
function promotionOf(
  system: System,
  known: DatabaseFacts,
  applications: readonly ApplicationFacts[],
): DatabaseFailoverFacts['promotion'] | string {
  const choice = choosePromotion(known);
  if ('unfit' in choice)
    return { kind: 'none', because: `no replica is fit for promotion: ${choice.unfit.join('; ')}` };
  const consumers = consumersAsTheyWere(system, known, applications);
  if (typeof consumers === 'string') return consumers;
  return {
    kind: 'possible',
    replica: choice.status,
    heartbeatAt: known.replication.find((word) => word.instance === choice.instance)?.status?.heartbeat?.at,
    refusedSince: typeof known.watch?.refusedSinceMs === 'number' ? instant(known.watch.refusedSinceMs) : undefined,
    consumers,
  };
}

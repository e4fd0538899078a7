import { type Facts, isReadable } from '../classify/facts.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import type { IsolationStatus } from '../ports/isolation.ts';
import { drawBreachResponse } from '../runbooks/breach-response.ts';
import type { Consumer } from '../runbooks/consumer-steps.ts';
import { drawLiftIsolation } from '../runbooks/lift-isolation.ts';
import type { IncidentId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { applicationOf } from '../system/topology.ts';
import type { PlanAsides, PlanDrawing } from './draw-plan.ts';

// The answer to a breach, and the end of an isolation. Pure.

/** Evidence, isolation and new secrets, as far as the facts allow. */
export function drawBreach(
  system: System,
  incident: IncidentId,
  { scenario }: Diagnosis,
  { at, secrets = [], evidenceBucket, databases, isolations = [] }: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const versions = new Map(
    secrets.flatMap(({ secret, versions: all }) => (isReadable(all) ? [[secret, all] as const] : [])),
  );
  const { forensics } = system;
  const kept = evidenceBucket?.retention;
  const retention = kept === undefined ? 'notAsked' : isReadable(kept) ? kept : kept.unreadable;
  // A clone is made of whichever instance is the primary now.
  const sources = databases.flatMap(({ database, primary }) =>
    forensics?.clones.includes(database.instance) === true && isReadable(primary)
      ? [{ instance: primary.instance, tier: primary.tier }]
      : [],
  );
  const primaries = new Map(
    databases.flatMap(({ database, primary }) =>
      isReadable(primary) && primary.role === 'primary' ? [[database.instance, primary.instance] as const] : [],
    ),
  );
  const isolate = isolations.flatMap(({ application: id, status }) => {
    const application = applicationOf(system, id);
    const known: IsolationStatus | string = isReadable(status) ? status : status.unreadable;
    return application === undefined ? [] : [{ application, status: known }];
  });
  return drawing(
    drawBreachResponse(system, incident, scenario, {
      at,
      versions,
      primaries,
      evidence: { forensics: forensics && { ...forensics, retention }, sources },
      isolate,
      warnings,
    }),
  );
}

/** Letting an application be reached again. */
export function drawLift(
  system: System,
  incident: IncidentId,
  { scenario, subject: { application: id } }: Diagnosis,
  facts: Facts,
  { warnings }: PlanAsides,
): PlanDrawing {
  const application = id === undefined ? undefined : applicationOf(system, id);
  const seen = facts.applications.find((known) => known.application === id);
  const status = facts.isolations?.find((known) => known.application === id)?.status;
  if (application === undefined || seen === undefined || status === undefined)
    return { kind: 'none', because: 'the diagnosis names no application that is isolated' };
  if (!isReadable(status))
    return { kind: 'none', because: `how ${id} is reached can’t be read (${status.unreadable})` };
  const { workload, service, isolated } = seen;
  let consumer: Consumer | undefined;
  if (application.kind === 'gke' && workload !== undefined && isReadable(workload))
    consumer = { kind: 'gke', application, status: workload };
  if (application.kind === 'cloudRun' && service !== undefined && isReadable(service))
    consumer = { kind: 'cloudRun', application, status: service };
  if (consumer === undefined) return { kind: 'none', because: `${id} can’t be read, so it could not be started anew` };
  const leading = system.entrances.filter(({ id: entrance }) => {
    const known = facts.entrances?.find((found) => found.entrance === entrance)?.status;
    return known !== undefined && isReadable(known) && known.leadsTo === id;
  });
  return drawing(
    drawLiftIsolation(system, incident, scenario, {
      at: facts.at,
      consumer,
      status,
      record: isolated !== undefined && isReadable(isolated) ? isolated : undefined,
      entrances: leading,
      warnings,
    }),
  );
}

const drawing = (plan: ReturnType<typeof drawBreachResponse>): PlanDrawing =>
  typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };

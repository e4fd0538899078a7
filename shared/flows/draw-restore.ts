import { chooseSource, templateFor } from '../classify/choose-backup.ts';
import { type DatabaseFacts, type Facts, isReadable, type RestoredCopy, type Unreadable } from '../classify/facts.ts';
import { instant } from '../core/time.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { HAND_OVER, isCopyOf, LABELS } from '../ports/copy-labels.ts';
import { drawBackupRestore } from '../runbooks/backup-restore.ts';
import { drawHandOver } from '../runbooks/restore-hand-over.ts';
import { type IncidentId, targetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { targetOf } from '../system/topology.ts';
import { consumersAsTheyWere, topologyOf } from './consumers-now.ts';
import type { PlanAsides, PlanDrawing } from './draw-plan.ts';

/** A copy from a backup while there is none; once there is one of this incident's, its hand-over if a person wants that. Pure. */
export function drawRestore(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  asides: PlanAsides,
): PlanDrawing {
  const ref = targetOf(system, targetId(diagnosis.target));
  const index = facts.databases.findIndex(
    ({ database }) => ref?.kind === 'database' && database.instance === ref.instance,
  );
  const [known, seen] = [facts.databases[index], facts.restores?.[index]];
  const restore = known?.database.restore;
  if (known === undefined || seen === undefined || restore === undefined)
    return { kind: 'none', because: `nothing says how ${diagnosis.target} is restored` };
  if (seen.copy !== undefined)
    return handOver(system, incident, diagnosis, facts, { ...asides, known, copy: seen.copy });
  const choice = chooseSource(seen, known.database, facts.at);
  const template = templateFor(seen, known.database);
  if (choice.kind === 'none' || template === undefined)
    return { kind: 'none', because: choice.kind === 'none' ? choice.because.join('; ') : 'the source can’t be read' };
  const plan = drawBackupRestore(system, incident, diagnosis.scenario, {
    at: facts.at,
    database: known.database,
    restore,
    source: seen.source,
    from:
      choice.kind === 'chosen'
        ? { kind: 'backup', ...choice.backup }
        : { kind: 'dump', dump: choice.dump, database: choice.database },
    template,
    pointInTime: isReadable(known.primary) && known.primary.pointInTimeRecovery,
    warnings: asides.warnings,
  });
  return { kind: 'plan', plan };
}

/** A copy is there: it is handed over, if a person wants that, or nothing is done. */
function handOver(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  {
    known,
    copy,
    warnings,
    opens,
  }: PlanAsides & { readonly known: DatabaseFacts; readonly copy: RestoredCopy | Unreadable },
): PlanDrawing {
  const { restore } = known.database;
  if (restore === undefined || !isReadable(copy) || !isCopyOf(copy.labels, incident) || !opens.includes(HAND_OVER))
    return { kind: 'none', because: 'there is a copy, and nobody asked to hand it over' };
  if (!isReadable(known.primary))
    return { kind: 'none', because: `the primary’s description can’t be read (${known.primary.unreadable})` };
  const { [LABELS.backup]: id, [LABELS.takenAt]: takenAtMs } = copy.labels;
  if (id === undefined || takenAtMs === undefined || !/^\d+$/.test(takenAtMs))
    return {
      kind: 'none',
      because: `${copy.status.instance} holds a dump, which has no users and no known moment: consumers are moved to it by hand`,
    };
  const consumers = consumersAsTheyWere(system, known, facts.applications);
  if (typeof consumers === 'string') return { kind: 'none', because: consumers };
  const plan = drawHandOver(system, incident, diagnosis.scenario, {
    at: facts.at,
    database: known.database,
    restore,
    primary: known.primary,
    copy: copy.status,
    backup: { id, takenAt: instant(Number(takenAtMs)) },
    topology: topologyOf(known),
    consumers,
    warnings,
    opens,
  });
  return typeof plan === 'string' ? { kind: 'none', because: plan } : { kind: 'plan', plan };
}

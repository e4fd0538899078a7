import { chooseSource, templateFor } from '../classify/choose-backup.ts';
import { judgeMoment, namedByPeople } from '../classify/choose-moment.ts';
import { type Facts, isReadable, type RestoreFacts } from '../classify/facts.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { IMPORT_ROWS, isCopyOf } from '../ports/copy-labels.ts';
import { rowPlaceOf, showRows } from '../rows/find-row-set.ts';
import { drawTenantCompare, drawTenantImport, type TenantCopy, type TenantFacts } from '../runbooks/tenant-restore.ts';
import { type IncidentId, targetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { targetOf, tenantOf } from '../system/topology.ts';
import type { PlanAsides, PlanDrawing } from './draw-plan.ts';

/** A set for review while there is none; once a person has reviewed it, its import. Pure. */
export function drawTenantRestore(
  system: System,
  incident: IncidentId,
  diagnosis: Diagnosis,
  facts: Facts,
  { warnings, opens }: PlanAsides,
): PlanDrawing {
  const ref = targetOf(system, targetId(diagnosis.target));
  const index = facts.databases.findIndex(
    ({ database }) => ref?.kind === 'database' && database.instance === ref.instance,
  );
  const [known, seen] = [facts.databases[index], facts.restores?.[index]];
  const { restore, rows } = known?.database ?? {};
  const tenant = tenantOf(diagnosis.target);
  if (
    known === undefined ||
    seen === undefined ||
    restore === undefined ||
    rows?.tenant === undefined ||
    tenant === undefined
  )
    return { kind: 'none', because: `nothing says how ${diagnosis.target} is restored` };
  const { source, set, copy } = seen;
  const own: TenantFacts = {
    at: facts.at,
    database: known.database,
    restore,
    rows: { ...rows, tenant: rows.tenant },
    source,
    tenant,
    place: rowPlaceOf(rows, incident),
    warnings,
    opens,
  };
  if (copy === undefined) {
    const made = chooseCopy(own, seen);
    if (typeof made === 'string') return { kind: 'none', because: made };
    return { kind: 'plan', plan: drawTenantCompare(system, incident, diagnosis.scenario, { ...own, copy: made }) };
  }
  if (!isReadable(copy) || !isCopyOf(copy.labels, incident))
    return { kind: 'none', because: `${restore.instance} is there, and this incident did not make it` };
  if (set === undefined)
    return { kind: 'plan', plan: drawTenantCompare(system, incident, diagnosis.scenario, { ...own, copy: undefined }) };
  if (!isReadable(set) || set.problem !== undefined || !opens.includes(IMPORT_ROWS))
    return { kind: 'none', because: 'the set waits for a person’s review' };
  const { file, digest } = set;
  const counts = showRows(set.rows);
  const plan = drawTenantImport(system, incident, diagnosis.scenario, { ...own, file, digest, counts });
  return { kind: 'plan', plan };
}

/** How the copy is made: of the moment that a person named, else from the newest backup that fits; or why none can be made. */
function chooseCopy({ at, database, restore, source, warnings }: TenantFacts, seen: RestoreFacts): TenantCopy | string {
  if (seen.moment !== undefined) {
    const { named, window } = seen.moment;
    const choice = judgeMoment(named, namedByPeople(named), window);
    return choice.kind === 'moment' ? { kind: 'moment', moment: named } : choice.because;
  }
  const choice = chooseSource(seen, database, at);
  const template = templateFor(seen, database);
  if (choice.kind === 'none') return choice.because.join('; ');
  if (template === undefined) return 'the source can’t be read';
  if (choice.kind === 'dump') return 'only a dump is left, whose copy has no users that could read rows in it';
  const from = { kind: 'backup' as const, ...choice.backup };
  return { kind: 'backup', at, database, restore, source, from, template, pointInTime: false, warnings };
}

import { chooseMoment, suspectsIn } from '../classify/choose-moment.ts';
import { type Facts, isReadable, type RecoveryFacts } from '../classify/facts.ts';
import { markedFor, nextName, RECOVERY_CODES } from '../classify/recovery-rules.ts';
import { type Clone, whoseClone } from '../classify/whose-clone.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { RELEASE_WRITER } from '../ports/recovery-words.ts';
import { clonePlaceOf, showRows } from '../rows/find-row-set.ts';
import {
  drawRecovery as drawClone,
  drawRecoveryImport,
  type Paused,
  type RecoveryImportFacts,
} from '../runbooks/point-in-time-recovery.ts';
import { drawRecoveryEnd } from '../runbooks/recovery-end.ts';
import { type IncidentId, targetId } from '../system/names.ts';
import type { Database, System } from '../system/system.ts';
import { targetOf } from '../system/topology.ts';
import type { PlanAsides, PlanDrawing } from './draw-plan.ts';

/** A clone of the moment, or the end of what was made if people want that. Pure. */
export function drawRecovery(
  system: System,
  incident: IncidentId,
  { target, scenario, reasons: [reason] }: Diagnosis,
  facts: Facts,
  { warnings, opens }: PlanAsides,
): PlanDrawing {
  const ref = targetOf(system, targetId(target));
  const index = facts.databases.findIndex(
    ({ database }) => ref?.kind === 'database' && database.instance === ref.instance,
  );
  const [database, seen] = [facts.databases[index]?.database, facts.recoveries?.[index]];
  if (database?.recovery === undefined || seen === undefined)
    return { kind: 'none', because: `nothing says how rows of ${target} are brought back` };
  const clones = seen.clones.map((clone) => whoseClone(clone, incident, system.guards.clockSkew));
  const known = { at: facts.at, database, source: seen.source, warnings };
  if (reason?.code === RECOVERY_CODES.ends) {
    const mine = clones.flatMap((clone) =>
      clone.kind === 'ours' ? [{ copy: clone.instance, moment: clone.moment }] : [],
    );
    if (mine.length === 0) return { kind: 'none', because: 'nothing is there that could be deleted' };
    const release = opens.includes(RELEASE_WRITER) ? pausedFor(incident, seen) : [];
    const plan = drawRecoveryEnd(system, incident, scenario, { ...known, clones: mine, release });
    return { kind: 'plan', plan };
  }
  if (reason?.code === RECOVERY_CODES.reviewed) return imported(system, incident, scenario, { ...known, clones, seen });
  const [name, choice] = [nextName(clones), chooseMoment(seen, database.recovery)];
  if (name === undefined) return { kind: 'none', because: 'no name is free for a clone' };
  if (choice.kind !== 'moment') return { kind: 'none', because: choice.because };
  // One that is being made is of the moment that was written down for it.
  const moment = name.kind === 'ours' ? name.moment : choice.moment;
  const plan = drawClone(system, incident, scenario, {
    ...known,
    copy: name.instance,
    moment,
    ...suspectsOf(database, seen),
  });
  return { kind: 'plan', plan };
}

/** The reviewed set of the clone that people decide on. */
function imported(
  system: System,
  incident: IncidentId,
  scenario: string,
  {
    clones,
    seen,
    ...known
  }: Pick<RecoveryImportFacts, 'at' | 'database' | 'source' | 'warnings'> & {
    readonly clones: readonly Clone[];
    readonly seen: RecoveryFacts;
  },
): PlanDrawing {
  const { rows } = known.database;
  const clone = markedFor(clones, seen.named);
  const set = seen.clones.find(({ instance }) => instance === clone?.instance)?.set;
  if (rows === undefined || clone === undefined || set === undefined || !isReadable(set) || set.problem !== undefined)
    return { kind: 'none', because: 'there is no set of rows that could be imported' };
  const plan = drawRecoveryImport(system, incident, scenario, {
    ...known,
    rows,
    copy: clone.instance,
    moment: clone.moment,
    file: set.file,
    digest: set.digest,
    place: clonePlaceOf(rows, incident, clone.instance),
    counts: showRows(set.rows),
  });
  return { kind: 'plan', plan };
}

/** Suspects that can be paused now, and those that can't. */
function suspectsOf({ recovery }: Database, { history, writers }: RecoveryFacts) {
  const suspects = isReadable(history) ? suspectsIn(history) : [];
  const runs = (name: string): boolean => recovery?.writers.some((writer) => writer.name === name) === true;
  const pause = suspects.flatMap(({ application }): readonly Paused[] => {
    const status = writers.find(({ name }) => name === application)?.status;
    return status !== undefined && isReadable(status) && status.replicas > 0
      ? [{ writer: application, replicas: status.replicas }]
      : [];
  });
  const others = suspects.filter(({ application }) => !runs(application)).map(showWriter);
  const culprits = suspects.slice(0, 1).map(({ user, application }) => ({ user, application }));
  return {
    pause: pause.filter((one, at) => pause.findIndex(({ writer }) => writer === one.writer) === at),
    culprits,
    others,
  };
}

const showWriter = ({ application, user }: { readonly application: string; readonly user: string }): string =>
  `${application} (${user})`;

/** Writers that this incident has paused. */
const pausedFor = (incident: IncidentId, { writers }: RecoveryFacts): readonly Paused[] =>
  writers.flatMap(({ name, paused }) =>
    paused !== undefined && isReadable(paused) && paused.incident === incident
      ? [{ writer: name, replicas: paused.replicas }]
      : [],
  );

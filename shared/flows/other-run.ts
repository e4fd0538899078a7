import { waitsForPeople } from '../engine/next-move.ts';
import type { IncidentState, RunState } from '../incident/state.ts';
import { isNotUnderstood } from '../log/unreadable.ts';
import { isPortError } from '../ports/port-error.ts';
import type { Head } from '../ports/store.ts';
import type { IncidentId } from '../system/names.ts';
import { isSystemTarget, systemTarget } from '../system/topology.ts';
import { type FlowHome, journalOf } from './flow-home.ts';

// One run for each target, for as long as the run lasts (design.md section 6). Incidents about one target are one incident; only that
// of a whole system lies beside the others, and gives its targets free while it waits for people. So it asks each time that it goes on,
// under the locks of its targets, and the others ask before they begin. And one whose log another version wrote may be at work on them
// for all that this version can tell: its signals have begun an incident of their own (absorb.ts, A5).

/** Open incidents about one target that are looked at; there is one. */
const ABOUT_MAX = 5;

/**
 * Another incident whose run is at work on what this one holds, or may be; the locks alone would not tell while its worker is dead.
 */
export async function otherRunOn(id: IncidentId, run: RunState, home: FlowHome): Promise<IncidentId | undefined> {
  const { holds, target } = run.plan;
  const { rotation } = home.system;
  const beside = rotation.length === 0 ? [] : isSystemTarget(target) ? holds : [systemTarget(home.system)];
  const heads = await home.store.log.openAbout([...new Set([...holds, ...beside])], ABOUT_MAX);
  for (const head of heads.filter(({ incident }) => incident !== id)) {
    const other = await stateOf(head, home);
    if (other === 'notUnderstood') return head.incident;
    const isBeside = beside.some((one) => head.targets.includes(one));
    const isAtWork = other?.phase.kind === 'running' || other?.phase.kind === 'landing';
    if (!isBeside || other?.run === undefined || !isAtWork || waitsForPeople(other.run)) continue;
    if (other.run.plan.holds.some((held) => holds.includes(held))) return head.incident;
  }
  return undefined;
}

/** A log that is damaged for good holds nothing up: what goes on for it does so by people. */
async function stateOf({ incident }: Head, home: FlowHome): Promise<IncidentState | 'notUnderstood' | undefined> {
  try {
    return (await journalOf(incident, home))?.state();
  } catch (error) {
    if (isNotUnderstood(error)) return 'notUnderstood';
    if (!isPortError(error) || error.kind !== 'permanent') throw error;
    return undefined;
  }
}

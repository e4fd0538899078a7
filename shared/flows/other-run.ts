import { waitsForPeople } from '../engine/next-move.ts';
import type { RunState } from '../incident/state.ts';
import type { IncidentId } from '../system/names.ts';
import { isSystemTarget, systemTarget } from '../system/topology.ts';
import { type FlowHome, journalOf } from './flow-home.ts';

// One run for each target, for as long as the run lasts (design.md section 6). Incidents about one target are one incident; only that
// of a whole system lies beside the others, and gives its targets free while it waits for people. So it asks each time that it goes on,
// under the locks of its targets, and the others ask before they begin.

/** Open incidents about one target that are looked at; there is one. */
const ABOUT_MAX = 5;

/** Another incident whose run is at work on what this one holds; the locks alone would not tell while its worker is dead. */
export async function otherRunOn(id: IncidentId, run: RunState, home: FlowHome): Promise<IncidentId | undefined> {
  const { holds, target } = run.plan;
  if (home.system.rotation.length === 0) return undefined;
  const about = isSystemTarget(target) ? holds : [systemTarget(home.system)];
  const heads = (await home.store.log.openAbout(about, ABOUT_MAX)).filter(({ incident }) => incident !== id);
  for (const { incident } of heads) {
    const other = (await journalOf(incident, home))?.state();
    const isAtWork = other?.phase.kind === 'running' || other?.phase.kind === 'landing';
    if (other?.run === undefined || !isAtWork || waitsForPeople(other.run)) continue;
    if (other.run.plan.holds.some((held) => holds.includes(held))) return incident;
  }
  return undefined;
}

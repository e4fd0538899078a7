import { unreachable } from '../core/assert.ts';
import type { Json } from '../core/json.ts';
import { replay } from '../incident/evolve.ts';
import { type KillSwitch, readKillSwitch } from '../guards/kill-switch.ts';
import { understoodPart } from '../log/unreadable.ts';
import type { Store } from '../ports/store.ts';
import { incidentId } from '../system/names.ts';
import { restLine, timeline, type TimelineLine } from '../status/timeline.ts';

// What anybody on the team may see: incidents, what holds everything, and what could not be read. Reads the store and nothing
// else; tokens are in no projection.

/** Everything at a glance. */
export interface Overview {
  readonly incidents: readonly { readonly id: string; readonly dueAt: number | null; readonly summary: Json }[];
  readonly killSwitch: KillSwitch;
  readonly modes: Json;
  readonly refused: readonly { readonly key: string; readonly value: Json }[];
}

/** Incidents shown; older ones are in the store. */
const INCIDENTS_MAX = 50;

/** Reads the overview. */
export async function overview(store: Store): Promise<Overview> {
  const [heads, killSwitch, modes, refused] = await Promise.all([
    store.log.heads('all', INCIDENTS_MAX),
    readKillSwitch(store.documents),
    store.documents.list('control/mode/', 20),
    store.documents.list('refused/', 100),
  ]);
  return {
    incidents: heads.map((head) => ({ id: head.incident, dueAt: head.dueAt ?? null, summary: head.summary })),
    killSwitch,
    modes: Object.fromEntries(modes.map(({ key, value }) => [key.slice('control/mode/'.length), value])),
    refused: refused.map(({ key, value }) => ({ key, value })),
  };
}

/** Why nothing may begin, for people; `undefined` while the kill switch is off. */
export function stopText(killSwitch: KillSwitch): string | undefined {
  switch (killSwitch.kind) {
    case 'off':
      return undefined;
    case 'on':
      return `${killSwitch.by}: ${killSwitch.reason}`;
    case 'unknown':
      return `nobody knows: ${killSwitch.because}`;
    default:
      return unreachable(killSwitch);
  }
}

/** The timeline of one incident; `undefined` when there is none. */
export async function incidentTimeline(
  id: string,
  store: Store,
): Promise<{ readonly headline: string; readonly phase: string; readonly lines: readonly TimelineLine[] } | undefined> {
  const { events, stoppedAt } = understoodPart(await store.log.read(incidentId(id), 0, 5_000));
  const state = replay(incidentId(id), events);
  const lines = state === undefined ? [] : timeline(events, state);
  if (stoppedAt !== undefined) {
    const headline = state?.headline ?? 'an incident of another version of dr-autopilot';
    return { headline, phase: 'not understood', lines: [...lines, restLine(stoppedAt)] };
  }
  return state === undefined ? undefined : { headline: state.headline, phase: state.phase.kind, lines };
}

import { z } from 'zod';
import { failingTogether, showTargets } from '../guards/brakes.ts';
import type { MassFailure } from '../incident/mass-failure.ts';
import type { IncidentState } from '../incident/state.ts';
import type { Head } from '../ports/store.ts';
import { incidentId, type TargetId, targetId } from '../system/names.ts';
import type { FlowHome } from './flow-home.ts';

// Whether an incident is one of many that began together. What it costs does not grow with how many: a look reads a few heads, and
// only the incident that holds the card counts them all.

/** Which incident holds the card of the failures that go on now. */
const CARD_KEY = 'mass-failure/card';

/** Incidents that the card counts: more are named by nobody. */
const COUNTED_MAX = 1_000;

const cardWire = z.object({ incident: z.string() });

/** What began to fail together with this incident and still does. */
export interface Together {
  readonly targets: readonly TargetId[];
  /** Set when those are more than `guards.massFailure` allows. */
  readonly mass: MassFailure | undefined;
}

/** Looks for what fails together with this incident. The first that finds a mass failure takes the card. */
export async function togetherWith(state: IncidentState, home: FlowHome): Promise<Together> {
  const { massFailure } = home.system.guards;
  const few = await failing(state, 3 * (massFailure.targets + 1), home);
  if (few.length <= massFailure.targets) return { targets: few, mass: undefined };
  const card = await cardHolder(state, home);
  const targets = card === state.id ? await failing(state, COUNTED_MAX, home) : few;
  const { window } = massFailure;
  return { targets, mass: { card, targets: targets.length, shown: showTargets(targets), window } };
}

/** Targets of open incidents that began when this one did. So many that they were not all read are all one failure. */
async function failing(state: IncidentState, limit: number, { store, system }: FlowHome): Promise<readonly TargetId[]> {
  const heads = await store.log.heads('open', limit);
  const known = heads.flatMap(failingTarget);
  const together = failingTogether(system.guards.massFailure, known, state.openedAt);
  if (heads.length < limit || together.length > system.guards.massFailure.targets) return together;
  return [...new Set(known.map(({ target }) => target))].toSorted();
}

function failingTarget({ summary: { target, openedAtMs } }: Head) {
  return typeof target === 'string' && typeof openedAtMs === 'number'
    ? [{ target: targetId(target), sinceMs: openedAtMs }]
    : [];
}

/** The incident that holds the card: the one that took it, while it is open, else this one. */
async function cardHolder(state: IncidentState, { store }: FlowHome): Promise<string> {
  const known = await store.documents.get(CARD_KEY);
  const read = cardWire.safeParse(known?.value);
  if (read.success && read.data.incident !== state.id) {
    const head = await store.log.head(incidentId(read.data.incident));
    if (head?.dueAt !== undefined) return read.data.incident;
  }
  if (read.success && read.data.incident === state.id) return state.id;
  if (await store.documents.put(CARD_KEY, { incident: state.id }, known?.version ?? 0)) return state.id;
  const winner = cardWire.safeParse((await store.documents.get(CARD_KEY))?.value);
  return winner.success ? winner.data.incident : state.id;
}

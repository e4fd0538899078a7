import { z } from 'zod';
import { failingTogether, showTargets } from '../guards/brakes.ts';
import { type MassFailure, targetsOnCard } from '../incident/mass-failure.ts';
import type { IncidentState } from '../incident/state.ts';
import type { Head } from '../ports/store.ts';
import { incidentId, type TargetId, targetId } from '../system/names.ts';
import { type FlowHome, journalOf, whereUnderstood } from './flow-home.ts';

// Whether an incident is one of many that began together. What it costs does not grow with how many: a look reads a few heads, and
// only the incident that holds the card counts them all.

/** Which incident holds the card of the failures that go on now. */
const CARD_KEY = 'mass-failure/card';

/** Incidents that the card counts: more are named by nobody. */
const COUNTED_MAX = 1_000;

const cardWire = z.object({ incident: z.string(), told: z.number() });
type Card = z.infer<typeof cardWire>;

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
  const { incident: card, told } = await cardOf(state, home);
  const targets = card === state.id ? await failing(state, COUNTED_MAX, home) : few;
  const { window } = massFailure;
  return { targets, mass: { card, told, targets: targets.length, shown: showTargets(targets), window } };
}

/** Targets of open incidents that began when this one did. So many that they were not all read are all one failure. */
async function failing(state: IncidentState, limit: number, { store, system }: FlowHome): Promise<readonly TargetId[]> {
  const heads = await store.log.heads('open', limit);
  const known = heads.flatMap(failingTarget);
  const together = failingTogether(system.guards.massFailure, known, state.openedAt);
  if (heads.length < limit || together.length > system.guards.massFailure.targets) return together;
  return [...new Set(known.map(({ target }) => target))].toSorted();
}

/** Ended, though perhaps not everybody has been told yet. */
const isOver = ({ dueAt, summary: { phase } }: Head): boolean =>
  dueAt === undefined || phase === 'resolved' || phase === 'dismissed';

function failingTarget(head: Head) {
  const { target, openedAtMs } = head.summary;
  return !isOver(head) && typeof target === 'string' && typeof openedAtMs === 'number'
    ? [{ target: targetId(target), sinceMs: openedAtMs }]
    : [];
}

/** The incident that holds the card: the one that took it, while it is open, else this one. */
async function cardOf(state: IncidentState, home: FlowHome): Promise<Card> {
  const { documents, log } = home.store;
  const known = await documents.get(CARD_KEY);
  const card = cardIn(known?.value);
  if (card?.incident === state.id) return card;
  const head = card === undefined ? undefined : await log.head(incidentId(card.incident));
  if (card !== undefined && head !== undefined && !isOver(head)) return card;
  const own = { incident: state.id, told: await toldBefore(card, state, home) };
  if (await documents.put(CARD_KEY, own, known?.version ?? 0)) return own;
  return cardIn((await documents.get(CARD_KEY))?.value) ?? own;
}

const cardIn = (value: unknown): Card | undefined => cardWire.safeParse(value).data;

/** How many targets people have been told of, where the card was another's who began together with this one. */
async function toldBefore(card: Card | undefined, state: IncidentState, home: FlowHome): Promise<number> {
  if (card === undefined) return 0;
  const id = incidentId(card.incident);
  const former = await whereUnderstood(
    id,
    home,
    () => journalOf(id, home),
    () => undefined,
  );
  if (former === undefined) return 0;
  const { openedAt, notices } = former.state();
  if (Math.abs(openedAt - state.openedAt) >= home.system.guards.massFailure.window) return 0;
  return Math.max(card.told, ...[...notices.keys()].map(targetsOnCard));
}

import { instant } from '../../shared/core/time.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { EMPTY_CHAIN, sealEvents, type ChainEnd } from '../../shared/log/chain.ts';
import type { AppendOutcome, EventRecord, Head, InboxEntry, LogStore, Store } from '../../shared/ports/store.ts';
import { incidentId, type IncidentId, targetId } from '../../shared/system/names.ts';
import type { OpenEmptyStore, OpenStore } from './store.ts';

/** Two incidents that the contract writes about. */
export const FIRE = incidentId('inc-fire');
export const FLOOD = incidentId('inc-flood');

/** Gives a test a store that is empty at first and closed afterwards, whatever happens in between. */
export async function withStore(open: OpenEmptyStore, test: (opened: OpenStore) => Promise<void>): Promise<void> {
  const opened = await open();
  try {
    await test(opened);
  } finally {
    await opened.close();
  }
}

/** One append, in the order of the port's arguments. */
export interface Prepared {
  readonly incident: IncidentId;
  readonly expected: number;
  readonly events: readonly EventRecord[];
  readonly head: Head;
  readonly absorbed: readonly string[];
}

/** What a test says about an append; the rest is ordinary. */
export interface Wanted {
  readonly incident?: IncidentId;
  readonly after?: ChainEnd;
  readonly ids?: readonly string[];
  readonly data?: JsonObject;
  readonly dueAt?: number;
  readonly targets?: readonly string[];
  readonly absorbed?: readonly string[];
}

/** Sealed events after `after`, with the head that fits them. */
export function prepared(wanted: Wanted): Prepared {
  const { incident = FIRE, after = EMPTY_CHAIN, ids = ['e1'], data = {}, absorbed = [] } = wanted;
  const unsealed = ids.map((id) => ({ id, at: instant(0), kind: 'noted', data }));
  const events = sealEvents({ incident, head: after, events: unsealed });
  const { sequence, hash } = events.at(-1) ?? after;
  const targets = (wanted.targets ?? []).map(targetId);
  const dueAt = wanted.dueAt === undefined ? undefined : instant(wanted.dueAt);
  const head = { incident, sequence, hash, dueAt, targets, summary: { last: ids.at(-1) ?? 'none' } };
  return { incident, expected: after.sequence, events, head, absorbed };
}

/** Hands an append to the store. */
export function append(
  log: LogStore,
  { incident, expected, events, head, absorbed }: Prepared,
): Promise<AppendOutcome> {
  return log.append(incident, expected, events, head, absorbed);
}

/** A signal that waits for FIRE unless the test says otherwise. */
export function signal(key: string, other: Partial<InboxEntry> = {}): InboxEntry {
  return { key, incident: FIRE, receivedAt: instant(0), signal: { key }, ...other };
}

/** Where the log of an incident ends now. */
export async function endOf(store: Store, incident: IncidentId): Promise<ChainEnd> {
  return (await store.log.head(incident)) ?? EMPTY_CHAIN;
}

/** The whole log of an incident, as ids. */
export async function idsOf(store: Store, incident: IncidentId): Promise<readonly string[]> {
  return (await store.log.read(incident, 0, 10_000)).map((record) => record.id);
}

/** Changes whatever can be changed in a value, at every depth. */
export function vandalise(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    vandalise(member);
    Reflect.set(value, key, 'vandalised');
  }
  Reflect.set(value, 'vandal', 'was here');
}

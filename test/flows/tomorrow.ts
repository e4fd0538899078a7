import type { JsonObject } from '../../shared/core/json.ts';
import { sealEvents } from '../../shared/log/chain.ts';
import type { FlowHome } from '../../shared/flows/flow-home.ts';
import type { IncidentId } from '../../shared/system/names.ts';

/** Ways in which a version to come may write what this one can't read. */
export const OF_TOMORROW = [
  { what: 'a kind of event', kind: 'weatherChanged', data: { wind: 'north' } },
  { what: 'a member of a known event', kind: 'resumed', data: { by: 'ann', unless: 'it rains' } },
  { what: 'a value of a known member', kind: 'landed', data: { landing: 'hover', position: '', next: [] } },
] as const;

/** Appends an event of a version to come to the log of an incident, as that version would. */
export async function appendOfTomorrow(
  { store, clock }: FlowHome,
  id: IncidentId,
  { kind, data }: { readonly kind: string; readonly data: unknown } = OF_TOMORROW[0],
): Promise<void> {
  const head = await store.log.head(id);
  if (head === undefined) throw new Error(`there is no ${id}`);
  const { sequence, hash } = head;
  const draft = { id: `tomorrow-${sequence}`, at: clock.now(), kind, data: data as JsonObject }; // plain literals
  const [record] = sealEvents({ incident: id, head: { sequence, hash }, events: [draft] });
  if (record === undefined) throw new Error('nothing was sealed');
  await store.log.append(id, sequence, [record], { ...head, sequence: record.sequence, hash: record.hash }, []);
}

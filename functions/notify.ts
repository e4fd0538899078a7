import { notifyIncident } from '../shared/flows/notify.ts';
import { notifyHome } from '../shared/wiring/homes.ts';
import { incidentOf } from './wake-up.ts';

/** Delivers what people must be told about the incident that the message names. */
export async function onMessage(event: { readonly data?: unknown }): Promise<void> {
  const id = incidentOf(event);
  if (id !== undefined) await notifyIncident(id, await notifyHome());
}

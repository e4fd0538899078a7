import { notifyIncident } from '../shared/flows/notify.ts';
import { notifyHome } from '../shared/wiring/homes.ts';
import { incidentOf } from './wake-up.ts';
import { warmPublisher, warmStore } from './warm.ts';

/** Delivers what people must be told about the incident that the message names. */
export async function onMessage(event: { readonly data?: unknown }): Promise<void> {
  const id = incidentOf(event);
  if (id !== undefined) await notifyIncident(id, await notifyHome());
}

/** Loads what the first message would have to wait for (`DR_WARM`). */
export async function warm(): Promise<void> {
  await Promise.all([warmStore(notifyHome()), warmPublisher('notify')]);
}

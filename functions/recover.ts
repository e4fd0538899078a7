import { runIncident } from '../shared/flows/run-incident.ts';
import { recoverHome } from '../shared/wiring/homes.ts';
import { incidentOf } from './wake-up.ts';
import { warmPublisher, warmWorld } from './warm.ts';

/** Goes on with the approved steps of the incident that the message names. */
export async function onMessage(event: { readonly data?: unknown }): Promise<void> {
  const id = incidentOf(event);
  if (id !== undefined) await runIncident(id, await recoverHome());
}

/** Loads what the first message would have to wait for (`DR_WARM`). */
export async function warm(): Promise<void> {
  await Promise.all([recoverHome().then(warmWorld), warmPublisher('recover')]);
}

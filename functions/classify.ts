import { onSignal, type SignalEvent } from '../shared/flows/on-signal.ts';
import { worldHome } from '../shared/wiring/homes.ts';

/** Takes in a message of `dr-alerts` or `dr-commands`, finds its incident, and looks. A rejection asks Pub/Sub to deliver again. */
export async function onMessage(event: SignalEvent): Promise<void> {
  await onSignal(event, await worldHome('classify'));
}

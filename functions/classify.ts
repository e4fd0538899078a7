import { onSignal, type SignalEvent } from '../shared/flows/on-signal.ts';
import { worldHome } from '../shared/wiring/homes.ts';
import { warmPublisher, warmWorld } from './warm.ts';

/** Takes in a message of `dr-alerts` or `dr-commands`, finds its incident, and looks. A rejection asks Pub/Sub to deliver again. */
export async function onMessage(event: SignalEvent): Promise<void> {
  await onSignal(event, await worldHome('classify'));
}

/** Loads what the first message would have to wait for (`DR_WARM`). */
export async function warm(): Promise<void> {
  await Promise.all([worldHome('classify').then(warmWorld), warmPublisher('classify')]);
}

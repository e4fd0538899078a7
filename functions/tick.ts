import { isDeadLetter, onDeadLetter } from '../shared/flows/dead-letter.ts';
import type { SignalEvent } from '../shared/flows/on-signal.ts';
import { tick } from '../shared/flows/tick.ts';
import { tickHome } from '../shared/wiring/homes.ts';
import { warmPublisher, warmWorld } from './warm.ts';

/** One tick of Cloud Scheduler, whose message says nothing but that it came; or a message that another function gave up on. */
export async function onMessage(event: SignalEvent): Promise<void> {
  const home = await tickHome();
  if (isDeadLetter(event)) return await onDeadLetter(event, home);
  const report = await tick(home);
  home.note('tick', { ...report });
}

/** Loads what the first message would have to wait for (`DR_WARM`). */
export async function warm(): Promise<void> {
  await Promise.all([tickHome().then(warmWorld), warmPublisher('tick')]);
}

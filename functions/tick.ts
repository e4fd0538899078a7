import { tick } from '../shared/flows/tick.ts';
import { tickHome } from '../shared/wiring/homes.ts';

/** One tick of Cloud Scheduler. What the message says does not matter; that it came does. */
export async function onMessage(_event: unknown): Promise<void> {
  const home = await tickHome();
  const report = await tick(home);
  home.note('tick', { ...report });
}

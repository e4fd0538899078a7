import { isPortError } from '../ports/port-error.ts';
import { parsePush } from '../signals/push-envelope.ts';
import { absorb } from './absorb.ts';
import type { WorldHome } from './flow-home.ts';
import { receiveUnprocessed } from './intake.ts';
import { withLooks } from './look.ts';
import { onSignal, type SignalEvent } from './on-signal.ts';

// What a function has given up on. Wake-ups that die are no loss, since `tick` finds what is due; alerts and commands are.
//
// D1. A dead letter is taken in by another function than the one that failed on it, which may have failed for a reason of its own.
// D2. One that can't be taken in there either goes to people, with what was said. It is lost to nobody.

/** Whether a delivery is a dead letter, by the topic that it comes from. */
export const isDeadLetter = ({ source }: SignalEvent): boolean => source.endsWith('-dead');

/** Takes in a dead letter of `dr-alerts` or `dr-commands`. A rejection asks Pub/Sub to deliver it again. */
export async function onDeadLetter(event: SignalEvent, home: WorldHome): Promise<void> {
  const source = event.source.replace(/-dead$/, '');
  home.note('a dead letter is taken in', { source });
  try {
    await onSignal({ ...event, source }, home);
  } catch (error) {
    // A store that is away, or a look that met an error, can be well the next time.
    if (isPortError(error) && error.kind !== 'permanent') throw error;
    const push = parsePush({ data: event.data });
    const id = push.ok ? push.value.messageId : home.chance.uuid();
    const told = receiveUnprocessed(source.split('/').at(-1) ?? '', id, String(error), home);
    await withLooks(home, (look) => absorb(home, look, told));
  }
}

import { parsePush } from '../signals/push-envelope.ts';
import type { WorldHome } from './flow-home.ts';
import { absorb } from './absorb.ts';
import { receiveAlert, receiveCommand, refuse } from './intake.ts';
import { withLooks } from './look.ts';

/** A delivery as the function gets it: `source` names the topic, `data` is Pub/Sub's envelope, unread. */
export interface SignalEvent {
  readonly source: string;
  readonly data?: unknown;
}

/**
 * Takes in a message of `dr-alerts` or `dr-commands`, gives it to its incident, and looks. What can't be read is recorded and
 * never comes back; a rejection asks Pub/Sub to deliver again.
 */
export async function onSignal(event: SignalEvent, home: WorldHome): Promise<void> {
  const push = parsePush({ data: event.data });
  if (!push.ok) {
    await refuse('unknown', `unreadable-${home.chance.uuid()}`, push.error, home);
    return;
  }
  const { data, messageId } = push.value;
  const topic = event.source.endsWith('/dr-commands') ? 'dr-commands' : 'dr-alerts';
  if (data.kind === 'malformed') {
    await refuse(topic, messageId, data.malformed, home);
    return;
  }
  const arriving =
    topic === 'dr-commands' ? receiveCommand(data.value, messageId, home) : receiveAlert(data.value, messageId, home);
  await withLooks(home, (look) => absorb(home, look, arriving));
}

import { absorb, receiveAlert, receiveCommand, refuse } from '../shared/flows/intake.ts';
import { lookAt } from '../shared/flows/look.ts';
import { parsePush } from '../shared/signals/push-envelope.ts';
import { worldHome } from '../shared/wiring/homes.ts';

/** Takes in a message of `dr-alerts` or `dr-commands`, finds its incident, and looks. A rejection asks Pub/Sub to deliver again. */
export async function onMessage(event: { readonly source: string; readonly data?: unknown }): Promise<void> {
  const home = await worldHome('classify');
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
  await (topic === 'dr-commands'
    ? receiveCommand(data.value, messageId, home)
    : receiveAlert(data.value, messageId, home));
  const touched = await absorb(home);
  await Promise.all(touched.map((id) => lookAt(id, home)));
}

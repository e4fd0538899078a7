import type { v1 } from '@google-cloud/pubsub';
import { z } from 'zod';
import type { Messages } from '../ports/messages.ts';
import { callGoogle, lazyClient } from './google-call.ts';
import type { GoogleAccess } from './google-call.ts';

// Publishing through `v1.PublisherClient` of `@google-cloud/pubsub` 6.2.0 in REST mode. Not through the `PubSub` class:
// with `fallback` it sends nothing and can end the process (decisions.md 22). Nothing in the product pulls.

const wire = z.object({ messageIds: z.array(z.string().min(1)).length(1) });

/** Messages whose client can be loaded before the first one has to be sent. */
export interface PubSubMessages extends Messages {
  /** Loads the client and its credentials; rejects as a publish would. Nothing is sent. */
  load(): Promise<void>;
}

/** The topics of one project. Data is JSON text in UTF-8. */
export function createPubSubMessages(access: GoogleAccess): PubSubMessages {
  const client = lazyClient(access, 'pubsub', async (options): Promise<v1.PublisherClient> => {
    const pubsub = await import('./pubsub-client.ts');
    return new pubsub.v1.PublisherClient(options);
  });

  return {
    load: async () => void (await client()),
    publish: (topic, data, attributes = {}) =>
      callGoogle(access, { doing: `publishing to ${topic}`, effect: 'writes' }, client, async (ready, options) => {
        const message = { data: Buffer.from(JSON.stringify(data), 'utf8'), attributes: { ...attributes } };
        const [answer] = await ready.publish(
          { topic: `projects/${access.project}/topics/${topic}`, messages: [message] },
          options,
        );
        wire.parse(answer);
      }),
  };
}

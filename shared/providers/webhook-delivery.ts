import { assert } from '../core/assert.ts';
import type { Delivery } from '../ports/messages.ts';
import type { Destination, Endpoints } from '../system/system.ts';
import { addressFor } from './addresses.ts';
import { askJson } from './http-json.ts';

type Webhook = Extract<Destination, { readonly kind: 'webhook' }>;

/**
 * Posts a notice as JSON `{subject, text, link, data}` to the webhook of `dr.yaml` with that id. Any 2xx is a delivery,
 * anything else that a receiver says is a refusal. Rejects with `PortError` when no answer came; it may have been
 * delivered then.
 */
export function createWebhookDelivery(destinations: readonly Destination[], hosts: Endpoints['hosts']): Delivery {
  return {
    deliver: async (id, { subject, text, link, data }) => {
      const destination = destinations.find(
        (candidate): candidate is Webhook => candidate.kind === 'webhook' && candidate.id === id,
      );
      assert(destination !== undefined, `${id} is no webhook of this system`);
      const body = { subject, text, link: link ?? null, data };
      const { status } = await askJson(
        { doing: `delivering to ${id}`, effect: 'writes' },
        { method: 'POST', url: addressFor(destination.url, hosts), body },
      );
      return { delivered: status >= 200 && status < 300, detail: `http ${status}` };
    },
  };
}

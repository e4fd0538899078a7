import type { Ledger } from '../world/broker-delivery.ts';
import type { Draft, SubscriptionConfig } from '../world/broker-message.ts';
import type { Caller } from '../world/caller.ts';
import type { Route } from '../http/router.ts';

/**
 * Carries messages from topics to functions: the embedded broker, or Google's own emulator. Both ask the world's door who may
 * publish, push with an id token, retry with backoff, give up into dead letters, and account for every message that they accept.
 */
export interface Courier {
  /** Pub/Sub's REST, for the server of Google's APIs. */
  readonly routes: readonly Route[];
  /** Publishes from within the world, as Monitoring and Scheduler do: whatever becomes of it, nobody tries a second time. */
  publish(caller: Caller, topic: string, drafts: readonly Draft[]): unknown;
  /** Makes a subscription. Once for each name; its topic exists. */
  subscribe(config: SubscriptionConfig): Promise<void>;
  /** One row for each subscription, in order of their names (decisions.md 24). */
  ledger(): readonly Ledger[];
  /** Ends all delivery. The ledger can still be read. */
  stop(): Promise<void>;
}

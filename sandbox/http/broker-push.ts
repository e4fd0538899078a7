import { Agent, request } from 'node:http';
import { after, type Instant, minutes } from '../../shared/core/time.ts';
import type { DeliveryConfig, SubscriptionConfig } from '../world/broker-message.ts';
import type { Deliver, Delivery, DeliveryAnswer } from '../world/broker-delivery.ts';
import type { Network } from '../world/kernel.ts';
import { messageJson, resource } from './broker-json.ts';
import type { IdTokenClaims } from './oidc.ts';

/** What a pusher is made with. */
export interface PusherOptions {
  readonly project: string;
  readonly network: Network;
  /** Makes the id token of a push: the sandbox's issuer. */
  readonly idToken: (claims: IdTokenClaims) => Promise<string>;
  /** Clock time, by which tokens grow old. */
  readonly now: () => Instant;
}

/** What Pub/Sub takes for an acknowledgement ("Receive push messages"): no other status, not even another 2xx. */
const ACKNOWLEDGING: readonly number[] = [200, 201, 202, 204];

type PushConfig = Extract<DeliveryConfig, { kind: 'push' }>;

/**
 * How long an idle connection is kept, wall milliseconds: less than the 5 s after which Node's server would close it under a push
 * that is being sent.
 */
const IDLE_MS = 2_000;

/**
 * Pushes over HTTP as Pub/Sub does, over connections that are used again: Node's server accepts one new connection in each turn of
 * its event loop, and a storm would queue there. A function that ended takes its idle connections along. A function that can't be reached (refused, reset) nacks; one that the network is cut from is silent.
 */
export function httpPusher({ project, network, idToken, now }: PusherOptions): Deliver {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  const tokens = new TokenCache(idToken, now);
  return async (delivery) => {
    const { delivery: target } = delivery.subscription;
    if (target.kind !== 'push') return 'nack';
    if (!network.reaches('google', 'functions')) return untilAborted(delivery.signal);
    const body = JSON.stringify(pushBody(project, delivery));
    const authorization = target.oidc ? `Bearer ${await tokens.tokenFor(target.oidc)}` : undefined;
    return post(addressOf(project, delivery.subscription, target), body, authorization, {
      agent,
      signal: delivery.signal,
    });
  };
}

/** How long a token is used again, in clock time; Google's are good for an hour. */
const TOKEN_KEPT = minutes(5);

/** A token for each receiver, signed when there is none or it is old: not one for each message. */
class TokenCache {
  readonly #idToken: PusherOptions['idToken'];
  readonly #now: () => Instant;
  readonly #known = new Map<string, { readonly token: Promise<string>; readonly until: Instant }>();

  constructor(idToken: PusherOptions['idToken'], now: () => Instant) {
    this.#idToken = idToken;
    this.#now = now;
  }

  tokenFor(claims: IdTokenClaims): Promise<string> {
    const name = `${claims.email} ${claims.audience}`;
    const known = this.#known.get(name);
    if (known !== undefined && this.#now() < known.until) return known.token;
    const token = this.#idToken(claims);
    this.#known.set(name, { token, until: after(this.#now(), TOKEN_KEPT) });
    token.catch(() => this.#known.delete(name)); // whoever asked is told; the next one asks again
    return token;
  }
}

/** The endpoint with the topic's path, as Google's emulator is pointed at functions: they read their source there (facts.md 2.3). */
function addressOf(project: string, subscription: SubscriptionConfig, target: PushConfig): string {
  return `${target.endpoint.replace(/\/$/, '')}/${resource(project, 'topics', subscription.topic)}`;
}

/** The wrapped form. `deliveryAttempt` is there only with a dead-letter policy, and in no emulator. */
function pushBody(project: string, { subscription, message, attempt }: Delivery): unknown {
  const { messageId, publishTime } = messageJson(message);
  return {
    message: { ...messageJson(message), message_id: messageId, publish_time: publishTime },
    subscription: resource(project, 'subscriptions', subscription.name),
    ...(subscription.deadLetter === undefined ? {} : { deliveryAttempt: attempt }),
  };
}

function post(
  address: string,
  body: string,
  authorization: string | undefined,
  { agent, signal }: { readonly agent: Agent; readonly signal: AbortSignal },
): Promise<DeliveryAnswer> {
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)',
      ...(authorization === undefined ? {} : { authorization }),
    };
    const push = request(address, { method: 'POST', headers, agent, signal }, (response) => {
      const answer = ACKNOWLEDGING.includes(response.statusCode ?? 0) ? 'ack' : 'nack';
      response.resume();
      response.on('end', () => resolve(answer));
      response.on('error', () => resolve('nack'));
    });
    push.on('error', () => resolve(signal.aborted ? 'timeout' : 'nack'));
    push.end(body);
  });
}

function untilAborted(signal: AbortSignal): Promise<DeliveryAnswer> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('timeout');
    else signal.addEventListener('abort', () => resolve('timeout'), { once: true });
  });
}

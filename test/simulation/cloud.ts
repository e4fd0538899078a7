import { Broker } from '../../sandbox/world/broker.ts';
import { PubsubApi } from '../../sandbox/world/broker-api.ts';
import type { Deliver } from '../../sandbox/world/broker-delivery.ts';
import { RETENTION_MAX, RETRY_DEFAULT } from '../../sandbox/world/broker-message.ts';
import type { VirtualClock } from '../../sandbox/world/clock.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import { functionPrincipal, OPERATOR } from '../../sandbox/world/reference-system.ts';
import { startScheduler } from '../../sandbox/world/scheduler.ts';
import { monitoringAgent, schedulerAgent } from '../../sandbox/world/service-agents.ts';
import type { World } from '../../sandbox/world/world.ts';
import { millis, seconds } from '../../shared/core/time.ts';
import { TOPICS, type Topic } from '../../shared/system/names.ts';
import { type Plot, type Region, REGIONS } from './plot.ts';

// The messages between the functions, set up as the sandbox sets them up.

/** Attempts after which a message is a dead letter. */
const ATTEMPTS_MAX = 20;

/** The subscription of a function in a region. */
export const subscriptionOf = (topic: Topic, region: Region): string =>
  region === 'east' ? topic : `${topic}-${region}`;

/** The region whose functions a subscription pushes to. */
export const regionOf = (subscription: string): Region =>
  REGIONS.find((region) => subscription.endsWith(`-${region}`)) ?? 'east';

/** Topics, subscriptions and their publishers, and Cloud Scheduler's minute. */
export function openMessaging(
  world: World,
  clock: VirtualClock,
  chance: Chance,
  plot: Plot,
  deliver: Deliver,
): { readonly broker: Broker; readonly pubsub: PubsubApi } {
  const broker = new Broker({
    project: world.project.id,
    clock,
    chance: chance.fork('broker'),
    disorder: { duplicates: plot.duplicates, delayMax: millis(plot.delayMaxMs) },
    deliver,
  });
  const publishers = publishersOf(world);
  const pubsub = new PubsubApi({ door: world.kernel.door, broker, publishers });
  for (const topic of TOPICS) {
    broker.createTopic(topic);
    broker.createTopic(`${topic}-dead`);
    const base = { ackDeadline: seconds(600), retry: RETRY_DEFAULT, retention: RETENTION_MAX };
    const dead = `${topic}-dead`;
    broker.createSubscription({ ...base, name: dead, topic: dead, delivery: { kind: 'pull' }, deadLetter: undefined });
    const oidc = { email: 'push@test', audience: 'http://127.0.0.1' };
    for (const region of REGIONS.slice(0, plot.regions))
      broker.createSubscription({
        ...base,
        name: subscriptionOf(topic, region),
        topic,
        delivery: { kind: 'push', endpoint: 'http://127.0.0.1/', oidc, outstandingMax: 40 },
        deadLetter: { topic: dead, attemptsMax: ATTEMPTS_MAX },
      });
  }
  for (const principal of new Set(Object.values(publishers).flat()))
    world.kernel.iam.grant(principal, ['pubsub.topics.publish']);
  startScheduler({
    clock,
    chance: chance.fork('scheduler'),
    pubsub,
    caller: { principal: schedulerAgent(world.project), from: 'google' },
    topic: 'dr-ticks',
    text: 'tick',
    duplicates: plot.duplicates,
  });
  return { broker, pubsub };
}

function publishersOf(world: World): Readonly<Record<Topic, readonly string[]>> {
  const wakers = [
    ...(['classify', 'heal', 'recover', 'approve', 'notify', 'tick'] as const).map((name) => functionPrincipal(name)),
    OPERATOR,
  ];
  return {
    'dr-alerts': [monitoringAgent(world.project)],
    'dr-commands': [OPERATOR],
    'dr-heal': wakers,
    'dr-recover': wakers,
    'dr-notices': wakers,
    'dr-ticks': [schedulerAgent(world.project)],
  };
}

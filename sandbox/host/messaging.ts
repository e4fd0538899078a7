import { type Millis, minutes, seconds } from '../../shared/core/time.ts';
import { type FunctionName, TOPICS, type Topic } from '../../shared/system/names.ts';
import { httpPusher } from '../http/broker-push.ts';
import { type MetadataServer, startMetadataServer } from '../http/metadata.ts';
import { type OidcIssuer, startOidcIssuer } from '../http/oidc.ts';
import type { Route } from '../http/router.ts';
import type { Publishers } from '../world/broker-api.ts';
import type { Disorder } from '../world/broker-delivery.ts';
import { RETENTION_MAX, RETRY_DEFAULT, type SubscriptionConfig } from '../world/broker-message.ts';
import type { ScaledClock } from '../world/clock.ts';
import type { Kernel, Principal } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import { functionPrincipal, OPERATOR } from '../world/reference-system.ts';
import { startScheduler } from '../world/scheduler.ts';
import { monitoringAgent, schedulerAgent } from '../world/service-agents.ts';
import type { Courier } from './courier.ts';
import { EmbeddedCourier, type EmbeddedCourierOptions } from './embedded-courier.ts';
import { type Admission, environmentOf } from './function-settings.ts';
import { startGoogleCourier } from './google-courier.ts';
import type { RunningEmulator } from './google-emulators.ts';

// Everything by which functions hear of the world and prove who they are: topics, subscriptions, the tick, id tokens and one
// metadata server for each function. What Terraform and Google set up in the cloud.

/** Which function hears a topic. */
const SUBSCRIBER: Readonly<Record<Topic, FunctionName>> = {
  'dr-alerts': 'classify',
  'dr-commands': 'classify',
  'dr-heal': 'heal',
  'dr-recover': 'recover',
  'dr-notices': 'notify',
  'dr-ticks': 'tick',
};

/** What is lost when a message of it is: of the other topics `tick` finds what is due. Their dead letters go to `tick`. */
const SIGNALS: readonly Topic[] = ['dr-alerts', 'dr-commands'];

/** Whoever appends to an incident's log wakes whoever acts next (decisions.md 8). */
const WAKERS: readonly FunctionName[] = ['classify', 'heal', 'recover', 'approve', 'notify', 'tick'];

/** Functions that people open in a browser; all others are invoked by Pub/Sub alone. */
const PUBLIC: readonly FunctionName[] = ['approve', 'status'];

/** How long a push may take: what Pub/Sub allows at most, above the 9 minutes of an event-driven function. */
const ACK_DEADLINE: Millis = seconds(600);

/** With the backoff of 10 s to 10 min, two and a half hours of clock time before a message is given up. */
const ATTEMPTS_MAX = 20;

/** Pushes at once: below the 80 requests that an instance of Cloud Run takes by default, for one process on a shared machine. */
const OUTSTANDING_MAX = 40;

/** What messaging is started with. */
export interface MessagingOptions {
  readonly kernel: Kernel;
  readonly clock: ScaledClock;
  readonly project: Project;
  /** The key of the sandbox's access tokens. */
  readonly tokenKey: string;
  readonly disorder: Disorder;
  /** Google's Pub/Sub emulator, when it carries the messages and not the embedded broker. */
  readonly emulator?: RunningEmulator;
}

/** Messaging that runs. */
export interface Messaging {
  readonly courier: Courier;
  /** The courier when it is the embedded one, whose broker can be asked and disturbed. */
  readonly embedded: EmbeddedCourier | undefined;
  /** Pub/Sub's REST, for the server of Google's APIs. */
  readonly routes: readonly Route[];
  /** Address of the issuer of id tokens, which vouches for people and for Pub/Sub alike. */
  readonly issuer: string;
  /** An id token of a person or a service account. */
  idToken(claims: Parameters<OidcIssuer['idToken']>[0]): Promise<string>;
  /** The environment that a function's process needs to be that function in that region; starts its metadata server. */
  environmentOf(name: FunctionName, region: string): Promise<Readonly<Record<string, string>>>;
  /**
   * Pushes to `endpoint` from now on what the function subscribes to. Once for each copy: `suffix` tells the subscriptions of
   * the second one from those of the first, since both copies receive each message.
   */
  subscribe(name: FunctionName, endpoint: string, suffix?: string): Promise<void>;
  /** Publishes a tick at every full minute from now on. */
  startTicks(): void;
  /** Ends deliveries, ticks and servers. The ledger can still be read. */
  stop(): Promise<void>;
}

/** Makes the topics, each with its dead letters, and starts the issuer of id tokens. */
export async function startMessaging(options: MessagingOptions): Promise<Messaging> {
  const { kernel, clock, project, disorder } = options;
  const issuer = await startOidcIssuer(clock);
  const deliver = httpPusher({
    project: project.id,
    network: kernel.network,
    idToken: issuer.idToken,
    now: () => clock.now(),
  });
  const publishers = publishersOf(project);
  for (const principal of new Set(Object.values(publishers).flat())) {
    kernel.iam.grant(principal, ['pubsub.topics.publish']);
  }
  const parts = { clock, project, publishers, deliver, disorder };
  const topics = TOPICS.flatMap((topic) => [topic, deadTopic(topic)]);
  const { courier, embedded } = await courierOf(options.emulator, { ...parts, kernel }, topics);
  for (const topic of TOPICS) await courier.subscribe(deadLettersOf(topic));
  const metadata: MetadataServer[] = [];
  let endTicks = (): void => undefined;

  return {
    courier,
    embedded,
    issuer: issuer.issuer,
    idToken: issuer.idToken,
    routes: courier.routes,
    async environmentOf(name, region) {
      const server = await metadataOf(name, region, options, issuer);
      metadata.push(server);
      return {
        ...server.env,
        ...environmentOf({ target: name, admission: admissionOf(name, project, issuer), clock }),
      };
    },
    async subscribe(name, endpoint, suffix = '') {
      const oidc = { email: pushPrincipal(project), audience: endpoint };
      for (const topic of TOPICS.filter((heard) => SUBSCRIBER[heard] === name)) {
        await courier.subscribe({
          ...subscriptionOf(`${name}-${topic}${suffix}`, topic),
          delivery: { kind: 'push', endpoint, oidc, outstandingMax: OUTSTANDING_MAX },
          deadLetter: { topic: deadTopic(topic), attemptsMax: ATTEMPTS_MAX },
        });
      }
      if (name !== 'tick') return;
      for (const topic of SIGNALS)
        await courier.subscribe({
          ...subscriptionOf(`${name}-${deadTopic(topic)}${suffix}`, deadTopic(topic)),
          delivery: { kind: 'push', endpoint, oidc, outstandingMax: OUTSTANDING_MAX },
        });
    },
    startTicks() {
      endTicks();
      const caller = { principal: schedulerAgent(project), from: 'google' };
      const chance = kernel.chance.fork('scheduler');
      const { duplicates } = disorder;
      endTicks = startScheduler({
        clock,
        chance,
        pubsub: courier,
        caller,
        topic: 'dr-ticks',
        text: 'tick',
        duplicates,
      });
    },
    async stop() {
      endTicks();
      await courier.stop();
      await Promise.all([issuer, ...metadata].map((server) => server.close()));
    },
  };
}

async function courierOf(
  emulator: RunningEmulator | undefined,
  parts: EmbeddedCourierOptions & { readonly clock: ScaledClock },
  topics: readonly string[],
): Promise<Pick<Messaging, 'courier' | 'embedded'>> {
  if (emulator === undefined) {
    const embedded = new EmbeddedCourier(parts, topics);
    return { courier: embedded, embedded };
  }
  const { door, chance } = parts.kernel;
  const courier = await startGoogleCourier({ ...parts, door, chance: chance.fork('broker'), emulator }, topics);
  return { courier, embedded: undefined };
}

const deadTopic = (topic: Topic): string => `${topic}-dead`;

/** Who delivers Pub/Sub's pushes. */
const pushPrincipal = (project: Project): Principal => functionPrincipal('pubsub-push', project.id);

/** Dead letters are kept for people, who can pull and read them. */
const deadLettersOf = (topic: Topic): SubscriptionConfig => ({
  ...subscriptionOf(deadTopic(topic), deadTopic(topic)),
  ackDeadline: minutes(1),
  delivery: { kind: 'pull' },
});

function subscriptionOf(name: string, topic: string): Omit<SubscriptionConfig, 'delivery'> {
  return {
    name,
    topic,
    ackDeadline: ACK_DEADLINE,
    retry: RETRY_DEFAULT,
    deadLetter: undefined,
    retention: RETENTION_MAX,
  };
}

/** Alerts come from Monitoring and ticks from Scheduler, and from nobody else: what they say is believed. */
function publishersOf(project: Project): Publishers & Readonly<Record<Topic, readonly Principal[]>> {
  const wakers = [...WAKERS.map((name) => functionPrincipal(name, project.id)), OPERATOR];
  return {
    'dr-alerts': [monitoringAgent(project)],
    'dr-commands': [OPERATOR],
    'dr-heal': wakers,
    'dr-recover': wakers,
    'dr-notices': wakers,
    'dr-ticks': [schedulerAgent(project)],
  };
}

function admissionOf(name: FunctionName, project: Project, { issuer }: OidcIssuer): Admission {
  if (PUBLIC.includes(name)) return { kind: 'public' };
  return { kind: 'invokers', issuer, invokers: [pushPrincipal(project)] };
}

function metadataOf(
  name: FunctionName,
  region: string,
  options: MessagingOptions,
  issuer: OidcIssuer,
): Promise<MetadataServer> {
  const { project, tokenKey, clock } = options;
  const principal = functionPrincipal(name, project.id);
  return startMetadataServer({
    project,
    region,
    principal,
    tokenKey,
    clock,
    rate: clock.rate,
    idToken: issuer.idToken,
  });
}

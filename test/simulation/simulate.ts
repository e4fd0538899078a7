import { exportPKCS8, exportSPKI, generateKeyPair } from 'jose';
import { inProcessMessages, inProcessPorts } from '../../sandbox/in-process/ports.ts';
import { Load } from '../../sandbox/load/load.ts';
import { BELIEVED, drawAssumptions } from '../../sandbox/world/assumptions.ts';
import { Broker } from '../../sandbox/world/broker.ts';
import { PubsubApi } from '../../sandbox/world/broker-api.ts';
import { dataOf, RETENTION_MAX, RETRY_DEFAULT, textOf } from '../../sandbox/world/broker-message.ts';
import type { DeliveryAnswer } from '../../sandbox/world/broker-delivery.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import type { Chance as WorldChance } from '../../sandbox/world/kernel.ts';
import { functionPrincipal, OPERATOR } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { startScheduler } from '../../sandbox/world/scheduler.ts';
import { monitoringAgent, schedulerAgent } from '../../sandbox/world/service-agents.ts';
import { createWorld, type World } from '../../sandbox/world/world.ts';
import { HEAL_CATALOGUE, RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { after, instant, type Instant, millis, minutes, seconds } from '../../shared/core/time.ts';
import { decide, showApproval } from '../../shared/flows/approve.ts';
import { type FlowHome, journalOf, type WorldHome } from '../../shared/flows/flow-home.ts';
import { absorb, receiveAlert } from '../../shared/flows/intake.ts';
import { lookAt } from '../../shared/flows/look.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { runIncident } from '../../shared/flows/run-incident.ts';
import { tick } from '../../shared/flows/tick.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { hasEnded } from '../../shared/incident/state.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { createTokenSigner, createTokenVerifier } from '../../shared/providers/jose-tokens.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { type FunctionName, incidentId, TOPICS, type Topic } from '../../shared/system/names.ts';
import type { System } from '../../shared/system/system.ts';
import { reference } from '../system/reference.ts';
import { Death, drawEnd, Life } from './actors.ts';
import { flaky } from './flaky-store.ts';
import { drawPlot } from './plot.ts';
import { isWithPeople, type Run } from './run.ts';
import { chancePort, clockPort, Outside, runUntil } from './virtual.ts';

// One seed, one disaster: the real flows of all functions over the model of the cloud, on virtual time. Everything that can go
// wrong is drawn from the seed; the same seed plays the same run.

const START = instant(1_767_600_000_000);

/** Which function hears a topic. */
const SUBSCRIBER: Readonly<Record<Topic, FunctionName>> = {
  'dr-alerts': 'classify',
  'dr-commands': 'classify',
  'dr-heal': 'heal',
  'dr-recover': 'recover',
  'dr-notices': 'notify',
  'dr-ticks': 'tick',
};

let keys: Promise<{ readonly privateKey: string; readonly publicKey: string }> | undefined;

/** Keys are made once for all seeds: what they are has no influence on a run. */
async function signingKeys(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return { privateKey: await exportPKCS8(pair.privateKey), publicKey: await exportSPKI(pair.publicKey) };
}

/** Plays one seed. */
export async function simulate(seed: number): Promise<Run> {
  keys ??= signingKeys();
  const { privateKey, publicKey } = await keys;
  const chance: WorldChance = createChance(seed);
  const plot = drawPlot(chance.fork('plot'));
  const clock = createVirtualClock(START);
  const outside = new Outside();
  const time = clockPort(clock);
  const known = reference();
  const system: System = { ...known, endpoints: { ...known.endpoints, approve: ['https://approve.test'] } };
  const memory = createMemoryStore(time);
  const store =
    plot.storeFaults === 0
      ? memory
      : flaky(memory, chance.fork('store'), plot.storeFaults, () => clock.now() < disasterEnds);
  const disasterEnds = after(START, plot.breakAt + plot.faultsFor);
  const bugs: string[] = [];
  const pages: { at: Instant; destination: string; subject: string }[] = [];
  let crashes = 0;

  let publish: (topic: string, text: string) => void = () => undefined;
  const world = createWorld({
    clock,
    seed,
    assumptions: plot.drawsAssumptions ? drawAssumptions(chance.fork('assumptions')) : BELIEVED,
    publish: (topic, message) => publish(topic, JSON.stringify(message)),
  });
  const lives = new Map<FunctionName, Life>();
  const lifeOf = (name: FunctionName): Life => {
    const present = lives.get(name);
    if (present !== undefined && !present.isDead) return present;
    const hostile = clock.now() > START + plot.breakAt && clock.now() < disasterEnds;
    const life = new Life(drawEnd(chance.fork(`life of ${name} ${crashes}`), hostile ? plot.crashRate : 0));
    life.died.catch(() => {
      crashes += 1;
    });
    lives.set(name, life);
    return life;
  };

  const handlers = makeHandlers();
  const broker = new Broker({
    project: world.project.id,
    clock,
    chance: chance.fork('broker'),
    disorder: { duplicates: plot.duplicates, delayMax: millis(plot.delayMax) },
    deliver: async ({ subscription, message }): Promise<DeliveryAnswer> => {
      const topic = TOPICS.find((name) => subscription.topic === name);
      if (topic === undefined) return 'ack';
      const name = SUBSCRIBER[topic];
      const life = lifeOf(name);
      try {
        await Promise.race([handlers[name](textOf(message), topic, message.id, life), life.died]);
        return 'ack';
      } catch (error) {
        if (!(error instanceof Death) && !(error instanceof PortError))
          bugs.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        return 'nack';
      }
    },
  });
  const pubsub = new PubsubApi({ door: world.kernel.door, broker, publishers: publishersOf(world) });
  for (const topic of TOPICS) {
    broker.createTopic(topic);
    broker.createTopic(`${topic}-dead`);
    const base = { ackDeadline: seconds(600), retry: RETRY_DEFAULT, retention: RETENTION_MAX };
    broker.createSubscription({
      ...base,
      name: `${topic}-dead`,
      topic: `${topic}-dead`,
      delivery: { kind: 'pull' },
      deadLetter: undefined,
    });
    const oidc = { email: 'push@test', audience: 'http://127.0.0.1' };
    broker.createSubscription({
      ...base,
      name: topic,
      topic,
      delivery: { kind: 'push', endpoint: 'http://127.0.0.1/', oidc, outstandingMax: 40 },
      deadLetter: { topic: `${topic}-dead`, attemptsMax: 20 },
    });
  }
  for (const principals of Object.values(publishersOf(world)))
    for (const principal of principals) world.kernel.iam.grant(principal, ['pubsub.topics.publish']);
  publish = (topic, text) =>
    void pubsub.publish({ principal: monitoringAgent(world.project), from: 'google' }, topic, [
      { data: dataOf(text), attributes: {} },
    ]);
  startScheduler({
    clock,
    chance: chance.fork('scheduler'),
    pubsub,
    caller: { principal: schedulerAgent(world.project), from: 'google' },
    topic: 'dr-ticks',
    text: 'tick',
    duplicates: plot.duplicates,
  });
  const load = new Load({ clock, front: world.front, services: [SERVICES.apiGke, SERVICES.apiRun], every: seconds(5) });
  clock.schedule(after(START, minutes(1)), () => load.start());
  clock.schedule(after(START, plot.breakAt), () => plot.strike(world, clock));

  const promotions: { at: Instant; oldPrimaryTook: boolean }[] = [];
  watchPromotions();

  function homeOf(name: FunctionName, life: Life): WorldHome {
    const own = chancePort(chance.fork(`chance of ${name} ${clock.now()} ${crashes}`));
    return {
      system,
      clock: time,
      chance: own,
      store: life.wrap(store),
      messages: life.wrap(inProcessMessages(pubsub, name, time, chance.fork(`publishing of ${name}`))),
      world: life.wrap(inProcessPorts(world, name, time)),
      instance: `${name}/sim`,
      note: () => undefined,
    };
  }

  function makeHandlers(): Readonly<
    Record<FunctionName, (text: string, topic: Topic, messageId: string, life: Life) => Promise<void>>
  > {
    const idIn = (text: string) => incidentId((JSON.parse(text) as { incident: string }).incident);
    const verifier = createTokenVerifier({ sim: publicKey });
    const signer = createTokenSigner({ keyId: 'sim', privateKey: new SecretText(privateKey) });
    const checking = {
      verify: async (token: string, at: Instant) =>
        await outside.run(async () => await (await verifier).verify(token, at)),
    };
    const signing = {
      keyId: 'sim',
      sign: async (claims: Parameters<Awaited<typeof signer>['sign']>[0]) =>
        await outside.run(async () => await (await signer).sign(claims)),
    };
    const approveHome = (life: Life) => ({
      ...homeOf('approve', life),
      verifier: checking,
      formKey: new SecretText('form'),
    });
    const nothing = async (): Promise<void> => undefined;
    return {
      classify: async (text, _topic, messageId, life) => {
        const home = homeOf('classify', life);
        await receiveAlert(JSON.parse(text), messageId, home);
        const touched = await absorb(home);
        await Promise.all(touched.map((id) => lookAt(id, home)));
      },
      heal: async (text, _topic, _id, life) =>
        void (await runIncident(idIn(text), {
          ...homeOf('heal', life),
          role: 'heal',
          catalogue: HEAL_CATALOGUE,
          verifier: checking,
        })),
      recover: async (text, _topic, _id, life) =>
        void (await runIncident(idIn(text), {
          ...homeOf('recover', life),
          role: 'recover',
          catalogue: RECOVER_CATALOGUE,
          verifier: checking,
        })),
      notify: async (text, _topic, _id, life) =>
        await notifyIncident(idIn(text), {
          ...homeOf('notify', life),
          signer: life.wrap(signing),
          delivery: life.wrap({
            deliver: async (
              destination: string,
              message: { readonly subject: string; readonly link: string | undefined },
            ) => {
              if (clock.now() < disasterEnds && plot.deadDestinations.includes(destination))
                return { delivered: false, detail: 'dead' };
              pages.push({ at: instant(clock.now()), destination, subject: message.subject });
              const { link } = message;
              if (link !== undefined) plot.answer(destination, clock, (decision) => void person(link, decision));
              return { delivered: true, detail: 'ok' };
            },
          }),
        }),
      tick: async (_text, _topic, _id, life) => void (await tick(homeOf('tick', life))),
      approve: nothing,
      status: nothing,
    };

    /** A person with a browser, who tries again when the page does not come. */
    async function person(link: string, decision: 'approve' | 'deny'): Promise<void> {
      const url = new URL(link);
      const opaque = url.pathname.split('/').at(-1) ?? '';
      const token = new URLSearchParams(url.hash.slice(1)).get(decision === 'approve' ? 'a' : 'd') ?? '';
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const life = lifeOf('approve');
        try {
          await Promise.race([
            (async () => {
              const page = await showApproval(opaque, approveHome(life));
              const nonce = /name="nonce" value="([^"]*)"/.exec(page.body)?.[1] ?? '';
              await decide({ opaque, token, nonce, identity: undefined }, approveHome(life));
            })(),
            life.died,
          ]);
          return;
        } catch (error) {
          if (!(error instanceof Death) && !(error instanceof PortError)) bugs.push(`approve: ${String(error)}`);
          await time.sleep(seconds(10));
        }
      }
    }
  }

  /** At the moment of each promotion of ours: does the old primary take writes from a consumer's place? */
  function watchPromotions(): void {
    const { servers } = world.sql.fleet;
    let seen = 0;
    const look = (): void => {
      const effects = world.kernel.audit
        .effects('cloudsql.instances.promoteReplica')
        .filter(({ call }) => call.principal === functionPrincipal('recover'));
      for (const effect of effects.slice(seen)) {
        promotions.push({
          at: effect.at,
          oldPrimaryTook: ['pods', 'cloudRun'].some(
            (place) =>
              servers.contact(place, 'coditect-dms-db') === 'ok' &&
              servers.server('coditect-dms-db')?.role() === 'primary',
          ),
        });
      }
      seen = effects.length;
      clock.schedule(after(clock.now(), 100), look);
    };
    look();
  }

  const until = after(START, plot.breakAt + plot.lasts);
  let quietSince: Instant | undefined;
  let nextLook = 0;
  let quiet = false;
  let running = true;
  const judge: FlowHome = {
    system,
    clock: time,
    chance: chancePort(chance.fork('judge')),
    store: memory,
    messages: { publish: async () => undefined },
    instance: 'judge',
    note: () => undefined,
  };
  const stop = (): boolean => {
    if (clock.now() >= nextLook) {
      nextLook = clock.now() + 30_000;
      void isQuiet().then((now) => {
        quiet = now;
      });
    }
    if (!quiet) quietSince = undefined;
    else quietSince ??= instant(clock.now());
    return quietSince !== undefined && clock.now() - quietSince > minutes(3);
  };
  await runUntil(clock, until, outside, stop);
  // A run that is under way when time is up gets the time that its own limits leave it.
  const endedAt = (await someRun())
    ? await runUntil(clock, after(until, minutes(60)), outside, () => stop() || !running)
    : instant(clock.now());

  async function someRun(): Promise<boolean> {
    const states = await statesNow();
    return states.some((state) => state?.phase.kind === 'running' || state?.phase.kind === 'landing');
  }

  async function statesNow(): Promise<readonly (IncidentState | undefined)[]> {
    const heads = await memory.log.heads('all', 50);
    return await Promise.all(heads.map(async (head) => (await journalOf(head.incident, judge))?.state()));
  }

  /** The disaster is over, every incident has ended or waits for a person who was told. */
  async function isQuiet(): Promise<boolean> {
    if (clock.now() < disasterEnds + minutes(6)) return false;
    const states = await statesNow();
    running = states.some((state) => state?.phase.kind === 'running' || state?.phase.kind === 'landing');
    return (
      states.length > 0 &&
      states.every(
        (state) =>
          state !== undefined &&
          (hasEnded(state) || isWithPeople(state)) &&
          [...state.notices.values()].every(({ notice, delivered }) => !notice.urgent || delivered.length > 0),
      )
    );
  }

  broker.stop();
  load.stop();
  const heads = await memory.log.heads('all', 50);
  const incidents = await Promise.all(
    heads.map(async (head) => {
      const records = await memory.log.read(head.incident, 0, 50_000);
      const journal = await journalOf(head.incident, judge);
      if (journal === undefined) throw new Error('a head without a log');
      return { state: journal.state(), records };
    }),
  );
  return {
    seed,
    plot,
    world,
    broker,
    load,
    store: memory,
    system,
    brokenAt: after(START, plot.breakAt),
    endedAt,
    crashes,
    incidents,
    pages,
    promotions,
    bugs,
  };
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

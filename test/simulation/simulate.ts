import { Load } from '../../sandbox/load/load.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { monitoringAgent } from '../../sandbox/world/service-agents.ts';
import { createWorld, type World } from '../../sandbox/world/world.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { after, type Instant, instant, minutes, seconds } from '../../shared/core/time.ts';
import { parseEvent } from '../../shared/incident/events.ts';
import { currentApproval, hasEnded, type IncidentState } from '../../shared/incident/state.ts';
import { anchorPrefix, parseAnchor } from '../../shared/log/verify.ts';
import type { TokenSigner, TokenVerifier } from '../../shared/ports/signing.ts';
import { createTokenSigner, createTokenVerifier } from '../../shared/providers/jose-tokens.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { personId } from '../../shared/system/names.ts';
import type { Entrance, System } from '../../shared/system/system.ts';
import { reference } from '../system/reference.ts';
import { Books } from './books.ts';
import { Chronicle } from './chronicle.ts';
import { openMessaging, subscriptionOf } from './cloud.ts';
import { countStrikes, play } from './deeds.ts';
import { drawPlot } from './draw-plot.ts';
import { Functions } from './functions.ts';
import { People } from './people.ts';
import { labelOfBlow, type Plot, REGIONS } from './plot.ts';
import { Processes } from './processes.ts';
import { isHeldBeyond, isWithPeople, type Run, type RunIncident } from './run.ts';
import { type Keys, pairOf, type Stage, START } from './stage.ts';
import { isOnTheWayHome } from './way-home.ts';
import { StoreWeather } from './store-weather.ts';
import { clockPort, Outside, runUntil } from './virtual.ts';
import { leadsTo, newWitness, watch } from './witness.ts';

// One seed, one disaster: the real flows of all functions over the model of the cloud, on virtual time. Everything that can go
// wrong stands in the plot; the same seed and plot play the same run, to the last hash of the last log.

/** Plays the plot of a seed, or another one with the same seed's chance. */
export async function simulate(seed: number, plot: Plot = drawPlot(seed)): Promise<Run> {
  const outside = new Outside();
  const keys = await makeKeys(outside);
  const parts: { stage?: Stage } = {};
  const stageNow = (): Stage => {
    if (parts.stage === undefined) throw new Error('the stage is not set yet');
    return parts.stage;
  };
  const people = new People(stageNow, () => functions);
  const functions = new Functions(stageNow, people.postman);
  const stage = setStage(seed, plot, { keys, outside, functions });
  parts.stage = stage;
  const { clock, load, world } = stage;
  const comesUp = plot.happenings.some(({ deed }) => deed.kind === 'break' && deed.fault === 'stop-not-carried-out');
  watch(stage.witness, world, { clock, chronicle: stage.chronicle, comesUp });
  countStrikes(stage);
  clock.schedule(after(START, minutes(1)), () => load.start());
  play(stage, people);
  const watchman = new Watchman(stage, people);
  const endedAt = await runUntil(clock, after(START, plot.endsAtMs), outside, () => watchman.mayGo());
  stage.broker.stop();
  load.stop();
  return await collect(stage, endedAt, watchman.isQuiet());
}

interface Cast {
  readonly keys: Keys;
  readonly outside: Outside;
  readonly functions: Functions;
}

function setStage(seed: number, plot: Plot, { keys, outside, functions }: Cast): Stage {
  const chance = createChance(`run ${seed}`);
  const clock = createVirtualClock(START);
  const calmAt = after(START, plot.faultsUntilMs);
  const chronicle = new Chronicle();
  const books = new Books(() => clock.now());
  const witness = newWitness();
  const isRough = (): boolean => clock.now() > START + plot.brokenAtMs && clock.now() < calmAt;
  const met = (what: string): void => {
    witness.meetings.push({ at: instant(clock.now()), what, positions: chronicle.positions() });
  };
  let publish: (topic: string, text: string) => void = () => undefined;
  const world = createWorld({
    clock,
    seed,
    assumptions: plot.assumptions,
    secondary: plot.secondary,
    publish: (topic, message) => publish(topic, JSON.stringify(message)),
  });
  const { broker, pubsub } = openMessaging(world, clock, chance, plot, functions.deliver);
  publish = (topic, text) => {
    const draft = { data: dataOf(text), attributes: {} };
    const outcome = pubsub.publish({ principal: monitoringAgent(world.project), from: 'google' }, topic, [draft]);
    if (outcome.kind === 'answer') witness.alerts.push(text);
  };
  if (plot.isRegional) giveStandby(world);
  return {
    seed,
    plot,
    chance,
    clock,
    outside,
    system: systemOf(plot),
    world,
    broker,
    pubsub,
    load: new Load({
      clock,
      front: world.front,
      // Who comes to a region that is lost without an entrance is led nowhere, and proves nothing.
      services: plot.secondary ? [SERVICES.entrance] : [SERVICES.entrance, SERVICES.apiRun],
      every: seconds(5),
    }),
    store: books.along(chronicle.along(createMemoryStore(clockPort(clock)))),
    chronicle,
    books,
    weather: new StoreWeather({
      chance: chance.fork('store'),
      latencyMax: plot.storeLatencyMs,
      rate: () => (isRough() ? plot.storeRate : 0),
      struck: (how, of) => {
        if (of === 'recover' || of === 'heal') met(`store ${how}`);
      },
    }),
    processes: new Processes({
      clock,
      chance: chance.fork('processes'),
      copies: plot.copies,
      killRate: () => (isRough() ? plot.killRate : 0),
      struck: (of, blow) => {
        if (of === 'recover' || of === 'heal') met(labelOfBlow(blow));
      },
      mayAct: (process) => books.mayAct(process),
    }),
    witness,
    keys,
  };
}

/** The same entrance where a team switches the address of its record. */
const BY_RECORD: Entrance = {
  id: 'dms-api-dns',
  via: 'dns',
  host: REFERENCE.publicHost,
  probe: `https://${REFERENCE.publicHost}/dr/health`,
  zone: 'coditect-zone',
  ttl: minutes(1),
  backends: [
    { application: 'api-gke', address: '203.0.113.10', urlMap: 'coditect-dms-ingress' },
    { application: 'api-run', address: '203.0.113.11', urlMap: 'coditect-dms-standby' },
  ],
};
const DECISION = { expiresIn: minutes(15), startWithin: minutes(10) };

/** The reference file, read once in a process. */
let twoRegions: System | undefined;
let oneRegion: System | undefined;

/** The reference system of a team that has no second region: most runs are about one, and need not ask after the other. */
function withoutSecondary(system: System): System {
  const gone = new Set(system.regions.map(({ application }) => application));
  const isLeft = ({ application }: { readonly application: string }): boolean => !gone.has(application);
  return {
    ...system,
    regions: [],
    rotation: system.rotation.filter(({ readBy }) => !readBy.some((id) => gone.has(id))),
    applications: system.applications.filter(({ id }) => !gone.has(id)),
    entrances: system.entrances.map(
      (entrance): Entrance =>
        entrance.via === 'dns'
          ? { ...entrance, backends: entrance.backends.filter(isLeft) }
          : { ...entrance, backends: entrance.backends.filter(isLeft) },
    ),
  };
}

/** The reference system with what the plot says of its database. */
function systemOf({ remedies, byRecord, secondary, holdTime }: Plot): System {
  twoRegions ??= reference();
  oneRegion ??= withoutSecondary(twoRegions);
  const known = secondary ? twoRegions : oneRegion;
  const databases = known.databases.map((database) => (remedies === undefined ? database : { ...database, remedies }));
  const entrances = byRecord ? [BY_RECORD] : known.entrances;
  const { approvals, endpoints } = known;
  // As in a sandbox: outside of one a link decides on no breach.
  const breach = { approvers: [personId('security'), personId('cto')], quorum: 1, ...DECISION };
  return {
    ...known,
    ...(holdTime === undefined ? {} : { guards: { ...known.guards, holdTime } }),
    databases,
    entrances,
    approvals: {
      ...approvals,
      perRunbook: { ...approvals.perRunbook, 'breach-response': breach, 'lift-isolation': breach },
    },
    endpoints: { ...endpoints, approve: ['https://approve.test'] },
  };
}

/** Makes the primary REGIONAL, as if it had always been. */
function giveStandby({ sql }: World): void {
  for (const instance of sql.fleet.all().filter(({ primary }) => primary === undefined))
    sql.fleet.put({ ...instance, settings: { ...instance.settings, availabilityType: 'REGIONAL' } });
}

let knownKeys: Promise<{
  readonly signer: TokenSigner;
  readonly verifier: TokenVerifier;
  readonly stranger: TokenSigner;
}>;

/** Keys are read once in a process; their work is done one after the other, run by run. */
async function makeKeys(outside: Outside): Promise<Keys> {
  knownKeys ??= (async () => {
    const [own, other] = [pairOf(7), pairOf(8)];
    const keyId = 'sim';
    return {
      signer: await createTokenSigner({ keyId, privateKey: new SecretText(own.privateKey) }),
      verifier: await createTokenVerifier({ [keyId]: own.publicKey }),
      stranger: await createTokenSigner({ keyId, privateKey: new SecretText(other.privateKey) }),
    };
  })();
  const { signer, verifier, stranger } = await knownKeys;
  const inTurn = (keyed: TokenSigner): TokenSigner => ({
    keyId: keyed.keyId,
    sign: (claims) => outside.run(() => keyed.sign(claims)),
  });
  return {
    signer: inTurn(signer),
    stranger: inTurn(stranger),
    verifier: { verify: (token, at) => outside.run(() => verifier.verify(token, at)) },
  };
}

/** Subscriptions of what others tell us, in every region. */
const SIGNALS = REGIONS.flatMap((region) =>
  (['dr-alerts', 'dr-commands'] as const).map((topic) => ({ region, subscription: subscriptionOf(topic, region) })),
);

/** How long everything must have been quiet before a run is over. */
const QUIET = minutes(3);

/** Says when nothing is left to happen: the disaster is over, and every incident has ended or is with people who were told. */
class Watchman {
  readonly #stage: Stage;
  readonly #people: People;
  #quietSince: Instant | undefined;
  /** When the last thing that the plot times has ended. */
  readonly #lastMoment: Instant;
  /** When the last request that is still under way arrives. */
  #landedAt: Instant = START;

  constructor(stage: Stage, people: People) {
    this.#stage = stage;
    this.#people = people;
    this.#lastMoment = lastMomentOf(stage.plot);
    stage.world.kernel.faults.listen((fault) => {
      if (fault.kind !== 'arriveLate') return;
      this.#landedAt = instant(Math.max(this.#landedAt, after(stage.clock.now(), fault.delay)));
    });
  }

  mayGo(): boolean {
    const { clock } = this.#stage;
    if (!this.#isCalm()) this.#quietSince = undefined;
    else this.#quietSince ??= instant(clock.now());
    return this.isQuiet();
  }

  /** Whether everything has been calm for as long as it takes, and no signal is on its way. */
  isQuiet(): boolean {
    const since = this.#quietSince;
    return since !== undefined && this.#stage.clock.now() - since > QUIET && this.#isIdle();
  }

  /** No signal is on its way. An alert that opens and closes for ever sends them again and again, and nothing follows from them. */
  #isIdle(): boolean {
    const { broker, chronicle, processes } = this.#stage;
    if (!chronicle.isAbsorbed()) return false;
    const waiting = new Map(broker.ledger().map((row) => [row.subscription, row.waiting]));
    return SIGNALS.every(
      ({ region, subscription }) => (waiting.get(subscription) ?? 0) === 0 || processes.isLost(region),
    );
  }

  #isCalm(): boolean {
    const { chronicle, clock, plot, world } = this.#stage;
    if (clock.now() < this.#lastMoment || this.#people.isBusy) return false;
    const states = chronicle.states();
    // With every incident ended, users served, and all that was planned done, nothing is left to happen before the faults end.
    const isServed = (): boolean =>
      [SERVICES.entrance, SERVICES.apiRun].every((service) => world.front.isWell(service));
    const isOver = states.length > 0 && states.every((state) => hasEnded(state)) && isServed();
    // Users who are still where they were led, though their home serves, are about to be led back.
    const isLent = leadsTo(world) === SERVICES.apiRun && world.front.isWell(SERVICES.apiGke);
    if (isLent && states.every((state) => hasEnded(state))) return false;
    if (plot.goesHome && isOnTheWayHome(world, states)) return false;
    const mayExpire = states.some(({ phase }) => phase.kind === 'awaitingApproval');
    const calmFor = states.length === 0 || mayExpire ? minutes(5) : minutes(1);
    const earliest = isOver ? this.#landedAt : START + plot.faultsUntilMs + calmFor;
    if (clock.now() < earliest) return false;
    return states.every((state) => isAtRest(state) || isHeldBeyond(state, START + plot.endsAtMs));
  }
}

function lastMomentOf(plot: Plot): Instant {
  const ends = plot.happenings.map(({ trigger, deed }) =>
    trigger.kind === 'at' ? trigger.ms + ('lastsMs' in deed ? deed.lastsMs : 0) : 0,
  );
  return after(START, Math.min(plot.faultsUntilMs, Math.max(0, ...ends)));
}

/** Asked at every moment, of states that change at few. */
const restKnown = new WeakMap<IncidentState, boolean>();

function isAtRest(state: IncidentState): boolean {
  const known = restKnown.get(state) ?? comesToRest(state);
  restKnown.set(state, known);
  return known;
}

/** Nothing goes on by itself, and whoever has to know does. */
function comesToRest(state: IncidentState): boolean {
  const told = [...state.notices.values()].every(({ notice, delivered }) => {
    const asks = notice.approval === null || notice.approval === currentApproval(state)?.id;
    return !notice.urgent || !asks || delivered.length > 0;
  });
  return told && (hasEnded(state) || isWithPeople(state) || state.phase.kind === 'awaitingApproval');
}

async function collect(stage: Stage, endedAt: Instant, isQuiet: boolean): Promise<Run> {
  const { broker, chronicle, store, plot, witness } = stage;
  const incidents = await Promise.all(chronicle.states().map((state) => collectIncident(state, stage)));
  const documents = await store.documents.list('', 10_000);
  const evidence = await Promise.all(
    incidents.flatMap(({ state }) =>
      state.evidence.map(({ digest }) => store.evidence.read(digest as Parameters<typeof store.evidence.read>[0])),
    ), // digests in a log are those that `keep` returned
  );
  return {
    stage,
    witness,
    brokenAt: after(START, plot.brokenAtMs),
    calmAt: after(START, plot.faultsUntilMs),
    endedAt,
    isQuiet,
    incidents,
    ledger: broker.ledger(),
    refused: documents.filter(({ key }) => key.startsWith('refused/')).length,
    kept: JSON.stringify([incidents.map(({ records }) => records), documents, evidence]),
  };
}

async function collectIncident(state: IncidentState, { store }: Stage): Promise<RunIncident> {
  const records = await store.log.read(state.id, 0, 100_000);
  const head = await store.log.head(state.id);
  if (head === undefined) throw new Error('a log without a head');
  const anchors = await store.documents.list(anchorPrefix(state.id), 10_000);
  return {
    state,
    records,
    head,
    events: records.map(parseEvent),
    anchors: anchors.map(({ value }) => parseAnchor(value)),
  };
}

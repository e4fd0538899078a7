import { between, type Instant, minutes, seconds } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { DatabaseRemedies, Databases, InstanceStatus } from '../ports/databases.ts';
import { isPortError, type PortError } from '../ports/port-error.ts';
import type { Services, ServiceStatus } from '../ports/services.ts';
import type { InstanceDraft, ServiceDraft, Throwaways } from '../ports/throwaways.ts';
import { type CallOutcome, isServed, type Observations, type Provable } from './conform.ts';
import type { ConformPlan } from './conform-plan.ts';

// The calls of the experiments (conform.ts), on what a plan says. Nothing is decided here but when to wait.
//
// X1. Only what this run has made is touched: every name comes from the plan, whose names begin with `dr-conform-`.
// X2. A call that gets no answer is not made again: what came of it is not known, and the assumption is not proved then.
// X3. It ends at the next call or wait when the signal fires. Deleting is conform-clean.ts, whatever happened here.

/** How often something that takes minutes is looked at. */
const LOOK_EVERY = seconds(10);
/** How long one operation may take; the longest that Google's pages name, creating an instance, is a quarter of an hour. */
const OPERATION_MOST = minutes(45);
/** After a service is scaled to 0: how long former instances may go on (the container contract says 10 s). */
const DRAIN = minutes(1);
/** Requests while it is scaled to 0, one each `LOOK_EVERY`. */
const REQUESTS = 12;

/** What the experiments are made by. `services` knows the plan's service under its name. */
export interface ConformPorts {
  readonly throwaways: Throwaways;
  readonly databases: Databases & Pick<DatabaseRemedies, 'restart' | 'failover'>;
  readonly services: Services;
  readonly clock: Clock;
  /** Fires when somebody ends it. */
  readonly signal: AbortSignal;
  /** Hears what is done, line by line. */
  readonly tell: (line: string) => void;
}

/** Ends an experiment: what was waited for failed, took too long, or somebody ended it. */
export class NotConcluded extends Error {
  override readonly name = 'NotConcluded';
}

/** What was seen, and why some experiments came no further. */
export interface Conformed {
  readonly seen: Observations;
  readonly trouble: { readonly service: string | undefined; readonly database: string | undefined };
  /** A call got no answer: what it asked for may still come. */
  readonly mayArriveLate: boolean;
}

type Seen = { -readonly [Id in Provable]?: NonNullable<Observations[Id]> };

/** Makes what the plan says and does the experiments, the service's first. Rejects for bugs only. */
export async function conform(plan: ConformPlan, ports: ConformPorts): Promise<Conformed> {
  const seen: Seen = {};
  const service = await untilTrouble(() => onService(plan, ports, seen));
  const database = await untilTrouble(() => onDatabase(plan, ports, seen));
  const mayArriveLate = [service, database].some((error) => isPortError(error) && error.kind === 'ambiguous');
  return { seen, trouble: { service: service?.message, database: database?.message }, mayArriveLate };
}

async function untilTrouble(work: () => Promise<void>): Promise<NotConcluded | PortError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof NotConcluded || isPortError(error)) return error;
    throw error;
  }
}

async function onService({ service, proves }: ConformPlan, ports: ConformPorts, seen: Seen): Promise<void> {
  if (service === undefined) return;
  const { services, throwaways, tell } = ports;
  go(ports);
  tell(`creating the service ${service.name} in ${service.region}`);
  await operated(ports, services, await throwaways.createService(service));
  const fresh = await settled(ports, service);
  if (!fresh.ready) throw new NotConcluded(`the service ${service.name} did not become ready`);
  if (proves.includes('runEtagChecked')) seen.runEtagChecked = await etag(ports, service);
  if (proves.includes('manualZeroHoldsService')) seen.manualZeroHoldsService = await manualZero(ports, service);
}

async function etag(ports: ConformPorts, { name }: ServiceDraft): Promise<NonNullable<Seen['runEtagChecked']>> {
  const { services, tell } = ports;
  go(ports);
  tell(`runEtagChecked: changing ${name} twice by one etag`);
  const kept = await services.inspect(name);
  await operated(ports, services, await services.setScaling(name, { kind: 'automatic', min: 0, max: 1 }, kept.etag));
  const now = await settled(ports, { name });
  const stale = await outcomeOf(ports, services, () =>
    services.setScaling(name, { kind: 'automatic', min: 0, max: 2 }, kept.etag),
  );
  return { hadChanged: now.etag !== kept.etag, stale };
}

async function manualZero(
  ports: ConformPorts,
  { name }: ServiceDraft,
): Promise<NonNullable<Seen['manualZeroHoldsService']>> {
  const { services, throwaways, tell } = ports;
  go(ports);
  tell(`manualZeroHoldsService: asking ${name}, then scaling it to 0 and asking again`);
  const { url = '', etag: read } = await settled(ports, { name });
  let before: number | undefined;
  for (let count = 0; count < REQUESTS && (before === undefined || !isServed(before)); count += 1) {
    await pause(ports);
    before = await throwaways.ask(url);
  }
  await operated(ports, services, await services.setScaling(name, { kind: 'manual', instances: 0 }, read));
  const { scaling } = await settled(ports, { name });
  await pause(ports, DRAIN);
  const answers: (number | undefined)[] = [];
  for (let count = 0; count < REQUESTS; count += 1) {
    await pause(ports);
    answers.push(await throwaways.ask(url));
  }
  return { before, isHeld: scaling.kind === 'manual' && scaling.instances === 0, answers };
}

async function onDatabase({ instances, proves }: ConformPlan, ports: ConformPorts, seen: Seen): Promise<void> {
  const [primary, replica] = instances;
  if (primary === undefined) return;
  await create(ports, primary);
  if (proves.includes('settingsVersionChecked')) seen.settingsVersionChecked = await version(ports, primary);
  if (replica !== undefined) {
    await create(ports, replica);
    if (proves.includes('stopPrimaryWithReplicas')) seen.stopPrimaryWithReplicas = await stop(ports, primary);
  }
  if (proves.includes('stoppedInstanceRefusesRestart')) {
    await stopAlone(ports, primary, replica);
    seen.stoppedInstanceRefusesRestart = await refused(ports, primary);
  }
}

async function create(ports: ConformPorts, draft: InstanceDraft): Promise<void> {
  const { throwaways, databases, tell } = ports;
  go(ports);
  tell(`creating ${draft.primary === undefined ? 'the instance' : 'the replica'} ${draft.name} in ${draft.region}`);
  // A new primary takes a backup first, and lets no replica be made meanwhile. Where there is none, a 409 says that the name is taken.
  const make = (): Promise<string> => throwaways.createInstance(draft);
  await operated(ports, databases, draft.primary === undefined ? await make() : await whenIdle(ports, make));
}

async function version(
  ports: ConformPorts,
  { name }: InstanceDraft,
): Promise<NonNullable<Seen['settingsVersionChecked']>> {
  const { databases, throwaways, tell } = ports;
  go(ports);
  tell(`settingsVersionChecked: changing ${name} twice by one settingsVersion`);
  const kept = await databases.inspect(name);
  await operated(ports, databases, await whenIdle(ports, () => throwaways.touch(name, kept.version)));
  const now = await databases.inspect(name);
  const stale = await outcomeOf(ports, databases, () => throwaways.touch(name, kept.version));
  return { hadChanged: now.version !== kept.version, stale };
}

async function stop(
  ports: ConformPorts,
  { name }: InstanceDraft,
): Promise<NonNullable<Seen['stopPrimaryWithReplicas']>> {
  const { databases, tell } = ports;
  go(ports);
  tell(`stopPrimaryWithReplicas: stopping ${name}`);
  const before = await databases.inspect(name);
  const outcome = await outcomeOf(ports, databases, () =>
    whenIdle(ports, () => databases.setActivation(name, 'never', before.version)),
  );
  const { activation } = await databases.inspect(name);
  return { replicas: before.replicas.length, stop: outcome, activation };
}

/** Stops the primary where it is not stopped: without its replica, where it may not be stopped with one. */
async function stopAlone(
  ports: ConformPorts,
  { name }: InstanceDraft,
  replica: InstanceDraft | undefined,
): Promise<void> {
  const { databases, throwaways, tell } = ports;
  go(ports);
  const now = await databases.inspect(name);
  if (now.activation === 'never') return;
  if (replica !== undefined && now.replicas.includes(replica.name)) {
    tell(`deleting the replica ${replica.name}`);
    await operated(ports, databases, await whenIdle(ports, () => throwaways.deleteInstance(replica.name)));
  }
  tell(`stopping ${name}`);
  const { version: read } = await databases.inspect(name);
  await operated(ports, databases, await whenIdle(ports, () => databases.setActivation(name, 'never', read)));
}

async function refused(
  ports: ConformPorts,
  { name }: InstanceDraft,
): Promise<NonNullable<Seen['stoppedInstanceRefusesRestart']>> {
  const { databases, tell } = ports;
  go(ports);
  tell(`stoppedInstanceRefusesRestart: restarting ${name} and failing it over, while it is stopped`);
  const before: InstanceStatus = await databases.inspect(name);
  if (before.activation !== 'never') throw new NotConcluded(`${name} could not be stopped`);
  const restart = await outcomeOf(ports, databases, () => whenIdle(ports, () => databases.restart(name)));
  // A restart that was accepted has said it already; the instance is not stopped any more.
  if (restart.kind !== 'refused') return { restart, failover: undefined };
  const failover = await outcomeOf(ports, databases, () =>
    whenIdle(ports, () => databases.failover(name, before.version)),
  );
  return { restart, failover };
}

/** Reads how an operation stands: of Cloud SQL, or of Cloud Run. */
type Operations = Databases | Services;

/** Waits until an operation is done, and what its error is. */
async function ended(
  ports: ConformPorts,
  operations: Pick<Operations, 'operation'>,
  name: string,
): Promise<string | undefined> {
  return await waitFor(ports, `the operation ${name}`, async () => {
    const said = await operations.operation(name);
    const isDone = 'done' in said ? said.done : said.state === 'done';
    return isDone ? { value: said.error } : undefined;
  });
}

/** Waits until an operation is done well. */
async function operated(ports: ConformPorts, operations: Pick<Operations, 'operation'>, name: string): Promise<void> {
  const error = await ended(ports, operations, name);
  if (error !== undefined) throw new NotConcluded(`the operation ${name} failed: ${error}`);
}

async function settled(
  { services, ...ports }: ConformPorts,
  { name }: Pick<ServiceDraft, 'name'>,
): Promise<ServiceStatus> {
  return await waitFor(ports, `the service ${name}`, async () => {
    const status = await services.inspect(name);
    return status.settled ? { value: status } : undefined;
  });
}

/** What comes of one call, to its end where it is accepted. */
async function outcomeOf(
  ports: ConformPorts,
  operations: Pick<Operations, 'operation'>,
  call: () => Promise<string>,
): Promise<CallOutcome> {
  let name: string;
  try {
    name = await call();
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { kind: isRefusal(error) ? 'refused' : 'lost', code: error.code };
  }
  return { kind: 'accepted', error: await ended(ports, operations, name) };
}

/** Whether the other side has said no: then nothing happened. */
const isRefusal = ({ kind }: PortError): boolean => kind === 'permanent' || kind === 'conflict';

/** Makes a call of Cloud SQL once the instance is not busy with something else, which it says by 409: nothing happened then. */
async function whenIdle<T>(ports: ConformPorts, call: () => Promise<T>): Promise<T> {
  return await waitFor(ports, 'an instance that is busy', async () => {
    try {
      return { value: await call() };
    } catch (error) {
      if (isPortError(error) && error.kind === 'conflict' && error.code === 'http 409') return undefined;
      throw error;
    }
  });
}

type Waiting = Pick<ConformPorts, 'clock' | 'signal'>;

/** Looks until there is an answer. A look that is not answered is made again; a write is not (X2), since none is `retryable` but what was never sent. */
async function waitFor<T>(
  ports: Waiting,
  what: string,
  look: () => Promise<{ readonly value: T } | undefined>,
): Promise<T> {
  const since: Instant = ports.clock.now();
  for (;;) {
    go(ports);
    const found = await look().catch((error: unknown) => {
      if (isPortError(error) && error.kind === 'retryable') return undefined;
      throw error;
    });
    if (found !== undefined) return found.value;
    if (between(since, ports.clock.now()) > OPERATION_MOST) throw new NotConcluded(`${what} took too long`);
    await pause(ports);
  }
}

async function pause({ clock, signal }: Waiting, length = LOOK_EVERY): Promise<void> {
  await clock.sleep(length, signal);
  go({ signal });
}

function go({ signal }: Pick<ConformPorts, 'signal'>): void {
  if (signal.aborted) throw new NotConcluded('it was ended before that');
}

import { z } from 'zod';
import type { Control, Facts, NeededPermissions } from '../shared/adoption/facts.ts';
import type { Reading, Readings } from '../shared/adoption/finding.ts';
import { clusterQuestions } from '../shared/adoption/check-cluster.ts';
import { rolesOfFunctions } from '../shared/adoption/check-permissions.ts';
import { bucketsOf, clusterRegions, dumpPlaces, OWN_SECRETS, systemSecrets } from '../shared/adoption/wanted.ts';
import type { SecretText } from '../shared/core/redact.ts';
import { millis, parseInstant, type Millis } from '../shared/core/time.ts';
import { overview, stopText } from '../shared/flows/status.ts';
import type { ClusterAccess } from '../shared/ports/cluster-access.ts';
import type { Binding, Inventory } from '../shared/ports/inventory.ts';
import type { Clock } from '../shared/ports/clock.ts';
import { watchKey, watchReadingWire } from '../shared/ports/watch-reading.ts';
import type { Secrets } from '../shared/ports/secrets.ts';
import { publicHalfOf, readPublicKeys } from '../shared/providers/key-halves.ts';
import { isPortError, PortError } from '../shared/ports/port-error.ts';
import { MODES, type Mode, RUNBOOKS } from '../shared/system/names.ts';
import type { System } from '../shared/system/system.ts';
import type { Operator } from './operator.ts';
import type { OpenedStore } from './read-incidents.ts';
import { atMost } from './side-by-side.ts';

// Looks at everything that a doctor judges, each thing for itself: what can't be read says so and hides nothing else. Reads only.

/** Questions in flight: enough to be done soon, few enough that no API asks us to slow down. */
const AT_ONCE = 8;

/** Wall time that a door may take; a function may have to start first. */
const DOOR_LIMIT = millis(20_000);

/** By what everything is asked. */
export interface LookedAt extends Operator {
  readonly inventory: Inventory;
  readonly clusterAccess: ClusterAccess;
  /** Where logs, kill switch and modes are; a reason why they can't be asked. */
  readonly store: OpenedStore | string;
  readonly needed: NeededPermissions;
}

/** Looks. */
export async function lookAtInstallation(system: System, by: LookedAt): Promise<Facts> {
  const { world, lookout, inventory, clock } = by;
  const ask = askInTurn();
  const each = async <T>(names: readonly string[], question: (name: string) => Promise<T>): Promise<Readings<T>> =>
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, await ask(() => question(name))] as const)));
  const ids = system.applications.map(({ id }) => id);
  const onGke = system.applications.filter(({ kind }) => kind === 'gke').map(({ id }) => id);
  const runPlaces = new Map(
    system.applications.flatMap((one) => (one.kind === 'cloudRun' ? [[one.id, one] as const] : [])),
  );
  const onRun = [...runPlaces.keys()];
  const own = systemSecrets(system);
  const buckets = bucketsOf(system);
  const ofClusters = clusterQuestions(system, by.needed).map(async ({ name, place, user, rules }) => {
    const each = rules.map(
      async (rule) => [rule, await ask(() => by.clusterAccess.allows(place, user, rule))] as const,
    );
    return [name, allOf(await Promise.all(each))] as const;
  });
  const asked = {
    fleet: ask(() => world.databases.fleet()),
    workloads: each(onGke, (id) => world.workloads.inspect(id)),
    services: each(onRun, (id) => world.services.inspect(id)),
    health: each(ids, (id) => world.applications.deepHealth(id)),
    entrances: each(
      system.entrances.map(({ id }) => id),
      (id) => world.traffic.inspect(id),
    ),
    caches: system.sessions.length === 0 ? nothingToAsk([]) : ask(() => lookout.caches()),
    secrets: each([...own, ...OWN_SECRETS], (name) => world.secrets.versions(name)),
    dumps: each(dumpPlaces(system), (place) => world.backups.dumps(place)),
    retention: each(buckets.evidence, (bucket) => world.vault.retention(bucket)),
    projectNumber: ask(() => inventory.projectNumber()),
    enabled: ask(() => inventory.enabledServices()),
    topics: ask(() => inventory.topics()),
    topicPolicies: each(['dr-alerts', 'dr-ticks'], (topic) => inventory.topicPolicy(topic)),
    subscriptions: ask(() => inventory.subscriptions()),
    policies: ask(() => inventory.alertPolicies()),
    channels: ask(() => inventory.channels()),
    quotas: each(clusterRegions(system), (region) => inventory.quotas(region)),
    runLimits: onRun.length === 0 ? nothingToAsk([]) : ask(() => inventory.processorLimits()),
    runProcessors: each(onRun, async (id) => {
      const { region = '', service = '' } = runPlaces.get(id) ?? {};
      return (await inventory.deployedService(region, service)).processors;
    }),
    projectPolicy: ask(() => inventory.projectPolicy()),
    audited: ask(() => inventory.auditConfigs()),
    secretPolicies: each(own, (secret) => inventory.secretPolicy(secret)),
    bucketPolicies: each([...new Set(Object.values(buckets).flat())], (bucket) => inventory.bucketPolicy(bucket)),
    keys: keyPair(ask, world.secrets),
    signers: each(system.controlRegions, async (region) => {
      const { env, secrets } = await inventory.deployedService(region, 'dr-notify');
      return { keyId: env['DR_SIGNING_KEY_ID'], version: secrets['dr-signing-key'] ?? 'latest' };
    }),
    clusterRules: Promise.all(ofClusters).then((read) => Object.fromEntries(read)),
    doors: each(system.endpoints.approve, knock),
    control: ask(() => controlOf(by.store, system, clock)),
  };
  const facts = Object.fromEntries(
    await Promise.all(Object.entries(asked).map(async ([name, reading]) => [name, await reading] as const)),
  ) as { readonly [Name in keyof typeof asked]: Awaited<(typeof asked)[Name]> }; // the same names, each awaited
  const policies = [
    facts.projectPolicy,
    ...Object.values(facts.secretPolicies),
    ...Object.values(facts.bucketPolicies),
  ].flatMap((read): readonly (readonly Binding[])[] => (read.kind === 'read' ? [read.value] : []));
  const roles = await each(rolesOfFunctions(system, policies), (role) => inventory.rolePermissions(role));
  return { ...facts, roles, needed: by.needed, now: clock.now() };
}

/** What is allowed of several things; unknown where one of them is. */
function allOf<T>(answers: readonly (readonly [of: T, answer: Reading<boolean>])[]): Reading<readonly T[]> {
  const value: T[] = [];
  for (const [of, answer] of answers) {
    if (answer.kind !== 'read') return answer;
    if (answer.value) value.push(of);
  }
  return { kind: 'read', value };
}

/** Of the private key no more than its public half comes out of the question. */
async function keyPair(ask: Ask, secrets: Secrets): Promise<Facts['keys']> {
  const read = async (name: string): Promise<SecretText> => secrets.read(name, (await secrets.latest(name)).version);
  const [known, signing] = await Promise.all([
    ask(async () => readPublicKeys((await read('dr-public-keys')).reveal())),
    ask(async () => publicHalfOf(await read('dr-signing-key'))),
  ]);
  return { known, signing };
}

type Ask = <T>(question: () => Promise<T>) => Promise<Reading<T>>;

/**
 * Asks side by side, within a bound. Whatever loads a client, or asks for much, may keep the others from their answers: silence is asked
 * once more, by itself.
 */
export function askInTurn(): Ask {
  const turn = atMost(AT_ONCE);
  const again = atMost(1);
  return async (question) => {
    const first = await turn(() => readingOf(question));
    return isSilence(first) ? await again(() => readingOf(question)) : first;
  };
}

/** No answer came, which says nothing of what was asked. */
function isSilence(reading: Reading<unknown>): boolean {
  if (reading.kind !== 'read') return reading.kind === 'unread' && reading.because === 'timeout';
  return silentWire.safeParse(reading.value).success;
}

/** How an application's deep health says that nobody answered. */
const silentWire = z.object({ kind: z.literal('silent') });

const nothingToAsk = <T>(value: T): Promise<Reading<T>> => Promise.resolve({ kind: 'read', value });

/** What came of a question. Bugs pass. */
async function readingOf<T>(question: () => Promise<T>): Promise<Reading<T>> {
  try {
    return { kind: 'read', value: await question() };
  } catch (error) {
    if (!isPortError(error)) throw error;
    return error.code === 'notFound' ? { kind: 'absent' } : { kind: 'unread', because: error.code };
  }
}

/** Nobody is there: no such host, or nothing that listens. */
const NOBODY: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND']);

/** How `fetch` says why it has no answer. */
const causeWire = z.object({ cause: z.object({ code: z.string() }) });

/** Asks an address for its first page, as a browser would. What it answers says that it is there, and what time it has. */
async function knock(url: string): Promise<{ readonly status: number; readonly skew: Millis | undefined }> {
  const doing = `asking ${url}`;
  const before = Date.now();
  try {
    // A connection of its own: one that was kept open and has died meanwhile says nothing of the address now.
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(DOOR_LIMIT),
    });
    await answer.body?.cancel();
    const told = parseInstant(answer.headers.get('date') ?? '');
    // Its clock is compared with ours in the middle of the question.
    const skew = told === undefined ? undefined : millis(told - (before + Date.now()) / 2);
    return { status: answer.status, skew };
  } catch (error) {
    const told = causeWire.safeParse(error);
    const code = told.success ? told.data.cause.code : 'timeout';
    throw new PortError('retryable', NOBODY.has(code) ? 'notFound' : code, doing, error);
  }
}

async function controlOf(store: OpenedStore | string, { databases }: System, clock: Clock): Promise<Control> {
  if (typeof store === 'string') throw new PortError('permanent', store, 'reading the store');
  const { killSwitch, modes } = await overview(store);
  if (killSwitch.kind === 'unknown') throw new PortError('retryable', killSwitch.because, 'reading the kill switch');
  const changed = Object.entries(modes ?? {}).flatMap(([runbook, value]): (readonly [string, Mode])[] => {
    const known = RUNBOOKS.find((name) => name === runbook);
    const mode = MODES.find(
      (name) => typeof value === 'object' && value !== null && 'mode' in value && value.mode === name,
    );
    return known === undefined || mode === undefined ? [] : [[known, mode]];
  });
  const watched = await Promise.all(databases.map(({ instance }) => store.documents.get(watchKey(instance))));
  // One that another version wrote is not ours to understand.
  const looks = watched.flatMap((found) => {
    const read = watchReadingWire.safeParse(found?.value);
    return read.success ? [read.data.lastLookAtMs] : [];
  });
  return {
    stopped: stopText(killSwitch),
    modes: Object.fromEntries(changed),
    watchedAgo: looks.length === 0 ? undefined : millis(clock.now() - Math.max(...looks)),
  };
}

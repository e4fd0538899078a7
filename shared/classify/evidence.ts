import { after, between, type Instant, instant, type Millis, millis } from '../core/time.ts';
import { isPlanned } from '../incident/diagnosis.ts';
import type { LeftRaised } from '../incident/left-raised.ts';
import type { IncidentState } from '../incident/state.ts';
import type { PodStatus } from '../ports/workloads.ts';
import type { TargetId } from '../system/names.ts';
import type { Application, System } from '../system/system.ts';
import { applicationOf, consumersOf, dependenciesOf, targetIdOf } from '../system/topology.ts';
import { type ClusterEvidence, clusterEvidence } from './cluster.ts';
import { type ApplicationFacts, type DatabaseFacts, type Facts, isReadable } from './facts.ts';
import { failedSince, observe, type Verdicts } from './observers.ts';
import { isCurable, type PodCondition, podCondition } from './pod-condition.ts';
import { countsRefusals, type Crowding, crowdingOf, type TurnedAway, turnedAwayOf } from './crowding.ts';
import { type Pressure, pressureOf, type Slowness, slownessOf } from './pressure.ts';
import { type RegionEvidence, regionEvidence } from './region.ts';
import { databaseTarget } from './topology-now.ts';

// What the looks of an incident amount to, before any rule is asked: verdicts for each look, and since when they agree.

/** What classification is asked. */
export interface Inquiry {
  readonly system: System;
  /** Looks that are young enough to count together, oldest first; the last one is the present. Never empty. */
  readonly rounds: readonly Facts[];
  readonly state: Pick<
    IncidentState,
    'target' | 'targets' | 'requested' | 'openedAt' | 'firstSignalAt' | 'signals' | 'diagnosis'
  >;
  readonly now: Instant;
  /** The only signal is a test notification. */
  readonly isTest?: boolean;
  /** The incident, where one is asked about: what we restarted for it is not restarted again. */
  readonly incident?: string;
  /** What it began with, where an audit log told of something in it: people alone can say what that means. */
  readonly alerted?: string | undefined;
  /** A run of this incident raised the service's limits, and it did not help. */
  readonly raisedInVain?: boolean;
  /** What its runs raised and have not taken back. */
  readonly leftRaised?: readonly LeftRaised[];
  /** Why it was refused more, for good. */
  readonly raiseRefused?: string | undefined;
  /** Verbs that an authenticated person has given for this incident. */
  readonly verbs?: readonly string[];
}

/**
 * What one look says of a primary.
 *
 * - `failed`: two independent observers say so, none says that it serves, and our own path to its kind works.
 * - `serving`: it took a write from us.
 * - `unreachable`: we can't write to it, but somebody says that it serves.
 * - `suspect`: somebody says that it failed, nobody that it serves, and it is not enough.
 * - `unknown`: nobody says anything.
 */
export type Standing = 'failed' | 'serving' | 'unreachable' | 'suspect' | 'unknown';

/** One look at a database, judged. */
export interface DatabaseLook {
  readonly at: Instant;
  readonly verdicts: Verdicts;
  readonly standing: Standing;
}

/** A database over all looks. */
export interface DatabaseEvidence {
  readonly facts: DatabaseFacts;
  readonly target: TargetId;
  readonly now: DatabaseLook;
  readonly looks: readonly DatabaseLook[];
  /** How long every look has had the present standing. */
  readonly steadyFor: Millis;
  /** Whether that is the confirmation window or more, in at least two looks. */
  readonly isSteady: boolean;
  /** A signal named it, or an observer says that it failed. */
  readonly isConcerned: boolean;
  readonly failedSince: Instant | undefined;
}

/** A pod that is not well, and for how long it has been so in every look. */
export interface PodEvidence {
  readonly pod: PodStatus;
  readonly condition: PodCondition;
  readonly steadyFor: Millis;
  readonly isSteady: boolean;
}

/** An application over all looks. */
export interface ApplicationEvidence {
  readonly application: Application;
  readonly facts: ApplicationFacts;
  readonly target: TargetId;
  readonly isTarget: boolean;
  /** Pods that are neither well nor on their way in or out. */
  readonly illPods: readonly PodEvidence[];
  readonly readyPods: readonly PodStatus[];
  /** Why it does not serve as a whole, or `undefined` when nothing says so. */
  readonly failing: string | undefined;
  readonly isSteady: boolean;
  /** A Cloud Run service that turns requests away with all its instances busy; `undefined` while the present look finds none. */
  readonly pressure: PressureEvidence | undefined;
  readonly slowness: (Slowness & { readonly isSteady: boolean }) | undefined;
  /** On GKE only. */
  readonly cluster: ClusterEvidence | undefined;
  /** A Deployment whose requests fail with all its pods busy; `undefined` while the present look finds none. */
  readonly crowding: (Crowding & { readonly isSteady: boolean }) | undefined;
  /** What its front end counts as turned away in the newest look; `undefined` while it counts nothing. */
  readonly turnedAway: TurnedAway | undefined;
}

/** A service under pressure, and for how long it has been so in every look. */
export interface PressureEvidence extends Pressure {
  readonly isSteady: boolean;
}

/** Everything that rules look at. */
export interface Evidence {
  readonly inquiry: Inquiry;
  readonly window: Millis;
  readonly facts: Facts;
  readonly databases: readonly DatabaseEvidence[];
  /** Regions of which something is silent. */
  readonly regions: readonly RegionEvidence[];
  /** Upstream first. */
  readonly applications: readonly ApplicationEvidence[];
  /** How long everything has been well in every look; `undefined` when something is not. */
  readonly wellFor: Millis | undefined;
  /** What the newest look finds beside nothing but well: requests that were counted as turned away, and may be from before. */
  readonly stillCounted: string | undefined;
  /** Whether any look, or an earlier diagnosis, saw a failure. */
  readonly sawFailure: boolean;
}

/** Looks further apart than this many confirmation windows don't count together: nobody knows what was between them. */
const GAP_MAX = 1.5;

/** Judges every look. */
export function evidenceOf(inquiry: Inquiry): Evidence {
  const { rounds, system, state } = inquiry;
  const facts = rounds.at(-1);
  if (facts === undefined) throw new Error('a diagnosis needs at least one look');
  const window = system.guards.confirmationWindow;
  const databases = facts.databases.map((database) => databaseEvidence(database, inquiry, window));
  const applications = facts.applications.flatMap((application) => {
    const known = applicationOf(system, application.application);
    return known === undefined ? [] : [applicationEvidence(known, application, inquiry, window)];
  });
  const wells = rounds.map((round) => ({
    at: round.at,
    is: !isCounted(round) && isWellOtherwise(round, databases, inquiry),
  }));
  const sawFailure =
    wells.some(({ is }) => !is) || (state.diagnosis !== undefined && !HARMLESS.has(state.diagnosis.scenario));
  return {
    inquiry,
    window,
    facts,
    databases,
    regions: (facts.regions ?? []).flatMap(
      (seen) =>
        regionEvidence(seen, rounds, databases, { system, since: state.firstSignalAt ?? state.openedAt, window }) ?? [],
    ),
    applications,
    wellFor: wells.at(-1)?.is === true ? steadyFor(wells, (look) => look.is, window) : undefined,
    stillCounted: isWellOtherwise(facts, databases, inquiry) ? uncertainCount(applications) : undefined,
    sawFailure,
  };
}

/** What a load balancer has counted, where none of it is certain to go on. */
function uncertainCount(applications: readonly ApplicationEvidence[]): string | undefined {
  const counted = applications.flatMap(({ turnedAway }) => turnedAway ?? []);
  return counted.some(({ goesOn }) => goesOn) ? undefined : counted[0]?.text;
}

const HARMLESS: ReadonlySet<string> = new Set(['not-failed', 'test-notification', 'unknown']);

/** Since when a failure is suspected: the first signal, or the first look of the watch that wrote nothing. */
function suspectedSince(facts: DatabaseFacts, { state }: Inquiry): Instant {
  const signal = state.firstSignalAt ?? state.openedAt;
  return instant(Math.min(signal, facts.watch?.notWrittenSinceMs ?? signal));
}

/**
 * Since when signals speak of the failure of a target. What an incident began with was no sign of it where that was planned; from the
 * first diagnosis of the target on, that one knows.
 */
function signalledSince(
  target: TargetId,
  { diagnosis, firstSignalAt }: Pick<IncidentState, 'diagnosis' | 'firstSignalAt'>,
): Instant | undefined {
  if (diagnosis === undefined) return firstSignalAt;
  if (isPlanned(diagnosis.scenario)) return undefined;
  if (diagnosis.target !== target) return firstSignalAt;
  return diagnosis.failedSinceMs === null ? undefined : instant(diagnosis.failedSinceMs);
}

function databaseEvidence(facts: DatabaseFacts, inquiry: Inquiry, window: Millis): DatabaseEvidence {
  const { rounds, system, state } = inquiry;
  const name = facts.database.instance;
  const since = suspectedSince(facts, inquiry);
  const looks: DatabaseLook[] = [];
  let earlier: { readonly at: Instant; readonly facts: DatabaseFacts } | undefined;
  for (const round of rounds) {
    const seen = round.databases.find(({ database }) => database.instance === name);
    if (seen === undefined || seen.primaryName !== facts.primaryName) continue;
    const region = isReadable(seen.primary) ? seen.primary.region : undefined;
    const ids = new Set(consumersOf(system, name, region).map(({ id }) => id));
    const consumers = round.applications.filter(({ application }) => ids.has(application));
    const verdicts = observe(seen, { at: round.at, suspectedSince: since, consumers, earlier });
    looks.push({ at: round.at, verdicts, standing: standingOf(verdicts, seen) });
    earlier = { at: round.at, facts: seen };
  }
  const now = looks.at(-1);
  if (now === undefined) throw new Error(`the present look holds no ${name}`);
  const target = databaseTarget(name);
  const length = steadyFor(looks, ({ standing }) => standing === now.standing, window);
  const began = [failedSince(facts), signalledSince(target, state)].filter((at) => at !== undefined);
  return {
    facts,
    target,
    now,
    looks,
    steadyFor: length,
    isSteady: length >= window,
    isConcerned: state.targets.includes(target) || votes(now.verdicts, 'failed') > 0,
    failedSince: began.length === 0 ? undefined : instant(Math.min(...began)),
  };
}

/** How many of the three independent observers say so. */
export function votes({ monitoring, applications, replicas }: Verdicts, says: 'failed' | 'serving'): number {
  return [monitoring, applications, replicas].filter((verdict) => verdict.says === says).length;
}

function standingOf(verdicts: Verdicts, { contact }: DatabaseFacts): Standing {
  if (verdicts.direct.says === 'serving') return 'serving';
  if (votes(verdicts, 'serving') > 0) return 'unreachable';
  const failed = votes(verdicts, 'failed');
  // Cut off from every database of its kind, we can't tell a failure from our own.
  if (failed >= 2 && contact.control !== 'failed') return 'failed';
  return failed > 0 || verdicts.direct.says === 'failed' ? 'suspect' : 'unknown';
}

/** How long the newest looks have all been so, counted back to the first gap. 0 for a single look. */
function steadyFor<Look extends { readonly at: Instant }>(
  looks: readonly Look[],
  isSo: (look: Look) => boolean,
  window: Millis,
): Millis {
  const newest = looks.at(-1);
  if (newest === undefined || !isSo(newest)) return millis(0);
  let first = newest;
  for (const look of looks.toReversed()) {
    if (!isSo(look) || between(look.at, first.at) > window * GAP_MAX) break;
    first = look;
  }
  return between(first.at, newest.at);
}

function applicationEvidence(
  application: Application,
  facts: ApplicationFacts,
  { rounds, state, system }: Inquiry,
  window: Millis,
): ApplicationEvidence {
  const looks = looksAt(application.id, rounds);
  const at = looks.at(-1)?.at ?? after(state.openedAt, 0);
  const target = targetIdOf({ kind: 'application', id: application.id });
  const illPods = podsOf(facts).flatMap((pod): readonly PodEvidence[] => {
    const condition = podCondition(pod, at);
    if (isFine(condition)) return [];
    const isIll = (look: (typeof looks)[number]) =>
      podsOf(look.seen).some(({ uid, ...rest }) => uid === pod.uid && !isFine(podCondition({ uid, ...rest }, look.at)));
    const length = steadyFor(looks, isIll, window);
    return [{ pod, condition, steadyFor: length, isSteady: length >= window }];
  });
  const failing = whyFailing(facts);
  const failingFor = steadyFor(looks, ({ seen }) => whyFailing(seen) !== undefined, window);
  const isServed = ({ seen }: (typeof looks)[number]) => seen.health.kind === 'serving';
  const own = { servedFor: steadyFor(looks, isServed, window), wasServed: looks.some(isServed) };
  return {
    application,
    facts,
    target,
    isTarget: state.targets.includes(target),
    illPods,
    readyPods: podsOf(facts).filter((pod) => podCondition(pod, at) === 'well'),
    failing,
    isSteady: failingFor >= window,
    pressure: lastingEvidence(looks, window, pressureOf),
    slowness: lastingEvidence(looks, window, slownessOf),
    crowding: lastingEvidence(looks, window, crowdingOf),
    turnedAway: turnedAwayOf(facts, at, own),
    cluster:
      application.kind === 'gke'
        ? clusterEvidence(application, rounds, { system, since: state.firstSignalAt ?? state.openedAt, window })
        : undefined,
  };
}

/** Every look at an application, oldest first. */
const looksAt = (id: string, rounds: readonly Facts[]) =>
  rounds.flatMap((round) => {
    const seen = round.applications.find((other) => other.application === id);
    return seen === undefined ? [] : [{ at: round.at, seen }];
  });

/** What the newest look finds, and whether every look has found it over the whole window. */
function lastingEvidence<Found extends object>(
  looks: readonly { readonly at: Instant; readonly seen: ApplicationFacts }[],
  window: Millis,
  find: (seen: ApplicationFacts, at: Instant) => Found | undefined,
): (Found & { readonly isSteady: boolean }) | undefined {
  const newest = looks.at(-1);
  const now = newest === undefined ? undefined : find(newest.seen, newest.at);
  if (now === undefined) return undefined;
  const length = steadyFor(looks, ({ at, seen }) => find(seen, at) !== undefined, window);
  return { ...now, isSteady: length >= window };
}

const isFine = (condition: PodCondition): boolean =>
  condition === 'well' || condition === 'starting' || condition === 'ending';

const podsOf = ({ pods }: ApplicationFacts): readonly PodStatus[] =>
  pods !== undefined && isReadable(pods) ? pods : [];

/** Why an application does not serve as a whole. Silence alone is no reason: it says nothing. */
function whyFailing({ application, health, workload, service }: ApplicationFacts): string | undefined {
  if (health.kind === 'serving') return undefined;
  if (health.kind === 'failing') return `${application} answers that it can't serve: ${health.detail}`;
  if (workload !== undefined && isReadable(workload) && workload.available === 0) {
    return workload.replicas === 0
      ? `${application} is scaled to zero`
      : `none of the ${workload.replicas} replicas of ${application} is available`;
  }
  if (service !== undefined && isReadable(service) && !service.ready) return `${application} is not ready`;
  return service !== undefined &&
    isReadable(service) &&
    service.scaling.kind === 'manual' &&
    service.scaling.instances === 0
    ? `${application} is held at zero instances`
    : undefined;
}

/** Whether a load balancer counts requests as turned away, in the newest minute that it shows. */
const isCounted = ({ applications, at }: Facts): boolean => applications.some((seen) => countsRefusals(seen, at));

/** Whether nothing else in a look gives a reason to act. What could not be read is not well where a signal named it. */
function isWellOtherwise(round: Facts, databases: readonly DatabaseEvidence[], inquiry: Inquiry): boolean {
  const { state } = inquiry;
  const database = databases.every(({ looks, isConcerned }) => {
    const standing = looks.find(({ at }) => at === round.at)?.standing;
    return standing === 'serving' || (standing === 'unreachable' && !isConcerned);
  });
  return (
    database &&
    round.applications.every((seen) => {
      const named = state.targets.includes(targetIdOf({ kind: 'application', id: seen.application }));
      const pods = podsOf(seen).map((pod) => podCondition(pod, round.at));
      if (pods.some((condition) => !isFine(condition))) return false;
      if (pressureOf(seen, round.at) !== undefined || slownessOf(seen, round.at) !== undefined) return false;
      if (!named) return whyFailing(seen) === undefined;
      return (
        seen.health.kind === 'serving' &&
        (seen.pods === undefined || isReadable(seen.pods)) &&
        (!wasPressed(inquiry) || seen.load === undefined || isReadable(seen.load))
      );
    })
  );
}

/** Whether a run of this incident was about a lack of instances, whatever it is called by now: the load alone says that it is over. */
const wasPressed = ({ raisedInVain, raiseRefused, leftRaised = [] }: Inquiry): boolean =>
  raisedInVain === true || raiseRefused !== undefined || leftRaised.length > 0;

/** Whether something that an application can't work without is not well itself: then its own state is a symptom. */
export function isDownstream(evidence: Evidence, { application }: ApplicationEvidence): boolean {
  const needed = new Set(
    dependenciesOf(evidence.inquiry.system, { kind: 'application', id: application.id }).map(targetIdOf),
  );
  return (
    evidence.databases.some(
      ({ target, now, isConcerned }) =>
        needed.has(target) && now.standing !== 'serving' && (now.standing !== 'unreachable' || isConcerned),
    ) ||
    evidence.applications.some(
      ({ target, failing, illPods, readyPods }) =>
        needed.has(target) &&
        (failing !== undefined || (illPods.some(({ condition }) => isCurable(condition)) && readyPods.length === 0)),
    )
  );
}

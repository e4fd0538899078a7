import { between, type Instant, millis, type Millis, minutes } from '../core/time.ts';
import type { StandbyRecord } from '../ports/standby-record.ts';
import type { GkeApplication, System } from '../system/system.ts';
import { entranceOf } from '../system/topology.ts';
import { type ApplicationFacts, type EntranceFacts, type Facts, isReadable } from './facts.ts';

// Whether the cluster under an application has failed, look by look. Three voices that share neither place nor path: Google's uptime
// checks of its entrance, our own question at the address that always leads to it, and its control plane.
//
// K1. A control plane that does not answer proves nothing by itself: pods go on serving without it (facts.md 6.1).
// K2. Our own question counts as a failure only where a load balancer says so (502, 503, 504): silence may be ours.
// K3. Uptime checks speak for the application only while the entrance leads to it.

/** What one look says of a cluster. */
export type ClusterStanding =
  /** Users are turned away, by two voices from outside, and the control plane is gone. */
  | 'down'
  /** The control plane does not answer, and the application does. */
  | 'unreachable'
  /** It serves, the control plane answers, and every replica that it should have is ready. */
  | 'well'
  | 'unclear';

/** Where an entrance leads now, as far as it can be read. */
export interface EntranceEvidence {
  readonly facts: EntranceFacts;
  readonly leadsTo: string | undefined;
}

/** A cluster over all looks, as far as one application shows it. */
export interface ClusterEvidence {
  readonly standing: ClusterStanding;
  readonly isSteady: boolean;
  readonly text: string;
  readonly entrances: readonly EntranceEvidence[];
  /** What its standby was before, while that has not been taken back. */
  readonly record: StandbyRecord | undefined;
}

/** A result of an uptime check that is older says nothing of the present: a check a minute, and the time until it is visible. */
const UPTIME_AGE_MAX: Millis = minutes(3);

/** Places that must see the failure: one alone may have a problem of its own. */
const CHECKERS_MIN = 2;

/** Answers of a load balancer that has nobody to ask. */
const NOBODY_SERVES: ReadonlySet<string> = new Set(['http 502', 'http 503', 'http 504']);

/** Codes by which a control plane is gone: no answer, or a broken one. A refusal is an answer. */
const IS_GONE = /^(timeout|unreachable|connectionRefused|connectionLost|http 5\d\d|grpc 14)$/;

/** Judges every look. `undefined` while the present one holds nothing of the application. */
export function clusterEvidence(
  application: GkeApplication,
  rounds: readonly Facts[],
  { system, since, window }: { readonly system: System; readonly since: Instant; readonly window: Millis },
): ClusterEvidence | undefined {
  const looks = rounds.flatMap((round) => {
    const seen = round.applications.find((other) => other.application === application.id);
    if (seen === undefined) return [];
    const ways = waysOf(application, round, system);
    return [{ at: round.at, seen, ways, ...standingOf(application, seen, ways, { at: round.at, since }) }];
  });
  const newest = looks.at(-1);
  if (newest === undefined) return undefined;
  const length = steadyLength(looks, newest.standing, window);
  const { standby } = newest.seen;
  return {
    standing: newest.standing,
    isSteady: length >= window,
    text: newest.text,
    entrances: newest.ways,
    record: standby !== undefined && isReadable(standby) ? standby : undefined,
  };
}

/** Looks further apart than one and a half windows don't count together, as everywhere. */
function steadyLength(
  looks: readonly { readonly at: Instant; readonly standing: ClusterStanding }[],
  standing: ClusterStanding,
  window: Millis,
): Millis {
  const newest = looks.at(-1);
  let first = newest;
  for (const look of looks.toReversed()) {
    if (first === undefined || look.standing !== standing || between(look.at, first.at) > window * 1.5) break;
    first = look;
  }
  return newest === undefined || first === undefined ? millis(0) : between(first.at, newest.at);
}

/** The entrances whose home an application is, as a look found them. */
export function waysOf({ id }: Pick<GkeApplication, 'id'>, round: Facts, system: System): readonly EntranceEvidence[] {
  return (round.entrances ?? [])
    .filter(({ entrance }) => entranceOf(system, entrance)?.backends[0]?.application === id)
    .map((facts) => ({ facts, leadsTo: isReadable(facts.status) ? facts.status.leadsTo : undefined }));
}

function standingOf(
  { id }: GkeApplication,
  { health, workload }: ApplicationFacts,
  ways: readonly EntranceEvidence[],
  when: { readonly at: Instant; readonly since: Instant },
): { readonly standing: ClusterStanding; readonly text: string } {
  const isGone = workload !== undefined && !isReadable(workload) && IS_GONE.test(workload.unreadable);
  const plane = isGone ? `its control plane does not answer (${workload.unreadable})` : 'its control plane answers';
  if (health.kind === 'serving') {
    if (isGone) return { standing: 'unreachable', text: `${id} serves, and ${plane}` };
    const isWhole =
      workload !== undefined && isReadable(workload) && workload.replicas > 0 && workload.ready >= workload.replicas;
    return { standing: isWhole ? 'well' : 'unclear', text: `${id} serves` };
  }
  const uptime = uptimeVerdict(id, ways, when);
  if (uptime.says === 'serving' && isGone) return { standing: 'unreachable', text: `${uptime.text}, and ${plane}` };
  const own = `we get ${health.detail} from ${id}`;
  const isRefused = health.kind === 'silent' && NOBODY_SERVES.has(health.detail);
  if (uptime.says === 'failed' && isRefused && isGone)
    return { standing: 'down', text: `${uptime.text}, ${own}, and ${plane}` };
  return { standing: 'unclear', text: `${own}; ${uptime.text}; ${plane}` };
}

/** What Google's uptime checks say of an application through the entrances that lead to it. */
export function uptimeVerdict(
  id: string,
  ways: readonly EntranceEvidence[],
  { at, since }: { readonly at: Instant; readonly since: Instant },
): { readonly says: 'failed' | 'serving' | 'unknown'; readonly text: string } {
  const points = ways
    .filter(({ leadsTo }) => leadsTo === id)
    .flatMap(({ facts }) => (isReadable(facts.uptime) ? facts.uptime : []))
    .filter((point) => point.at >= since && between(point.at, at) <= UPTIME_AGE_MAX);
  const failed = points.filter(({ passed }) => !passed);
  const text = `${failed.length} of ${points.length} places fail their uptime check`;
  if (points.length === 0) return { says: 'unknown', text: 'no uptime check speaks for it' };
  if (failed.length >= CHECKERS_MIN && failed.length === points.length) return { says: 'failed', text };
  return { says: failed.length === 0 ? 'serving' : 'unknown', text };
}

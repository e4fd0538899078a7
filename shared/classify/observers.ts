import { after, between, type Instant, instant, seconds, showDuration, toIso } from '../core/time.ts';
import { type ApplicationFacts, type DatabaseFacts, isReadable } from './facts.ts';
import { hostOf } from './topology-now.ts';

// Who says what about a primary database in one look (decisions.md 13). Three observers that share neither place, nor path, nor
// data source: Monitoring, the applications, and the replicas. Our own contact is a fourth voice that can only say "it serves".
//
// O1. Who can't be asked, or answers about something else, says `unknown`: absence and time-outs are never failure.
// O2. What is older than the suspected start says nothing about now.
// O3. The management API is no observer: RUNNABLE proves nothing (facts.md 3.3). Nor is the alert that woke us.

/** What one observer makes of the primary. */
export interface Verdict {
  readonly says: 'failed' | 'serving' | 'unknown';
  readonly text: string;
}

/** The verdicts of one look. `direct` is no observer of its own: it shares our path to the replicas. */
export interface Verdicts {
  readonly monitoring: Verdict;
  readonly applications: Verdict;
  readonly replicas: Verdict;
  /** `failed` is a refusal by the server or its host. It supports the others and counts for none of them. */
  readonly direct: Verdict;
}

/** What a look is judged against. */
export interface LookContext {
  readonly at: Instant;
  /** When the failure is said to have begun. */
  readonly suspectedSince: Instant;
  /** Facts of the consumers from the same look; every consumer has an entry. */
  readonly consumers: readonly ApplicationFacts[];
  /** The look before this one. */
  readonly earlier: { readonly at: Instant; readonly facts: DatabaseFacts } | undefined;
}

/** Sampled every 60 s and visible after up to 165 s (facts.md 1.4), and a little for the call itself. */
const UP_AGE_MAX = seconds(60 + 165 + 15);

/** Two heartbeats and a little: a row younger than this says nothing yet about whether it was the last one. */
const HEARTBEAT_FRESH = seconds(15);

/** Asks every observer of one look. */
export function observe(facts: DatabaseFacts, context: LookContext): Verdicts {
  return {
    monitoring: monitoringVerdict(facts, context),
    applications: applicationsVerdict(facts, context.consumers),
    replicas: replicasVerdict(facts, context),
    direct: directVerdict(facts),
  };
}

const failed = (text: string): Verdict => ({ says: 'failed', text });
const serving = (text: string): Verdict => ({ says: 'serving', text });
const unknown = (text: string): Verdict => ({ says: 'unknown', text });

/** Monitoring: the newest point of `database/up`, if it is about now. */
function monitoringVerdict(facts: DatabaseFacts, { at, suspectedSince }: LookContext): Verdict {
  if (!isReadable(facts.up)) return unknown(`Monitoring can't be read (${facts.up.unreadable})`);
  const [newest] = facts.up;
  if (newest === undefined) return unknown('Monitoring has no point of database/up, and absence says nothing');
  const age = between(newest.at, at);
  const seen = `database/up is ${newest.value} at ${toIso(newest.at)}`;
  if (age > UP_AGE_MAX) return unknown(`${seen}, ${showDuration(age)} ago: too old`);
  if (newest.value < 1) {
    return newest.at >= suspectedSince ? failed(seen) : unknown(`${seen}, before the suspected start`);
  }
  // The series is late: a point from before we ourselves lost the primary can't speak for it.
  const lost = facts.watch?.notWrittenSinceMs ?? Number.NEGATIVE_INFINITY;
  return newest.at >= Math.max(suspectedSince, lost)
    ? serving(seen)
    : unknown(`${seen}, before the suspected start: the series is late`);
}

/** The applications, asked from outside: all of them must say that their database does not take writes. */
function applicationsVerdict(facts: DatabaseFacts, consumers: readonly ApplicationFacts[]): Verdict {
  const primaryHost = isReadable(facts.primary) ? facts.primary.address : undefined;
  const about = consumers.filter(
    ({ health }) =>
      health.database === undefined ||
      primaryHost === undefined ||
      health.database.address === '' ||
      hostOf(health.database.address) === primaryHost,
  );
  const names = (found: readonly ApplicationFacts[]) => found.map(({ application }) => application).join(', ');
  const well = about.filter(({ health }) => health.kind === 'serving');
  if (well.length > 0) return serving(`${names(well)} can write`);
  const ill = about.filter(
    ({ health }) => health.kind === 'failing' && health.database !== undefined && !health.database.writable,
  );
  if (ill.length > 0 && ill.length === consumers.length) {
    return failed(`${names(ill)} can't write: ${ill[0]?.health.detail ?? ''}`.trim());
  }
  const rest = consumers.filter((consumer) => !ill.includes(consumer));
  if (consumers.length === 0) return unknown('no application uses it');
  return unknown(
    ill.length > 0
      ? `${names(ill)} can't write, but ${names(rest)} says nothing about it`
      : `${names(rest)} says nothing about it`,
  );
}

/** The replicas' own word: is their receiver connected, or did anything that was written since the last look arrive? */
function replicasVerdict(facts: DatabaseFacts, { at, earlier }: LookContext): Verdict {
  const words = followersOf(facts).flatMap((word) =>
    word.status?.role === 'replica' ? [{ instance: word.instance, status: word.status }] : [],
  );
  if (words.length === 0) return unknown('no replica that follows it can be asked');
  const names = words.map(({ instance }) => instance).join(', ');
  const receiving = words.filter(({ status }) => status.receiving);
  if (receiving.length > 0) return serving(`${receiving.map(({ instance }) => instance).join(', ')} receives from it`);
  const newest = words.reduce<Instant | undefined>((best, { status }) => later(best, status.heartbeat?.at), undefined);
  // What was in the pipe may still be replayed after a death; only a row written since the last look is a sign of life.
  if (newest !== undefined && earlier !== undefined && newest > earlier.at) {
    return serving(`a heartbeat of ${toIso(newest)} has reached a replica`);
  }
  if (newest !== undefined && earlier === undefined && newest > after(at, -HEARTBEAT_FRESH)) {
    return unknown(`nothing receives from it, but its last heartbeat is only ${showDuration(between(newest, at))} old`);
  }
  const last = newest === undefined ? 'and shows no heartbeat' : `last heartbeat ${toIso(newest)}`;
  return failed(`none of ${names} receives from it, ${last}`);
}

/** Replicas that follow this primary as far as anybody says; one that follows another says nothing about it. */
function followersOf(facts: DatabaseFacts): DatabaseFacts['replication'] {
  const others = facts.replicas.filter(({ role, upstream }) => role === 'primary' || upstream !== facts.primaryName);
  const excluded = new Set(others.map(({ instance }) => instance));
  return facts.replication.filter(({ instance }) => !excluded.has(instance));
}

function directVerdict({ contact }: DatabaseFacts): Verdict {
  switch (contact.outcome.kind) {
    case 'written':
      return serving('it took a canary row from us');
    case 'refusedByServer':
      return failed(`its server refused our canary: ${contact.outcome.detail}`);
    case 'connectionRefused':
      return failed('its host says that nobody listens');
    case 'loginRefused':
      return unknown(`its server runs and refuses our login (${contact.outcome.detail}), which says nothing of writes`);
    case 'unknown':
      return unknown(`we don't reach it (${contact.outcome.detail}), which says nothing`);
  }
}

/** Since when, as far as positive evidence says; `undefined` when none does. Earliest of the watch and of the metric. */
export function failedSince(facts: DatabaseFacts): Instant | undefined {
  const refused = facts.watch?.refusedSinceMs ?? undefined;
  const points = isReadable(facts.up) ? facts.up : [];
  const lastUp = points.findIndex(({ value }) => value >= 1);
  const zeros = lastUp < 0 ? points : points.slice(0, lastUp);
  const known = [refused, zeros.at(-1)?.at].filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : instant(Math.min(...known));
}

const later = (a: Instant | undefined, b: Instant | undefined): Instant | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;

import { after, type Instant, type Millis, seconds } from '../../shared/core/time.ts';
import type { Chance, WorldClock } from './kernel.ts';
import { parseFilter, readField } from './logging-filter.ts';
import type { LogEntry } from './logs.ts';
import { type IncidentChange, incidentIdFrom } from './monitoring-alerts.ts';
import { type AlertPolicyDocument, type ConditionDocument, rateLimitOf, unsupported } from './monitoring-policy.ts';
import type { Project } from './project.ts';

// Log-based alert policies: an entry that matches opens an incident, and that is all that is ever told of it.
//
// L1. Each combination of extracted labels is a rule of its own, and is told once within the policy's rate limit (alert.proto).
// L2. Such an incident is never told to be closed: a log entry has no end (alert.proto, notificationPrompts).

/** From an entry to its incident; 35 s were measured once (facts.md 1.3). */
const SEEN_AFTER: readonly [number, number] = [5, 40];

/** A condition as entries are matched with it. */
interface LogMatch {
  readonly keeps: (entry: LogEntry) => boolean;
  readonly extract: (entry: LogEntry) => Readonly<Record<string, string>>;
  readonly rateLimit: Millis;
}

/** Reads a condition. Throws for one that the sandbox can't evaluate: it must not look as if it were watched. */
export function readLogMatch(policy: AlertPolicyDocument, document: ConditionDocument, project: Project): LogMatch {
  const match = document.conditionMatchedLog;
  if (match === undefined) throw unsupported(document, 'it is no log match');
  const fields = Object.entries(match.labelExtractors ?? {}).map(([label, extractor]) => {
    const field = /^EXTRACT\(([\w.]+)\)$/.exec(extractor)?.[1];
    if (field === undefined) throw unsupported(document, `the sandbox has no ${extractor}`);
    return [label, readField(field, project)] as const;
  });
  return {
    keeps: parseFilter(match.filter, project),
    extract: (entry) => Object.fromEntries(fields.map(([label, read]) => [label, read(entry) ?? ''])),
    rateLimit: rateLimitOf(policy, document),
  };
}

/** The log-based alerting of one project. */
export class LogMatching {
  readonly #parts: {
    readonly clock: WorldClock;
    readonly chance: Chance;
    readonly project: Project;
    readonly report: (change: IncidentChange) => void;
  };
  readonly #read = new WeakMap<ConditionDocument, LogMatch>();
  /** When each rule told last. */
  readonly #told = new Map<string, Instant>();

  constructor(parts: {
    readonly clock: WorldClock;
    readonly chance: Chance;
    readonly project: Project;
    readonly report: (change: IncidentChange) => void;
  }) {
    this.#parts = parts;
  }

  /** Opens an incident for every policy that the entry matches. */
  hear(entry: LogEntry, policies: readonly AlertPolicyDocument[]): void {
    for (const policy of policies)
      for (const condition of policy.conditions)
        if (policy.enabled && condition.conditionMatchedLog !== undefined) this.#match(entry, policy, condition);
  }

  #match(entry: LogEntry, policy: AlertPolicyDocument, condition: ConditionDocument): void {
    const { clock, chance, project, report } = this.#parts;
    const match = this.#read.get(condition) ?? readLogMatch(policy, condition, project);
    this.#read.set(condition, match);
    if (!match.keeps(entry)) return;
    const extracted = match.extract(entry);
    const rule = `${condition.name} ${JSON.stringify(extracted)}`;
    const last = this.#told.get(rule);
    if (last !== undefined && clock.now() < after(last, match.rateLimit)) return;
    this.#told.set(rule, clock.now());
    const id = incidentIdFrom(chance);
    const { resource } = entry;
    clock.schedule(after(clock.now(), seconds(chance.between(...SEEN_AFTER))), () =>
      report({
        id,
        state: 'open',
        policy,
        condition,
        series: { resource, metric: { type: '', labels: {} } },
        startedAt: clock.now(),
        endedAt: undefined,
        value: undefined,
        extracted,
      }),
    );
  }
}

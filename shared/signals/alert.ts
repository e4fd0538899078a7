import { z } from 'zod';
import { err, ok, type Result } from '../core/result.ts';
import { type Instant, instant } from '../core/time.ts';
import type { MonitoredResource } from '../system/topology.ts';
import { firstIssue, type Malformed, malformed, plainText } from './malformed.ts';

/**
 * A notification of Cloud Monitoring (facts.md 1.1), as far as we rely on it. It says "look now", and nothing else: what it
 * claims is never evidence, `closed` is not health (facts.md 1.3), and free texts in it are shown, never read.
 */
export interface Alert {
  /** `test`: somebody pressed "send test notification". It must never start a recovery. */
  readonly kind: 'alert' | 'test';
  /** Monitoring's id of its incident: the same when it opens and when it closes. */
  readonly incidentId: string;
  readonly state: 'open' | 'closed';
  readonly startedAt: Instant | undefined;
  readonly endedAt: Instant | undefined;
  /** The policy's display name. */
  readonly policyName: string | undefined;
  /** The policy's label `dr_scenario`: a hint for people. */
  readonly scenarioHint: string | undefined;
  /** The policy's label `dr_target`, a name of `dr.yaml` if it is right. */
  readonly targetHint: string | undefined;
  readonly resource: MonitoredResource;
  /** `undefined` for log-based policies. */
  readonly metricType: string | undefined;
  /** Never empty: made up of what is there when Monitoring sends none. */
  readonly summary: string;
  readonly severity: string | undefined;
  readonly documentation: string | undefined;
  /** Of a log match: what the lines of the policy's documentation say of the entry. For people: nothing is concluded from it. */
  readonly entry: LogEntryTold | undefined;
  readonly observedValue: string | undefined;
  readonly thresholdValue: string | undefined;
  /** One for each state of an incident, however often it is delivered or renotified. */
  readonly dedupeKey: string;
}

/** Who called what on what, as an audit log has it. Each is missing where the policy's documentation does not tell it. */
export interface LogEntryTold {
  readonly principal: string | undefined;
  readonly method: string | undefined;
  readonly resource: string | undefined;
}

/** The dedupe key of the beginning of an alert, from that of its end. */
export const beginningOf = (endKey: string): string => endKey.replace(/\/closed$/, '/open');

/** Longest of a name or a label; resource names are shorter (facts.md 1.1 and 1.4). */
const NAME_MAX = 256;

/** Longest of a text that is shown. */
const TEXT_MAX = 1_000;

/** Characters of a policy's documentation, with what its variables became (facts.md 1.3: 10,240 bytes). */
const DOCUMENTATION_MAX = 10_240;

/** Labels kept of each map: more than any resource type has. */
const LABELS_MAX = 64;

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const text = (max: number) =>
  scalar
    .transform((written) => plainText(written, max) || undefined)
    .nullish()
    .transform((value) => value ?? undefined)
    .catch(undefined);

const labels = z
  .record(z.string(), z.unknown())
  .transform(
    (all): Readonly<Record<string, string>> =>
      Object.fromEntries(
        Object.entries(all)
          .slice(0, LABELS_MAX)
          .flatMap(([key, value]) =>
            typeof value === 'string' ? [[plainText(key, NAME_MAX), plainText(value, NAME_MAX)]] : [],
          ),
      ),
  )
  .catch({});

/** Seconds since the epoch. 0 is what the test message sends and means nothing. */
const seconds = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,12}(\.\d+)?$/)
      .transform(Number),
  ])
  .pipe(z.number().positive().max(8_640_000_000_000))
  .transform((value) => instant(Math.round(value * 1_000)))
  .optional()
  .catch(undefined);

/** An object in today's payloads, a plain text in the test message and in older ones. As long as Monitoring lets it be at most. */
const documentation = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .transform((content) => content.slice(0, DOCUMENTATION_MAX))
  .optional()
  .catch(undefined);

const incident = z.object(
  {
    incident_id: scalar.pipe(z.string().regex(/^[\x21-\x7e]{1,200}$/, 'no id')),
    state: z
      .string('neither open nor closed')
      .transform((state) => state.trim().toLowerCase())
      .pipe(z.enum(['open', 'closed'], 'neither open nor closed')),
    started_at: seconds,
    ended_at: seconds,
    policy_name: text(NAME_MAX),
    policy_user_labels: labels,
    resource: z.object({ type: text(NAME_MAX), labels }).catch({ type: undefined, labels: {} }),
    metric: z.object({ type: text(NAME_MAX), labels }).catch({ type: undefined, labels: {} }),
    metadata: z.object({ system_labels: labels }).catch({ system_labels: {} }),
    summary: text(TEXT_MAX),
    severity: text(NAME_MAX),
    condition_name: text(NAME_MAX),
    condition: z.object({ conditionMatchedLog: z.looseObject({}).optional().catch(undefined) }).catch({}),
    documentation,
    observed_value: text(NAME_MAX),
    threshold_value: text(NAME_MAX),
  },
  'not an object',
);

const wire = z.object(
  { version: scalar.pipe(z.string().regex(/^(1(\.\d{1,4}){0,3}|test)$/, 'neither 1.x nor test')), incident },
  'not an object',
);

/**
 * Reads a notification. Only `version`, `incident.incident_id` and `incident.state` must be right; everything else may be
 * missing, null or of another type. Never throws.
 */
export function parseAlert(payload: unknown): Result<Alert, Malformed> {
  const read = wire.safeParse(payload);
  if (!read.success) return err(malformed(firstIssue(read.error), payload));
  const { version, incident: told } = read.data;
  const { incident_id: incidentId, state, policy_user_labels: hints } = told;
  return ok({
    kind: version === 'test' ? 'test' : 'alert',
    incidentId,
    state,
    startedAt: told.started_at,
    endedAt: told.ended_at,
    policyName: told.policy_name,
    scenarioHint: hints['dr_scenario'],
    targetHint: hints['dr_target'],
    resource: {
      type: told.resource.type ?? '',
      labels: told.resource.labels,
      systemLabels: told.metadata.system_labels,
      metricLabels: told.metric.labels,
    },
    metricType: told.metric.type,
    summary: told.summary ?? `${told.policy_name ?? told.condition_name ?? 'an alert'} is ${state}`,
    severity: told.severity,
    documentation: plainText(told.documentation ?? '', TEXT_MAX) || undefined,
    entry:
      told.condition.conditionMatchedLog === undefined
        ? undefined
        : entryTold(told.documentation ?? '', told.resource.labels),
    observedValue: told.observed_value,
    thresholdValue: told.threshold_value,
    dedupeKey: `alert/${incidentId}/${state}`,
  });
}

/**
 * A log match carries nothing of its entry but what its documentation's variables became (facts.md 1.1), so our policies have a line for
 * each (terraform/modules/policies). The first line of a name counts: what follows may be the caller's own words.
 */
function entryTold(content: string, labels: Readonly<Record<string, string>>): LogEntryTold {
  const line = (name: string): string | undefined =>
    plainText(new RegExp(`^${name}: *(.*)$`, 'm').exec(content)?.[1] ?? '', NAME_MAX) || undefined;
  return { principal: line('principal'), method: line('method') ?? labels['method'], resource: line('resource') };
}

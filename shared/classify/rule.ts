import type { Millis } from '../core/time.ts';
import { type Instant, millis, minutes } from '../core/time.ts';
import type { Diagnosis, Scenario } from '../incident/diagnosis.ts';
import type { TargetId } from '../system/names.ts';
import type { DatabaseEvidence, Evidence } from './evidence.ts';

/** A reason with its code. */
export type Reason = Diagnosis['reasons'][number];

/** What a rule concludes; `diagnose` adds the scenario, the rule's code and the digest of the facts. */
export interface Match {
  readonly target: TargetId;
  readonly subject: Readonly<Record<string, string>>;
  readonly confidence: Diagnosis['confidence'];
  /** What follows: a runbook, a wait until the next look, people, or the end of the incident. */
  readonly outcome:
    | { readonly kind: 'act'; readonly runbook: NonNullable<Diagnosis['runbook']> }
    | { readonly kind: 'wait'; readonly lookAgainIn: Millis }
    | { readonly kind: 'person' }
    | { readonly kind: 'nothing' };
  /** Why, in whole sentences without their full stops. The first one answers for the rule's code. */
  readonly text: string;
  readonly reasons: readonly Reason[];
  readonly wouldChangeMind: readonly string[];
  readonly failedSince: Instant | undefined;
}

/**
 * One way to read the evidence. Rules are asked in their order and the first that matches is the diagnosis: the most upstream
 * cause comes first, and what forbids acting comes before what acts.
 */
export interface Rule {
  readonly scenario: Scenario;
  /** Unique among the rules; the first reason code of its diagnoses. */
  readonly code: string;
  /** When it applies and what it concludes, for people. */
  readonly describe: string;
  /** Whether its waits may last for as long as what they wait for: people know of it. */
  readonly isPatient?: true;
  when(evidence: Evidence): Match | undefined;
}

/** How long a verdict may stay open before people are told: a late series (4 min) and a confirmation window. */
export const UNDECIDED_MAX = minutes(5);

/** How long an operation may run before it is no longer an excuse. Maintenance takes 1 to 3 min (facts.md 3.3). */
export const OPERATION_MAX = minutes(10);

/** The pause to the next look: three looks to a confirmation window. */
export const nextLook = (evidence: Evidence): Match['outcome'] => ({
  kind: 'wait',
  lookAgainIn: millis(Math.ceil(evidence.window / 3)),
});

/** Waits for more evidence, and asks people once that has taken too long. */
export function waitOrPerson(evidence: Evidence): Match['outcome'] {
  const { now, state } = evidence.inquiry;
  const patience = Math.max(UNDECIDED_MAX, 3 * evidence.window);
  return now - state.openedAt >= patience ? { kind: 'person' } : nextLook(evidence);
}

/** What every observer says of a database, one reason each. */
export function observerReasons({ now: { verdicts } }: DatabaseEvidence): readonly Reason[] {
  const { monitoring, applications, replicas, direct } = verdicts;
  return [
    { code: `monitoring.${monitoring.says}`, text: `Monitoring: ${monitoring.text}` },
    { code: `applications.${applications.says}`, text: `applications: ${applications.text}` },
    { code: `replicas.${replicas.says}`, text: `replicas: ${replicas.text}` },
    { code: `direct.${direct.says}`, text: `ourselves: ${direct.text}` },
  ];
}

/** What is seen elsewhere and is no cause: applications that can't work without the target. */
export function symptomReasons(evidence: Evidence, target: TargetId): readonly Reason[] {
  return evidence.applications
    .filter((application) => application.target !== target && application.failing !== undefined)
    .map(({ target: symptom, failing }) => ({ code: 'symptom', text: `${symptom}: ${failing ?? ''}, as its symptom` }));
}

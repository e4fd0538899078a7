import { z } from 'zod';
import { RUNBOOKS } from '../system/names.ts';

/** The scenarios that classification can name, besides those on which nothing is done. */
export const SCENARIOS = [
  'backups-failing',
  'data-damage',
  'data-loss',
  'database-primary-failure',
  'database-unreachable-but-serving',
  'database-maintenance',
  'database-operation-in-progress',
  'database-standby-takes-over',
  'database-replica-unfit',
  'new-revision-failure',
  'pods-not-serving',
  'restart-requested',
  'pod-stuck-ending',
  'single-pod-failure',
  'service-under-pressure',
  'region-failure',
  'region-return',
  'region-without-replica',
  'running-in-secondary',
  'cluster-failure',
  'cluster-unreachable-but-serving',
  'running-on-standby',
  'standby-left-raised',
  'deployment-under-pressure',
  'application-failure',
  'security-breach',
  'isolation-in-force',
  'recovered',
  'not-failed',
  'test-notification',
  'unknown',
] as const;
export type Scenario = (typeof SCENARIOS)[number];

const PLANNED: ReadonlySet<string> = new Set<Scenario>([
  'backups-failing',
  'region-without-replica',
  'restart-requested',
  'running-in-secondary',
  'running-on-standby',
  'standby-left-raised',
]);

/** Whether nothing has failed in a scenario: what is done about it is planned, and there is no time to a recovery. */
export const isPlanned = (scenario: string): boolean => PLANNED.has(scenario);

/** What follows from a diagnosis. */
export const CONCLUSIONS = ['act', 'wait', 'person', 'nothing'] as const;

/**
 * What we think is wrong, why, and what would change our mind. `act` names the runbook; `wait` looks again at `lookAgainInMs`;
 * `person` tells people with the evidence; `nothing` ends the incident.
 */
export const diagnosisWire = z.strictObject({
  scenario: z.enum(SCENARIOS),
  target: z.string(),
  /** The part of the target that is concerned: a pod's name and uid, an instance. */
  subject: z.record(z.string(), z.string()),
  confidence: z.enum(['confirmed', 'likely', 'unknown']),
  conclusion: z.enum(CONCLUSIONS),
  runbook: z.enum(RUNBOOKS).nullable(),
  lookAgainInMs: z.number().nullable(),
  reasons: z.array(z.strictObject({ code: z.string(), text: z.string() })),
  wouldChangeMind: z.array(z.string()),
  /** Digest of the facts that it rests on. */
  evidence: z.string(),
  /** When the failure began, as far as the evidence says. */
  failedSinceMs: z.number().nullable(),
});
export type Diagnosis = z.infer<typeof diagnosisWire>;

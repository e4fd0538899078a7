// Database failover: promote a replica when the primary is gone (runbook 3.1, in the order of design.md section 8).
//
//   confirm ─▶ [ hold consumers ─▶ drain ─▶ stop ─▶ prove fence ─▶ loss bound ─▶ PROMOTE ─▶ epoch ─▶ secret ─▶ release ]
//                     │ undo: give everything back, start again        │ no return                          │
//                     ▼                                                ▼                                     ▼
//                  unfence                                          a person                   verify consumers ─▶ hold
//                                                                                              backup, protection, replica
//
// Invariants
//   F1. At most one instance takes writes: nothing is promoted before the fence is proved by positive evidence.
//   F2. No more is lost than was approved: the bound is computed again after the fence.
//   F3. A primary that shows a sign of life is never failed over.
//   F4. No consumer is given back before the new primary carries our epoch.
//
// Corrected from the runbook: no password on a command line or in an environment variable, every consumer is moved, the old
// primary is stopped first, and what the new one lacks of a primary is rebuilt (docs/runbooks/database-failover.md).
// Source: runbook 3.1; facts.md 3.3 to 3.6; failover-rules 6 to 11.

import { digestOf } from '../core/digest.ts';
import { type Instant, instant, millis, minutes, seconds } from '../core/time.ts';
import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { lossBound, type LossBound } from '../plan/loss-bound.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { type InstanceName, targetId } from '../system/names.ts';
import type { Database, System } from '../system/system.ts';
import { type Consumer, holdStep, releaseStep } from './consumer-steps.ts';
import { alternatives } from './database-alternatives.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface DatabaseFailoverFacts {
  readonly at: Instant;
  readonly database: Database;
  readonly primary: InstanceStatus;
  /** The most advanced fit replica. */
  readonly replica: InstanceStatus;
  /** Every instance of the topology as it is now. */
  readonly topology: readonly InstanceName[];
  readonly heartbeatAt: Instant | undefined;
  /** Since when every vantage point is refused without a gap. */
  readonly refusedSince: Instant | undefined;
  readonly failedSince: Instant | undefined;
  readonly consumers: readonly Consumer[];
  readonly warnings: readonly GuardBlock[];
  /** Walls that an approval of this plan opens by name. */
  readonly opens: readonly string[];
}

/** Cloud SQL's data port for PostgreSQL. */
const PORT = 5432;

/** From the approval to the proved fence, at the plan's own estimates; a growing bound counts this in. */
const FENCE_TAKES = minutes(8);

/** Draws the plan from the facts alone; `undefined` when an address that the consumers need is not known. */
export function drawDatabaseFailover(
  system: System,
  incident: string,
  scenario: string,
  facts: DatabaseFailoverFacts,
): Plan | undefined {
  const { database, primary, replica, at } = facts;
  if (replica.address === undefined || primary.address === undefined) return undefined;
  const target = targetId(`database/${database.instance}`);
  const steps = draftSteps(
    incident,
    target,
    { ...facts, oldAddress: primary.address, newAddress: replica.address },
    system,
  );
  const bound = boundOf(system, facts);
  return {
    version: 1,
    incident,
    runbook: 'database-failover',
    scenario,
    target,
    holds: [
      target,
      ...facts.topology.map((instance) => targetId(`instance/${instance}`)),
      ...facts.consumers.map(({ application }) => targetId(`application/${application.id}`)),
    ],
    steps: planSteps(steps, RECOVER_CATALOGUE),
    lossBound: bound,
    alternatives: alternatives(system, facts, bound),
    warnings: facts.warnings,
    bounds: {
      observedAtMs: at,
      primary: primary.instance,
      replica: replica.instance,
      topology: [...facts.topology],
      opens: [...facts.opens],
    },
    failback: `${primary.instance} stays stopped, its disk kept. Failing back is a switchover of its own onto a new replica in ${primary.region}, without loss.`,
  };
}

function boundOf(system: System, { at, heartbeatAt, refusedSince }: DatabaseFailoverFacts): LossBound {
  const policy = system.approvals.perRunbook['database-failover'];
  const latestFence = instant(at + (policy === undefined ? 0 : policy.expiresIn + policy.startWithin) + FENCE_TAKES);
  return lossBound({ now: at, skew: system.guards.clockSkew, heartbeatAt, refusedSince, latestFence });
}

interface Addressed extends DatabaseFailoverFacts {
  readonly oldAddress: string;
  readonly newAddress: string;
}

function draftSteps(
  incident: string,
  target: StepDraft['target'],
  facts: Addressed,
  system: System,
): readonly StepDraft[] {
  const { primary, replica, consumers, refusedSince, newAddress } = facts;
  const epoch = `${incident}-${digestOf({ incident, replica: replica.instance }).slice(0, 8)}`;
  const ids = consumers.map(({ application }) => application.id);
  const secrets = [
    ...new Set(
      consumers.flatMap(({ application }) =>
        application.databaseSecret === undefined ? [] : [application.databaseSecret],
      ),
    ),
  ];
  const holds = consumers.map(holdStep);
  const acts: readonly StepDraft[] = [
    ...holds,
    {
      id: 'drain',
      action: 'drain-replica',
      input: { primary: primary.instance, replica: replica.instance },
      title: `Wait until ${replica.instance} has replayed what ${primary.instance} can still send`,
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(5),
      limit: minutes(5),
    },
    {
      id: 'stop',
      action: 'stop-instance',
      input: { instance: primary.instance },
      title: `Stop the old primary ${primary.instance}`,
      target,
      needs: [],
      stage: 'execute',
      estimate: minutes(1),
      limit: minutes(8),
      undo: {
        kind: 'action',
        action: 'start-instance',
        input: { instance: primary.instance },
        title: `Start ${primary.instance} again`,
      },
    },
    {
      id: 'fence',
      action: 'prove-fence',
      input: {
        instance: primary.instance,
        address: `${facts.oldAddress}:${PORT}`,
        consumers: ids,
        control: replica.instance,
      },
      title: `Prove from every consumer’s place that ${primary.instance} takes no writes`,
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(10),
      limit: minutes(5),
    },
    {
      id: 'loss',
      action: 'check-loss-bound',
      input: { replica: replica.instance, endedAtMs: refusedSince ?? null, fenceStep: 'fence' },
      title: 'Compute the loss bound again and compare it with what was approved',
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(1),
      limit: minutes(2),
    },
    {
      id: 'promote',
      action: 'promote-replica',
      input: { replica: replica.instance, upstream: primary.instance },
      title: `Promote ${replica.instance} to primary`,
      target,
      needs: [],
      stage: 'execute',
      estimate: minutes(4),
      limit: minutes(20),
      undo: {
        kind: 'pointOfNoReturn',
        because: 'a promoted replica has its own history of writes and can’t follow again',
      },
    },
    {
      id: 'epoch',
      action: 'verify-epoch',
      input: { instance: replica.instance, former: primary.instance, epoch },
      title: `Write and read an epoch row on ${replica.instance}`,
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(5),
      limit: minutes(5),
    },
    ...secrets.map(
      (secret): StepDraft => ({
        id: `secret-${secret}`,
        action: 'point-secret',
        input: { secret, host: newAddress },
        title: `Point secret ${secret} at ${replica.instance} (${newAddress}); the password stays inside the secret`,
        target,
        needs: [],
        stage: 'execute',
        estimate: seconds(5),
        limit: minutes(8),
      }),
    ),
    ...consumers.map(releaseStep),
  ];
  const section = acts.map((step): StepDraft => ({ ...step, committed: true, needs: ['confirm'] }));
  const release = section.slice(-consumers.length).map((step) => step.id);
  const verified = consumers.map(
    ({ application, kind }): StepDraft => ({
      id: `verify-${application.id}`,
      action: 'verify-consumer',
      input: { application: application.id, kind, epoch, host: newAddress },
      title: `${application.id} writes and reads on ${replica.instance}`,
      target,
      needs: release,
      stage: 'verify',
      estimate: seconds(45),
      limit: minutes(10),
    }),
  );
  const verifyIds = verified.map((step) => step.id);
  const after: StepDraft[] = [
    ...consumers.map(
      ({ application, kind }): StepDraft => ({
        id: `hold-well-${application.id}`,
        action: 'stay-healthy',
        input: { application: application.id, kind, holdMs: system.guards.holdTime },
        title: `${application.id} stays well`,
        target,
        needs: verifyIds,
        stage: 'after',
        estimate: millis(system.guards.holdTime + 5_000),
        limit: minutes(20),
      }),
    ),
    {
      id: 'backup',
      action: 'take-backup',
      input: { instance: replica.instance, description: `first backup after ${incident}` },
      title: `Take the first backup of ${replica.instance}`,
      target,
      needs: verifyIds,
      stage: 'after',
      optional: true,
      estimate: minutes(2),
      limit: minutes(30),
    },
    {
      id: 'protect',
      action: 'protect-instance',
      input: { instance: replica.instance },
      title: `Turn on HA, backups, point-in-time recovery and deletion protection of ${replica.instance}`,
      target,
      needs: ['backup'],
      stage: 'after',
      optional: true,
      estimate: minutes(2),
      limit: minutes(30),
    },
    {
      id: 'replica',
      action: 'create-replica',
      input: {
        primary: replica.instance,
        replica: `${replica.instance}-${digestOf(incident).slice(0, 6)}`,
        region: replica.region,
      },
      title: `Ask for a new replica of ${replica.instance} in ${replica.region}`,
      target,
      needs: ['protect'],
      stage: 'after',
      optional: true,
      estimate: seconds(10),
      limit: minutes(30),
    },
  ];
  const confirm: StepDraft = {
    id: 'confirm',
    action: 'confirm-database-failed',
    input: {
      primary: primary.instance,
      replicas: facts.topology.filter((instance) => instance !== primary.instance),
      consumers: ids,
    },
    title: `Look once more whether ${primary.instance} is really failed`,
    target,
    needs: [],
    stage: 'prepare',
    estimate: seconds(5),
    limit: minutes(2),
  };
  return [confirm, ...section, ...verified, ...after];
}

// Region failover: everything of a region that is lost goes on in its secondary (runbook 5.1, in the order of design.md section 8).
//
//   write down ─▶ scale up ─▶ ready? ─▶ still dark? ─▶ [ hold ─▶ drain ─▶ ask to stop ─▶ fence ─▶ loss bound ─▶ PROMOTE ─▶ epoch
//   └── in mode auto at once, unasked ──┘  └── by people alone ──┘  │ undo, while nothing is promoted             │ no return
//                                                                                                                 ▼
//                       backup, protection, replica ◀─ holds? ◀─ users seen there ◀─ MOVE … ] ◀─ serves? ◀─ secrets ◀─ release
//
// Invariants
//   R1. Nothing is promoted on silence: the fence is proved, or people have accepted by name that nobody can prove it, and what that
//       means (design.md section 8). What can't be fenced stands on the page.
//   R2. Nobody is led to the secondary before its application writes to the promoted database and reads that back.
//   R3. The capacity that was made ready is not given away again: what waits in the secondary is not restarted for this.
//   R4. Whatever starts in the lost region when it returns reads where the database is now.
//   R5. What was where is written down before anything is changed, so that the return is watched for.
//
// The steps of the promotion are those of 3.1 (promotion-steps.ts). Corrected from the runbook: no kubectl context is switched, no
// password on a command line, the order of 3.1 is respected (a replica of another primary is never promoted), and the way of users is
// moved last, under the version that was read.
// Source: runbook 5.1; facts.md 3.4, 3.5, 5 and 10; failover-rules 3 and 6 to 11.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, instant, millis, minutes, seconds } from '../core/time.ts';
import { lossBound } from '../plan/loss-bound.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import type { ServiceLimits } from '../ports/standby-record.ts';
import { type InstanceName, targetId } from '../system/names.ts';
import { regionTarget } from '../system/regions.ts';
import type { Application, CloudRunApplication, Database, Entrance, RegionStandby, System } from '../system/system.ts';
import { showLimits } from './cluster-failover.ts';
import { type Consumer, holdStep, releaseStep } from './consumer-steps.ts';
import { type Place, promotionActs, redundancySteps, secretStep, verifyStep } from './promotion-steps.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface RegionFailoverFacts {
  readonly at: Instant;
  readonly standby: RegionStandby;
  readonly database: Database;
  readonly primary: InstanceStatus;
  readonly replica: InstanceStatus;
  /** Every instance of the topology as it is now. */
  readonly topology: readonly InstanceName[];
  readonly heartbeatAt: Instant | undefined;
  readonly refusedSince: Instant | undefined;
  readonly failedSince: Instant | undefined;
  /** What takes the users, and its limits before anything was changed for this. */
  readonly application: CloudRunApplication;
  readonly before: ServiceLimits;
  readonly revisionMax: number | undefined;
  /** Applications in the lost region that use the database: nobody reaches them. */
  readonly unreached: readonly Application[];
  /** Consumers elsewhere, which are taken away from the database as in 3.1. */
  readonly consumers: readonly Consumer[];
  /** Entrances that lead into the region, or to its secondary already, with what clients may still know. */
  readonly entrances: readonly { readonly entrance: Entrance; readonly from: string; readonly ttlMs: number }[];
  readonly warnings: readonly GuardBlock[];
  readonly opens: readonly string[];
}

/** The code of the warning that says what nobody can prove. */
const DARK = 'regionDark';

/** From the approval to the end of the fence, at the plan's own estimates; a growing bound counts this in. */
const FENCE_TAKES = minutes(10);

/** From the move until Monitoring shows requests: a minute of them, and the time until it is visible. */
const SHIFT_SEEN_AFTER = minutes(4);

/** Draws the plan from the facts alone; a sentence when it can't be done. */
export function drawRegionFailover(
  system: System,
  incident: string,
  scenario: string,
  facts: RegionFailoverFacts,
): Plan | string {
  const { standby, database, application, before, topology, entrances, unreached, at } = facts;
  const [primary, replica] = [placeOf(facts.primary), placeOf(facts.replica)];
  if (primary === undefined || replica === undefined)
    return 'the address of the primary or of the replica is not known';
  if (entrances.length === 0) return `no entrance leads from ${standby.region} to ${application.id}`;
  const allowed = Math.min(application.maxInstances, facts.revisionMax ?? Number.POSITIVE_INFINITY);
  if (standby.instances > allowed)
    return `${application.id} may have no more than ${allowed} instances, and needs ${standby.instances}`;
  const wanted: ServiceLimits = {
    min: Math.max(before.min, standby.instances),
    max: before.max === null ? null : Math.max(before.max, standby.instances),
  };
  const target = regionTarget(standby.region);
  const dark = darkness(facts);
  const drafts = draftSteps({ system, incident, primary, replica, wanted, facts });
  const policy = system.approvals.perRunbook['region-failover'];
  const approval = policy === undefined ? 0 : policy.expiresIn + policy.startWithin;
  return {
    version: 1,
    incident,
    runbook: 'region-failover',
    scenario,
    target,
    holds: [
      target,
      targetId(`database/${database.instance}`),
      ...topology.map((instance) => targetId(`instance/${instance}`)),
      ...[...unreached, ...facts.consumers.map(({ application: one }) => one), application].map(({ id }) =>
        targetId(`application/${id}`),
      ),
      ...entrances.map(({ entrance }) => targetId(`entrance/${entrance.id}`)),
    ],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: lossBound({
      now: at,
      skew: system.guards.clockSkew,
      heartbeatAt: facts.heartbeatAt,
      refusedSince: facts.refusedSince,
      latestFence: instant(at + approval + FENCE_TAKES),
    }),
    alternatives: alternatives(system, facts),
    // A plan that is drawn again gets the warnings of the first drawing, its own among them.
    warnings: [...facts.warnings.filter(({ code }) => code !== DARK), ...inForce(facts, dark)],
    bounds: {
      observedAtMs: at,
      primary: primary.instance,
      replica: replica.instance,
      topology: [...topology],
      opens: [...facts.opens],
      dark,
    },
    failback: `When ${standby.region} returns, ${primary.instance} may take writes again: it is looked for each minute, what was written on it is counted, and it is stopped, with an approval of its own that is asked for when this is done. Nothing is merged by itself, and leading everything back is for people.`,
  };
}

interface Draft {
  readonly system: System;
  readonly incident: string;
  readonly primary: Place;
  readonly replica: Place;
  readonly wanted: ServiceLimits;
  readonly facts: RegionFailoverFacts;
}

function draftSteps(draft: Draft): readonly StepDraft[] {
  const { system, facts, replica, wanted } = draft;
  const { application, entrances } = facts;
  const own = targetId(`application/${application.id}`);
  const section = sectionSteps(draft).map((step): StepDraft => ({ ...step, committed: true, needs: ['confirm'] }));
  const moved = section.map(({ id }) => id).slice(-1);
  const shifts = entrances.map(
    ({ entrance, ttlMs }): StepDraft => ({
      id: `shift-${entrance.id}`,
      action: 'see-traffic-shift',
      input: { entrance: entrance.id, application: application.id, ttlMs },
      title: `Users of ${entrance.host} are seen at ${application.service} in ${replica.region}`,
      target: targetId(`entrance/${entrance.id}`),
      needs: moved,
      stage: 'propagate',
      estimate: millis(SHIFT_SEEN_AFTER + ttlMs),
      limit: millis(minutes(20) + ttlMs),
    }),
  );
  const { holdTime } = system.guards;
  const hold: StepDraft = {
    id: 'hold',
    action: 'stay-healthy',
    input: { application: application.id, kind: 'cloudRun', holdMs: holdTime },
    title: `${application.service} stays well`,
    target: own,
    needs: shifts.map(({ id }) => id),
    stage: 'verify',
    estimate: holdTime,
    limit: millis(holdTime + minutes(10)),
  };
  const others = facts.consumers.map(
    ({ application: one }): StepDraft => ({ ...verifyStep(one, shared(draft)), needs: moved }),
  );
  return [
    ...prelude(draft, wanted),
    ...section,
    ...others,
    ...shifts,
    hold,
    ...redundancySteps(shared(draft), ['hold', ...others.map(({ id }) => id)]),
  ];
}

const shared = ({ incident, facts, replica }: Draft) => ({
  incident,
  target: targetId(`database/${facts.database.instance}`),
  replica,
});

/** What hurts nobody, and the last look. */
function prelude({ primary, replica, facts }: Draft, wanted: ServiceLimits): readonly StepDraft[] {
  const { standby, application, before, topology, entrances, unreached, consumers } = facts;
  const own = targetId(`application/${application.id}`);
  const target = regionTarget(standby.region);
  const limits = { before: { ...before }, wanted: { ...wanted } };
  return [
    {
      id: 'remember',
      action: 'remember-region',
      input: {
        region: standby.region,
        former: primary.instance,
        promoted: replica.instance,
        standby: application.id,
        ...limits,
      },
      title: `Write down that ${primary.instance} is the primary in ${standby.region}, and that ${application.service} has ${showLimits(before)} instances`,
      target,
      needs: [],
      stage: 'prepare',
      estimate: seconds(1),
    },
    {
      id: 'raise',
      action: 'raise-service',
      input: { application: application.id, ...limits },
      title: `Let ${application.service} in ${standby.secondary} have ${showLimits(wanted)} instances instead of ${showLimits(before)}`,
      target: own,
      needs: ['remember'],
      stage: 'prepare',
      estimate: seconds(20),
      limit: minutes(10),
    },
    {
      id: 'ready',
      action: 'check-secondary',
      input: { application: application.id, min: wanted.min, replica: replica.instance, host: replica.address },
      title: `${application.service} in ${standby.secondary} is ready: it has its instances, and answers from ${replica.instance}`,
      target: own,
      needs: ['raise'],
      stage: 'prepare',
      estimate: seconds(30),
      limit: minutes(10),
    },
    {
      id: 'confirm',
      action: 'confirm-region-lost',
      input: {
        region: standby.region,
        primary: primary.instance,
        replicas: topology.filter((instance) => instance !== primary.instance),
        consumers: [...unreached.map(({ id }) => id), ...consumers.map(({ application: one }) => one.id)],
        application: application.id,
        entrances: entrances.map(({ entrance }) => entrance.id),
      },
      title: `Look once more: nothing in ${standby.region} answers, and ${application.id} does`,
      target,
      needs: ['ready'],
      stage: 'execute',
      estimate: seconds(10),
    },
  ];
}

/** The committed section: it ends when the users of every entrance have been led to an application that writes (R2). */
function sectionSteps(draft: Draft): readonly StepDraft[] {
  const { incident, primary, replica, facts, system } = draft;
  const { application, consumers, unreached, entrances } = facts;
  const target = targetId(`database/${facts.database.instance}`);
  const places = [...unreached, ...consumers.map(({ application: one }) => one), application].map(({ id }) => id);
  const acts = promotionActs({
    incident,
    target,
    primary,
    replica,
    consumers,
    places,
    holdTime: system.guards.holdTime,
    endedAtMs: facts.refusedSince ?? null,
  });
  const secrets = [
    ...new Set(
      [...unreached, ...consumers.map(({ application: one }) => one), application].flatMap(
        ({ databaseSecret }) => databaseSecret ?? [],
      ),
    ),
  ];
  return [
    ...consumers.map(holdStep),
    ...acts.map((step) => (step.action === 'stop-instance' ? asked(step, primary) : step)),
    ...secrets.map((secret) => secretStep(secret, { target, replica })),
    ...consumers.map(releaseStep),
    verifyStep(application, { incident, target, replica }),
    ...entrances.map(
      ({ entrance, from }): StepDraft => ({
        id: `move-${entrance.id}`,
        action: 'move-traffic',
        input: { entrance: entrance.id, from, to: application.id },
        title: `Lead the users of ${entrance.host} to ${application.service} in ${replica.region}`,
        target: targetId(`entrance/${entrance.id}`),
        needs: [],
        stage: 'execute',
        estimate: seconds(30),
        limit: minutes(10),
      }),
    ),
  ];
}

/** A stop that is asked for, and proves nothing (R1). */
const asked = (step: StepDraft, { instance, region }: Place): StepDraft => ({
  ...step,
  action: 'ask-stop',
  title: `Ask Cloud SQL to stop ${instance}, which nobody reaches while ${region} is lost`,
});

const placeOf = ({ instance, address, region }: InstanceStatus): Place | undefined =>
  address === undefined ? undefined : { instance, address, region };

/** Why nobody will prove the fence, for the wall and for the page. */
const darkness = ({ standby, primary, unreached }: RegionFailoverFacts): string =>
  `${standby.region} is dark: nobody can prove that ${primary.instance} takes no writes, and nobody reaches ${unreached.map(({ id }) => id).join(', ')}; when the region returns, both sides may take writes`;

/** What an approver has to know of what can't be proved: which fences are in force all the same (design.md section 8). */
function inForce(
  { standby, primary, replica, unreached, opens }: RegionFailoverFacts,
  dark: string,
): readonly GuardBlock[] {
  if (!opens.includes('accept-unfenced-primary')) return [];
  const starting = unreached.map(({ id }) => id).join(' and ');
  return [
    {
      guard: 'fenceProved',
      kind: 'wall',
      code: DARK,
      observed: `${dark}. In force all the same: no entrance leads to ${standby.region}; ${starting} read where ${replica.instance} is when they start; ${primary.instance} is asked to stop, and is looked for each minute. Not in force: what runs on in ${standby.region} with the old address writes to ${primary.instance}, and so may whoever comes there without an entrance`,
      limit: 'accepted by name',
      clearsAtMs: null,
      openedBy: 'accept-unfenced-primary',
    },
  ];
}

function alternatives(system: System, facts: RegionFailoverFacts): readonly Alternative[] {
  const { standby, primary, replica, at, failedSince } = facts;
  const deadline = (failedSince ?? at) + system.objectives.rto;
  return [
    {
      name: 'wait',
      text: `Wait until Google brings ${standby.region} back`,
      estimateMs: null,
      losesMs: 0,
      possible: true,
      because: 'nobody can say how long it takes; users are turned away meanwhile, and nothing is lost',
      latestStartMs: null,
    },
    {
      name: 'database-failover',
      text: `Promote a replica in ${standby.region}`,
      estimateMs: null,
      losesMs: null,
      possible: false,
      because: `nothing in ${standby.region} answers`,
      latestStartMs: null,
    },
    {
      name: 'region-failover',
      text: `This plan: go on in ${standby.secondary} with ${replica.instance} instead of ${primary.instance}`,
      estimateMs: TAKES,
      losesMs: null,
      possible: true,
      because: 'the secondary answers; what it loses stands above',
      latestStartMs: deadline - TAKES,
    },
  ];
}

/** From the approval until users are seen in the secondary, at the plan's own estimates. */
const TAKES = minutes(15);

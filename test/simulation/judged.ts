import { between, instant, seconds, showDuration } from '../../shared/core/time.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { planDigest } from '../../shared/plan/plan.ts';
import { functionPrincipal } from '../../sandbox/world/reference-system.ts';
import type { FunctionName } from '../../shared/system/names.ts';
import { requestsIn } from './powers.ts';
import type { Run, RunIncident } from './run.ts';
import type { Effect, Vote } from './witness.ts';

// What several judges ask of a run.

/** A sentence for each time that it does not hold; none when it does. */
export type Invariant = (run: Run) => readonly string[];

/** Changes of the protected system by one of our functions. */
export const effectsBy = ({ witness }: Run, name: FunctionName): readonly Effect[] =>
  witness.effects.filter(({ call }) => call.principal === functionPrincipal(name));

const PROMOTE = 'cloudsql.instances.promoteReplica';

/** Promotions by us. */
export const promotionsOf = (run: Run): readonly Effect[] =>
  effectsBy(run, 'recover').filter(({ call }) => call.permission === PROMOTE);

/** `permission resource`, as powers.ts writes requests. */
export const requestOf = ({ call }: Effect): `${string} ${string}` => `${call.permission} ${call.resource}`;

/** A plan that stands in a log under its own digest, and where. */
export interface DrawnPlan {
  readonly plan: Plan;
  readonly digest: string;
  readonly incident: RunIncident;
}

/** Every plan that was drawn, by its own digest and not by what the event says. */
export const plansOf = (run: Run): readonly DrawnPlan[] =>
  run.incidents.flatMap((incident) =>
    incident.events.flatMap((event) =>
      event.kind === 'planDrawn' ? [{ plan: event.data.plan, digest: planDigest(event.data.plan), incident }] : [],
    ),
  );

/** Decisions that somebody of dr.yaml really made, by our own token, on that plan and in time. */
export function votesOn(run: Run, { plan, digest, incident }: DrawnPlan): readonly Vote[] {
  const { system } = run.stage;
  const policy = system.approvals.perRunbook[plan.runbook];
  const asked = new Map(
    incident.events.flatMap((event) => (event.kind === 'approvalAsked' ? [[event.data.approval, event.data]] : [])),
  );
  return run.witness.votes.filter(
    (vote) =>
      vote.isGenuine &&
      vote.incident === incident.state.id &&
      vote.planDigest === digest &&
      asked.get(vote.approval)?.planDigest === digest &&
      vote.at <= (asked.get(vote.approval)?.expiresAt ?? 0) + system.guards.clockSkew &&
      policy?.approvers.some((approver) => approver === vote.approver) === true,
  );
}

/**
 * The longest that a process of ours was frozen: a call that it was about to make is made when it thaws, by the right that it had (S4
 * asks for that right).
 */
export const longestFreeze = ({ stage, witness }: Run): number =>
  witness.meetings.some(({ what }) => what.startsWith('frozen'))
    ? Math.max(0, ...stage.plot.happenings.map(({ deed }) => (deed.kind === 'blow' ? (deed.blow.lasts ?? 0) : 0)))
    : 0;

/** Plans that allow a request and that somebody had approved by then, by an approval that was not void already. */
export function consentedBy(run: Run, effect: Effect): readonly DrawnPlan[] {
  return plansOf(run).filter((drawn) => {
    const voided = new Map(
      drawn.incident.events.flatMap((event) =>
        event.kind === 'approvalVoided' ? [[event.data.approval, event.at] as const] : [],
      ),
    );
    return (
      requestsIn(drawn.plan).has(requestOf(effect)) &&
      votesOn(run, drawn).some(
        ({ decision, approval, at }) =>
          decision === 'approve' &&
          at <= effect.at &&
          effect.at <= (voided.get(approval) ?? Number.POSITIVE_INFINITY) + IN_FLIGHT + longestFreeze(run),
      )
    );
  });
}

/** Whether somebody wrote into that incident's log, so that what it says of itself counts for nothing. */
export const isForged = (run: Run, { state }: RunIncident): boolean =>
  run.witness.forged.some(({ incident }) => incident === state.id);

/** `3m 20s` after the break. */
export const when = (run: Run, at: number): string => `at ${showDuration(between(run.brokenAt, instant(at)))}`;

/** An effect and when it happened. */
export const described = (run: Run, effect: Effect): string => `${requestOf(effect)} ${when(run, effect.at)}`;

/** Longest that a call of ours may still be under way when its process has lost its right to make it. */
export const IN_FLIGHT = seconds(30);

/** Longest that an ordinary request is on its way, after the last look before it. */
export const ON_ITS_WAY = seconds(3);

/** Whether a request may have arrived long after it was sent: a fault of the network, or a process that froze before it. */
export const hadLateRequests = ({ witness }: Run): boolean =>
  witness.meetings.some(
    ({ what }) => what === 'call arriveLate' || what === 'call slow' || what === 'frozen before a call',
  );

/** The last event of one of these kinds. */
export const lastOf = (events: readonly IncidentEvent[], ...kinds: readonly IncidentEvent['kind'][]) =>
  events.findLast(({ kind }) => kinds.includes(kind));

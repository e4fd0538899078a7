import { z } from 'zod';
import { type ActionContext, failure, type Progress, wall } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { PortError } from '../ports/port-error.ts';
import { brokenBudget, isRolledOut, type Rollout } from '../ports/rollouts.ts';
import { define } from './define.ts';

// Changes what a Deployment runs, and watches the rollout as `kubectl rollout status` does (facts.md 6.2).
//
// D1. Both revisions stand in the plan, by uid. If the Deployment runs neither, somebody else is at it: the plan is void.
// D2. The write carries the version that was looked at.
// D3. A rollout replaces pods without asking a PodDisruptionBudget, so the budget is asked here.
// D4. An old verdict of the controller (ProgressDeadlineExceeded) stays until there is progress: only a new one counts.

const revision = z.strictObject({ uid: z.string(), revision: z.number().int() });
const undone = z.strictObject({ application: z.string(), from: revision, to: revision });

/** What the controller had said before the change. */
const watched = z.strictObject({ gaveUpAt: z.string().nullable() });

/** Gives a Deployment the template of a former revision again, and waits until all its pods run it. */
export const undoRollout = define({
  kind: 'undo-rollout',
  risk: 'destructive',
  repeat: 'conditional',
  input: undone,
  version: z.strictObject({ version: z.string(), gaveUpAt: z.string().nullable() }),
  handle: watched,
  observe: async ({ application, from, to }, context) => {
    const rollout = await observedRollout(application, context);
    const gaveUpAt = rollout.gaveUpAt ?? null;
    if (rollout.current === to.uid)
      return isRolledOut(rollout)
        ? { kind: 'already', detail: `${application} runs revision ${to.revision} in every pod` }
        : { kind: 'inProgress', handle: { gaveUpAt }, detail: progressOf(rollout) };
    const refused = refusal(application, rollout, from);
    if (refused !== undefined) return { kind: 'refused', failure: refused };
    if (!rollout.revisions.some(({ uid }) => uid === to.uid)) {
      const detail = `${application}: revision ${to.revision} is no longer remembered, so it can't be given again`;
      return { kind: 'refused', failure: failure('voided', 'noSuchRevision', detail) };
    }
    return { kind: 'toDo', version: { version: rollout.version, gaveUpAt } };
  },
  start: async ({ application, to }, { version, gaveUpAt }, { world }) => {
    await world.rollouts.undo(application, to.uid, version);
    return { kind: 'running', handle: { gaveUpAt }, detail: `${application} goes back to revision ${to.revision}` };
  },
  poll: async ({ gaveUpAt }, { application, to }, { world }) =>
    pollRollout(application, await world.rollouts.inspect(application), ({ current }) => current === to.uid, gaveUpAt),
  verify: async ({ application, to }, { world }) => {
    const rollout = await world.rollouts.inspect(application);
    return {
      ok: rollout.current === to.uid && isRolledOut(rollout),
      detail: `${application} runs revision ${to.revision} in every pod`,
    };
  },
});

const restarted = z.strictObject({ application: z.string(), from: revision });

/**
 * Replaces every pod of a Deployment by one of the same template, as its strategy does, and waits until all are new. The template
 * names the incident from then on, by which a restart whose reply was lost is known again: it happens once in an incident.
 */
export const restartRollout = define({
  kind: 'restart-rollout',
  risk: 'destructive',
  repeat: 'conditional',
  input: restarted,
  version: z.strictObject({ version: z.string(), gaveUpAt: z.string().nullable() }),
  handle: watched,
  observe: async ({ application, from }, context) => {
    const rollout = await observedRollout(application, context);
    const gaveUpAt = rollout.gaveUpAt ?? null;
    if (isRestartedFor(context, rollout))
      return isRolledOut(rollout)
        ? { kind: 'already', detail: `every pod of ${application} was started anew` }
        : { kind: 'inProgress', handle: { gaveUpAt }, detail: progressOf(rollout) };
    const refused = refusal(application, rollout, from);
    if (refused !== undefined) return { kind: 'refused', failure: refused };
    if (rollout.replicas === 0) {
      const detail = `${application} is scaled to zero: there is nothing to restart`;
      return { kind: 'refused', failure: failure('refused', 'noReplicas', detail) };
    }
    return { kind: 'toDo', version: { version: rollout.version, gaveUpAt } };
  },
  start: async ({ application }, { version, gaveUpAt }, { world, run, clock }) => {
    await world.rollouts.restart(application, version, { incident: run.plan.incident, at: clock.now() });
    return { kind: 'running', handle: { gaveUpAt }, detail: `${application} starts every pod anew` };
  },
  poll: async ({ gaveUpAt }, { application }, context) => {
    const rollout = await context.world.rollouts.inspect(application);
    return pollRollout(application, rollout, (now) => isRestartedFor(context, now), gaveUpAt);
  },
  verify: async ({ application }, context) => {
    const rollout = await context.world.rollouts.inspect(application);
    return {
      ok: isRestartedFor(context, rollout) && isRolledOut(rollout),
      detail: `every pod of ${application} was started anew`,
    };
  },
});

const isRestartedFor = ({ run }: ActionContext, { restartedFor }: Rollout): boolean =>
  restartedFor === run.plan.incident;

/** The rollout, once its controller has seen the newest template: before, nobody can tell whose it is. */
async function observedRollout(application: string, { world }: ActionContext): Promise<Rollout> {
  const rollout = await world.rollouts.inspect(application);
  if (!rollout.observed || rollout.current === undefined)
    throw new PortError('retryable', 'notObserved', `looking at the rollout of ${application}`);
  return rollout;
}

/** Why the rollout of a Deployment may not be changed now. */
function refusal(
  application: string,
  rollout: Rollout,
  from: { readonly uid: string; readonly revision: number },
): StepFailure | undefined {
  if (rollout.current !== from.uid) {
    const detail = `${application} no longer runs revision ${from.revision}, so somebody else is at it`;
    return failure('voided', 'rolledOn', detail);
  }
  if (rollout.paused)
    return failure('refused', 'rolloutPaused', `${application}: its rollout is paused by somebody, who has to decide`);
  const broken = brokenBudget(rollout);
  return broken === undefined
    ? undefined
    : wall('disruptionBudget', 'budgetWouldBreak', {
        observed: broken,
        limit: 'as many pods available as the budget wants',
        openedBy: null,
      });
}

/** How a rollout goes on. `isOurs`: whether what the Deployment runs is what we asked for. */
function pollRollout(
  application: string,
  rollout: Rollout,
  isOurs: (rollout: Rollout) => boolean,
  gaveUpAt: string | null,
): Progress {
  const handle = { gaveUpAt };
  if (!rollout.observed || rollout.current === undefined)
    return { kind: 'running', handle, detail: 'the controller has not seen it yet' };
  if (!isOurs(rollout)) {
    const detail = `${application} runs another revision than the plan's, so somebody else is at it`;
    return { kind: 'failed', failure: failure('voided', 'rolledOn', detail) };
  }
  if (isRolledOut(rollout)) return { kind: 'done', detail: progressOf(rollout) };
  if (rollout.gaveUpAt !== undefined && rollout.gaveUpAt !== gaveUpAt) {
    const detail = `${application}: its rollout has exceeded its progress deadline; ${progressOf(rollout)}`;
    return { kind: 'failed', failure: failure('notVerified', 'progressDeadline', detail) };
  }
  return { kind: 'running', handle, detail: progressOf(rollout) };
}

const progressOf = ({ updated, total, available, replicas }: Rollout): string =>
  `${updated} of ${replicas} pods are of the revision asked for, ${available} are available, ${Math.max(0, total - updated)} of others are left`;

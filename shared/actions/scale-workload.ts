import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { type Instant, instant } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { requestVerdict } from '../ports/service-load.ts';
import { podsNow, readWorkloadLoad, wouldDo } from '../ports/workload-load.ts';
import type { WorkloadStatus } from '../ports/workloads.ts';
import { applicationOf } from '../system/topology.ts';
import { awaitRelief, beginWatch, type Relief, type UserVerdict, userVerdict, watchHandle } from './await-relief.ts';
import { define, verifiedByPolling } from './define.ts';

// Gives a Deployment more replicas for a while (runbook 4.2, step 5, corrected: `kubectl scale` would be undone by the autoscaler).
//
// Y1. With an autoscaler its floor is raised, and given back afterwards; without one the number of replicas is, and stays: to scale a
//     Deployment down is destructive.
// Y2. What it was before stands in the plan. Nothing is written over a number that is neither that nor what the plan asks for:
//     somebody else is at it.
// Y3. Both writes carry the version that was looked at.
// Y4. A floor that is in use and helps is not given back: that would bring the disaster back.

const scaled = z.strictObject({
  application: z.string(),
  /** The autoscaler's floor, or the number of replicas where there is none. */
  before: z.number().int().min(0),
  wanted: z.number().int().min(1),
  autoscaled: z.boolean(),
});
const watched = z.strictObject({ application: z.string(), before: z.number().int(), holdMs: z.number() });
const none = z.strictObject({});

/** Raises the floor, or the number of replicas. */
export const raiseWorkload = define({
  kind: 'raise-workload',
  risk: 'safe',
  repeat: 'conditional',
  input: scaled,
  version: z.string(),
  handle: none,
  observe: async ({ application, before, wanted, autoscaled }, { world }) => {
    const status = await world.workloads.inspect(application);
    const now = numberOf(status, autoscaled);
    if (now === wanted)
      return status.replicas >= wanted
        ? { kind: 'already', detail: `${application} has ${status.replicas} replicas` }
        : { kind: 'inProgress', handle: {}, detail: 'its autoscaler has not acted on it yet' };
    if (now === before) return { kind: 'toDo', version: status.version };
    const detail = `${application}: ${what(autoscaled)} is no longer ${before}, so somebody else is at it`;
    return { kind: 'refused', failure: failure('voided', 'scalingChanged', detail) };
  },
  start: async ({ application, wanted }, version, { world }) => {
    await world.workloads.raise(application, wanted, version);
    return { kind: 'running', handle: {}, detail: `${application} goes to ${wanted} replicas` };
  },
  // That they become ready is for the watch: where no node takes them, more replicas did not help.
  poll: async (_handle, { application, wanted }, { world }) => {
    const { replicas, ready } = await world.workloads.inspect(application);
    const detail = `${ready} of ${replicas} replicas are ready`;
    return replicas >= wanted ? { kind: 'done', detail } : { kind: 'running', handle: {}, detail };
  },
  verify: async ({ application, wanted }, { world }) => {
    const { replicas } = await world.workloads.inspect(application);
    return { ok: replicas >= wanted, detail: `${application} has ${replicas} replicas` };
  },
});

/**
 * Watches what came of it, until requests have been answered for the hold time with no more than the former replicas' worth of work,
 * or until it is clear that they won't be: that is a finding for the last step, since the floor is given back first.
 */
export const watchCrowd = define({
  kind: 'watch-crowd',
  risk: 'observe',
  repeat: 'terminal',
  input: watched,
  version: z.null(),
  handle: watchHandle,
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async (_input, _version, { clock }) => ({
    kind: 'running',
    handle: beginWatch(clock.now()),
    detail: 'watching',
  }),
  poll: async (known, { application, before, holdMs }, context): Promise<Progress> => {
    const { kind, text, formerWouldDo } = await lookAtCrowd(application, before, instant(known.sinceMs), context);
    const enough = `and ${before} replicas would do`;
    const seen: Relief = { application, holdMs, kind, text, isCalm: formerWouldDo === true, what: 'replicas', enough };
    return awaitRelief(known, seen, context.clock.now());
  },
  verify: verifiedByPolling,
});

/** Gives the autoscaler its former floor again, unless it is in use and helps (Y4), or somebody else has changed it (Y2). */
export const restoreFloor = define({
  kind: 'restore-floor',
  risk: 'safe',
  repeat: 'conditional',
  input: scaled,
  version: z.string(),
  handle: none,
  observe: async ({ application, before, wanted }, context) => {
    const status = await context.world.workloads.inspect(application);
    const floor = status.autoscaler?.min;
    if (floor === before) return { kind: 'already', detail: `the floor of ${application} is ${before} again` };
    if (floor !== wanted)
      return { kind: 'already', detail: `${application}: somebody else has changed its floor, which stays as it is` };
    const seen = await lookAtCrowd(application, before, undefined, context);
    if (seen.kind !== 'answers' || seen.formerWouldDo !== false) return { kind: 'toDo', version: status.version };
    const detail = `${application} answers, and needs more than ${before} replicas (${seen.text}): its floor stays at ${wanted} until it no longer needs that, or a person takes it back`;
    return { kind: 'refused', failure: failure('refused', 'stillNeeded', detail) };
  },
  start: async ({ application, before }, version, { world }) => {
    await world.workloads.restoreFloor(application, before, version);
    return { kind: 'running', handle: {}, detail: `the floor of ${application} goes back to ${before}` };
  },
  poll: async (_handle, { application, wanted }, { world }) => {
    const { autoscaler } = await world.workloads.inspect(application);
    const detail = `its floor is ${autoscaler?.min ?? 0}`;
    return autoscaler?.min === wanted ? { kind: 'running', handle: {}, detail } : { kind: 'done', detail };
  },
  verify: async ({ application, wanted }, { world }) => ({
    ok: (await world.workloads.inspect(application)).autoscaler?.min !== wanted,
    detail: `${application} has its former floor`,
  }),
});

const numberOf = ({ replicas, autoscaler }: WorkloadStatus, autoscaled: boolean): number | undefined =>
  autoscaled ? autoscaler?.min : autoscaler === undefined ? replicas : undefined;

const what = (autoscaled: boolean): string => (autoscaled ? 'the floor of its autoscaler' : 'its number of replicas');

/** What users meet now, and whether the former replicas would do for it; `undefined` where nobody knows. */
interface CrowdLook {
  readonly kind: UserVerdict;
  readonly formerWouldDo: boolean | undefined;
  readonly text: string;
}

/** `since`: minutes that began before that moment don't count. */
async function lookAtCrowd(
  application: string,
  before: number,
  since: Instant | undefined,
  { world, system, clock }: ActionContext,
): Promise<CrowdLook> {
  const known = applicationOf(system, application);
  assert(known?.kind === 'gke' && known.urlMap !== undefined, `${application} is no Deployment with a load balancer`);
  const now = clock.now();
  const [load, health] = await Promise.all([
    readWorkloadLoad(world.metrics, system.project, { ...known, urlMap: known.urlMap }, now),
    world.applications.deepHealth(application),
  ]);
  const pods = podsNow(load, now);
  const formerWouldDo = pods === undefined ? undefined : wouldDo(before, pods);
  const kind = userVerdict(load, health, { now, since });
  const used = pods === undefined ? 'an unknown use of CPU' : `${pods.pods} pods that use what ${pods.busy} request`;
  const busy = `${requestVerdict(load, now).text}, with ${used}`;
  return { kind, formerWouldDo, text: kind === 'databaseFails' ? `its database fails (${health.detail})` : busy };
}

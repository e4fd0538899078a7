import { z } from 'zod';
import { seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { brokenBudget, isRolledOut } from '../ports/rollouts.ts';
import { applicationOf } from '../system/topology.ts';
import { define } from './define.ts';

// Restarts every copy of an application, so that each reads its secrets anew, and waits until none of before is left and it serves: a
// Deployment rolls its pods, a Cloud Run service gets a new revision.

/** Between two looks at a rollout. */
const SOON = seconds(2);

const input = z.strictObject({
  application: z.string(),
  /** Names this restart: what carries it already is not restarted again. */
  stamp: z.string(),
  /** Versions of secrets that it must not read again: without a newer one a restart would change nothing. */
  instead: z.array(z.strictObject({ secret: z.string(), version: z.string() })),
  /** Nobody reaches it now, so that it can't be asked whether it serves: that its new copies are ready is enough. */
  isCutOff: z.boolean().optional(),
});

/** Rolls a Deployment, or makes a new revision of a Cloud Run service. */
export const restartApplication = define({
  kind: 'restart-application',
  risk: 'destructive',
  repeat: 'named',
  input,
  version: z.string(),
  handle: z.null(),
  observe: async ({ application, stamp, instead }, context) => {
    const found = await copiesOf(
      application,
      context,
      instead.map(({ secret }) => secret),
    );
    if (found.stamp === stamp) return { kind: 'inProgress', handle: null, detail: found.detail };
    for (const { secret, version } of instead) {
      const newest = await context.world.secrets.latest(secret);
      if (newest.version === version || !newest.enabled)
        return {
          kind: 'refused',
          failure: failure('refused', 'nothingNew', `${secret} has no newer version that is enabled`),
        };
    }
    return found.obstacle === undefined
      ? { kind: 'toDo', version: found.version }
      : { kind: 'refused', failure: failure('refused', 'notNow', `${application}: ${found.obstacle}`) };
  },
  start: async ({ application, stamp }, version, context) => {
    const { world, clock } = context;
    if (isOnCluster(application, context))
      await world.rollouts.restart(application, version, { incident: stamp, at: clock.now() });
    else await world.serviceRestarts.restart(application, stamp, version);
    return { kind: 'running', handle: null, detail: `${application} is being restarted`, again: SOON };
  },
  poll: (_handle, { application, isCutOff }, context) => pollCopies(application, isCutOff ?? false, context),
  verify: async ({ application, stamp }, context) => {
    const { stamp: now, complete, detail } = await copiesOf(application, context);
    return { ok: complete && now === stamp, detail };
  },
});

async function pollCopies(application: string, isCutOff: boolean, context: ActionContext): Promise<Progress> {
  const { complete, detail } = await copiesOf(application, context);
  if (!complete) return { kind: 'running', handle: null, detail, again: SOON };
  if (isCutOff) return { kind: 'done', detail };
  const health = await context.world.applications.deepHealth(application);
  const isWaiting = context.system.regions.some((region) => region.application === application);
  // What waits beside a replica can't write and says so: it has logged in there, which is all that it can do.
  const isWell = health.kind === 'serving' || (isWaiting && health.database?.inRecovery === true);
  return isWell
    ? { kind: 'done', detail }
    : { kind: 'running', handle: null, detail: `${application}: ${health.detail}`, again: SOON };
}

/** How far a restart of all copies of an application has come. */
export interface Copies {
  /** What the last restart of ours was for, by the name that it was given; `undefined` when there was none, or another change since. */
  readonly stamp: string | undefined;
  /** Every copy runs what was asked for last, none is left of before, and there is at least one. */
  readonly complete: boolean;
  readonly detail: string;
  /** Goes with the change. */
  readonly version: string;
  /** Why it must not be restarted now. */
  readonly obstacle: string | undefined;
}

/** Looks at the copies of an application, wherever they run. `anew`: the secrets that it has to read anew. */
export async function copiesOf(
  application: string,
  context: ActionContext,
  anew: readonly string[] = [],
): Promise<Copies> {
  const { world } = context;
  if (isOnCluster(application, context)) {
    const rollout = await world.rollouts.inspect(application);
    const { restartedFor, updated, replicas, available, version, paused } = rollout;
    const obstacle =
      replicas === 0
        ? 'it is scaled to zero, so there is nothing to restart'
        : paused
          ? 'its rollout is paused by somebody, who has to decide'
          : brokenBudget(rollout);
    const detail = `${updated} of ${replicas} replicas of ${application} are new, ${available} are available`;
    return { stamp: restartedFor, complete: isRolledOut(rollout), detail, version, obstacle };
  }
  const { restartedFor, complete, pinnedTo, fixedSecrets, etag } = await world.serviceRestarts.inspect(application);
  const pinned = pinnedTo.length === 0 ? undefined : `its users are led to ${pinnedTo.join(', ')} by name`;
  const fixed = fixedSecrets.find(({ secret }) => anew.includes(secret));
  const obstacle =
    pinned !== undefined
      ? `${pinned}, and a new revision would get none of them: whoever did that has to lead them to the latest, or to restart that one`
      : fixed === undefined
        ? undefined
        : `it reads version ${fixed.version} of ${fixed.secret} by number, and would read it again: it has to be told to read the latest`;
  const detail = !complete
    ? `the newest revision of ${application} is not ready yet`
    : `${application} ${pinned === undefined ? 'serves from its newest revision' : `does not serve from its newest revision: ${pinned}`}`;
  return { stamp: restartedFor, complete: complete && pinned === undefined, detail, version: etag, obstacle };
}

const isOnCluster = (application: string, { system }: ActionContext): boolean =>
  applicationOf(system, application)?.kind === 'gke';

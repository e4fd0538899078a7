import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { type Instant, instant, seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { isPortError } from '../ports/port-error.ts';
import type { ServiceStatus } from '../ports/services.ts';
import { activeInstances, latencyVerdict, readServiceLoad, requestVerdict } from '../ports/service-load.ts';
import { limitsWire, type ServiceLimits } from '../ports/standby-record.ts';
import { applicationOf } from '../system/topology.ts';
import { awaitRelief, beginWatch, type Relief, type UserVerdict, userVerdict, watchHandle } from './await-relief.ts';
import { define, verifiedByPolling } from './define.ts';
import { pollService } from './service-change.ts';

// Gives a Cloud Run service more instances for a while, and takes them back (issue 4, point 3). Only the service's own minimum and
// maximum are written, which makes no new revision (facts.md 4).
//
// Z1. What it was before stands in the plan. Nothing is written over a scaling that is neither that nor what the plan asks for:
//     somebody else is at it.
// Z2. Both writes carry the etag that was looked at.
// Z3. Limits that are in use and help are not taken back: that would bring the disaster back.

const scaled = z.strictObject({ application: z.string(), before: limitsWire, wanted: limitsWire });
const watched = z.strictObject({ application: z.string(), before: limitsWire, holdMs: z.number() });

/** The operation of a change; `null` when its name was lost with the reply, and only the service can be asked. */
const change = z.strictObject({ operation: z.string().nullable() });

/** Between two looks at a service that is changing. */
const SOON = seconds(1);

/** Raises the minimum and the maximum. */
export const raiseService = define({
  kind: 'raise-service',
  risk: 'safe',
  repeat: 'conditional',
  input: scaled,
  version: z.string(),
  handle: change,
  observe: async ({ application, before, wanted }, { world }) => {
    const status = await world.services.inspect(application);
    if (has(status, wanted))
      return status.settled
        ? { kind: 'already', detail: `${application} may have ${show(wanted)} instances` }
        : { kind: 'inProgress', handle: { operation: null }, detail: CHANGING };
    if (has(status, before)) return { kind: 'toDo', version: status.etag };
    const detail = `${application}: its scaling is no longer ${show(before)}, so somebody else is at it`;
    return { kind: 'refused', failure: failure('voided', 'scalingChanged', detail) };
  },
  start: async ({ application, before, wanted }, etag, { world }) => {
    try {
      const operation = await world.services.setScaling(application, scalingTo(wanted), etag);
      return { kind: 'running', handle: { operation }, detail: CHANGING, again: SOON };
    } catch (error) {
      if (!isPortError(error) || error.kind !== 'permanent') throw error;
      const detail = `Cloud Run refuses ${show(wanted)} instances of ${application} (${error.code}), which is its quota or a limit of its own; it keeps ${show(before)}`;
      return { kind: 'failed', failure: failure('permanent', 'limitRefused', detail) };
    }
  },
  poll: ({ operation }, { application }, context) => pollService(operation, application, context),
  verify: async ({ application, wanted }, { world }) => {
    const status = await world.services.inspect(application);
    return {
      ok: status.ready && has(status, wanted),
      detail: `${application} may have ${show(wanted)} instances`,
    };
  },
});

/**
 * Watches what came of it, until the service has answered for the hold time with no more instances than it could have before, or
 * until it is clear that it won't: that is a finding for the last step, and no failure, since the limits are taken back first.
 */
export const watchRelief = define({
  kind: 'watch-relief',
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
    const { kind, text, active } = await lookAtLoad(application, instant(known.sinceMs), context);
    const isCalm = active !== undefined && active <= (before.max ?? Number.POSITIVE_INFINITY);
    const enough = `with ${show(before)} instances enough for it`;
    const seen: Relief = { application, holdMs, kind, text, isCalm, what: 'instances', enough };
    return awaitRelief(known, seen, context.clock.now());
  },
  verify: verifiedByPolling,
});

/** Takes the raised limits back, unless they are in use and help (Z3), or somebody else has changed them (Z1). */
export const restoreService = define({
  kind: 'restore-service',
  risk: 'safe',
  repeat: 'conditional',
  input: scaled,
  version: z.string(),
  handle: change,
  observe: async ({ application, before, wanted }, context) => {
    const status = await context.world.services.inspect(application);
    if (has(status, before))
      return status.settled
        ? { kind: 'already', detail: `${application} has its former limits, ${show(before)} instances` }
        : { kind: 'inProgress', handle: { operation: null }, detail: CHANGING };
    if (!has(status, wanted))
      return { kind: 'already', detail: `${application}: somebody else has changed its scaling, which stays as it is` };
    const seen = await lookAtLoad(application, undefined, context);
    const isNeeded = seen.kind === 'answers' && (seen.active ?? 0) > (before.max ?? Number.POSITIVE_INFINITY);
    if (!isNeeded) return { kind: 'toDo', version: status.etag };
    const detail = `${application} answers, and needs more than ${before.max ?? 0} instances (${seen.text}): its limits stay at ${show(wanted)} until it no longer needs them, or a person takes them back`;
    return { kind: 'refused', failure: failure('refused', 'stillNeeded', detail) };
  },
  start: async ({ application, before }, etag, { world }) => {
    const operation = await world.services.setScaling(application, scalingTo(before), etag);
    return { kind: 'running', handle: { operation }, detail: CHANGING, again: SOON };
  },
  poll: ({ operation }, { application }, context) => pollService(operation, application, context),
  verify: async ({ application, wanted }, { world }) => ({
    ok: !has(await world.services.inspect(application), wanted),
    detail: `${application} has its former limits`,
  }),
});

const CHANGING = 'Cloud Run is carrying it out';

const scalingTo = ({ min, max }: ServiceLimits) => ({ kind: 'automatic', min, max: max ?? undefined }) as const;

const has = ({ scaling }: ServiceStatus, { min, max }: ServiceLimits): boolean =>
  scaling.kind === 'automatic' && scaling.min === min && (scaling.max ?? null) === max;

const show = ({ min, max }: ServiceLimits): string => (max === null ? `at least ${min}` : `${min} to ${max}`);

/** What users meet now, and how many instances are busy with it. */
interface LoadLook {
  readonly kind: UserVerdict;
  readonly active: number | undefined;
  readonly text: string;
}

/** `since`: minutes that began before that moment don't count. */
async function lookAtLoad(
  application: string,
  since: Instant | undefined,
  { world, system, clock }: ActionContext,
): Promise<LoadLook> {
  const known = applicationOf(system, application);
  assert(known?.kind === 'cloudRun', `${application} is no Cloud Run application of this system`);
  const now = clock.now();
  const [load, health] = await Promise.all([
    readServiceLoad(world.metrics, system.project, known, now),
    world.applications.deepHealth(application),
  ]);
  const active = activeInstances(load, now);
  const kind = userVerdict(load, health, { now, since });
  const latency = latencyVerdict(load, now).text;
  const busy = `${requestVerdict(load, now).text}${latency === '' ? '' : `, ${latency}`}, with ${active ?? 'an unknown number of'} busy instances`;
  return { kind, active, text: kind === 'databaseFails' ? `its database fails (${health.detail})` : busy };
}

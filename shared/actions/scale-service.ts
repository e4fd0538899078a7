import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { between, type Instant, instant, minutes, seconds, showDuration } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { ServiceStatus } from '../ports/services.ts';
import { activeInstances, LOAD_AGE_MAX, readServiceLoad, requestVerdict } from '../ports/service-load.ts';
import { limitsWire, type ServiceLimits } from '../ports/standby-record.ts';
import { applicationOf } from '../system/topology.ts';
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

/** What the watch found, where it was no relief. */
const outputWire = z.strictObject({ finding: z.strictObject({ code: z.string(), detail: z.string() }) });

/** The operation of a change; `null` when its name was lost with the reply, and only the service can be asked. */
const change = z.strictObject({ operation: z.string().nullable() });

/** Between two looks at a service that is changing. */
const SOON = seconds(1);

/** Between two looks at its load: Monitoring has a new point once a minute. */
export const WATCH_EVERY = seconds(15);

/** How long without relief says that more instances don't help: a new point may be as late as this, and instances have to start. */
export const RELIEF_WITHIN = minutes(7);

/** How long raised limits are watched. While it lasts the service is locked, and its database's failover has to wait for it. */
export const WATCH_MAX = minutes(20);

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
  start: async ({ application, wanted }, etag, { world }) => {
    const operation = await world.services.setScaling(application, scalingTo(wanted), etag);
    return { kind: 'running', handle: { operation }, detail: CHANGING, again: SOON };
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
  handle: z.strictObject({
    sinceMs: z.number(),
    // Both change only when what is seen does: a log is no chart.
    refusingSinceMs: z.number().nullable(),
    calmSinceMs: z.number().nullable(),
  }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async (_input, _version, { clock }) => ({
    kind: 'running',
    handle: { sinceMs: clock.now(), refusingSinceMs: clock.now(), calmSinceMs: null },
    detail: 'watching',
  }),
  poll: async (known, { application, before, holdMs }, context): Promise<Progress> => {
    const seen = await lookAtLoad(application, instant(known.sinceMs), context);
    const now = context.clock.now();
    const found = (code: string, text: string): Progress => {
      const detail = `${application}: ${text}`;
      return { kind: 'done', detail, output: { finding: { code, detail } } };
    };
    if (seen.kind === 'databaseFails') return found('databaseFails', seen.text);
    const answers = seen.kind === 'answers';
    const isCalm = answers && seen.active !== undefined && seen.active <= (before.max ?? Number.POSITIVE_INFINITY);
    const refusingSinceMs = answers ? null : (known.refusingSinceMs ?? now);
    const calmSinceMs = isCalm ? (known.calmSinceMs ?? now) : null;
    if (calmSinceMs !== null && now - calmSinceMs >= holdMs)
      return { kind: 'done', detail: `${application} answers, with ${show(before)} instances enough for it` };
    if (refusingSinceMs !== null && now - refusingSinceMs >= RELIEF_WITHIN)
      return found('moreInstancesDidNotHelp', `more instances did not help: ${seen.text}`);
    const took = between(instant(known.sinceMs), now);
    if (took >= WATCH_MAX) return found('stillNeeded', `after ${showDuration(took)} ${seen.text}`);
    const handle = { sinceMs: known.sinceMs, refusingSinceMs, calmSinceMs };
    return { kind: 'running', handle, detail: seen.text, again: WATCH_EVERY };
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
    const detail = `${application} answers, and needs more than ${before.max ?? 0} instances (${seen.text}): its limits stay at ${show(wanted)} until a person takes them back`;
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

/** Steps that watch what came of a raise. */
export const WATCHES: ReadonlySet<string> = new Set(['watch-relief', 'watch-crowd']);

/** The end: what the watch found goes to people, unless it was relief. It only reads the log, and changes nothing. */
export const confirmRelief = define({
  kind: 'confirm-relief',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ application: z.string() }),
  version: z.null(),
  handle: z.null(),
  observe: async ({ application }, { run }) => {
    const watch = run.plan.steps.find(({ action }) => WATCHES.has(action));
    const progress = watch === undefined ? undefined : run.steps.get(watch.id);
    const read = outputWire.safeParse(progress?.kind === 'done' ? progress.output : null);
    if (!read.success) return { kind: 'already', detail: `${application} was relieved` };
    const { code, detail } = read.data.finding;
    return { kind: 'refused', failure: failure('notVerified', code, detail) };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'confirming' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'confirming' }),
  verify: verifiedByPolling,
});

const CHANGING = 'Cloud Run is carrying it out';

const scalingTo = ({ min, max }: ServiceLimits) => ({ kind: 'automatic', min, max: max ?? undefined }) as const;

const has = ({ scaling }: ServiceStatus, { min, max }: ServiceLimits): boolean =>
  scaling.kind === 'automatic' && scaling.min === min && (scaling.max ?? null) === max;

const show = ({ min, max }: ServiceLimits): string => (max === null ? `at least ${min}` : `${min} to ${max}`);

/** What users meet now. `answers`: the front end turns nobody away, and we are served as well. */
interface LoadLook {
  readonly kind: 'answers' | 'refuses' | 'databaseFails';
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
  const [newest] = load.minutes;
  const { says, text: requests } = requestVerdict(load, now);
  const text = `${requests}, with ${active ?? 'an unknown number of'} busy instances`;
  if (health.kind === 'failing' && health.database?.writable === false)
    return { kind: 'databaseFails', active, text: `its database fails (${health.detail})` };
  const isFresh =
    newest !== undefined &&
    between(newest.at, now) <= LOAD_AGE_MAX &&
    (since === undefined || newest.at >= since + minutes(1));
  const answers = isFresh && (says === 'fine' || newest.refused === 0) && health.kind === 'serving';
  return { kind: answers ? 'answers' : 'refuses', active, text };
}

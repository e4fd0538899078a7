import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { after, instant, minutes, seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { readRequestsThrough } from '../ports/entrance-readings.ts';
import { LOAD_AGE_MAX } from '../ports/service-load.ts';
import { entranceOf } from '../system/topology.ts';
import { define, verifiedByPolling } from './define.ts';
import { beneath, databaseFailsSince, heard, silentSince } from './give-way.ts';

// Leads an entrance from one application to another, and sees that its users follow (runbook 4.1, step 3, and the way back, which
// the runbook forgot).
//
// T1. Only an entrance that leads to where the plan found it is moved, under the version that was looked at: anything else is
//     somebody else's doing, and the plan is void.
// T2. Moved is not served: requests follow later, and with a record only when the ttl of what clients know has run out. Only what
//     comes through the entrance counts, asked from outside and counted by its load balancer.

const move = z.strictObject({ entrance: z.string(), from: z.string(), to: z.string() });

/** The operation of a change; `null` when its name was lost with the reply. */
const change = z.strictObject({ operation: z.string().nullable() });

const SOON = seconds(2);

/** Leads the entrance to the other application. */
export const moveTraffic = define({
  kind: 'move-traffic',
  risk: 'destructive',
  repeat: 'conditional',
  input: move,
  version: z.string(),
  handle: change,
  observe: async ({ entrance, from, to }, { world }) => {
    const { leadsTo, detail, version } = await world.traffic.inspect(entrance);
    if (leadsTo === to) return { kind: 'already', detail: `${entrance} leads to ${to}` };
    if (leadsTo === from) return { kind: 'toDo', version };
    return {
      kind: 'refused',
      failure: failure('voided', 'movedByOthers', `${entrance}: somebody else is at it (${detail})`),
    };
  },
  start: async ({ entrance, to }, version, { world }) => {
    const operation = await world.traffic.move(entrance, to, version);
    return { kind: 'running', handle: { operation }, detail: `${entrance} is being led to ${to}`, again: SOON };
  },
  poll: async ({ operation }, { entrance, to }, { world }): Promise<Progress> => {
    const detail = `${entrance} is being led to ${to}`;
    if (operation === null) return { kind: 'done', detail };
    const { done, error } = await world.traffic.operation(entrance, operation);
    if (!done) return { kind: 'running', handle: { operation }, detail, again: SOON };
    if (error !== undefined)
      return {
        kind: 'failed',
        failure: failure('permanent', 'operationFailed', `${entrance} was not moved: ${error}`),
      };
    return { kind: 'done', detail };
  },
  verify: async ({ entrance, to }, { world }) => {
    const { leadsTo, detail } = await world.traffic.inspect(entrance);
    return { ok: leadsTo === to, detail };
  },
});

const shift = z.strictObject({ entrance: z.string(), application: z.string(), ttlMs: z.number() });

/** Questions through the entrance that the application must answer one after the other. */
const ANSWERS = 3;

/** Waits until users are seen at the application: our own questions through the entrance, and the load balancer's count. */
export const seeTrafficShift = define({
  kind: 'see-traffic-shift',
  risk: 'observe',
  repeat: 'terminal',
  input: shift,
  version: z.null(),
  handle: z.strictObject({
    sinceMs: z.number(),
    answers: z.number().int(),
    databaseFailsSinceMs: databaseFailsSince,
    silentSinceMs: silentSince,
  }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ entrance }, _version, { clock }) => ({
    kind: 'running',
    handle: { sinceMs: clock.now(), answers: 0, databaseFailsSinceMs: null, silentSinceMs: null },
    detail: `asking at ${entrance}`,
  }),
  poll: async (
    { sinceMs, answers, databaseFailsSinceMs, silentSinceMs },
    { entrance, application, ttlMs },
    context,
  ): Promise<Progress> => {
    const { world, clock } = context;
    const [answer, health] = await Promise.all([
      world.traffic.ask(entrance),
      world.applications.deepHealth(application),
    ]);
    const below = beneath(application, health, databaseFailsSinceMs, context);
    if (below.failure !== undefined) return { kind: 'failed', failure: below.failure };
    const isSilent = health.kind === 'silent' && answer.kind !== 'serving';
    const above = heard(application, isSilent, silentSinceMs, context);
    if (above.failure !== undefined) return { kind: 'failed', failure: above.failure };
    const isTheirs = answer.kind === 'serving' && answer.application === application;
    const by = answer.application ?? 'nobody who says so';
    // Once there were enough they are not counted further: a log is no chart.
    const known = isTheirs ? Math.min(answers + 1, ANSWERS) : 0;
    const wait = (detail: string): Progress => ({
      kind: 'running',
      handle: {
        sinceMs,
        answers: known,
        databaseFailsSinceMs: below.failsSinceMs,
        silentSinceMs: above.silentSinceMs,
      },
      detail,
    });
    if (known < ANSWERS) return wait(`${entrance} is answered by ${by} (${answer.detail})`);
    if (clock.now() - sinceMs < ttlMs) return wait('clients still know the old address');
    const counted = await requestsSince(entrance, application, sinceMs, context);
    if (counted === undefined) return wait(`${application} answers; its requests are not counted yet`);
    return {
      kind: 'done',
      detail: `${entrance} is answered by ${application}, ${counted} requests in the newest minute`,
    };
  },
  verify: verifiedByPolling,
});

/** How long no request may come from the entrance until an application counts as drained. */
const EMPTY_FOR = minutes(2);

/** Waits until the entrance sends an application nothing any more. */
export const awaitDrain = define({
  kind: 'await-drain',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ entrance: z.string(), application: z.string() }),
  version: z.null(),
  handle: z.strictObject({ sinceMs: z.number(), databaseFailsSinceMs: databaseFailsSince }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ application }, _version, { clock }) => ({
    kind: 'running',
    handle: { sinceMs: clock.now(), databaseFailsSinceMs: null },
    detail: `${application} drains`,
  }),
  poll: async ({ sinceMs, databaseFailsSinceMs }, { entrance, application }, context): Promise<Progress> => {
    const { world, system, clock } = context;
    const health = await world.applications.deepHealth(application);
    const below = beneath(application, health, databaseFailsSinceMs, context);
    if (below.failure !== undefined) return { kind: 'failed', failure: below.failure };
    const points = await readRequestsThrough(
      world.metrics,
      system.project,
      found(entrance, context),
      application,
      clock.now(),
    );
    if (points === undefined)
      return {
        kind: 'failed',
        failure: failure(
          'notVerified',
          'notCounted',
          `nobody counts the requests that ${entrance} sends to ${application}`,
        ),
      };
    const moved = after(instant(sinceMs), minutes(1));
    const busy = points.find(({ at, value }) => at >= moved && value > 0);
    // Where nothing comes there may be no point either: a minute that should long be visible was empty.
    const seenUntil = Math.max(points[0]?.at ?? 0, after(clock.now(), -LOAD_AGE_MAX));
    if (seenUntil - (busy?.at ?? moved) < EMPTY_FOR) {
      const seen = busy === undefined ? 'nothing is counted yet' : `${busy.value} requests in a minute`;
      return {
        kind: 'running',
        handle: { sinceMs, databaseFailsSinceMs: below.failsSinceMs },
        detail: `from ${entrance} to ${application}: ${seen}`,
      };
    }
    return { kind: 'done', detail: `${entrance} sends ${application} nothing any more` };
  },
  verify: verifiedByPolling,
});

/** Requests of the newest minute that began after that moment; `undefined` while there is none with any. */
async function requestsSince(
  entrance: string,
  application: string,
  sinceMs: number,
  context: ActionContext,
): Promise<number | undefined> {
  const { world, system, clock } = context;
  const points = await readRequestsThrough(
    world.metrics,
    system.project,
    found(entrance, context),
    application,
    clock.now(),
  );
  return points?.find(({ at, value }) => at >= after(instant(sinceMs), minutes(1)) && value > 0)?.value;
}

function found(entrance: string, { system }: ActionContext) {
  const known = entranceOf(system, entrance);
  assert(known !== undefined, `${entrance} is no entrance of this system`);
  return known;
}

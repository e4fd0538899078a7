import { z } from 'zod';
import { millis, minutes, seconds, showDuration } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { planDigest } from '../plan/plan.ts';
import { instanceName } from '../system/names.ts';
import { applicationOf, entranceOf } from '../system/topology.ts';
import { define, verifiedByPolling } from './define.ts';

// What makes a planned switchover lose nothing (failover-rules 8 and 10).
//
// O1. That a replica follows is seen by rows of our own that arrive on it, one after the other: a lag metric may be frozen.
// O2. The last write is a row of ours, written when nobody else can write any more. The log of PostgreSQL is ordered: where that row is, is
//     everything that was committed before it. Its name follows from the approved plan, which no other try has: neither a row of before, nor
//     anything in our own log, can stand for it.

/** Between two looks for a row. */
const SOON = seconds(1);

/** Rows that must arrive one after the other. */
const ROWS = 3;

const follows = z.strictObject({
  primary: z.string().transform(instanceName),
  replica: z.string().transform(instanceName),
  withinMs: z.number(),
});

/** Sees a replica follow: rows that are written on the primary now are read on it within so much time (O1). */
export const seeReplicaFollow = define({
  kind: 'see-replica-follow',
  risk: 'observe',
  repeat: 'terminal',
  input: follows,
  version: z.null(),
  handle: z.strictObject({ token: z.string(), writtenAtMs: z.number(), arrived: z.number().int() }),
  observe: async ({ primary, replica }, { world }) => {
    const { role, upstream, state } = await world.databases.inspect(replica);
    if (role === 'replica' && upstream === primary && state === 'runnable') return { kind: 'toDo', version: null };
    const detail = `${replica} is ${state}, a ${role} of ${upstream ?? 'nobody'}, and not a replica of ${primary}`;
    return { kind: 'refused', failure: failure('voided', 'notItsReplica', detail) };
  },
  start: (request, _version, context) => writeRow(0, request, context),
  poll: async ({ token, writtenAtMs, arrived }, request, context): Promise<Progress> => {
    const { primary, replica, withinMs } = request;
    const waited = millis(context.clock.now() - writtenAtMs);
    if ((await context.world.dataPlane.hasCanary(replica, token)) === true) {
      if (arrived + 1 < ROWS) return await writeRow(arrived + 1, request, context);
      return { kind: 'done', detail: `${ROWS} rows of ${primary} were read on ${replica}, the last in ${waited} ms` };
    }
    const detail = `a row of ${primary} is not on ${replica} after ${showDuration(waited)}`;
    if (waited <= withinMs)
      return {
        kind: 'running',
        handle: { token, writtenAtMs, arrived },
        detail: `waiting for ${replica}`,
        again: SOON,
      };
    return { kind: 'failed', failure: failure('voided', 'replicaLags', detail) };
  },
  verify: verifiedByPolling,
});

async function writeRow(
  arrived: number,
  { primary, replica }: z.infer<typeof follows>,
  { world, clock, chance }: ActionContext,
): Promise<Progress> {
  const token = `follow-${chance.uuid()}`;
  const writtenAtMs = clock.now();
  const outcome = await world.dataPlane.canary(primary, token);
  if (outcome.kind !== 'written') {
    const detail = `${primary} does not take a row of ours (${outcome.kind})`;
    return { kind: 'failed', failure: failure('voided', 'primaryRefuses', detail) };
  }
  const detail = `waiting for ${replica}, which has shown ${arrived} of ${ROWS} rows`;
  return { kind: 'running', handle: { token, writtenAtMs, arrived }, detail, again: SOON };
}

const way = z.strictObject({ entrance: z.string(), leadsTo: z.string(), ttlMs: z.number() });

/** Looks at an entrance before a planned move: it leads where the plan says, and clients don't know it for longer than the file says. */
export const checkWay = define({
  kind: 'check-way',
  risk: 'observe',
  repeat: 'terminal',
  input: way,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ entrance, leadsTo, ttlMs }, _version, { world, system }) => {
    const found = await world.traffic.inspect(entrance);
    const refused = (kind: StepFailure['kind'], code: string, detail: string): Progress => ({
      kind: 'failed',
      failure: failure(kind, code, detail),
    });
    if (found.leadsTo !== leadsTo)
      return refused('voided', 'movedByOthers', `${entrance} does not lead to ${leadsTo} any more: ${found.detail}`);
    const known = millis(found.ttlMs ?? 0);
    if (known > ttlMs) {
      const text = `clients know ${entranceOf(system, entrance)?.host ?? entrance} for ${showDuration(known)}, and dr.yaml says ${showDuration(millis(ttlMs))}`;
      return refused(
        'refused',
        'ttlTooLong',
        `${text}: shorten the ttl of the record, and wait for the old one to end`,
      );
    }
    return {
      kind: 'done',
      detail: `${entrance} leads to ${leadsTo}, and clients know that for ${showDuration(known)}`,
    };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: verifiedByPolling,
});

/** Longest that users are turned away for a last row that does not arrive: then everything is given back, and people choose again. */
const PATIENCE = minutes(1);

/** What the last write is told by: on which primary, for which replica, and who must be gone before. */
export const lastWriteInput = z.strictObject({
  primary: z.string().transform(instanceName),
  replica: z.string().transform(instanceName),
  consumers: z.array(z.string()),
});
type LastWrite = z.infer<typeof lastWriteInput>;

const marking = z.strictObject({ isWritten: z.boolean(), sinceMs: z.number() });

/** The name of the last row: a plan that is drawn again, for another try, is another one. */
const rowOf = ({ run }: Pick<ActionContext, 'run'>): string => `last-${planDigest(run.plan).slice(0, 24)}`;

/** Writes the last row when every writer is gone, and waits until it is on the replica (O2). */
export const markLastWrite = define({
  kind: 'mark-last-write',
  risk: 'observe',
  repeat: 'terminal',
  input: lastWriteInput,
  version: z.null(),
  handle: marking,
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (request, _version, context) =>
    lookForLastWrite({ isWritten: false, sinceMs: context.clock.now() }, request, context),
  poll: lookForLastWrite,
  verify: async (request, context) => {
    const doubt = await whyNotCaughtUp(request, context);
    return { ok: doubt === undefined, detail: doubt ?? `${request.replica} has the last write of ${request.primary}` };
  },
});

async function lookForLastWrite(
  { isWritten, sinceMs }: z.infer<typeof marking>,
  request: LastWrite,
  context: ActionContext,
): Promise<Progress> {
  const { primary, replica } = request;
  const { dataPlane } = context.world;
  const row = rowOf(context);
  const wait = (detail: string, written = isWritten): Progress =>
    context.clock.now() - sinceMs > PATIENCE
      ? { kind: 'failed', failure: failure('refused', 'notCaughtUp', `${detail}, for ${showDuration(PATIENCE)}`) }
      : { kind: 'running', handle: { isWritten: written, sinceMs }, detail, again: SOON };
  const writers = await whoMayWrite(request, context);
  if (writers !== undefined) return wait(writers);
  if (!isWritten) {
    const { kind } = await dataPlane.canary(primary, row);
    return kind === 'written' ? wait(`the last row of ${primary} is written`, true) : wait(`${primary}: ${kind}`);
  }
  if ((await dataPlane.hasCanary(replica, row)) !== true) return wait(`${replica} does not have the last row yet`);
  return {
    kind: 'done',
    detail: `${replica} has the last row of ${primary}, and so everything that was written before it`,
  };
}

/** Who may still write; `undefined` when nobody can: every consumer is at zero, and nobody holds a session. Not knowing is no end. */
async function whoMayWrite(
  { primary, consumers }: Pick<LastWrite, 'primary' | 'consumers'>,
  context: ActionContext,
): Promise<string | undefined> {
  const held = await Promise.all(consumers.map((id) => isAway(id, context)));
  const left = consumers.filter((_id, index) => held[index] !== true);
  if (left.length > 0) return `${left.join(', ')} may still write to ${primary}`;
  const sessions = await context.world.dataPlane.sessions(primary);
  if (sessions === undefined) return `nobody knows who holds sessions on ${primary}`;
  const open = sessions.filter(({ count }) => count > 0);
  return open.length === 0
    ? undefined
    : `sessions are open on ${primary}: ${open.map(({ client, count }) => `${count} from ${client}`).join(', ')}`;
}

async function isAway(id: string, { world, system }: ActionContext): Promise<boolean> {
  if (applicationOf(system, id)?.kind === 'gke') {
    const [{ replicas }, pods] = await Promise.all([world.workloads.inspect(id), world.workloads.pods(id)]);
    return replicas === 0 && pods.length === 0;
  }
  const { scaling, settled } = await world.services.inspect(id);
  return settled && scaling.kind === 'manual' && scaling.instances === 0;
}

/** What speaks against the replica having everything, as it is now; asked again at the last moment before it is promoted. */
export async function whyNotCaughtUp(
  { primary, replica, consumers }: LastWrite,
  context: ActionContext,
): Promise<string | undefined> {
  const held = await Promise.all(consumers.map((id) => isAway(id, context)));
  const back = consumers.filter((_id, index) => held[index] !== true);
  if (back.length > 0) return `${back.join(', ')} are not away from ${primary} any more`;
  const found = await context.world.dataPlane.hasCanary(replica, rowOf(context));
  return found === true
    ? undefined
    : `${replica} ${found === false ? 'lacks' : 'does not show'} the last row of ${primary}`;
}

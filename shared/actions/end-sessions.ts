import { z } from 'zod';
import { seconds } from '../core/time.ts';
import type { ActionContext, Progress } from '../engine/action.ts';
import { define } from './define.ts';

// Ends every session that is in a store: whoever is signed in signs in again, a thief among them (runbook 7.1, corrected: by prefix and
// not by FLUSHDB, which takes queues, locks and limits along).

const input = z.strictObject({ store: z.string() });
const counted = z.strictObject({ sessions: z.number().int(), others: z.number().int().nullable() });
const begun = z.strictObject({ cursor: z.string(), removed: z.number().int(), before: z.number().int() });

/**
 * Goes through the store once, from its beginning to its end, and removes each session that it meets: all that were there when it began.
 * Sessions that begin meanwhile are those of people who signed in with what is new by then. Counts say what was there and what is left.
 */
export const endSessions = define({
  kind: 'end-sessions',
  risk: 'destructive',
  repeat: 'terminal',
  input,
  version: counted,
  handle: begun,
  observe: async ({ store }, { world }) => {
    const { sessions, others } = await world.sessions.count(store);
    return sessions === 0 && others !== undefined
      ? { kind: 'already', detail: `${store} holds no session (${others} other keys)` }
      : { kind: 'toDo', version: { sessions, others: others ?? null } };
  },
  start: async ({ store }, { sessions }, { world }) =>
    after(await world.sessions.end(store, '0'), { cursor: '0', removed: 0, before: sessions }),
  poll: async (so, { store }, context) => {
    await context.stillOurs();
    return after(await context.world.sessions.end(store, so.cursor), so);
  },
  verify: async ({ store }, { world, run }) => {
    const { sessions, others } = await world.sessions.count(store);
    const before = countedBefore(store, run);
    const left = `it holds ${sessions} new ones and ${others ?? 'many'} other keys`;
    return { ok: true, detail: `${store}: every session of before (${before}) is ended; ${left}` };
  },
});

/** What was counted when it began, as the log of this run has it. */
function countedBefore(store: string, run: ActionContext['run']): string {
  const step = run.plan.steps.find(({ action, input: told }) => action === 'end-sessions' && told['store'] === store);
  const progress = step === undefined ? undefined : run.steps.get(step.id);
  const version = progress?.kind === 'started' ? counted.safeParse(progress.version).data : undefined;
  const handle = progress?.kind === 'waiting' ? begun.safeParse(progress.handle).data : undefined;
  return String(version?.sessions ?? handle?.before ?? 'as many as were counted');
}

function after(
  { cursor, removed }: { readonly cursor: string; readonly removed: number },
  so: z.infer<typeof begun>,
): Progress {
  const sum = so.removed + removed;
  const detail = `${sum} of ${so.before} sessions are ended`;
  return cursor === '0'
    ? { kind: 'done', detail, output: { before: so.before, ended: sum } }
    : { kind: 'running', handle: { ...so, cursor, removed: sum }, detail, again: seconds(1) };
}

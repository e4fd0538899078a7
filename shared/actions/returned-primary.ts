import { z } from 'zod';
import { instant, toIso } from '../core/time.ts';
import { instanceName } from '../system/names.ts';
import type { ActionContext } from '../engine/action.ts';
import { hostOf } from './consumer-doubt.ts';
import { define, verifiedByPolling } from './define.ts';
import { restartApplication } from './restart-application.ts';

// The old primary of a region that went on elsewhere: waited for, counted before it is stopped, and those named that are still on it
// (design.md section 8, "on return").

const awaited = z.strictObject({ region: z.string(), instance: z.string().transform(instanceName) });

/** Waits until the instance answers again, or is stopped. Nobody stays for it: whoever comes next looks again, once a minute. */
export const awaitReturn = define({
  kind: 'await-return',
  risk: 'observe',
  repeat: 'terminal',
  input: awaited,
  version: z.null(),
  handle: z.strictObject({ waits: z.boolean() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ region, instance }) => ({
    kind: 'running',
    handle: { waits: true },
    detail: `${region} has not answered yet`,
    ask: waitingFor(region, instance),
  }),
  poll: async (handle, { region, instance }, { world, clock }) => {
    const [status, answer] = await Promise.all([
      world.databases.inspect(instance),
      world.dataPlane.replication(instance),
    ]);
    if (status.activation === 'never') return { kind: 'done', detail: `${instance} has been stopped` };
    if (answer !== undefined)
      return {
        kind: 'done',
        detail: `${instance} answers again since ${toIso(clock.now())} at the latest, as a ${answer.role}`,
      };
    return {
      kind: 'running',
      handle,
      detail: `${region} has not answered yet`,
      ask: waitingFor(region, instance),
    };
  },
  verify: verifiedByPolling,
});

const waitingFor = (region: string, instance: string) => ({
  subject: `${region}: its return is waited for`,
  text: `${instance} is looked for once a minute. When it answers, what was written on it is counted, and it is stopped, as approved. Nothing has to be done until then.`,
});

const counted = z.strictObject({
  former: z.string().transform(instanceName),
  promoted: z.string().transform(instanceName),
  sinceMs: z.number(),
});

/**
 * Counts what the old side has that was written after the failover was decided. It is asked before the stop, after which nobody
 * could, and holds that up for seconds only: what can't be counted is said to be so. Merging it is for people.
 */
export const countDivergence = define({
  kind: 'count-divergence',
  risk: 'observe',
  repeat: 'terminal',
  input: counted,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ former, promoted, sinceMs }, _version, context) => {
    const since = instant(sinceMs);
    const inventory = await context.world.contents.inventory(former, since);
    if (inventory === undefined) {
      const told = `What was written on ${former} after ${toIso(since)} could not be counted: it is on its disk.`;
      return { kind: 'done', detail: told, output: { rows: null, told } };
    }
    await context.keep(`what is in ${former} beside ${promoted}`, JSON.stringify(inventory, null, 2));
    const tables = inventory.tables.filter(({ newer }) => newer !== undefined && newer > 0);
    const unknown = inventory.tables.filter(({ newer, rows }) => newer === undefined && rows > 0);
    const rows = tables.reduce((sum, { newer = 0 }) => sum + newer, 0);
    const where = tables.map(({ table, newer }) => `${newer ?? 0} in ${table}`).join(', ');
    const told = [
      rows === 0
        ? `No row says that it was written on ${former} after ${toIso(since)}.`
        : `${rows} rows were written on ${former} after ${toIso(since)} and are not on ${promoted}: ${where}. They stay on its disk; nothing is merged by itself.`,
      ...(unknown.length === 0
        ? []
        : [`Of ${unknown.map(({ table }) => table).join(', ')} nobody can tell when their rows were written.`]),
    ].join(' ');
    return { kind: 'done', detail: told, output: { rows, told } };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'counting' }),
  verify: verifiedByPolling,
});

const stale = z.strictObject({ application: z.string(), host: z.string(), stamp: z.string() });

/** Restarts an application that is not on the new primary by its own word, so that it reads where that is; one that is, is left alone. */
export const restartStale = define({
  kind: 'restart-stale',
  risk: 'destructive',
  repeat: 'named',
  input: stale,
  version: z.string(),
  handle: z.null(),
  observe: async ({ application, host, stamp }, context) => {
    if (await isOn(application, host, context)) return { kind: 'already', detail: `${application} is on ${host}` };
    const found = await restartApplication.observe({ application, stamp, instead: [] }, context);
    return found.kind === 'toDo' ? { kind: 'toDo', version: z.string().parse(found.version) } : found;
  },
  start: ({ application, stamp }, version, context) =>
    restartApplication.start({ application, stamp, instead: [] }, version, context),
  poll: (_handle, { application, stamp }, context) =>
    restartApplication.poll(null, { application, stamp, instead: [] }, context),
  verify: async ({ application, host }, context) => ({
    ok: await isOn(application, host, context),
    detail: `${application} is on ${host}`,
  }),
});

async function isOn(application: string, host: string, { world }: ActionContext): Promise<boolean> {
  const { database } = await world.applications.deepHealth(application);
  return database !== undefined && hostOf(database.address) === host;
}

/** Names the consumers that are not on the new primary, by their own word: one that can't be asked is named too. It never fails. */
export const nameStale = define({
  kind: 'name-stale',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ consumers: z.array(z.string()), promoted: z.string(), host: z.string() }),
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ consumers, promoted, host }, _version, { world }) => {
    const healths = await Promise.all(consumers.map((id) => world.applications.deepHealth(id)));
    const stale = consumers.flatMap((id, index) => {
      const database = healths[index]?.database;
      if (database === undefined) return [`${id} does not say where it is`];
      const on = hostOf(database.address);
      return on === host ? [] : [`${id} is still on ${on}: restart it, and it reads where ${promoted} is`];
    });
    if (stale.length === 0) return { kind: 'done', detail: `${consumers.join(', ')} are on ${promoted}`, output: null };
    const told = `Not on ${promoted}: ${stale.join('; ')}.`;
    return { kind: 'done', detail: told, output: { told } };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'asking the consumers' }),
  verify: verifiedByPolling,
});

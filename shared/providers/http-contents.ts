import { z } from 'zod';
import { type Instant, type Millis, parseInstant, seconds, toIso } from '../core/time.ts';
import type { Contents } from '../ports/contents.ts';
import { isPortError } from '../ports/port-error.ts';
import type { InstanceName } from '../system/names.ts';
import type { Endpoints } from '../system/system.ts';
import { below } from './addresses.ts';
import { shorter } from './deadline.ts';
import type { GoogleIdentity } from './google-auth.ts';
import { askJson, type JsonAnswer } from './http-json.ts';

// What is in a database, over the same agent as the rest of the data plane (http-data-plane.ts):
//
//   GET /dr/inventory?since=TIME · GET /dr/changes?since=TIME · POST /dr/query {query}
//
// The agent runs both in read-only transactions, whatever it is sent: a query that would write is refused there.

/** How long counting rows may take, in wall time: tables are read from end to end. */
const COUNT_LIMIT: Millis = seconds(20);

const moment = z.string().transform((text, context): Instant => {
  const at = parseInstant(text);
  if (at !== undefined) return at;
  context.addIssue('not a time');
  return z.NEVER;
});

const inventoryWire = z.object({
  tables: z.array(
    z.object({
      table: z.string(),
      rows: z.number().int().nonnegative(),
      newestAt: moment.nullish(),
      newer: z.number().int().nonnegative().nullish(),
    }),
  ),
  brokenKeys: z.array(z.object({ constraint: z.string(), rows: z.number().int().positive() })),
});
const count = z.number().int().nonnegative();
const changesWire = z.object({
  since: moment,
  changes: z.array(
    z.object({
      minute: moment,
      table: z.string(),
      user: z.string(),
      application: z.string(),
      inserted: count,
      updated: count,
      deleted: count,
      firstAt: moment,
      lastAt: moment,
    }),
  ),
});
const valueWire = z.object({ value: z.string().nullable() });
const refusalWire = z.object({ refused: z.string() });

/** What is in the databases, by their data planes; an instance without one can't be asked. */
export function createHttpContents(options: {
  readonly endpoints: Endpoints;
  readonly identity: GoogleIdentity;
  /** Wall time that a call may take, where a lease leaves less. */
  readonly limit?: Millis;
}): Contents {
  const limit = shorter(COUNT_LIMIT, options.limit);
  const ask = async (
    instance: InstanceName,
    path: string,
    request: { readonly method: 'GET' | 'POST'; readonly since?: Instant | undefined; readonly body?: unknown },
  ): Promise<JsonAnswer | { readonly unanswered: string }> => {
    const base = options.endpoints.dataPlane[instance];
    if (base === undefined) return { unanswered: 'no data plane is configured' };
    const { method, since, body } = request;
    const url = below(base, path);
    if (since !== undefined) url.searchParams.set('since', toIso(since));
    try {
      const token = await options.identity.token();
      return await askJson(
        { doing: `asking what is in ${instance}`, effect: 'reads', limit },
        { method, url, token, ...(body === undefined ? {} : { body }) },
      );
    } catch (error) {
      if (isPortError(error)) return { unanswered: error.code };
      throw error;
    }
  };

  return {
    inventory: async (instance, since) => {
      const answer = await ask(instance, 'dr/inventory', { method: 'GET', since });
      if ('unanswered' in answer || answer.status !== 200) return undefined;
      const read = inventoryWire.safeParse(answer.body).data;
      return read === undefined
        ? undefined
        : {
            tables: read.tables.map(({ table, rows, newestAt, newer }) => ({
              table,
              rows,
              newestAt: newestAt ?? undefined,
              newer: newer ?? undefined,
            })),
            brokenKeys: read.brokenKeys,
          };
    },
    changes: async (instance, since) => {
      const answer = await ask(instance, 'dr/changes', { method: 'GET', since });
      if ('unanswered' in answer || answer.status !== 200) return undefined;
      return changesWire.safeParse(answer.body).data;
    },
    ask: async (instance, query) => {
      const answer = await ask(instance, 'dr/query', { method: 'POST', body: { query } });
      if ('unanswered' in answer) return { kind: 'unanswered', detail: answer.unanswered };
      const { status, body } = answer;
      const value = valueWire.safeParse(body).data;
      if (status === 200 && value !== undefined) return { kind: 'value', value: value.value };
      const refused = refusalWire.safeParse(body).data;
      return refused === undefined
        ? { kind: 'unanswered', detail: `http ${status}` }
        : { kind: 'refused', detail: refused.refused };
    },
  };
}

import { z } from 'zod';
import { parseInstant, toIso } from '../core/time.ts';
import type { Instant, Millis } from '../core/time.ts';
import { isPortError } from '../ports/port-error.ts';
import type { ContactOutcome, DataPlane } from '../ports/data-plane.ts';
import type { InstanceName } from '../system/names.ts';
import type { Endpoints } from '../system/system.ts';
import { below } from './addresses.ts';
import { CONTACT_LIMIT, shorter } from './deadline.ts';
import type { GoogleIdentity } from './google-auth.ts';
import { askJson } from './http-json.ts';
import type { JsonAnswer } from './http-json.ts';

// The data plane over HTTP: a small agent beside each database server, at `endpoints.dataPlane`, reached with our own
// token.
//
//   POST /dr/canary {token} · POST /dr/heartbeat {sequence, at} · POST /dr/epoch {epoch}
//   GET /dr/canary/{token} · GET /dr/replication · GET /dr/epoch · GET /dr/sessions
//
// D1. Only three answers are evidence: the row was written; the server refused, in the contract's own words; the host
//     refused the connection. All else (time-outs, pages of proxies, 401, our own missing credentials) says nothing.
// D2. Nothing is repeated here: a canary whose reply was lost may be there.

/** `{"refused": detail}` with any 4xx or 5xx: a server answered and would not. */
const refusal = z.object({ refused: z.string() });
const accepted = z.object({ written: z.literal(true) });

const moment = z.string().transform((text, context): Instant => {
  const at = parseInstant(text);
  if (at !== undefined) return at;
  context.addIssue('not a time');
  return z.NEVER;
});
const replicationWire = z.object({
  role: z.enum(['primary', 'replica']),
  receiving: z.boolean(),
  heartbeat: z.object({ sequence: z.number().int(), at: moment }).nullish(),
  position: z.number().nonnegative(),
});
const epochWire = z.object({ epoch: z.string().nullish() });
/** A row that is not there is answered with 404 in these words: a proxy's 404 says nothing. */
const foundWire = z.object({ found: z.boolean() });
const sessionsWire = z.object({
  sessions: z.array(z.object({ client: z.string(), count: z.number().int().nonnegative() })),
});

/** The servers' data plane, at the addresses of the configuration; an instance without one can't be asked. */
export function createHttpDataPlane(options: {
  readonly endpoints: Endpoints;
  readonly identity: GoogleIdentity;
  /** Wall time that a contact may take, where a lease leaves less than the limits of `deadline.ts`. */
  readonly limit?: Millis;
}): DataPlane {
  const limit = shorter(CONTACT_LIMIT, options.limit);
  const ask = async (
    instance: InstanceName,
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<JsonAnswer | { readonly unanswered: string }> => {
    const base = options.endpoints.dataPlane[instance];
    if (base === undefined) return { unanswered: 'no data plane is configured' };
    try {
      const token = await options.identity.token();
      const effect = method === 'GET' ? 'reads' : 'writes';
      return await askJson(
        { doing: `asking the data plane of ${instance}`, effect, limit },
        { method, url: below(base, path), token, ...(body === undefined ? {} : { body }) },
      );
    } catch (error) {
      if (isPortError(error)) return { unanswered: error.code };
      throw error;
    }
  };
  const write = async (instance: InstanceName, path: string, body: unknown): Promise<ContactOutcome> =>
    outcomeOf(await ask(instance, 'POST', path, body));
  const read = async <T>(instance: InstanceName, path: string, wire: z.ZodType<T>): Promise<T | undefined> => {
    const answer = await ask(instance, 'GET', path);
    if ('unanswered' in answer || answer.status !== 200) return undefined;
    return wire.safeParse(answer.body).data;
  };

  return {
    canary: (instance, token) => write(instance, 'dr/canary', { token }),
    hasCanary: async (instance, token) => {
      const answer = await ask(instance, 'GET', `dr/canary/${encodeURIComponent(token)}`);
      if ('unanswered' in answer || (answer.status !== 200 && answer.status !== 404)) return undefined;
      return foundWire.safeParse(answer.body).data?.found;
    },
    heartbeat: (instance, sequence, at) => write(instance, 'dr/heartbeat', { sequence, at: toIso(at) }),
    replication: async (instance) => {
      const found = await read(instance, 'dr/replication', replicationWire);
      return found === undefined ? undefined : { ...found, heartbeat: found.heartbeat ?? undefined };
    },
    writeEpoch: async (instance, epoch) => {
      const outcome = await write(instance, 'dr/epoch', { epoch });
      if (outcome.kind !== 'written') return undefined;
      return (await read(instance, 'dr/epoch', epochWire))?.epoch ?? undefined;
    },
    sessions: async (instance) => (await read(instance, 'dr/sessions', sessionsWire))?.sessions,
  };
}

/** D1. */
function outcomeOf(answer: JsonAnswer | { readonly unanswered: string }): ContactOutcome {
  if ('unanswered' in answer)
    return answer.unanswered === 'connectionRefused'
      ? { kind: 'connectionRefused' }
      : { kind: 'unknown', detail: answer.unanswered };
  const { status, body } = answer;
  if (status >= 200 && status < 300 && accepted.safeParse(body).success) return { kind: 'written' };
  const refused = refusal.safeParse(body);
  if (status >= 400 && refused.success) return { kind: 'refusedByServer', detail: refused.data.refused };
  return { kind: 'unknown', detail: `http ${status}` };
}

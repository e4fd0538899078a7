import { z } from 'zod';
import { assert } from '../core/assert.ts';
import type { Millis } from '../core/time.ts';
import type { Applications, DeepHealth } from '../ports/applications.ts';
import type { Clock } from '../ports/clock.ts';
import type { Contact, ContactOutcome } from '../ports/data-plane.ts';
import { isPortError } from '../ports/port-error.ts';
import type { Application, Endpoints, Probes } from '../system/system.ts';
import { addressFor, below } from './addresses.ts';
import { CONTACT_LIMIT, shorter, VANTAGE_LIMIT } from './deadline.ts';
import { askJson } from './http-json.ts';
import type { JsonAnswer, JsonQuestion } from './http-json.ts';

// The protected applications from outside, over the contract of docs/configuration.md. No answer, and an answer that is
// not in the contract's words, are the same here: they say nothing.

const healthWire = z.object({
  status: z.enum(['ok', 'failing']),
  instance: z.string().nullish(),
  database: z
    .object({ address: z.string(), epoch: z.string().nullish(), inRecovery: z.boolean(), writable: z.boolean() })
    .nullish(),
});
const writtenWire = z.object({ written: z.literal(true) });
const foundWire = z.object({ found: z.literal(true) });
const contactWire = z.object({ outcome: z.string(), detail: z.string(), control: z.enum(['ok', 'failed', 'none']) });

/** The applications of the system, by their id, through `endpoints.hosts`. */
export function createHttpApplications(options: {
  readonly applications: readonly Application[];
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  /** Wall time that a question may take, where a lease leaves less than the limits of `deadline.ts`. */
  readonly limit?: Millis;
}): Applications {
  const limit = shorter(CONTACT_LIMIT, options.limit);
  const ownTry = shorter(VANTAGE_LIMIT, options.limit);
  const probesOf = (id: string): Probes => {
    const application = options.applications.find((candidate) => candidate.id === id);
    assert(application !== undefined, `${id} is no application of this system`);
    return application.probes;
  };
  const address = (url: string): URL => addressFor(url, options.endpoints.hosts);
  const ask = async (
    doing: string,
    question: JsonQuestion,
    within: Millis = limit,
  ): Promise<JsonAnswer | { readonly unanswered: string }> => {
    try {
      return await askJson({ doing, effect: question.method === 'GET' ? 'reads' : 'writes', limit: within }, question);
    } catch (error) {
      if (isPortError(error)) return { unanswered: error.code };
      throw error;
    }
  };

  return {
    deepHealth: async (id) =>
      healthOf(
        await ask(`asking ${id} for its health`, { method: 'GET', url: address(probesOf(id).deepHealth) }, ownTry),
      ),
    writeAndRead: async (id, token) => {
      const canary = address(probesOf(id).canary);
      const put = await ask(`writing a canary through ${id}`, { method: 'POST', url: canary, body: { token } });
      if ('unanswered' in put) return { written: false, read: false, detail: `write: ${put.unanswered}` };
      if (put.status !== 201 || !writtenWire.safeParse(put.body).success)
        return { written: false, read: false, detail: `write: http ${put.status}` };
      const got = await ask(`reading a canary through ${id}`, {
        method: 'GET',
        url: below(canary, encodeURIComponent(token)),
      });
      if ('unanswered' in got) return { written: true, read: false, detail: `read: ${got.unanswered}` };
      const read = got.status === 200 && foundWire.safeParse(got.body).success;
      return { written: true, read, detail: read ? 'written and read' : `read: http ${got.status}` };
    },
    contactFrom: async (id, databaseAddress, token) => {
      const { vantage } = probesOf(id);
      const say = (outcome: ContactOutcome, control: Contact['control']): Contact => ({
        vantage: id,
        at: options.clock.now(),
        outcome,
        control,
      });
      if (vantage === undefined) return say({ kind: 'unknown', detail: 'no vantage point is configured' }, 'none');
      const question: JsonQuestion = {
        method: 'POST',
        url: address(vantage),
        body: { address: databaseAddress, token },
      };
      const answer = await ask(`asking the prober of ${id}`, question, ownTry);
      if ('unanswered' in answer) return say({ kind: 'unknown', detail: `prober: ${answer.unanswered}` }, 'none');
      const told = contactWire.safeParse(answer.body);
      if (answer.status !== 200 || !told.success)
        return say({ kind: 'unknown', detail: `prober: http ${answer.status}` }, 'none');
      return say(outcomeOf(told.data), told.data.control);
    },
  };
}

function healthOf(answer: JsonAnswer | { readonly unanswered: string }): DeepHealth {
  const silent = (detail: string): DeepHealth => ({ kind: 'silent', detail, instance: undefined, database: undefined });
  if ('unanswered' in answer) return silent(answer.unanswered);
  const told = healthWire.safeParse(answer.body);
  // A page in between may answer 200 or 503 for it; only its own words count.
  if (!told.success || (answer.status !== 200 && answer.status !== 503)) return silent(`http ${answer.status}`);
  const { status, instance, database } = told.data;
  return {
    kind: status === 'ok' ? 'serving' : 'failing',
    detail: `http ${answer.status}`,
    instance: instance ?? undefined,
    database:
      database === null || database === undefined ? undefined : { ...database, epoch: database.epoch ?? undefined },
  };
}

/** Words that are not among the kinds of evidence (time-outs, unknown hosts, later inventions) say nothing. */
function outcomeOf({ outcome, detail }: z.infer<typeof contactWire>): ContactOutcome {
  if (outcome === 'written' || outcome === 'connectionRefused') return { kind: outcome };
  if (outcome === 'refusedByServer' || outcome === 'loginRefused') return { kind: outcome, detail };
  return { kind: 'unknown', detail: detail === '' ? outcome : `${outcome}: ${detail}` };
}

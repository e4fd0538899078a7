import { z } from 'zod';
import { assert } from '../core/assert.ts';
import type { Millis } from '../core/time.ts';
import { isPortError } from '../ports/port-error.ts';
import type { EntranceAnswer, Traffic } from '../ports/traffic.ts';
import type { Entrance } from '../system/system.ts';
import { addressFor } from './addresses.ts';
import { computeEntrance } from './compute-entrances.ts';
import { shorter, VANTAGE_LIMIT } from './deadline.ts';
import { dnsEntrance } from './dns-entrances.ts';
import type { GoogleAccess } from './google-call.ts';
import { askJson, type JsonAnswer } from './http-json.ts';

const answerWire = z.object({ status: z.enum(['ok', 'failing']), application: z.string().nullish() });

/** The entrances of the system, by their id. */
export function createGoogleTraffic(access: GoogleAccess, entrances: readonly Entrance[], limit?: Millis): Traffic {
  const within = shorter(VANTAGE_LIMIT, limit);
  const ways = new Map(
    entrances.map((entrance) => [
      entrance.id,
      {
        entrance,
        way: entrance.via === 'dns' ? dnsEntrance(access, entrance) : computeEntrance(access, entrance),
      },
    ]),
  );
  const known = (id: string) => {
    const found = ways.get(id);
    assert(found !== undefined, `${id} is no entrance of this system`);
    return found;
  };
  return {
    inspect: async (id) => await known(id).way.inspect(id),
    move: async (id, application, version) => await known(id).way.move(id, application, version),
    operation: async (id, name) => await known(id).way.operation(id, name),
    ask: async (id) => {
      const url = addressFor(known(id).entrance.probe, access.endpoints.hosts);
      try {
        const call = { doing: `asking at the entrance ${id}`, effect: 'reads', limit: within } as const;
        return answerOf(await askJson(call, { method: 'GET', url }));
      } catch (error) {
        if (!isPortError(error)) throw error;
        return { kind: 'silent', detail: error.code, application: undefined };
      }
    },
  };
}

/** As with deep health, a page of somebody in between says nothing. */
function answerOf({ status, body }: JsonAnswer): EntranceAnswer {
  const detail = `http ${status}`;
  const told = answerWire.safeParse(body);
  if (!told.success || (status !== 200 && status !== 503)) return { kind: 'silent', detail, application: undefined };
  return {
    kind: told.data.status === 'ok' ? 'serving' : 'failing',
    detail,
    application: told.data.application ?? undefined,
  };
}

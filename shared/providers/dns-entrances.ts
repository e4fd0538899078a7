import { z } from 'zod';
import { PortError } from '../ports/port-error.ts';
import type { EntranceStatus, Traffic } from '../ports/traffic.ts';
import type { DnsEntrance } from '../system/system.ts';
import type { GoogleAccess } from './google-call.ts';
import { askGoogle } from './google-rest.ts';
import type { Effect } from './normalize-error.ts';

// Entrances via an A record of Cloud DNS, by its API v1 (REST). Not through `@google-cloud/dns` 5.3.2: it repeats a write by
// itself after a 503, whatever its `autoRetry` says, and then reports the 412 of the repeat for a change that was made.
//
// N1. A move is one change that deletes exactly the record that was read and adds the new one: 412 means that somebody else was
//     there first.
// N2. `done` says that the name servers were told. Clients keep the old address for the old ttl on top of that.
// N3. A record beside it that clients would follow instead (AAAA) is more than this can move.

const recordsWire = z.object({
  rrsets: z.array(z.object({ name: z.string(), type: z.string(), ttl: z.int(), rrdatas: z.array(z.string()) })),
});
const changeWire = z.object({ id: z.string().min(1), status: z.string() });
const versionWire = z.strictObject({ ttl: z.int(), rrdatas: z.array(z.string()) });

/** What the entrance's zone is asked. */
export function dnsEntrance(access: GoogleAccess, entrance: DnsEntrance): Omit<Traffic, 'ask'> {
  const { id, host, backends } = entrance;
  const name = `${host}.`;
  const zone = `/dns/v1/projects/${access.project}/managedZones/${entrance.zone}`;
  const change = (doing: string, effect: Effect, path: string, body?: unknown) =>
    askGoogle(
      access,
      'dns',
      { doing, effect },
      { method: body === undefined ? 'GET' : 'POST', path, query: { fields: 'id,status' }, body },
      (answer) => changeWire.parse(answer),
    );

  return {
    inspect: async (): Promise<EntranceStatus> => {
      const doing = `reading the record of ${host}`;
      const query = { name, fields: 'rrsets(name,type,ttl,rrdatas)' };
      const { rrsets } = await askGoogle(
        access,
        'dns',
        { doing, effect: 'reads' },
        { method: 'GET', path: `${zone}/rrsets`, query },
        (answer) => recordsWire.parse(answer),
      );
      if (rrsets.some(({ type }) => type === 'AAAA')) throw new PortError('permanent', 'aaaaRecord', doing);
      const record = rrsets.find(({ type }) => type === 'A');
      if (record === undefined) throw new PortError('permanent', 'noRecord', doing);
      const { ttl, rrdatas } = record;
      const [address] = rrdatas;
      return {
        leadsTo:
          rrdatas.length === 1 ? backends.find((backend) => backend.address === address)?.application : undefined,
        detail: `${host} has ${rrdatas.join(', ')}, ttl ${ttl} s`,
        version: JSON.stringify({ ttl, rrdatas }),
        ttlMs: ttl * 1_000,
      };
    },
    move: async (_id, application, version) => {
      const doing = `leading ${id} to ${application}`;
      const backend = backends.find((one) => one.application === application);
      if (backend === undefined) throw new PortError('permanent', 'noBackend', doing);
      const old = versionWire.parse(JSON.parse(version));
      const ttl = Math.round(entrance.ttl / 1_000);
      const { id: started } = await change(doing, 'writesIfUnchanged', `${zone}/changes`, {
        deletions: [{ name, type: 'A', ...old }],
        additions: [{ name, type: 'A', ttl, rrdatas: [backend.address] }],
      });
      return started;
    },
    operation: async (_id, started) => {
      const { status } = await change(`reading the change ${started}`, 'reads', `${zone}/changes/${started}`);
      return { done: status === 'done', error: undefined };
    },
  };
}

import { PortError } from '../../shared/ports/port-error.ts';
import type { EntranceAnswer, Traffic } from '../../shared/ports/traffic.ts';
import { seconds } from '../../shared/core/time.ts';
import type { HealthBody } from '../world/application-request.ts';
import { REFERENCE, SECONDARY } from '../world/reference-system.ts';
import { REFERENCE_BALANCERS, REFERENCE_ZONES, SERVICES } from '../world/reference-world.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross, travel } from './crossing.ts';

// The one entrance of the reference system for one identity: by its load balancer, and for an id that ends in `-dns` by its record.

const [{ urlMap }, { address: standbyAddress }] = REFERENCE_BALANCERS;
const [{ address: homeAddress }] = REFERENCE_BALANCERS;
const [{ name: ZONE }] = REFERENCE_ZONES;
const RECORD = `${REFERENCE.publicHost}.`;

/** Longest that a question through the entrance may take, as the adapters have it. */
const LIMIT = seconds(8);

const ENDS = [
  { application: 'api-gke', backendService: 'coditect-dms-gke', address: homeAddress },
  { application: 'api-run', backendService: 'coditect-dms-run', address: standbyAddress },
  { application: 'api-east', backendService: SECONDARY.backendService, address: undefined },
] as const;

/** Whether dr.yaml leads users by a record in this run: the simulation says so by the id. */
const isByRecord = (entrance: string): boolean => entrance.endsWith('-dns');

export function inProcessTraffic(world: World, crossing: Crossing): Traffic {
  const { caller, clock, chance } = crossing;
  const endOf = (application: string, doing: string) => {
    const end = ENDS.find((known) => known.application === application);
    if (end === undefined) throw new PortError('permanent', 'noBackend', doing);
    return end;
  };
  const record = async () => {
    const doing = 'reading the record';
    const records = await cross(crossing, doing, 'reads', () => world.dnsApi.listRecords(caller, ZONE));
    const found = records.find(({ name, type }) => name === RECORD && type === 'A');
    if (found === undefined) throw new PortError('permanent', 'noRecord', doing);
    return { ttl: found.ttl, rrdatas: found.rrdatas };
  };
  return {
    inspect: async (entrance) => {
      if (isByRecord(entrance)) {
        const found = await record();
        return {
          leadsTo: ENDS.find(({ address }) => address === found.rrdatas[0])?.application,
          detail: `the record has ${found.rrdatas.join(', ')}`,
          version: JSON.stringify(found),
          ttlMs: found.ttl * 1_000,
        };
      }
      const map = await cross(crossing, 'reading the URL map', 'reads', () =>
        world.balancers.api.getUrlMap(caller, urlMap),
      );
      return {
        leadsTo: ENDS.find(({ backendService }) => backendService === map.defaultService)?.application,
        detail: `URL map ${urlMap} leads to ${map.defaultService}`,
        version: map.fingerprint,
      };
    },
    move: async (entrance, application, version) => {
      const doing = `leading ${entrance} to ${application}`;
      const { backendService, address } = endOf(application, doing);
      if (isByRecord(entrance)) {
        if (address === undefined) throw new PortError('permanent', 'noBackend', doing);
        const old = JSON.parse(version) as { readonly ttl: number; readonly rrdatas: readonly string[] }; // made by `inspect`
        const set = { name: RECORD, type: 'A' };
        const change = { deletions: [{ ...set, ...old }], additions: [{ ...set, ttl: 60, rrdatas: [address] }] };
        return (
          await cross(crossing, doing, 'writesIfUnchanged', () => world.dnsApi.createChange(caller, ZONE, change))
        ).id;
      }
      const change = { defaultService: backendService, fingerprint: version };
      return (
        await cross(crossing, doing, 'writesIfUnchanged', () => world.balancers.api.patchUrlMap(caller, urlMap, change))
      ).name;
    },
    operation: async (entrance, name) => {
      const doing = `reading the operation ${name}`;
      const { status } = isByRecord(entrance)
        ? await cross(crossing, doing, 'reads', () => world.dnsApi.getChange(caller, ZONE, name))
        : await cross(crossing, doing, 'reads', () => world.balancers.api.getOperation(caller, name));
      return { done: status === 'done' || status === 'DONE', error: undefined };
    },
    ask: async (): Promise<EntranceAnswer> => {
      await clock.sleep(travel(chance));
      const reply = world.front.request(caller.from, SERVICES.entrance, { kind: 'health' });
      const isInTime = reply.kind === 'reply' && reply.takes < LIMIT;
      await clock.sleep(isInTime ? reply.takes : LIMIT);
      if (!isInTime) return { kind: 'silent', detail: 'no answer', application: undefined };
      const detail = `http ${reply.status}`;
      const body = healthOf(reply.body);
      if (body === undefined) return { kind: 'silent', detail, application: undefined };
      return { kind: body.status === 'ok' ? 'serving' : 'failing', detail, application: body.application };
    },
  };
}

const healthOf = (body: unknown): HealthBody | undefined =>
  typeof body === 'object' && body !== null && 'application' in body ? (body as HealthBody) : undefined; // the world's own type

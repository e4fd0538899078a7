import { z } from 'zod';
import { toIso } from '../../shared/core/time.ts';
import { type DnsChange, type ManagedZone, NAME_SERVERS, type RecordPatch } from '../world/dns.ts';
import type { DnsApi } from '../world/dns-api.ts';
import { type RecordSet, sameSet } from '../world/dns-records.ts';
import type { Project } from '../world/project.ts';
import { answer, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { Route } from './router.ts';

// Cloud DNS v1 as @google-cloud/dns (with its baseUrl replaced) and `gcloud dns` call it.

const ZONES = String.raw`/dns/v1/projects/(?<project>[^/]+)/managedZones`;
const ZONE = String.raw`${ZONES}/(?<zone>[^/]+)`;
const RECORD = String.raw`${ZONE}/rrsets/(?<name>[^/]+)/(?<type>[A-Za-z]+)`;

/** Items in one page, unless fewer are asked for. */
const PAGE_MAX = 100;

/** A record set as it is sent: clients send back what they read, output-only members included. Routing policies aren't modelled. */
const recordWire = z.strictObject({
  kind: z.literal('dns#resourceRecordSet').optional(),
  name: z.string(),
  type: z.string(),
  ttl: z.number().int().optional(),
  rrdatas: z.array(z.string()).optional(),
  signatureRrdatas: z.array(z.string()).optional(),
});
const patchWire = recordWire.partial();
const changeWire = z.strictObject({
  kind: z.literal('dns#change').optional(),
  additions: z.array(recordWire).optional(),
  deletions: z.array(recordWire).optional(),
  id: z.string().optional(),
  startTime: z.string().optional(),
  status: z.string().optional(),
  isServing: z.boolean().optional(),
});

/** What the routes of DNS are made with. */
export type DnsParts = { readonly project: Project; readonly api: DnsApi };

/** The routes of Cloud DNS v1. */
export function dnsRoutes({ project, api }: DnsParts): readonly Route[] {
  return [...zoneRoutes(project, api), ...recordRoutes(project, api), ...changeRoutes(project, api)];
}

function zoneRoutes(project: Project, api: DnsApi): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(ZONES),
      handle(request, params) {
        checkProject(project, params['project']);
        const query = queryOf(request, ['maxResults', 'pageToken', 'dnsName']);
        return answer(api.listZones(callerOf(request)), (all) => {
          const kept = all.filter(({ dnsName }) => query['dnsName'] === undefined || dnsName === query['dnsName']);
          const { items, ...rest } = pageOf(kept, pageQuery(query), PAGE_MAX);
          return { kind: 'dns#managedZonesListResponse', managedZones: items.map(zoneJson), ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(ZONE),
      handle(request, { project: named, zone = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getZone(callerOf(request), zone), zoneJson);
      },
    },
  ];
}

function recordRoutes(project: Project, api: DnsApi): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${ZONE}/rrsets`),
      handle(request, { project: named, zone = '' }) {
        checkProject(project, named);
        const query = queryOf(request, ['maxResults', 'pageToken', 'name', 'type']);
        const { name, type } = query;
        if (type !== undefined && name === undefined) {
          throw invalidArgument("The 'parameters.type' parameter is only allowed together with 'parameters.name'.");
        }
        return answer(api.listRecords(callerOf(request), zone), (all) => {
          const kept = all.filter(
            (record) => name === undefined || sameSet(record, { name, type: type ?? record.type }),
          );
          const { items, ...rest } = pageOf(kept, pageQuery(query), PAGE_MAX);
          return { kind: 'dns#resourceRecordSetsListResponse', rrsets: items.map(recordJson), ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(RECORD),
      handle(request, { project: named, zone = '', name = '', type = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getRecord(callerOf(request), zone, name, type), recordJson);
      },
    },
    {
      method: 'POST',
      pattern: new RegExp(`${ZONE}/rrsets`),
      handle(request, { project: named, zone = '' }) {
        checkProject(project, named);
        queryOf(request, ['clientOperationId']);
        const record = recordOf(bodyOf(recordWire, request));
        return answer(api.createRecord(callerOf(request), zone, record), recordJson);
      },
    },
    {
      method: 'PATCH',
      pattern: new RegExp(RECORD),
      handle(request, { project: named, zone = '', name = '', type = '' }) {
        checkProject(project, named);
        queryOf(request, ['clientOperationId']);
        const body = bodyOf(patchWire, request);
        if (!sameSet({ name: body.name ?? name, type: body.type ?? type }, { name, type })) {
          throw invalidArgument("The name and type of a 'resourceRecordSet' can't be patched.");
        }
        return answer(api.patchRecord(callerOf(request), zone, name, type, patchOf(body)), recordJson);
      },
    },
  ];
}

function changeRoutes(project: Project, api: DnsApi): readonly Route[] {
  return [
    {
      method: 'POST',
      pattern: new RegExp(`${ZONE}/changes`),
      handle(request, { project: named, zone = '' }) {
        checkProject(project, named);
        queryOf(request, ['clientOperationId']);
        const { additions = [], deletions = [] } = bodyOf(changeWire, request);
        const change = { additions: additions.map(recordOf), deletions: deletions.map(recordOf) };
        return answer(api.createChange(callerOf(request), zone, change), changeJson);
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(String.raw`${ZONE}/changes/(?<change>\d+)`),
      handle(request, { project: named, zone = '', change = '' }) {
        checkProject(project, named);
        queryOf(request, ['clientOperationId']);
        return answer(api.getChange(callerOf(request), zone, change), changeJson);
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${ZONE}/changes`),
      handle(request, { project: named, zone = '' }) {
        checkProject(project, named);
        const query = queryOf(request, ['maxResults', 'pageToken', 'sortBy', 'sortOrder']);
        return answer(api.listChanges(callerOf(request), zone), (all) => {
          const sorted = query['sortOrder'] === 'ascending' ? all.toReversed() : all;
          const { items, ...rest } = pageOf(sorted, pageQuery(query), PAGE_MAX);
          return { kind: 'dns#changesListResponse', changes: items.map(changeJson), ...rest };
        });
      },
    },
  ];
}

function pageQuery(query: Readonly<Record<string, string | undefined>>): {
  size: string | undefined;
  token: string | undefined;
} {
  return { size: query['maxResults'], token: query['pageToken'] };
}

/** A missing ttl of a new record set is not defaulted: the model refuses it. */
function recordOf({ name, type, ttl, rrdatas }: z.infer<typeof recordWire>): RecordSet {
  return { name, type, ttl: ttl ?? Number.NaN, rrdatas: rrdatas ?? [] };
}

function patchOf({ ttl, rrdatas }: z.infer<typeof patchWire>): RecordPatch {
  return { ...(ttl === undefined ? {} : { ttl }), ...(rrdatas === undefined ? {} : { rrdatas }) };
}

function recordJson(record: RecordSet): unknown {
  return { kind: 'dns#resourceRecordSet', ...record, signatureRrdatas: [] };
}

function changeJson({ id, startedAt, status, additions, deletions }: DnsChange): unknown {
  return {
    kind: 'dns#change',
    id,
    startTime: toIso(startedAt),
    status,
    additions: additions.map(recordJson),
    deletions: deletions.map(recordJson),
  };
}

function zoneJson({ name, id, dnsName, createdAt }: ManagedZone): unknown {
  return {
    kind: 'dns#managedZone',
    name,
    id,
    dnsName,
    description: '',
    nameServers: NAME_SERVERS,
    creationTime: toIso(createdAt),
    visibility: 'public',
  };
}

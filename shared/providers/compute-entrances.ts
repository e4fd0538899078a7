import { z } from 'zod';
import { PortError } from '../ports/port-error.ts';
import type { EntranceStatus, Traffic } from '../ports/traffic.ts';
import type { LoadBalancerEntrance } from '../system/system.ts';
import type { GoogleAccess } from './google-call.ts';
import { askGoogle } from './google-rest.ts';

// Entrances via a global external Application Load Balancer: the default service of its URL map, by Compute v1 (REST).
//
// C1. A patch carries the fingerprint that was read; a stale one is a conflict.
// C2. Only the default service is written. Where a rule of the entrance's host, or a route action, decides instead, nothing is.

const mapWire = z.object({
  fingerprint: z.string().min(1),
  defaultService: z.string().optional(),
  defaultRouteAction: z.unknown().optional(),
  defaultUrlRedirect: z.unknown().optional(),
  hostRules: z.array(z.object({ hosts: z.array(z.string()) })).optional(),
});
const operationWire = z.object({
  name: z.string().min(1),
  status: z.string(),
  error: z.object({ errors: z.array(z.object({ code: z.string(), message: z.string() })) }).optional(),
});

const MAP_FIELDS = 'fingerprint,defaultService,defaultRouteAction,defaultUrlRedirect,hostRules/hosts';
const OPERATION_FIELDS = 'name,status,error';

/** What a load balancer is asked for one entrance. */
export function computeEntrance(access: GoogleAccess, entrance: LoadBalancerEntrance): Omit<Traffic, 'ask'> {
  const { id, urlMap, host, backends } = entrance;
  const global = `/compute/v1/projects/${access.project}/global`;
  const path = `${global}/urlMaps/${urlMap}`;
  return {
    inspect: async (): Promise<EntranceStatus> => {
      const doing = `reading where ${id} leads`;
      const question = { method: 'GET', path, query: { fields: MAP_FIELDS } } as const;
      const map = await askGoogle(access, 'compute', { doing, effect: 'reads' }, question, (answer) =>
        mapWire.parse(answer),
      );
      if (map.hostRules?.some(({ hosts }) => hosts.some((rule) => matches(rule, host))) === true)
        throw new PortError('permanent', 'hostRule', doing);
      if (map.defaultRouteAction !== undefined || map.defaultUrlRedirect !== undefined)
        throw new PortError('permanent', 'routeAction', doing);
      const service = lastPart(map.defaultService ?? '');
      return {
        leadsTo: backends.find(({ backendService }) => backendService === service)?.application,
        detail: `URL map ${urlMap} leads to ${service}`,
        version: map.fingerprint,
      };
    },
    move: async (_id, application, fingerprint) => {
      const doing = `leading ${id} to ${application}`;
      const backend = backends.find((one) => one.application === application);
      if (backend === undefined) throw new PortError('permanent', 'noBackend', doing);
      const defaultService = `projects/${access.project}/global/backendServices/${backend.backendService}`;
      const question = {
        method: 'PATCH',
        path,
        query: { fields: OPERATION_FIELDS },
        body: { fingerprint, defaultService },
      } as const;
      const call = { doing, effect: 'writesIfUnchanged' } as const;
      return (await askGoogle(access, 'compute', call, question, (answer) => operationWire.parse(answer))).name;
    },
    operation: async (_id, name) => {
      const question = {
        method: 'GET',
        path: `${global}/operations/${name}`,
        query: { fields: OPERATION_FIELDS },
      } as const;
      const call = { doing: `reading the operation ${name}`, effect: 'reads' } as const;
      const { status, error } = await askGoogle(access, 'compute', call, question, (answer) =>
        operationWire.parse(answer),
      );
      const first = error?.errors[0];
      return { done: status === 'DONE', error: first === undefined ? undefined : `${first.code}: ${first.message}` };
    },
  };
}

/** A host rule is a name, `*`, or `*.` and a suffix. */
const matches = (rule: string, host: string): boolean =>
  rule === host || rule === '*' || (rule.startsWith('*.') && host.endsWith(rule.slice(1)));

const lastPart = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

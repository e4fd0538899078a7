import type { ConfigPath, Contradiction } from './config-fault.ts';
import { repeated } from './repeated.ts';
import type { System } from './system.ts';

type Address = { readonly url: string; readonly path: ConfigPath };

/** What an address must not be: a carrier of a secret, a wire that everybody can read, or one answer for two questions. */
export function addressContradictions(system: System): readonly Contradiction[] {
  const [called, asked] = [endpointAddresses(system), probeAddresses(system)];
  const told = system.notifications.flatMap((destination, index) =>
    destination.kind === 'webhook' ? [{ url: destination.url, path: ['notifications', index, 'url'] }] : [],
  );
  return [
    ...[...called, ...asked, ...told].flatMap(credentials),
    ...told.flatMap(secretAddress),
    ...[...called, ...told].flatMap(readableByAll),
    ...sharedProbes(asked),
    ...approveAddresses(system),
  ];
}

function endpointAddresses({ endpoints }: System): readonly Address[] {
  const maps = (['google', 'kubernetes', 'hosts', 'dataPlane'] as const).flatMap((kind) =>
    Object.entries(endpoints[kind]).map(([name, url]) => ({ url, path: ['endpoints', kind, name] })),
  );
  return [...maps, ...endpoints.approve.map((url, index) => ({ url, path: ['endpoints', 'approve', index] }))];
}

function probeAddresses({ applications, entrances }: System): readonly Address[] {
  const ways = entrances.map(({ probe }, index) => ({ url: probe, path: ['entrances', index, 'probe'] }));
  const own = applications.flatMap(({ probes }, index) =>
    (['deepHealth', 'canary', 'vantage'] as const).flatMap((probe) => {
      const url = probes[probe];
      return url === undefined ? [] : [{ url, path: ['applications', index, 'probes', probe] }];
    }),
  );
  return [...own, ...ways];
}

function credentials({ url, path }: Address): readonly Contradiction[] {
  const { username, password, search, hash } = new URL(url);
  const problem = 'carries more than an address: a user, a query or a fragment, in which secrets travel';
  const isBare = username === '' && password === '' && search === '' && hash === '';
  return isBare ? [] : [{ path, problem, wanted: 'scheme, host, port and path only', isSecret: true }];
}

/** Receivers whose address is itself the permission to post there. */
const SECRET_HOSTS: ReadonlySet<string> = new Set(['hooks.slack.com', 'chat.googleapis.com', 'discord.com']);

function secretAddress({ url, path }: Address): readonly Contradiction[] {
  if (!SECRET_HOSTS.has(new URL(url).hostname)) return [];
  const problem = 'is an address that is itself a secret: whoever reads it can post there';
  return [{ path, problem, wanted: 'a receiver of your own that keeps it and passes messages on', isSecret: true }];
}

function readableByAll({ url, path }: Address): readonly Contradiction[] {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || isLoopback(hostname)) return [];
  const problem = 'sends tokens in clear text to another machine';
  return [{ path, problem, wanted: 'https, or http on loopback' }];
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function sharedProbes(asked: readonly Address[]): readonly Contradiction[] {
  return repeated(asked, ({ url }) => url).map(({ item, first }) => ({
    path: item.path,
    problem: 'asks the same address as another probe, so one answer would stand for two things',
    wanted: 'an address of its own for each probe of each application',
    involves: asked[first] === undefined ? [] : [asked[first].path],
  }));
}

/** Losing a control region must leave a link that works. On loopback there is one machine, and nothing to lose. */
function approveAddresses({ endpoints, controlRegions }: System): readonly Contradiction[] {
  const path = ['endpoints', 'approve'];
  const isLocal = endpoints.approve.every((url) => isLoopback(new URL(url).hostname));
  if (isLocal || new Set(endpoints.approve).size >= controlRegions.length) return [];
  const problem = 'has fewer addresses than there are control regions, so links could die with one of them';
  return [{ path, problem, wanted: `${controlRegions.length} addresses`, involves: [['system', 'controlRegions']] }];
}

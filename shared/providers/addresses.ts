import type { Endpoints } from '../system/system.ts';

// Addresses that differ from the vendors' own (`endpoints` of dr.yaml). Never a credential.

/**
 * The URL that is really called for a probe or webhook: `endpoints.hosts` may put another base in the place of its
 * host, or of every host below a domain (`.run.app`).
 */
export function addressFor(wanted: string, hosts: Endpoints['hosts']): URL {
  const named = new URL(wanted);
  const above = Object.keys(hosts).find((domain) => domain.startsWith('.') && named.hostname.endsWith(domain));
  const base = hosts[named.hostname] ?? (above === undefined ? undefined : hosts[above]);
  if (base === undefined) return named;
  const url = below(base, named.pathname);
  url.search = named.search;
  return url;
}

/** A URL below a base, keeping the path of the base. */
export function below(base: string | URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${path.replace(/^\//, '')}`;
  return url;
}

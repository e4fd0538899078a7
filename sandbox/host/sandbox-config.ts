import { parseDocument } from 'yaml';

/** Addresses of one sandbox, as `endpoints` of `dr.yaml` takes them. */
export interface SandboxEndpoints {
  readonly google: Readonly<Record<string, string>>;
  readonly kubernetes: Readonly<Record<string, string>>;
  readonly hosts: Readonly<Record<string, string>>;
  readonly dataPlane: Readonly<Record<string, string>>;
  readonly postgres: Readonly<Record<string, string>>;
  readonly approve: readonly string[];
}

/**
 * Clock time of a lease in the sandbox. Deadlines of calls are wall time and don't scale (decisions.md 6), so a lease must be
 * long enough for them at the sandbox's rate: 3 minutes at twenty times are 9 s of wall time.
 */
const LEASE = '180s';

/**
 * The given `dr.yaml` with the sandbox's addresses and a lease that fits its rate; everything else stays as it was written, hosts
 * included that the sandbox does not serve: a story may bring applications of its own.
 */
export function sandboxConfig(text: string, endpoints: SandboxEndpoints): string {
  const document = parseDocument(text);
  const { endpoints: written } = document.toJS() as { endpoints?: { hosts?: object } }; // checked by whoever reads the file
  const hosts = { ...written?.hosts, ...endpoints.hosts };
  document.setIn(['endpoints'], document.createNode({ ...endpoints, hosts }));
  document.setIn(['guards', 'lease'], LEASE);
  return document.toString();
}

import { z } from 'zod';
import type { InstanceStatus } from '../shared/ports/databases.ts';
import type { System } from '../shared/system/system.ts';

// What a Terraform plan would do to a system that a recovery has changed. Terraform's files still say what was before: an apply would
// stop, replace or delete what was promoted, start what was fenced, or lead users and consumers back.
//
// T1. Reality is what the cloud says now, never what the files or the state say.
// T2. What can't be told harmless is refused, with its address; `allowed` lets it pass by name, which is a person's decision.

const attributes = z.record(z.string(), z.unknown()).nullish();

const changeWire = z.object({
  address: z.string(),
  mode: z.string().optional(),
  type: z.string(),
  change: z.object({ actions: z.array(z.string()).min(1), before: attributes, after: attributes }),
});

/** What `terraform show -json PLAN` writes, as far as it matters here (format 1.x). */
export const planWire = z.object({
  format_version: z.string().regex(/^1\./, 'a format of Terraform that is not known here'),
  resource_changes: z.array(changeWire).default([]),
});

type Change = z.infer<typeof changeWire>;

/** One change that must not be applied. */
export interface Refused {
  readonly address: string;
  readonly because: string;
}

/** What changes nothing in the cloud: to forget is what a `removed` block without destruction does. */
const HARMLESS: ReadonlySet<string> = new Set(['no-op', 'read', 'forget']);

/** What in a plan would undo a recovery, given the instances as they are now. */
export function refusedChanges(
  { resource_changes: changes }: z.infer<typeof planWire>,
  system: System,
  fleet: readonly InstanceStatus[],
  allowed: ReadonlySet<string>,
): readonly Refused[] {
  return changes
    .filter(({ mode, change }) => mode !== 'data' && !change.actions.every((action) => HARMLESS.has(action)))
    .filter(({ address }) => !allowed.has(address))
    .flatMap((change) => reasons(change, system, fleet).map((because) => ({ address: change.address, because })));
}

function reasons(change: Change, system: System, fleet: readonly InstanceStatus[]): readonly string[] {
  switch (change.type) {
    case 'google_sql_database_instance':
      return ofInstance(change, system, fleet);
    case 'google_secret_manager_secret':
    case 'google_secret_manager_secret_version':
      return ofSecret(change, system);
    case 'google_dns_record_set':
    case 'google_compute_url_map':
      return ofEntrance(change, system);
    default:
      return [];
  }
}

const ends = ({ change }: Change): boolean => change.actions.includes('delete');

/** Where Terraform does not know a value before it applies, it is left out or null, and counts as not said. */
const said = (values: z.infer<typeof attributes>, name: string): string | undefined => {
  const value = values?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const settingsWire = z.array(z.looseObject({ activation_policy: z.string().nullish() }));

function ofInstance(change: Change, system: System, fleet: readonly InstanceStatus[]): readonly string[] {
  const { before, after } = change.change;
  const name = said(before, 'name') ?? said(after, 'name');
  const live = fleet.find(({ instance }) => instance === name);
  const group = system.databases.find(({ instance, replicas, spares }) =>
    [instance, ...[...replicas, ...spares].map((one) => one.instance)].some((known) => known === name),
  );
  if (name === undefined || group === undefined || live === undefined) return [];
  const members = new Set<string>([
    group.instance,
    ...[...group.replicas, ...group.spares].map(({ instance }) => instance),
  ]);
  const serving = fleet.filter(
    ({ instance, role, activation }) => members.has(instance) && role === 'primary' && activation === 'always',
  );
  const isServing = serving.some(({ instance }) => instance === live.instance);
  const others = serving.filter(({ instance }) => instance !== live.instance).map(({ instance }) => instance);
  const activation = settingsWire.safeParse(after?.['settings']).data?.[0]?.activation_policy;
  if (ends(change))
    return [
      isServing
        ? `would delete ${name}, which is the primary now`
        : live.role === 'primary'
          ? `would delete ${name}, a former primary: it may hold writes that are nowhere else`
          : `would delete ${name}, a replica of ${live.upstream ?? 'another instance'}: the next failover needs one`,
    ];
  const upstream = said(after, 'master_instance_name');
  return [
    ...(live.role === 'primary' && upstream !== undefined
      ? [`would make ${name}, a primary now, a replica of ${upstream}`]
      : []),
    ...(isServing && activation === 'NEVER' ? [`would stop ${name}, which is the primary now`] : []),
    ...(live.role === 'primary' && live.activation === 'never' && activation !== 'NEVER' && others.length > 0
      ? [`would start ${name}, which was stopped so that it takes no writes beside ${others.join(', ')}`]
      : []),
  ];
}

function ofSecret(change: Change, system: System): readonly string[] {
  const { before, after } = change.change;
  const named =
    said(before, 'secret') ?? said(after, 'secret') ?? said(before, 'secret_id') ?? said(after, 'secret_id');
  const secret = named?.split('/').at(3) ?? named;
  const readers = system.applications.filter(
    ({ databaseSecret }) => databaseSecret !== undefined && databaseSecret === secret,
  );
  if (readers.length === 0) return [];
  const whom = readers.map(({ id }) => id).join(', ');
  return [`would change ${secret}, by which ${whom} ${readers.length === 1 ? 'finds' : 'find'} the database`];
}

function ofEntrance(change: Change, system: System): readonly string[] {
  const { before, after } = change.change;
  const name = said(before, 'name') ?? said(after, 'name');
  const host = system.entrances.find((entrance) =>
    entrance.via === 'dns' ? `${entrance.host}.` === name : entrance.urlMap === name,
  )?.host;
  return host === undefined ? [] : [`would change where ${host} leads its users`];
}

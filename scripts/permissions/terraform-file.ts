import type { Permission } from '../../shared/providers/permissions.ts';
import type { Needed } from './needed.ts';

// What Terraform reads of it (terraform/modules/permissions/permissions.json), and what people read (the table in terraform/README.md): one list of
// permissions for each function and runbook, divided by what they are given on.

/** On what a permission is given: the narrowest that Google lets a role be given on, and that `dr.yaml` names. */
export const SCOPES = ['project', 'secrets', 'rows', 'evidence', 'dumps', 'copies', 'cluster'] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * Scopes of the permissions that are not given on the project. One that stands in two is given on both: objects are added to sets of
 * rows and to evidence.
 */
const NARROW: Readonly<Record<string, readonly Scope[]>> = {
  'cloudsql.instances.delete': ['copies'],
  'secretmanager.versions.access': ['secrets'],
  'secretmanager.versions.add': ['secrets'],
  'secretmanager.versions.disable': ['secrets'],
  'secretmanager.versions.get': ['secrets'],
  'secretmanager.versions.list': ['secrets'],
  'storage.buckets.get': ['evidence'],
  'storage.buckets.getIamPolicy': ['dumps'],
  'storage.buckets.setIamPolicy': ['dumps'],
  'storage.objects.create': ['rows', 'evidence'],
  'storage.objects.get': ['rows'],
  'storage.objects.list': ['dumps', 'evidence'],
};

/** Where a permission is given. */
export const scopesOf = (permission: Permission): readonly Scope[] =>
  permission.startsWith('k8s.') ? ['cluster'] : (NARROW[permission] ?? ['project']);

/** Whether it changes nothing of the protected system: reading, being let in, and rows of our own in tables of our own. */
export const isReading = (permission: Permission): boolean =>
  /\.(connect|get|list|login|getIamPolicy)$/.test(permission);

/** Permissions by where they are given. */
export type ByScope = Readonly<Partial<Record<Scope, readonly Permission[]>>>;

/** What terraform/modules/permissions/permissions.json holds. */
export interface PermissionsFile {
  /** By function, whatever the mode. */
  readonly look: Readonly<Record<string, ByScope>>;
  /** By runbook and function, where the mode of the runbook is not `observe`. */
  readonly runbooks: Readonly<Record<string, Readonly<Record<string, ByScope>>>>;
}

/** Divides what is needed by where it is given. */
export function permissionsFile({ look, runbooks }: Needed): PermissionsFile {
  return {
    look: Object.fromEntries(Object.entries(look).map(([name, needed]) => [name, byScope(needed)])),
    runbooks: Object.fromEntries(
      [...runbooks].map(([runbook, { heal, recover }]) => [
        runbook,
        { heal: byScope(heal), recover: byScope(recover) },
      ]),
    ),
  };
}

const byScope = (needed: readonly Permission[]): ByScope =>
  Object.fromEntries(
    SCOPES.flatMap((scope) => {
      const own = needed.filter((permission) => scopesOf(permission).includes(scope));
      return own.length === 0 ? [] : [[scope, own]];
    }),
  );

/** Where a scope's permissions are given, for people. */
const PLACES: Readonly<Record<Scope, string>> = {
  project: 'the project',
  secrets: 'each secret that `dr.yaml` names',
  rows: 'the bucket of sets of rows',
  evidence: 'the bucket of evidence',
  dumps: 'the bucket of dumps',
  copies: 'the project, for instances by the names of copies and clones',
  cluster: 'the namespace of the application (terraform/kubernetes)',
};

/**
 * The table of terraform/README.md: function, permission, where it is given, and why: for looking, or for the runbooks whose steps
 * need it.
 */
export function permissionTable({ look, runbooks }: Needed): string {
  const rows = Object.entries(look).flatMap(([name, looking]) => {
    const steps = [...runbooks].flatMap(([runbook, by]) =>
      name === 'heal' || name === 'recover' ? by[name].map((permission) => ({ permission, runbook })) : [],
    );
    const all = [...new Set([...looking, ...steps.map(({ permission }) => permission)])].toSorted();
    return all.flatMap((permission) => {
      const needing = steps.filter((step) => step.permission === permission).map(({ runbook }) => runbook);
      const why = looking.includes(permission) ? 'looking' : needing.join(', ');
      const what = isReading(permission) ? permission : `**${permission}**`;
      return scopesOf(permission).map((scope) => `| ${name} | ${what} | ${PLACES[scope]} | ${why} |`);
    });
  });
  return ['| function | permission | given on | for |', '|---|---|---|---|', ...rows].join('\n');
}

/** The page with that table between its marks. Throws when the page has no place for it. */
export function withTable(page: string, table: string): string {
  const marks = /(<!-- permissions:[^>]*-->\n)[^]*?(<!-- end -->)/;
  if (!marks.test(page)) throw new Error('the page has no place for the table');
  return page.replace(marks, (_all, begin: string, end: string) => `${begin}\n${table}\n\n${end}`);
}

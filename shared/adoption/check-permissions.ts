import type { Binding } from '../ports/inventory.ts';
import { FUNCTIONS, type FunctionName, RUNBOOKS } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { modeFor } from '../system/topology.ts';
import type { ByScope, Facts } from './facts.ts';
import { fine, type Finding, judge, type Reading, wrong } from './finding.ts';
import { accountOf, bucketsOf, systemSecrets } from './wanted.ts';

// Whether each function may do what its steps need, and no more: the policies of the project, of secrets and of buckets against what the
// code needs in the modes of `dr.yaml`.
//
// Not seen: what a folder or the organisation gives; and that a permission which is needed on some buckets or secrets is given on the
// whole project. What the clusters' own roles give is check-cluster.ts's.

/** What every function has of Google's own roles, for its logs and its part of the store. */
const HOUSEHOLD: ReadonlySet<string> = new Set([
  'roles/datastore.user',
  'roles/datastore.viewer',
  'roles/logging.logWriter',
]);

/** Roles that give everything at once. */
const PRIMITIVE: ReadonlySet<string> = new Set(['roles/owner', 'roles/editor', 'roles/viewer']);

/** Reads a key; only `notify` may do it with the one that signs. */
const READS_SECRETS = 'secretmanager.versions.access';

/** A place on which permissions are given. */
interface Site {
  /** For people, such as `the project` or `gs://bucket`. */
  readonly name: string;
  readonly bindings: Reading<readonly Binding[]> | undefined;
  /** What is needed there. */
  readonly needed: readonly string[];
}

/** What these checks rest on. */
type PermissionFacts = Pick<Facts, 'projectPolicy' | 'secretPolicies' | 'bucketPolicies' | 'roles' | 'needed'>;

/** What a function needs in the modes of the file, by what it is given on. */
export function neededBy(system: System, name: FunctionName, { look, runbooks }: Facts['needed']): ByScope {
  const parts = [
    look[name] ?? {},
    ...RUNBOOKS.filter((runbook) => modeFor(system, runbook) !== 'observe').map(
      (runbook) => runbooks[runbook]?.[name] ?? {},
    ),
  ];
  const scopes = [...new Set(parts.flatMap((part) => Object.keys(part)))];
  return Object.fromEntries(
    scopes.map((scope) => [scope, [...new Set(parts.flatMap((part) => part[scope] ?? []))].toSorted()]),
  );
}

/** The roles that our functions have by some policies: what has to be read of them. */
export function rolesOfFunctions(system: System, policies: readonly (readonly Binding[])[]): readonly string[] {
  const own = new Set(FUNCTIONS.map((name) => memberOf(name, system)));
  const roles = policies
    .flat()
    .filter(({ members }) => members.some((member) => own.has(member)))
    .map(({ role }) => role);
  return [...new Set(roles)].filter((role) => !HOUSEHOLD.has(role) && !PRIMITIVE.has(role)).toSorted();
}

/** Function by function. */
export function checkPermissions(system: System, facts: PermissionFacts): readonly Finding[] {
  return FUNCTIONS.flatMap((name) =>
    judge(`permissions of ${name}`, 'the policy of the project', facts.projectPolicy, {
      mend: `gcloud projects get-iam-policy ${system.project}`,
      holds: (project) => checkFunction(system, name, project, facts),
    }),
  );
}

function checkFunction(
  system: System,
  name: FunctionName,
  project: readonly Binding[],
  facts: PermissionFacts,
): readonly Finding[] {
  const check = `permissions of ${name}`;
  const member = memberOf(name, system);
  const needed = neededBy(system, name, facts.needed);
  const anywhere = new Set(Object.values(needed).flat());
  const everywhere = givenBy(project, member, facts, { conditional: false });
  const named = givenBy(project, member, facts, { conditional: true });
  const primitive = project.filter(({ role, members }) => PRIMITIVE.has(role) && members.includes(member));
  const found: Finding[] = primitive.map(({ role }) =>
    wrong(
      check,
      `it has ${role}: far more than any of its steps needs`,
      `gcloud projects remove-iam-policy-binding ${system.project} --member ${member} --role ${role}`,
    ),
  );
  if (everywhere.unread.length > 0) return [...found, unreadRole(check, everywhere.unread[0] ?? '', system)];
  const onProject = new Set([...everywhere.permissions, ...named.permissions]);
  const missing = [...(needed['project'] ?? []), ...(needed['copies'] ?? [])].filter((one) => !onProject.has(one));
  if (missing.length > 0) found.push(lacking(check, 'the project', missing));
  for (const site of sitesOf(system, needed, facts)) {
    const judged = judge(check, `who may use ${site.name}`, site.bindings, {
      mend: `dr.yaml: the name of ${site.name}`,
      holds: (bindings) => {
        const given = givenBy(bindings, member, facts, { conditional: true });
        if (given.unread.length > 0) return [unreadRole(check, given.unread[0] ?? '', system)];
        const both = new Set([...everywhere.permissions, ...given.permissions]);
        const more = [...given.permissions].filter((one) => !anywhere.has(one));
        const lacks = site.needed.filter((one) => !both.has(one));
        return [
          ...(lacks.length === 0 ? [] : [lacking(check, site.name, lacks)]),
          ...(more.length === 0 ? [] : [excess(check, site.name, more)]),
        ];
      },
    });
    found.push(...judged);
  }
  const more = [...onProject].filter((one) => !anywhere.has(one));
  if (more.length > 0) found.push(excess(check, 'the project', more));
  if (name !== 'notify' && everywhere.permissions.has(READS_SECRETS))
    found.push(
      wrong(
        check,
        'it may read every secret of the project, and so the key that signs approvals',
        `${TERRAFORM}: ${READS_SECRETS} belongs on the secrets that dr.yaml names, one by one`,
      ),
    );
  if (found.length > 0) return found;
  const { cluster: _, ...ofGoogle } = needed;
  const count = new Set(Object.values(ofGoogle).flat()).size;
  return [fine(check, `exactly what its code needs of Google (${count} permissions)`)];
}

function sitesOf(system: System, needed: ByScope, facts: PermissionFacts): readonly Site[] {
  const onSecrets = (needed['secrets'] ?? []).length === 0 ? [] : systemSecrets(system);
  const buckets = bucketsOf(system);
  // One bucket may serve for more than one thing.
  const names = [...new Set(Object.values(buckets).flat())];
  return [
    ...onSecrets.map((secret) => ({
      name: `the secret ${secret}`,
      bindings: facts.secretPolicies[secret],
      needed: needed['secrets'] ?? [],
    })),
    ...names.flatMap((bucket) => {
      const wanted = (['rows', 'evidence', 'dumps'] as const).flatMap((scope) =>
        buckets[scope].includes(bucket) ? (needed[scope] ?? []) : [],
      );
      if (wanted.length === 0) return [];
      return [{ name: `gs://${bucket}`, bindings: facts.bucketPolicies[bucket], needed: [...new Set(wanted)] }];
    }),
  ];
}

/** What a policy gives to one member, and the roles of which nobody could say what they give. */
function givenBy(
  bindings: readonly Binding[],
  member: string,
  { roles }: PermissionFacts,
  { conditional }: { readonly conditional: boolean },
): { readonly permissions: ReadonlySet<string>; readonly unread: readonly string[] } {
  const permissions = new Set<string>();
  const unread: string[] = [];
  for (const { role, members, condition } of bindings) {
    if (!members.includes(member) || HOUSEHOLD.has(role) || PRIMITIVE.has(role)) continue;
    if (condition !== undefined && !conditional) continue;
    const read = roles[role];
    if (read?.kind === 'read') for (const permission of read.value) permissions.add(permission);
    else unread.push(role);
  }
  return { permissions, unread };
}

const memberOf = (name: FunctionName, { project }: System): string => `serviceAccount:${accountOf(name, project)}`;

const TERRAFORM = 'terraform apply, with the mode of dr.yaml in var.mode (terraform/README.md has the table)';

const lacking = (check: string, where: string, permissions: readonly string[]): Finding =>
  wrong(check, `it lacks on ${where}: ${permissions.join(', ')}`, TERRAFORM);

const excess = (check: string, where: string, permissions: readonly string[]): Finding =>
  wrong(check, `it has on ${where}, and no step of it needs: ${permissions.join(', ')}`, TERRAFORM);

const unreadRole = (check: string, role: string, { project }: System): Finding => ({
  check,
  verdict: 'unknown',
  says: `nobody can say what ${role} gives`,
  mend: `gcloud iam roles describe ${role.slice(role.lastIndexOf('/') + 1)} --project ${project}`,
});

import type { Principal } from './kernel.ts';

// Who may do what with one bucket, beside what the project grants: a policy of roles, replaced as a whole under its etag
// (cloud.google.com/storage/docs/access-control/iam-roles, read 2026-11-26).

/** Members of one role: `user:…`, `serviceAccount:…`. Groups, domains and `allUsers` are refused: nothing here resolves them. */
export interface Binding {
  readonly role: string;
  readonly members: readonly string[];
}

/** The policy of a bucket. */
export interface BucketPolicy {
  readonly etag: string;
  readonly bindings: readonly Binding[];
}

const OBJECT_READ = ['storage.objects.get', 'storage.objects.list'] as const;

/** What each role permits; a role that is not here can't be granted. */
export const STORAGE_ROLES: Readonly<Record<string, readonly string[]>> = {
  'roles/storage.objectViewer': OBJECT_READ,
  'roles/storage.objectCreator': ['storage.objects.create'],
  'roles/storage.objectUser': [
    ...OBJECT_READ,
    'storage.objects.create',
    'storage.objects.delete',
    'storage.objects.update',
  ],
  'roles/storage.objectAdmin': ['storage.objects.*'],
  'roles/storage.bucketViewer': ['storage.buckets.get', 'storage.buckets.list'],
  'roles/storage.legacyBucketReader': ['storage.buckets.get', 'storage.objects.list'],
  'roles/storage.legacyBucketWriter': [
    'storage.buckets.get',
    'storage.objects.list',
    'storage.objects.create',
    'storage.objects.delete',
  ],
  'roles/storage.admin': ['storage.*'],
};

/** How a policy names a principal. */
export const memberOf = (principal: Principal): string =>
  `${principal.endsWith('.gserviceaccount.com') ? 'serviceAccount' : 'user'}:${principal}`;

/** The permissions that a policy gives to somebody; names that end in `*` cover what they begin. */
export function permissionsIn(policy: BucketPolicy, principal: Principal): readonly string[] {
  const member = memberOf(principal);
  return policy.bindings
    .filter(({ members }) => members.includes(member))
    .flatMap(({ role }) => STORAGE_ROLES[role] ?? []);
}

/** Why a policy can't be set, or `undefined`. */
export function policyFault(bindings: readonly Binding[]): string | undefined {
  for (const { role, members } of bindings) {
    if (STORAGE_ROLES[role] === undefined) return `Role ${role} is not supported for this resource.`;
    const stranger = members.find((member) => !/^(user|serviceAccount):[^\s@]+@[^\s@]+$/.test(member));
    if (stranger !== undefined) return `Member ${stranger} is of a kind that this sandbox does not resolve.`;
  }
  return undefined;
}

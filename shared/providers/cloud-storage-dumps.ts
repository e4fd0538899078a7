import { z } from 'zod';
import { type Instant, parseInstant } from '../core/time.ts';
import type { Backups, Copies, Dump } from '../ports/backups.ts';
import { PortError } from '../ports/port-error.ts';
import type { InstanceName } from '../system/names.ts';
import type { Accounts } from './cloud-sql-backups.ts';
import { storageClient } from './cloud-storage-client.ts';
import { listObjects } from './cloud-storage-listing.ts';
import { callGoogle, type GoogleAccess } from './google-call.ts';

// Dumps in Cloud Storage through `@google-cloud/storage`. Only what a listing says of them is read: our functions may list and can't
// download what is in them.

const moment = z.string().transform((text, context): Instant => {
  const at = parseInstant(text);
  if (at !== undefined) return at;
  context.addIssue('not a time');
  return z.NEVER;
});

const objectWire = z.object({
  bucket: z.string(),
  name: z.string().min(1),
  generation: z.coerce.string().regex(/^\d+$/),
  size: z.coerce.number().int().nonnegative(),
  crc32c: z.string(),
  timeCreated: moment,
});

/** An object as a listing returns it. Throws `z.ZodError` on anything else. */
export function parseDump(metadata: unknown): Dump {
  const { bucket, name, generation, size, crc32c, timeCreated } = objectWire.parse(metadata);
  return { bucket, name, generation, bytes: size, crc32c, writtenAt: timeCreated };
}

/** What lets an instance's own account read objects, and no more. */
const READER = 'roles/storage.objectViewer';

const policyWire = z.object({
  etag: z.string(),
  bindings: z.array(z.looseObject({ role: z.string(), members: z.array(z.string()) })).default([]),
});
type Policy = z.infer<typeof policyWire>;

/** Dumps in buckets, and which instances may read them. `accounts` tells by which account an instance acts. */
export function createCloudStorageDumps(
  access: GoogleAccess,
  accounts: Accounts,
): Pick<Backups, 'dumps'> & Pick<Copies, 'isAdmitted' | 'admit' | 'dismiss'> {
  const client = storageClient(access);
  const policyOf = (bucket: string): Promise<Policy> =>
    callGoogle(access, { doing: `reading who may use ${bucket}`, effect: 'reads' }, client, async (storage) =>
      policyWire.parse((await storage.bucket(bucket).iam.getPolicy())[0]),
    );
  const write = async (copy: InstanceName, bucket: string, isWanted: boolean): Promise<void> => {
    const member = `serviceAccount:${await accounts.account(copy)}`;
    const policy = await policyOf(bucket);
    const doing = isWanted ? `letting ${copy} read ${bucket}` : `ending that ${copy} reads ${bucket}`;
    const bindings = isWanted ? withReader(policy, member) : withoutReader(policy, member);
    // Under the etag that was read: somebody else's change in between is not undone.
    await callGoogle(access, { doing, effect: 'writesIfUnchanged' }, client, (storage) =>
      storage.bucket(bucket).iam.setPolicy({ ...policy, bindings }),
    );
  };
  return {
    isAdmitted: async (copy, bucket) => {
      const member = `serviceAccount:${await accounts.account(copy)}`;
      const { bindings } = await policyOf(bucket);
      return bindings.some(({ role, members }) => role === READER && members.includes(member));
    },
    admit: (copy, bucket) => write(copy, bucket, true),
    dismiss: (copy, bucket) => write(copy, bucket, false),
    dumps: async (place) => {
      const doing = `listing the dumps in ${place}`;
      const { bucket, prefix } = placeOf(place, doing);
      const found = await listObjects(access, client, { bucket, prefix, doing }, parseDump);
      return found.toSorted((a, b) => b.writtenAt - a.writtenAt);
    },
  };
}

/** The policy with one more reader; bindings under a condition are left as they are. */
function withReader({ bindings }: Policy, member: string): Policy['bindings'] {
  const plain = bindings.find(({ role, ...rest }) => role === READER && rest['condition'] === undefined);
  if (plain === undefined) return [...bindings, { role: READER, members: [member] }];
  return bindings.map((binding) =>
    binding === plain ? { ...binding, members: [...new Set([...binding.members, member])] } : binding,
  );
}

const withoutReader = ({ bindings }: Policy, member: string): Policy['bindings'] =>
  bindings
    .map((binding) =>
      binding.role === READER ? { ...binding, members: binding.members.filter((name) => name !== member) } : binding,
    )
    .filter(({ members }) => members.length > 0);

/** `gs://bucket/prefix`, which `dr.yaml` was checked for. */
export function placeOf(place: string, doing: string): { readonly bucket: string; readonly prefix: string } {
  const match = /^gs:\/\/([^/]+)\/(.*)$/.exec(place);
  const [, bucket, prefix] = match ?? [];
  if (bucket === undefined || prefix === undefined) throw new PortError('permanent', 'notAPlace', doing);
  return { bucket, prefix };
}

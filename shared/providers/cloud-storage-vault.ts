import { z } from 'zod';
import type { EvidenceVault, Retention, SealedObject } from '../ports/evidence-vault.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import { storageClient } from './cloud-storage-client.ts';
import { listObjects } from './cloud-storage-listing.ts';
import { crc32c } from './crc32c.ts';
import { callGoogle, type GoogleAccess } from './google-call.ts';

// Evidence in a bucket under a retention policy, through `@google-cloud/storage`. Needs storage.buckets.get, storage.objects.create and
// storage.objects.list on that bucket, and nothing that could read, replace or delete (facts.md 7).

const bucketWire = z.object({
  retentionPolicy: z
    .object({ retentionPeriod: z.coerce.number().int().nonnegative(), isLocked: z.boolean().default(false) })
    .nullish(),
});

/** How a bucket keeps its objects, as its metadata say. Throws `z.ZodError` on anything else. */
export function parseRetention(metadata: unknown): Retention {
  const { retentionPolicy } = bucketWire.parse(metadata);
  return { seconds: retentionPolicy?.retentionPeriod ?? null, locked: retentionPolicy?.isLocked ?? false };
}

const objectWire = z.object({
  name: z.string().min(1),
  generation: z.coerce.string().regex(/^\d+$/),
  size: z.coerce.number().int().nonnegative(),
  crc32c: z.string(),
});

/** Buckets of evidence. */
export function createCloudStorageVault(access: GoogleAccess): EvidenceVault {
  const client = storageClient(access);
  const sealed = (bucket: string, prefix: string): Promise<readonly SealedObject[]> =>
    listObjects(access, client, { bucket, prefix, doing: `listing what is sealed in ${bucket}` }, parseObject);
  return {
    sealed,
    retention: (bucket) =>
      callGoogle(access, { doing: `reading how ${bucket} keeps`, effect: 'reads' }, client, async (storage) =>
        parseRetention((await storage.bucket(bucket).getMetadata())[0]),
      ),
    seal: async (bucket, name, text) => {
      const doing = `sealing ${name} in ${bucket}`;
      try {
        await callGoogle(access, { doing, effect: 'writesIfUnchanged' }, client, (storage) =>
          storage
            .bucket(bucket)
            .file(name)
            .save(text, {
              resumable: false,
              validation: 'crc32c',
              contentType: 'text/plain; charset=utf-8',
              preconditionOpts: { ifGenerationMatch: 0 },
            }),
        );
      } catch (error) {
        if (!isPortError(error) || error.kind !== 'conflict') throw error;
        const there = (await sealed(bucket, name)).find((object) => object.name === name);
        if (there?.crc32c !== checksumOf(text)) throw new PortError('permanent', 'otherContent', doing, error);
      }
    },
  };
}

function parseObject(metadata: unknown): SealedObject {
  const { name, generation, size, crc32c: checksum } = objectWire.parse(metadata);
  return { name, generation, bytes: size, crc32c: checksum };
}

/** Base64 of four bytes, the most significant first, as Cloud Storage writes it. */
function checksumOf(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32c(Buffer.from(text)));
  return bytes.toString('base64');
}

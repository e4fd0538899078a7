import { z } from 'zod';
import { isPortError, PortError } from '../ports/port-error.ts';
import type { RowFile, RowFiles } from '../ports/row-files.ts';
import { storageClient } from './cloud-storage-client.ts';
import { placeOf } from './cloud-storage-dumps.ts';
import { callGoogle, type GoogleAccess } from './google-call.ts';

// Files with rows in Cloud Storage through `@google-cloud/storage`. A file is created only where there is none (generation 0), and read
// by its generation: what was approved is what is read, whoever has written over it since.

const objectWire = z.object({
  bucket: z.string(),
  name: z.string().min(1),
  generation: z.coerce.string().regex(/^\d+$/),
  size: z.coerce.number().int().nonnegative(),
});

/** An object as the client returns its metadata. Throws `z.ZodError` on anything else. */
function parseFile(metadata: unknown): RowFile {
  const { bucket, name, generation, size } = objectWire.parse(metadata);
  return { bucket, name, generation, bytes: size };
}

const CONTENT_TYPE = 'application/jsonl';

/** Files with rows, in the buckets that dr.yaml names. */
export function createCloudStorageRowFiles(access: GoogleAccess): RowFiles {
  const client = storageClient(access);
  return {
    create: async (place, name, content) => {
      const doing = `writing ${place}${name}`;
      const { bucket, prefix } = placeOf(place, doing);
      try {
        return await callGoogle(access, { doing, effect: 'writesIfUnchanged' }, client, async (storage) => {
          const file = storage.bucket(bucket).file(`${prefix}${name}`);
          const preconditionOpts = { ifGenerationMatch: 0 };
          await file.save(Buffer.from(content), { resumable: false, contentType: CONTENT_TYPE, preconditionOpts });
          return parseFile(file.metadata);
        });
      } catch (error) {
        if (!isPortError(error) || error.kind !== 'conflict') throw error;
        throw new PortError('conflict', 'exists', doing, error);
      }
    },
    newest: async (place, name) => {
      const doing = `looking up ${place}${name}`;
      const { bucket, prefix } = placeOf(place, doing);
      try {
        return await callGoogle(access, { doing, effect: 'reads' }, client, async (storage) =>
          parseFile((await storage.bucket(bucket).file(`${prefix}${name}`).getMetadata())[0]),
        );
      } catch (error) {
        if (isPortError(error) && error.code === 'notFound') return undefined;
        throw error;
      }
    },
    read: (file, bytesMax) => {
      const doing = `reading gs://${file.bucket}/${file.name}, generation ${file.generation}`;
      if (file.bytes > bytesMax) throw new PortError('permanent', 'tooLarge', doing);
      return callGoogle(access, { doing, effect: 'reads' }, client, async (storage) => {
        const [content] = await storage.bucket(file.bucket).file(file.name, { generation: file.generation }).download();
        return content;
      });
    },
  };
}

import { z } from 'zod';
import type { BucketPatch, ObjectPatch } from '../world/storage.ts';
import type { ObjectDescription } from '../world/storage-bucket.ts';
import type { Binding } from '../world/storage-policy.ts';

// Bodies of the JSON API, strictly: what Google doesn't know is refused, and so is what it knows and the sandbox does not model
// where it would change what happens to an object.

const text = z.record(z.string(), z.string());

/** Fields of an object by which a client only says again what it addressed or read: gcloud sends all of it with its change. */
const identity = {
  kind: z.literal('storage#object').optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  bucket: z.string().optional(),
  generation: z.string().optional(),
  metageneration: z.string().optional(),
  etag: z.string().optional(),
  size: z.string().optional(),
  selfLink: z.string().optional(),
  mediaLink: z.string().optional(),
  timeCreated: z.string().optional(),
  updated: z.string().optional(),
  timeStorageClassUpdated: z.string().optional(),
  retentionExpirationTime: z.string().optional(),
  storageClass: z.literal('STANDARD').optional(),
};

const described = {
  contentType: z.string().optional(),
  contentEncoding: z.string().optional(),
  contentDisposition: z.string().optional(),
  contentLanguage: z.string().optional(),
  cacheControl: z.string().optional(),
};

const objectWire = z.strictObject({
  ...identity,
  ...described,
  metadata: text.optional(),
  temporaryHold: z.boolean().optional(),
  eventBasedHold: z.boolean().optional(),
  crc32c: z.string().optional(),
  md5Hash: z.string().optional(),
});

/** What an upload says of its object. `name` may stand in the query instead. */
export interface ObjectResource {
  readonly name: string | undefined;
  readonly description: Partial<ObjectDescription>;
  readonly temporaryHold: boolean | undefined;
  readonly eventBasedHold: boolean | undefined;
  readonly crc32c: string | undefined;
  readonly md5: string | undefined;
}

/** The resource of an upload, and of the destination of a copy. */
export const objectBody: z.ZodType<ObjectResource> = objectWire.transform((body) => {
  const { contentType, contentEncoding, contentDisposition, contentLanguage, cacheControl, metadata } = body;
  const all = { contentType, contentEncoding, contentDisposition, contentLanguage, cacheControl, metadata };
  return {
    name: body.name,
    // What is absent is no key at all.
    description: Object.fromEntries(
      Object.entries(all).filter(([, value]) => value !== undefined),
    ) as Partial<ObjectDescription>,
    temporaryHold: body.temporaryHold,
    eventBasedHold: body.eventBasedHold,
    crc32c: body.crc32c,
    md5: body.md5Hash,
  };
});

/** Body of `objects.patch` and, as this client sends it, of `objects.update`. */
export const objectPatchBody: z.ZodType<ObjectPatch> = z
  .strictObject({
    ...identity,
    contentType: z.string().optional(),
    metadata: z.record(z.string(), z.string().nullable()).nullish(),
    temporaryHold: z.boolean().optional(),
    eventBasedHold: z.boolean().optional(),
    crc32c: z.string().optional(),
    md5Hash: z.string().optional(),
  })
  .transform(({ contentType, metadata, temporaryHold, eventBasedHold }) => ({
    contentType,
    metadata,
    temporaryHold,
    eventBasedHold,
  }));

const period = z.union([z.string().regex(/^\d+$/), z.number().int().min(1)]).transform(Number);

/** Body of `buckets.patch`. */
export const bucketPatchBody: z.ZodType<BucketPatch> = z
  .strictObject({
    name: z.string().optional(),
    versioning: z.strictObject({ enabled: z.boolean() }).optional(),
    retentionPolicy: z.strictObject({ retentionPeriod: period }).nullish(),
    defaultEventBasedHold: z.boolean().optional(),
  })
  .transform(({ versioning, retentionPolicy, defaultEventBasedHold }) => ({
    versioning: versioning?.enabled,
    retentionSeconds: retentionPolicy === undefined ? undefined : (retentionPolicy?.retentionPeriod ?? null),
    defaultEventBasedHold,
  }));

/** Body of `setIamPolicy`. A condition is refused: nothing here evaluates one. */
export const policyBody: z.ZodType<{ readonly bindings: readonly Binding[]; readonly etag: string | undefined }> = z
  .strictObject({
    kind: z.literal('storage#policy').optional(),
    resourceId: z.string().optional(),
    version: z.number().int().optional(),
    etag: z.string().optional(),
    bindings: z.array(z.strictObject({ role: z.string(), members: z.array(z.string()).default([]) })).default([]),
  })
  .transform(({ bindings, etag }) => ({ bindings, etag }));

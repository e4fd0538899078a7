import { toIso } from '../../shared/core/time.ts';
import type { Project } from '../world/project.ts';
import { type Bucket, retainedUntil, type StoredObject } from '../world/storage-bucket.ts';
import type { BucketPolicy } from '../world/storage-policy.ts';

// How the JSON API writes its resources (cloud.google.com/storage/docs/json_api/v1, read 2026-11-26).

const API = 'https://www.googleapis.com/storage/v1';

/** The generation and what it is at, as an opaque text. */
const etagOf = (generation: number, metageneration: number): string =>
  Buffer.from(`${generation}/${metageneration}`).toString('base64');

/** An object, `storage#object`. 64-bit numbers are texts. */
export function objectJson(object: StoredObject, bucket: Bucket): unknown {
  const { name, generation, metageneration, description, createdAt, updatedAt, noncurrentSince } = object;
  const { metadata, ...headers } = description;
  const until = retainedUntil(object, bucket);
  const path = `b/${object.bucket}/o/${encodeURIComponent(name)}`;
  return {
    kind: 'storage#object',
    id: `${object.bucket}/${name}/${generation}`,
    selfLink: `${API}/${path}`,
    mediaLink: `https://storage.googleapis.com/download/storage/v1/${path}?generation=${generation}&alt=media`,
    bucket: object.bucket,
    name,
    generation: String(generation),
    metageneration: String(metageneration),
    ...headers,
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    storageClass: 'STANDARD',
    size: String(object.content.length),
    md5Hash: object.md5,
    crc32c: object.crc32c,
    etag: etagOf(generation, metageneration),
    timeCreated: toIso(createdAt),
    updated: toIso(updatedAt),
    timeStorageClassUpdated: toIso(createdAt),
    ...(noncurrentSince === undefined ? {} : { timeDeleted: toIso(noncurrentSince) }),
    ...(object.temporaryHold ? { temporaryHold: true } : {}),
    ...(object.eventBasedHold ? { eventBasedHold: true } : {}),
    ...(until === undefined ? {} : { retentionExpirationTime: toIso(until) }),
  };
}

/** A bucket, `storage#bucket`. */
export function bucketJson(project: Project, bucket: Bucket): unknown {
  const { name, location, metageneration, versioning, retention, createdAt, updatedAt } = bucket;
  return {
    kind: 'storage#bucket',
    id: name,
    name,
    selfLink: `${API}/b/${name}`,
    projectNumber: project.number,
    location: location.toUpperCase(),
    locationType: 'region',
    storageClass: 'STANDARD',
    metageneration: String(metageneration),
    etag: etagOf(0, metageneration),
    timeCreated: toIso(createdAt),
    updated: toIso(updatedAt),
    defaultEventBasedHold: bucket.defaultEventBasedHold,
    iamConfiguration: {
      bucketPolicyOnly: { enabled: true },
      uniformBucketLevelAccess: { enabled: true },
      publicAccessPrevention: 'enforced',
    },
    ...(versioning ? { versioning: { enabled: true } } : {}),
    ...(retention === undefined
      ? {}
      : {
          retentionPolicy: {
            retentionPeriod: String(retention.seconds),
            effectiveTime: toIso(retention.effectiveAt),
            ...(retention.locked ? { isLocked: true } : {}),
          },
        }),
  };
}

/** A policy, `storage#policy`. */
export function policyJson(bucket: string, { etag, bindings }: BucketPolicy): unknown {
  return { kind: 'storage#policy', resourceId: `projects/_/buckets/${bucket}`, version: 1, etag, bindings };
}

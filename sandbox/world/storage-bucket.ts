import { after, type Instant, seconds } from '../../shared/core/time.ts';
import { ApiError } from './kernel.ts';
import type { BucketPolicy } from './storage-policy.ts';

// What Cloud Storage knows of buckets and objects, and the rules that hold an object back.

/** One generation of an object. */
export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  /** Microseconds since the epoch at which it was written, as Google numbers them: unique and growing in its bucket. */
  readonly generation: number;
  /** Grows with each change of its metadata; 1 when it was written. */
  readonly metageneration: number;
  readonly content: Uint8Array;
  /** Base64 of four bytes, the most significant first. */
  readonly crc32c: string;
  /** Base64. */
  readonly md5: string;
  readonly description: ObjectDescription;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly temporaryHold: boolean;
  readonly eventBasedHold: boolean;
  /** When its retention began: written, or released from its event-based hold. */
  readonly retainedFrom: Instant;
  /** When it stopped being the live version; `undefined` while it is. */
  readonly noncurrentSince: Instant | undefined;
}

/** What a writer says of an object beside its content. */
export interface ObjectDescription {
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
  /** Keys of the writer's own. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How long a bucket keeps each object. Locked, it can be lengthened and never taken away. */
export interface RetentionPolicy {
  readonly seconds: number;
  readonly effectiveAt: Instant;
  readonly locked: boolean;
}

/** A bucket without its objects. */
export interface Bucket {
  readonly name: string;
  readonly location: string;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly metageneration: number;
  /** Whether a replaced or deleted object stays as a noncurrent version. */
  readonly versioning: boolean;
  readonly retention: RetentionPolicy | undefined;
  readonly defaultEventBasedHold: boolean;
  readonly policy: BucketPolicy;
}

/** What a caller demands of the version that a call meets. A generation of 0 means that there is no live version. */
export interface Preconditions {
  readonly ifGenerationMatch?: number;
  readonly ifGenerationNotMatch?: number;
  readonly ifMetagenerationMatch?: number;
  readonly ifMetagenerationNotMatch?: number;
}

/** Throws 412, or 304 for a negative condition on a read, unless the version is as demanded. */
export function checkPreconditions(
  asked: Preconditions,
  met: { readonly generation?: number; readonly metageneration: number } | undefined,
  reads: boolean,
): void {
  const { ifGenerationMatch, ifGenerationNotMatch, ifMetagenerationMatch, ifMetagenerationNotMatch } = asked;
  const generation = met?.generation ?? 0;
  const isOther =
    (ifGenerationMatch !== undefined && ifGenerationMatch !== generation) ||
    (ifMetagenerationMatch !== undefined && ifMetagenerationMatch !== met?.metageneration);
  if (isOther) throw conditionNotMet();
  const isSame =
    (ifGenerationNotMatch !== undefined && ifGenerationNotMatch === generation) ||
    (ifMetagenerationNotMatch !== undefined && ifMetagenerationNotMatch === met?.metageneration);
  if (isSame) throw reads ? new ApiError(304, 'notModified', 'Not Modified') : conditionNotMet();
}

const conditionNotMet = (): ApiError =>
  new ApiError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');

/** Until when a bucket keeps an object; `undefined` without a retention policy, or while an event-based hold keeps it anyway. */
export function retainedUntil(object: StoredObject, { retention }: Bucket): Instant | undefined {
  if (retention === undefined || object.eventBasedHold) return undefined;
  return after(object.retainedFrom, seconds(retention.seconds));
}

/** Throws 403 while a hold or the bucket's retention keeps an object from being deleted or replaced. */
export function checkReleased(object: StoredObject, bucket: Bucket, now: Instant): void {
  const what = `Object '${object.bucket}/${object.name}'`;
  const hold = object.temporaryHold ? 'Temporary' : object.eventBasedHold ? 'Event-Based' : undefined;
  if (hold !== undefined) {
    const why = `${what} is under active ${hold} hold and cannot be deleted, overwritten or archived until hold is removed.`;
    throw new ApiError(403, 'forbidden', why);
  }
  const until = retainedUntil(object, bucket);
  if (until === undefined || now >= until) return;
  const when = new Date(until).toISOString();
  const why = `${what} is subject to bucket's retention policy or object retention and cannot be deleted or overwritten until ${when}`;
  throw new ApiError(403, 'retentionPolicyNotMet', why);
}

/** The retention policy that a bucket has after a change; throws where a locked one would keep less. */
export function nextRetention(
  before: RetentionPolicy | undefined,
  wanted: number | undefined,
  now: Instant,
): RetentionPolicy | undefined {
  if (before?.locked === true && (wanted === undefined || wanted < before.seconds)) {
    const why = 'Cannot reduce retention duration of a locked Retention Policy, or remove it.';
    throw new ApiError(403, 'forbidden', why);
  }
  if (wanted === undefined) return undefined;
  return { seconds: wanted, effectiveAt: now, locked: before?.locked ?? false };
}

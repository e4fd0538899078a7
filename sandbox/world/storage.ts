import { createHash } from 'node:crypto';
import { sha256 } from '../../shared/core/digest.ts';
import type { Instant } from '../../shared/core/time.ts';
import { crc32c } from './crc32c.ts';
import { ApiError, type WorldClock } from './kernel.ts';
import {
  type Bucket,
  checkPreconditions,
  checkReleased,
  nextRetention,
  type ObjectDescription,
  type Preconditions,
  type RetentionPolicy,
  type StoredObject,
} from './storage-bucket.ts';
import { type Binding, policyFault } from './storage-policy.ts';

// Cloud Storage: buckets, and every generation of every object in them.
//
// G1. A write makes a new generation; the one that it replaces becomes noncurrent where the bucket keeps versions, else it is gone.
//     Whoever names a generation gets that one or 404, never another.
// G2. Nothing is replaced or deleted while a hold or the bucket's retention keeps it (storage-bucket.ts).
// G3. A listing sees every write that was answered before it: Cloud Storage is strongly consistent.
// Left out: creating and deleting buckets, access lists of objects, lifecycle rules, soft delete, encryption keys, `compose`.

/** A new object. */
export interface ObjectDraft {
  readonly name: string;
  readonly content: Uint8Array;
  readonly description: ObjectDescription;
  readonly temporaryHold?: boolean;
  readonly eventBasedHold?: boolean;
  /** Checksums that the writer computed: a content that differs is refused. */
  readonly crc32c?: string | undefined;
  readonly md5?: string | undefined;
  /** When it was written, of what was there before the world began; now, unless given. */
  readonly writtenAt?: Instant;
}

/** A change of an object's metadata: what is absent stays; `null` takes a key away. */
export interface ObjectPatch {
  readonly temporaryHold?: boolean | undefined;
  readonly eventBasedHold?: boolean | undefined;
  readonly contentType?: string | undefined;
  readonly metadata?: Readonly<Record<string, string | null>> | null | undefined;
}

/** A change of a bucket: what is absent stays, `null` takes the retention policy away. */
export interface BucketPatch {
  readonly versioning?: boolean | undefined;
  readonly retentionSeconds?: number | null | undefined;
  readonly defaultEventBasedHold?: boolean | undefined;
}

/** What a listing selects. */
export interface Listing {
  readonly prefix?: string | undefined;
  readonly startOffset?: string | undefined;
  readonly endOffset?: string | undefined;
  /** Noncurrent versions too. */
  readonly versions?: boolean | undefined;
}

interface Shelf {
  bucket: Bucket;
  /** Every version that is kept, oldest first; a live one is the last of its name. */
  readonly objects: Map<string, StoredObject[]>;
  lastGeneration: number;
  /** Puts what was there before the world began into it, once. */
  fill: (() => void) | undefined;
}

/** The buckets of a project. Methods throw `ApiError` as the API refuses. */
export class Storage {
  readonly #clock: WorldClock;
  readonly #shelves = new Map<string, Shelf>();
  #policies = 0;

  constructor(clock: WorldClock) {
    this.#clock = clock;
  }

  /** A bucket of the world: how one comes to be there is no concern of its callers. */
  addBucket(
    name: string,
    location: string,
    options: {
      readonly versioning?: boolean;
      readonly bindings?: readonly Binding[];
      readonly retention?: Omit<RetentionPolicy, 'effectiveAt'>;
      readonly fill?: () => void;
    } = {},
  ): Bucket {
    const now = this.#clock.now();
    const bucket: Bucket = {
      name,
      location,
      createdAt: now,
      updatedAt: now,
      metageneration: 1,
      versioning: options.versioning ?? false,
      retention: options.retention && { ...options.retention, effectiveAt: now },
      defaultEventBasedHold: false,
      policy: { etag: this.#policyEtag(), bindings: options.bindings ?? [] },
    };
    this.#shelves.set(name, { bucket, objects: new Map(), lastGeneration: 0, fill: options.fill });
    return bucket;
  }

  buckets(): readonly Bucket[] {
    return [...this.#shelves.values()].map(({ bucket }) => bucket).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  bucket(name: string, conditions: Preconditions = {}): Bucket {
    const { bucket } = this.#shelf(name);
    checkPreconditions(conditions, { metageneration: bucket.metageneration }, true);
    return bucket;
  }

  findBucket(name: string): Bucket | undefined {
    return this.#shelves.get(name)?.bucket;
  }

  patchBucket(name: string, patch: BucketPatch, conditions: Preconditions = {}): Bucket {
    const { bucket } = this.#shelf(name);
    checkPreconditions(conditions, { metageneration: bucket.metageneration }, false);
    const { versioning, retentionSeconds, defaultEventBasedHold } = patch;
    const now = this.#clock.now();
    return this.#putBucket({
      ...bucket,
      versioning: versioning ?? bucket.versioning,
      defaultEventBasedHold: defaultEventBasedHold ?? bucket.defaultEventBasedHold,
      retention:
        retentionSeconds === undefined
          ? bucket.retention
          : nextRetention(bucket.retention, retentionSeconds ?? undefined, now),
    });
  }

  /** For good: a locked policy is never shortened again. */
  lockRetention(name: string, metageneration: number): Bucket {
    const { bucket } = this.#shelf(name);
    checkPreconditions({ ifMetagenerationMatch: metageneration }, bucket, false);
    if (bucket.retention === undefined) throw invalid('The bucket has no retention policy that could be locked.');
    return this.#putBucket({ ...bucket, retention: { ...bucket.retention, locked: true } });
  }

  /** Replaces a bucket's policy; a stale etag is refused with 412. */
  setPolicy(name: string, bindings: readonly Binding[], etag: string | undefined): Bucket {
    const { bucket } = this.#shelf(name);
    if (etag !== undefined && etag !== bucket.policy.etag) {
      throw new ApiError(412, 'conditionNotMet', 'The policy has been changed since it was read.');
    }
    const fault = policyFault(bindings);
    if (fault !== undefined) throw invalid(fault);
    const kept = bindings.filter(({ members }) => members.length > 0);
    return this.#putBucket({ ...bucket, policy: { etag: this.#policyEtag(), bindings: kept } });
  }

  /** In order of their names, and of their generations. */
  list(bucket: string, { prefix = '', startOffset, endOffset, versions = false }: Listing): readonly StoredObject[] {
    return [...this.#shelf(bucket).objects]
      .filter(
        ([name]) =>
          name.startsWith(prefix) &&
          (startOffset === undefined || name >= startOffset) &&
          (endOffset === undefined || name < endOffset),
      )
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, kept]) => (versions ? kept : kept.filter(isLive)));
  }

  /** The live version, or the named generation. */
  object(bucket: string, name: string, generation?: number, conditions: Preconditions = {}): StoredObject {
    const found = this.find(bucket, name, generation);
    if (found === undefined) throw new ApiError(404, 'notFound', `No such object: ${bucket}/${name}`);
    checkPreconditions(conditions, found, true);
    return found;
  }

  find(bucket: string, name: string, generation?: number): StoredObject | undefined {
    const kept = this.#shelf(bucket).objects.get(name) ?? [];
    return generation === undefined ? kept.find(isLive) : kept.find((version) => version.generation === generation);
  }

  /** Whether a write of that name would replace something, which needs the right to delete as well. */
  replaces(bucket: string, name: string): boolean {
    return this.findBucket(bucket) !== undefined && this.find(bucket, name) !== undefined;
  }

  insert(bucketName: string, draft: ObjectDraft, conditions: Preconditions = {}): StoredObject {
    const shelf = this.#shelf(bucketName);
    checkName(draft.name);
    const live = this.find(bucketName, draft.name);
    checkPreconditions(conditions, live, false);
    const checksums = { crc32c: crc32cOf(draft.content), md5: md5Of(draft.content) };
    if ((draft.crc32c ?? checksums.crc32c) !== checksums.crc32c || (draft.md5 ?? checksums.md5) !== checksums.md5) {
      throw invalid('Provided checksum does not match the one that was computed of the content.');
    }
    const now = draft.writtenAt ?? this.#clock.now();
    if (live !== undefined) this.#retire(shelf, live);
    shelf.lastGeneration = Math.max(shelf.lastGeneration + 1, Math.round(now * 1_000));
    const object: StoredObject = {
      bucket: bucketName,
      name: draft.name,
      generation: shelf.lastGeneration,
      metageneration: 1,
      content: Uint8Array.from(draft.content),
      ...checksums,
      description: draft.description,
      createdAt: now,
      updatedAt: now,
      temporaryHold: draft.temporaryHold ?? false,
      eventBasedHold: draft.eventBasedHold ?? shelf.bucket.defaultEventBasedHold,
      retainedFrom: now,
      noncurrentSince: undefined,
    };
    shelf.objects.set(draft.name, [...(shelf.objects.get(draft.name) ?? []), object]);
    return object;
  }

  patch(bucket: string, name: string, patch: ObjectPatch, at: ObjectVersion = {}): StoredObject {
    const found = this.#version(bucket, name, at);
    const now = this.#clock.now();
    const releases = found.eventBasedHold && patch.eventBasedHold === false;
    const metadata = patch.metadata === null ? {} : merged(found.description.metadata, patch.metadata ?? {});
    const changed: StoredObject = {
      ...found,
      metageneration: found.metageneration + 1,
      updatedAt: now,
      temporaryHold: patch.temporaryHold ?? found.temporaryHold,
      eventBasedHold: patch.eventBasedHold ?? found.eventBasedHold,
      retainedFrom: releases ? now : found.retainedFrom,
      description: { ...found.description, contentType: patch.contentType ?? found.description.contentType, metadata },
    };
    this.#replace(changed);
    return changed;
  }

  /** Without a generation the live version becomes noncurrent where versions are kept; a named one is gone for good. */
  delete(bucket: string, name: string, at: ObjectVersion = {}): void {
    const found = this.#version(bucket, name, at);
    const shelf = this.#shelf(bucket);
    if (at.generation === undefined) this.#retire(shelf, found);
    else {
      checkReleased(found, shelf.bucket, this.#clock.now());
      this.#remove(shelf, found);
    }
  }

  /** The version that a write is about; `find` and not `object`, since a failed condition of a write is 412 in every case. */
  #version(bucket: string, name: string, { generation, conditions = {} }: ObjectVersion): StoredObject {
    const found = this.find(bucket, name, generation);
    if (found === undefined) throw new ApiError(404, 'notFound', `No such object: ${bucket}/${name}`);
    checkPreconditions(conditions, found, false);
    return found;
  }

  #retire(shelf: Shelf, live: StoredObject): void {
    // A version that is kept is not lost; a hold refuses even that ("… or archived").
    if (live.temporaryHold || live.eventBasedHold || !shelf.bucket.versioning) {
      checkReleased(live, shelf.bucket, this.#clock.now());
    }
    if (shelf.bucket.versioning) this.#replace({ ...live, noncurrentSince: this.#clock.now() });
    else this.#remove(shelf, live);
  }

  #replace(changed: StoredObject): void {
    const { objects } = this.#shelf(changed.bucket);
    const kept = objects.get(changed.name) ?? [];
    objects.set(
      changed.name,
      kept.map((version) => (version.generation === changed.generation ? changed : version)),
    );
  }

  #remove(shelf: Shelf, { name, generation }: StoredObject): void {
    const left = (shelf.objects.get(name) ?? []).filter((version) => version.generation !== generation);
    if (left.length === 0) shelf.objects.delete(name);
    else shelf.objects.set(name, left);
  }

  #shelf(name: string): Shelf {
    const shelf = this.#shelves.get(name);
    if (shelf === undefined) throw new ApiError(404, 'notFound', 'The specified bucket does not exist.');
    const { fill } = shelf;
    shelf.fill = undefined;
    fill?.();
    return shelf;
  }

  #putBucket(changed: Bucket): Bucket {
    const bucket = { ...changed, metageneration: changed.metageneration + 1, updatedAt: this.#clock.now() };
    this.#shelf(bucket.name).bucket = bucket;
    return bucket;
  }

  #policyEtag(): string {
    this.#policies += 1;
    return Buffer.from(sha256(`bucket-policy-${this.#policies}`).slice(0, 12)).toString('base64');
  }
}

/** Which version a write is about, and how it must be. */
export interface ObjectVersion {
  readonly generation?: number | undefined;
  readonly conditions?: Preconditions;
}

const isLive = ({ noncurrentSince }: StoredObject): boolean => noncurrentSince === undefined;

const invalid = (message: string): ApiError => new ApiError(400, 'invalid', message);

/** The checksum as the API writes it: four bytes, the most significant first, in base64. */
export function crc32cOf(content: Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32c(content));
  return bytes.toString('base64');
}

const md5Of = (content: Uint8Array): string => createHash('md5').update(content).digest('base64');

/** 1 to 1,024 bytes, no line break (docs: "Object naming requirements"). */
function checkName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes >= 1 && bytes <= 1_024 && !/[\r\n]/.test(name) && name !== '.' && name !== '..') return;
  throw invalid(`Invalid object name: ${JSON.stringify(name.slice(0, 60))}`);
}

function merged(
  before: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const all = Object.entries({ ...before, ...patch });
  return Object.fromEntries(all.flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

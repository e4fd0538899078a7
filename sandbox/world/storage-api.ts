import type { Caller } from './caller.ts';
import { covers } from './iam.ts';
import { type ApiDoor, ApiError, type ApiOutcome, type Iam, type Principal } from './kernel.ts';
import type { BucketPatch, Listing, ObjectDraft, ObjectPatch, ObjectVersion, Storage } from './storage.ts';
import type { Bucket, Preconditions, StoredObject } from './storage-bucket.ts';
import { type Binding, type BucketPolicy, permissionsIn } from './storage-policy.ts';

/** An object in a bucket. */
export interface ObjectName {
  readonly bucket: string;
  readonly name: string;
}

/** Where a copy comes from, and how that version must be. */
export interface CopySource extends ObjectName {
  readonly generation?: number | undefined;
  readonly conditions?: Preconditions;
}

/**
 * Cloud Storage as its callers reach it: every method passes the door with the permission that Google's method asks for, which
 * the project's roles or the bucket's own policy may give (cloud.google.com/storage/docs/access-control/iam-json).
 */
export class StorageApi {
  readonly #door: ApiDoor;
  readonly #storage: Storage;
  readonly #iam: Iam;

  constructor(door: ApiDoor, storage: Storage, iam: Iam) {
    this.#door = door;
    this.#storage = storage;
    this.#iam = iam;
  }

  buckets(caller: Caller): ApiOutcome<readonly Bucket[]> {
    return this.#read(caller, 'storage.buckets.list', undefined, 'buckets', () => this.#storage.buckets());
  }

  bucket(caller: Caller, bucket: string, conditions: Preconditions = {}): ApiOutcome<Bucket> {
    return this.#read(caller, 'storage.buckets.get', bucket, `b/${bucket}`, () =>
      this.#storage.bucket(bucket, conditions),
    );
  }

  patchBucket(caller: Caller, bucket: string, patch: BucketPatch, conditions: Preconditions = {}): ApiOutcome<Bucket> {
    return this.#write(caller, 'storage.buckets.update', bucket, `b/${bucket}`, () =>
      this.#storage.patchBucket(bucket, patch, conditions),
    );
  }

  lockRetention(caller: Caller, bucket: string, metageneration: number): ApiOutcome<Bucket> {
    return this.#write(caller, 'storage.buckets.update', bucket, `b/${bucket}/lockRetentionPolicy`, () =>
      this.#storage.lockRetention(bucket, metageneration),
    );
  }

  policy(caller: Caller, bucket: string): ApiOutcome<BucketPolicy> {
    return this.#read(
      caller,
      'storage.buckets.getIamPolicy',
      bucket,
      `b/${bucket}/iam`,
      () => this.#storage.bucket(bucket).policy,
    );
  }

  setPolicy(
    caller: Caller,
    bucket: string,
    bindings: readonly Binding[],
    etag: string | undefined,
  ): ApiOutcome<BucketPolicy> {
    return this.#write(
      caller,
      'storage.buckets.setIamPolicy',
      bucket,
      `b/${bucket}/iam`,
      () => this.#storage.setPolicy(bucket, bindings, etag).policy,
    );
  }

  list(caller: Caller, bucket: string, listing: Listing): ApiOutcome<readonly StoredObject[]> {
    return this.#read(caller, 'storage.objects.list', bucket, `b/${bucket}/o`, () =>
      this.#storage.list(bucket, listing),
    );
  }

  object(
    caller: Caller,
    at: ObjectName,
    generation: number | undefined,
    conditions: Preconditions,
  ): ApiOutcome<StoredObject> {
    return this.#read(caller, 'storage.objects.get', at.bucket, resourceOf(at), () =>
      this.#storage.object(at.bucket, at.name, generation, conditions),
    );
  }

  /** Replacing something needs the right to delete it too. */
  insert(caller: Caller, bucket: string, draft: ObjectDraft, conditions: Preconditions): ApiOutcome<StoredObject> {
    const at = { bucket, name: draft.name };
    return this.#write(caller, 'storage.objects.create', bucket, resourceOf(at), () => {
      this.#checkReplacing(caller, at, conditions);
      return this.#storage.insert(bucket, draft, conditions);
    });
  }

  patch(caller: Caller, at: ObjectName, patch: ObjectPatch, version: ObjectVersion): ApiOutcome<StoredObject> {
    return this.#write(caller, 'storage.objects.update', at.bucket, resourceOf(at), () =>
      this.#storage.patch(at.bucket, at.name, patch, version),
    );
  }

  delete(caller: Caller, at: ObjectName, version: ObjectVersion): ApiOutcome<undefined> {
    return this.#write(caller, 'storage.objects.delete', at.bucket, resourceOf(at), () => {
      this.#storage.delete(at.bucket, at.name, version);
      return undefined;
    });
  }

  /** A copy with all that its source says of itself, but no hold. In one go: rewrites in several calls need more than 1 GiB. */
  rewrite(caller: Caller, from: CopySource, to: ObjectName, conditions: Preconditions): ApiOutcome<StoredObject> {
    return this.#write(caller, 'storage.objects.create', to.bucket, resourceOf(to), () => {
      if (!this.allows(caller.principal, from.bucket, 'storage.objects.get'))
        throw denied(caller.principal, 'storage.objects.get', from);
      const source = this.#storage.object(from.bucket, from.name, from.generation, from.conditions);
      this.#checkReplacing(caller, to, conditions);
      const { content, description } = source;
      return this.#storage.insert(to.bucket, { name: to.name, content, description }, conditions);
    });
  }

  /** Whether somebody may do something with a bucket, by the project's roles or by the bucket's policy. */
  allows(principal: Principal, bucket: string, permission: string): boolean {
    return (
      this.#iam.allows(principal, permission) ||
      this.#granted(principal, bucket).some((name) => covers(name, permission))
    );
  }

  #checkReplacing(caller: Caller, at: ObjectName, { ifGenerationMatch }: Preconditions): void {
    // A write that replaces nothing by its own condition can't delete.
    if (ifGenerationMatch === 0 || !this.#storage.replaces(at.bucket, at.name)) return;
    if (this.allows(caller.principal, at.bucket, 'storage.objects.delete')) return;
    throw denied(caller.principal, 'storage.objects.delete', at);
  }

  #granted(principal: Principal, bucket: string | undefined): readonly string[] {
    const found = bucket === undefined ? undefined : this.#storage.findBucket(bucket);
    return found === undefined ? [] : permissionsIn(found.policy, principal);
  }

  #read<T>(
    caller: Caller,
    permission: string,
    bucket: string | undefined,
    resource: string,
    effect: () => T,
  ): ApiOutcome<T> {
    const call = { ...caller, api: 'storage', permission, resource, writes: false } as const;
    return this.#door.call(call, effect, this.#granted(caller.principal, bucket));
  }

  #write<T>(caller: Caller, permission: string, bucket: string, resource: string, effect: () => T): ApiOutcome<T> {
    const call = { ...caller, api: 'storage', permission, resource, writes: true } as const;
    return this.#door.call(call, effect, this.#granted(caller.principal, bucket));
  }
}

const resourceOf = ({ bucket, name }: ObjectName): string => `b/${bucket}/o/${name}`;

const denied = (principal: Principal, permission: string, at: ObjectName): ApiError =>
  new ApiError(403, 'forbidden', `${principal} does not have ${permission} access to ${resourceOf(at)}.`);

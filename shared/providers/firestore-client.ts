import type { DocumentReference, Firestore, Query, Timestamp } from '@google-cloud/firestore';
import { instant } from '../core/time.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { GoogleIdentity } from './google-auth.ts';

// The only file that knows Firestore's client: three requests, in values of ours.
//
// R1. A commit is one transaction: everything or nothing. A write of a document that was looked at names the version
//     seen; any other one demands that there is no such document.
// R2. A commit is sent once: the client's own repeats are off. After a lost reply it would be refused by what it had
//     written itself, and take its own success for somebody else's. Reads it may repeat, even after we have given them
//     up.

/** What a document holds, in values that Firestore has too. A `Date` is for TTL policies alone. */
export type Fields = Readonly<Record<string, string | number | boolean | Date | readonly string[] | undefined>>;

/** A document as it was found, unparsed. */
export interface Found {
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Documents in the order in which they were asked for, and the moment at which they were so, in clock time. */
export interface Seen {
  readonly at: Instant;
  readonly documents: readonly (Found | undefined)[];
}

/** What a look found, with what a commit has to name. */
export interface Look {
  readonly seen: Seen;
  /** By path; a path that is not here has no document. */
  readonly versions: ReadonlyMap<string, Timestamp>;
}

/** A document to be created, or, where it was looked at and exists, changed: `undefined` takes a field away. */
export interface Write {
  readonly path: string;
  readonly fields: Fields;
}

/**
 * Documents of one collection, in one order or in none. A single-field index, which Firestore keeps by itself, is enough for any
 * of them.
 */
export type Listing = Ordered | Having;

/** Documents whose field, a list, has any of these texts: at most 30 of them. */
export interface Having {
  readonly collection: string;
  readonly having: { readonly field: string; readonly anyOf: readonly string[] };
  readonly limit: number;
}

/** Documents in the order of a field or of their ids. */
export interface Ordered {
  readonly collection: string;
  /** `id`, or a field; documents without that field are left out. Equal values are in the order of their ids. */
  readonly by: 'id' | { readonly field: string };
  readonly order: 'ascending' | 'descending';
  /** The first value, included. */
  readonly from?: string | number;
  /** The first value that is left out. */
  readonly below?: string | number;
  /** The last value, included. */
  readonly upTo?: string | number;
  readonly limit: number;
}

/** Which database, and as whom. */
export interface FirestoreAccess {
  readonly project: string;
  /** `(default)`, or the name of another database. */
  readonly database: string;
  readonly server: FirestoreServer;
  /** What clock time it is when Google's clock says that; the same function for all who share the database. */
  readonly timeOf: (google: Instant) => Instant;
  /** Wall time that a call may take, where a lease leaves less than the limits of `deadline.ts`. */
  readonly limits?: Limits;
}

/** Google, or its emulator, which asks nobody who they are. */
export type FirestoreServer =
  | { readonly kind: 'google'; readonly identity: GoogleIdentity }
  /** `host:port`, as `FIRESTORE_EMULATOR_HOST` has it. */
  | { readonly kind: 'emulator'; readonly host: string };

type Limits = { readonly reads: Millis; readonly writes: Millis };

/** Makes the client, which connects at its first request. `identity` is good for some minutes; the client renews it. */
export async function openClient(
  { project: projectId, database: databaseId, server }: FirestoreAccess,
  identity: Awaited<ReturnType<GoogleIdentity['client']>> | undefined,
  { reads, writes }: Limits,
): Promise<Firestore> {
  const { Firestore } = await import('./firestore-library.ts');
  const once = { retry_codes_name: 'none' }; // R2
  const methods = {
    Commit: { ...once, timeout_millis: writes },
    BatchGetDocuments: { ...once, timeout_millis: reads },
    RunQuery: { ...once, timeout_millis: reads },
  };
  const clientConfig = { interfaces: { 'google.firestore.v1.Firestore': { retry_codes: { none: [] }, methods } } };
  if (server.kind === 'google') return new Firestore({ projectId, databaseId, clientConfig, authClient: identity });
  const { OAuth2Client } = await import('./auth-client.ts');
  // Without an identity of its own the client would search the network for one.
  const authClient = new OAuth2Client();
  return new Firestore({ projectId, databaseId, clientConfig, authClient, host: server.host, ssl: false });
}

/** Reads documents in one request, or only some of their fields. */
export async function looked(
  firestore: Firestore,
  timeOf: FirestoreAccess['timeOf'],
  paths: readonly string[],
  only: readonly string[] | undefined,
): Promise<Look> {
  const places = paths.map((path) => firestore.doc(path));
  const found = await (only === undefined
    ? firestore.getAll(...places)
    : firestore.getAll(...places, { fieldMask: [...only] }));
  const versions = new Map<string, Timestamp>();
  for (const { ref, updateTime } of found) if (updateTime !== undefined) versions.set(ref.path, updateTime);
  return {
    seen: {
      at: timeOf(instant(Math.max(...found.map(({ readTime }) => readTime.toMillis())))),
      documents: found.map((document) => {
        const fields = document.data();
        return fields === undefined ? undefined : { id: document.id, fields };
      }),
    },
    versions,
  };
}

/** One request (R2): a transaction that has read nothing is sent as a plain commit. */
export async function committed(
  firestore: Firestore,
  writes: readonly Write[],
  versions: Look['versions'],
): Promise<void> {
  const { FieldValue } = await import('./firestore-library.ts');
  await firestore.runTransaction(
    async (transaction) => {
      for (const { path, fields } of writes) {
        const place: DocumentReference = firestore.doc(path);
        const lastUpdateTime = versions.get(path);
        const entries = Object.entries(fields);
        if (lastUpdateTime === undefined)
          transaction.create(place, Object.fromEntries(entries.filter(([, value]) => value !== undefined)));
        else {
          const changed = entries.map(([name, value]) => [name, value ?? FieldValue.delete()] as const);
          transaction.update(place, Object.fromEntries(changed), { lastUpdateTime });
        }
      }
    },
    { maxAttempts: 1 },
  );
}

/** Lists documents in one request. */
export async function listed(firestore: Firestore, listing: Listing): Promise<readonly Found[]> {
  const query = 'having' in listing ? havingQuery(firestore, listing) : await orderedQuery(firestore, listing);
  const { docs } = await query.limit(listing.limit).get();
  return docs.map((document) => ({ id: document.id, fields: document.data() }));
}

function havingQuery(firestore: Firestore, { collection, having }: Having): Query {
  return firestore.collection(collection).where(having.field, 'array-contains-any', having.anyOf);
}

async function orderedQuery(firestore: Firestore, { collection, by, order, ...range }: Ordered): Promise<Query> {
  const { FieldPath } = await import('./firestore-library.ts');
  const key = by === 'id' ? FieldPath.documentId() : by.field;
  const bounds = [
    ['>=', range.from],
    ['<', range.below],
    ['<=', range.upTo],
  ] as const;
  return bounds
    .reduce<Query>(
      (query, [operator, value]) => (value === undefined ? query : query.where(key, operator, value)),
      firestore.collection(collection),
    )
    .orderBy(key, order === 'ascending' ? 'asc' : 'desc');
}

import { gunzipSync, gzipSync } from 'node:zlib';
import { ApiError, type Principal } from './kernel.ts';
import type { ContentsOutcome, DumpRequest, LoadRequest } from './sql-contents.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { SqlInstance } from './sql-instance.ts';
import type { OperationError, SqlOperation } from './sql-operations.ts';
import type { Storage } from './storage.ts';
import type { StorageApi } from './storage-api.ts';

// Export to Cloud Storage, and import from there (facts.md 3.2, 3.6).
//
// T1. One export or import at a time for each instance. A standard one keeps the instance busy; an offloaded export does not.
// T2. It is the instance's own account that writes and reads the object: it needs its rights in the bucket's policy.
// T3. An export to an object that exists is accepted, and its operation fails. Nothing is ever overwritten.
// T4. An export holds one moment of the database; what it holds is for `SqlContents` to say.

/** What an export is asked to write, and where. */
export interface ExportDraft {
  readonly uri: string;
  readonly databases: readonly string[];
  readonly fileType: 'SQL' | 'CSV';
  readonly offload: boolean;
  readonly schemaOnly: boolean;
  /** Of CSV: the query whose result is written. */
  readonly selectQuery: string | undefined;
  /** Of SQL: the one table that is dumped, or none for all. */
  readonly tables: readonly string[];
}

/** What an import is asked to read, and where to. */
export interface ImportDraft {
  readonly uri: string;
  readonly database: string;
  readonly fileType: 'SQL' | 'CSV';
  /** Of CSV: the table that takes the rows, and its columns; all of them when there are none. */
  readonly table: string | undefined;
  readonly columns: readonly string[];
}

/** The cloud's objects, as an instance reaches them. */
export interface Buckets {
  readonly storage: Storage;
  readonly api: Pick<StorageApi, 'allows'>;
}

/** Exports and imports. */
export class SqlTransfers {
  readonly #fleet: SqlFleet;
  readonly #buckets: Buckets;

  constructor(fleet: SqlFleet, buckets: Buckets) {
    this.#fleet = fleet;
    this.#buckets = buckets;
  }

  export(name: string, draft: ExportDraft, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const instance = fleet.instance(name);
    const { bucket, object } = objectAt(draft.uri);
    this.#checkRunning(instance);
    const request = dumpOf(draft);
    const dumping = new Promised<ContentsOutcome<string>>();
    return fleet.operations.submit({
      type: 'EXPORT',
      target: name,
      busy: draft.offload ? [transferOf(name)] : [name, transferOf(name)],
      lasts: draft.offload ? OFFLOAD_SECONDS : undefined,
      user,
      steps: {
        start: () => {
          const error = this.#exportFault(instance, bucket, object);
          if (error === undefined) fleet.contents.dump(name, request, (outcome) => dumping.arrive(outcome));
          return error;
        },
        settle: (done) =>
          dumping.whenThere((outcome) => {
            if (outcome.kind === 'failed') return done(failed(outcome.message));
            // Somebody else may have written it meanwhile.
            const fault = this.#exportFault(instance, bucket, object);
            if (fault === undefined) this.#write(bucket, object, outcome.value);
            done(fault);
          }),
      },
    });
  }

  import(name: string, draft: ImportDraft, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const instance = fleet.instance(name);
    const { bucket, object } = objectAt(draft.uri);
    if (instance.instanceType === 'READ_REPLICA_INSTANCE')
      throw invalid('Import is not supported for read replica instances.');
    this.#checkRunning(instance);
    if (draft.fileType === 'CSV' && draft.table === undefined) throw invalid('A CSV import needs a table.');
    let text = '';
    return fleet.operations.submit({
      type: 'IMPORT',
      target: name,
      busy: [name, transferOf(name)],
      user,
      steps: {
        start: () => {
          const read = this.#read(instance, bucket, object);
          if (typeof read !== 'string') return read;
          text = read;
          return undefined;
        },
        settle: (done) =>
          fleet.contents.load(name, loadOf(draft, text), (outcome) =>
            done(outcome.kind === 'failed' ? failed(outcome.message) : undefined),
          ),
      },
    });
  }

  #checkRunning({ name, settings }: SqlInstance): void {
    const stopped = settings.activationPolicy === 'NEVER' || this.#fleet.server(name).power === 'stopped';
    if (stopped) throw invalid('Invalid request since instance is not running.');
  }

  #exportFault({ serviceAccount }: SqlInstance, bucket: string, object: string): OperationError | undefined {
    const { storage, api } = this.#buckets;
    if (storage.findBucket(bucket) === undefined || !api.allows(serviceAccount, bucket, 'storage.objects.create'))
      return failed(`${serviceAccount} does not have storage.objects.create access to the bucket ${bucket}.`);
    return storage.replaces(bucket, object) ? failed(`The file gs://${bucket}/${object} already exists.`) : undefined;
  }

  #write(bucket: string, object: string, text: string): void {
    const isPacked = object.endsWith('.gz');
    this.#buckets.storage.insert(bucket, {
      name: object,
      content: isPacked ? gzipSync(text) : Buffer.from(text),
      description: { contentType: isPacked ? 'application/gzip' : 'text/plain', metadata: {} },
    });
  }

  /** The text of an object, or why there is none. */
  #read({ serviceAccount }: SqlInstance, bucket: string, object: string): string | OperationError {
    const { storage, api } = this.#buckets;
    if (storage.findBucket(bucket) === undefined || !api.allows(serviceAccount, bucket, 'storage.objects.get'))
      return failed(`${serviceAccount} does not have storage.objects.get access to the bucket ${bucket}.`);
    const found = storage.find(bucket, object);
    if (found === undefined) return failed(`The file gs://${bucket}/${object} does not exist.`);
    try {
      return (object.endsWith('.gz') ? gunzipSync(found.content) : Buffer.from(found.content)).toString('utf8');
    } catch {
      return failed('gzip: unexpected end of file');
    }
  }
}

/** Something that comes once, before or after somebody asks for it. */
class Promised<T> {
  #value: { readonly of: T } | undefined;
  #asker: ((value: T) => void) | undefined;

  arrive(value: T): void {
    this.#value = { of: value };
    this.#asker?.(value);
  }

  /** Calls `asker` once, when it is there. */
  whenThere(asker: (value: T) => void): void {
    if (this.#value === undefined) this.#asker = asker;
    else asker(this.#value.of);
  }
}

/** Least and most seconds of an offloaded export: it first makes an instance of its own (facts.md 3.6: "more than 5 minutes"). */
const OFFLOAD_SECONDS = [360, 900] as const;

/** What an export or import keeps busy besides the instance itself. */
const transferOf = (instance: string): string => `${instance}#transfer`;

/** What is asked of the database. Throws 400 for what PostgreSQL instances can't be asked. */
function dumpOf({ fileType, selectQuery, tables, databases, schemaOnly }: ExportDraft): DumpRequest {
  const [database] = databases;
  if (database === undefined || databases.length > 1)
    throw invalid('Exactly one database must be given for PostgreSQL instances.');
  if (tables.length > 1) throw invalid('PostgreSQL instances export one table at a time.');
  if (fileType === 'SQL') return { kind: 'sql', database, tables, what: schemaOnly ? 'schemaOnly' : 'everything' };
  if (selectQuery === undefined) throw invalid('A CSV export needs a select query.');
  return { kind: 'csv', database, query: selectQuery };
}

const loadOf = ({ database, fileType, table, columns }: ImportDraft, text: string): LoadRequest =>
  fileType === 'SQL' ? { kind: 'sql', database, text } : { kind: 'csv', database, table: table ?? '', columns, text };

function objectAt(uri: string): { readonly bucket: string; readonly object: string } {
  const match = /^gs:\/\/([^/]+)\/(.+)$/.exec(uri);
  const [, bucket, object] = match ?? [];
  if (bucket === undefined || object === undefined) throw invalid(`The URI ${uri} names no object of Cloud Storage.`);
  return { bucket, object };
}

const invalid = (message: string): ApiError => new ApiError(400, 'invalidRequest', message);

const failed = (message: string): OperationError => ({ code: 'ERROR_RDBMS', message });

// What files hold of a database, and how it gets back into one: what Cloud SQL's export and import, `pg_dump`, `psql -f` and
// `\copy` do to rows. The model answers at once; a real engine takes its time.
//
// D1. A dump is one moment of the database: what is committed meanwhile is in it as a whole or not at all.
// D2. What a load commits goes through the write-ahead log like every other write: it reaches replicas, and can be lost.
// D3. A load that fails half-way leaves what it had committed, as `psql -f` without `--single-transaction` does.

/** What is written into a file. */
export type DumpRequest =
  /** As `pg_dump --format=plain` writes it: statements that make the tables, `COPY … FROM stdin` blocks, constraints. */
  | {
      readonly kind: 'sql';
      readonly database: string;
      /** Only these; all when it is empty. */
      readonly tables: readonly string[];
      readonly what: 'everything' | 'schemaOnly' | 'dataOnly';
    }
  /** As `COPY (query) TO … WITH (FORMAT csv)` writes it, without a header, which is what Cloud SQL's CSV export has. */
  | { readonly kind: 'csv'; readonly database: string; readonly query: string };

/** What is read from a file. */
export type LoadRequest =
  /** Statements and COPY blocks, executed one after the other until one fails. */
  | { readonly kind: 'sql'; readonly database: string; readonly text: string }
  | {
      readonly kind: 'csv';
      readonly database: string;
      readonly table: string;
      /** All columns, in their order, when it is empty. */
      readonly columns: readonly string[];
      readonly text: string;
    };

/** What came of it. `code` is PostgreSQL's SQLSTATE, or `connection` when no server answers. */
export type ContentsOutcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** The contents of the fleet's databases as files have them. `done` is called once, at once or later. */
export interface SqlContents {
  /** The text of a file. */
  dump(instance: string, request: DumpRequest, done: (outcome: ContentsOutcome<string>) => void): void;
  /** How many rows were loaded. */
  load(
    instance: string,
    request: LoadRequest,
    done: (outcome: ContentsOutcome<{ readonly rows: number }>) => void,
  ): void;
}

import { createHash } from 'node:crypto';
import { TextDecoder } from 'node:util';
import { z } from 'zod';
import type { Digest } from '../core/digest.ts';
import { canonicalJson } from '../core/json.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { RowKey, RowText, TableName } from '../ports/rows.ts';

// The reviewed set: a file of JSON lines that says which rows become what. A header, then one line for each row. People may take
// lines out before they approve it; what is approved is the file's generation and the SHA-256 of its bytes.
//
// F1. A line says what production's row was when it was reviewed: by its hash, or that it was absent. Nothing else is overwritten.
// F2. A line that can't be read makes the whole file unusable: half of a reviewed set is another set.
// F3. An undo set is a reviewed set like any other.

/** Rows that one set may hold, and its bytes: an import holds it in memory while its transaction lasts. */
export const SET_ROWS_MAX = 250_000;
export const SET_BYTES_MAX = 64 * 1024 * 1024;

/** In place of a hash: there is no such row. */
export const ABSENT = 'absent';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const texts = z.record(z.string(), z.string().nullable());
const operation = z.enum(['insert', 'update', 'delete']);

/** What is done to a row. */
export type Operation = z.infer<typeof operation>;

const path = z.strictObject({
  hops: z.array(z.strictObject({ columns: z.array(z.string()), table: z.string(), to: z.array(z.string()) })),
  column: z.string(),
});

const headerWire = z.strictObject({
  kind: z.literal('dr.rows'),
  version: z.literal(1),
  incident: z.string(),
  source: z.strictObject({ instance: z.string(), database: z.string() }),
  production: z.strictObject({ instance: z.string(), database: z.string() }),
  /** When production was read: what is found the same a second time is another set. */
  comparedAtMs: z.number().int(),
  /** The digest of the set whose import this one takes back; `null` for a comparison's own. */
  undoes: hash.nullable(),
  /** Of production's tables as they were compared (`fingerprintOf`). */
  schema: hash,
  /** Tables with lines, in the order in which rows are inserted. */
  tables: z.array(z.string()),
  /** Operations that lines may have; deletion is there only if somebody asked for it. */
  operations: z.array(operation),
  /** Whose rows these are, and how each table's rows lead to a tenant; `null`: no tenant's in particular. */
  tenant: z.strictObject({ value: z.string(), paths: z.record(z.string(), path) }).nullable(),
});

/** What a set is for. */
export type SetHeader = z.infer<typeof headerWire>;

const key = z.array(z.string()).min(1);
const entryWire = z.discriminatedUnion('operation', [
  z.strictObject({
    table: z.string(),
    operation: z.literal('insert'),
    key,
    reviewed: z.literal(ABSENT),
    row: texts,
    hash,
  }),
  z.strictObject({ table: z.string(), operation: z.literal('update'), key, reviewed: hash, row: texts, hash }),
  z.strictObject({ table: z.string(), operation: z.literal('delete'), key, reviewed: hash }),
]);

/** One row of a set. `hash`: of what the row becomes. */
export type SetEntry =
  | {
      readonly table: TableName;
      readonly operation: 'insert';
      readonly key: RowKey;
      readonly reviewed: typeof ABSENT;
      readonly row: RowText;
      readonly hash: string;
    }
  | {
      readonly table: TableName;
      readonly operation: 'update';
      readonly key: RowKey;
      readonly reviewed: string;
      readonly row: RowText;
      readonly hash: string;
    }
  | { readonly table: TableName; readonly operation: 'delete'; readonly key: RowKey; readonly reviewed: string };

/** A set as it was read: checked line by line, kept as text. */
export interface ReviewedSet {
  readonly header: SetHeader;
  /** SHA-256 of the file's bytes. */
  readonly digest: Digest;
  readonly rows: number;
  /** Lines of one table and operation, each of which `parseEntry` reads. */
  readonly lines: (table: TableName, operation: Operation) => readonly string[];
}

/** Why a file is no reviewed set; the line's number, from 1. */
export interface SetFault {
  readonly line: number;
  readonly problem: string;
}

/** A header or an entry as a line of the file, its end included. */
export const writeLine = (value: SetHeader | SetEntry): string => `${canonicalJson(value)}\n`;

/** Reads one line. Throws `z.ZodError` or `SyntaxError`. */
export const parseEntry = (line: string): SetEntry => entryWire.parse(JSON.parse(line));

/** Reads a file, given in pieces of bytes of any length (F2). */
export async function readReviewedSet(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Result<ReviewedSet, SetFault>> {
  const digest = createHash('sha256');
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const sections = new Map<string, string[]>();
  let header: SetHeader | undefined;
  let [rest, line, rows, bytes] = ['', 0, 0, 0];
  const fault = (problem: string) => err({ line, problem });
  for await (const piece of pieces) {
    digest.update(piece);
    bytes += piece.length;
    if (bytes > SET_BYTES_MAX) return fault(`the file has more than ${SET_BYTES_MAX} bytes`);
    const decoded = decodedBy(decoder, piece);
    if (decoded === undefined) return fault('the file is not UTF-8');
    const lines = (rest + decoded).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      line += 1;
      if (header === undefined) {
        const read = headerOf(text);
        if (typeof read === 'string') return fault(read);
        header = read;
        continue;
      }
      const problem = take(text, header, sections);
      if (problem !== undefined) return fault(problem);
      rows += 1;
      if (rows > SET_ROWS_MAX) return fault(`the file has more than ${SET_ROWS_MAX} rows`);
    }
  }
  if (rest !== '') return fault('the file ends in the middle of a line');
  if (header === undefined) return fault('the file is empty');
  return ok({
    header,
    digest: digest.digest('hex') as Digest, // SHA-256 in hex, as the brand says
    rows,
    lines: (table, of) => sections.get(sectionOf(table, of)) ?? [],
  });
}

function decodedBy(decoder: TextDecoder, piece: Uint8Array): string | undefined {
  try {
    return decoder.decode(piece, { stream: true });
  } catch {
    return undefined;
  }
}

const sectionOf = (table: string, of: string): string => `${of} ${table}`;

function headerOf(text: string): SetHeader | string {
  const read = headerWire.safeParse(parsed(text));
  return read.success ? read.data : `this is no header of a reviewed set: ${firstIssue(read.error)}`;
}

/** Puts an entry where it belongs; why not, otherwise. */
function take(text: string, header: SetHeader, sections: Map<string, string[]>): string | undefined {
  const read = entryWire.safeParse(parsed(text));
  if (!read.success) return `this is no row of a reviewed set: ${firstIssue(read.error)}`;
  const { table, operation: of } = read.data;
  if (!header.tables.includes(table)) return `${table} is not among the tables of the header`;
  if (!header.operations.includes(of)) return `the header does not allow to ${of} rows`;
  const section = sections.get(sectionOf(table, of)) ?? [];
  sections.set(sectionOf(table, of), section);
  section.push(text);
  return undefined;
}

/** `undefined` for what is no JSON: the schema refuses it. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const firstIssue = (error: z.ZodError): string => {
  const [issue] = error.issues;
  return issue === undefined ? 'unreadable' : `${issue.path.join('.')} ${issue.message}`.trim();
};

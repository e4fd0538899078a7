import type { RowFile, RowFiles } from '../ports/row-files.ts';
import type { TenantPath } from '../ports/rows.ts';
import { type ReviewedSet, readReviewedSet, SET_BYTES_MAX } from './reviewed-set.ts';

// Where the files of an incident lie, and what the set says that people review there.

/** The set that is imported when people say so. Another one takes its place by being written over it: a new generation. */
export const SET_NAME = 'rows.jsonl';

/** A place of its own for each incident, below the one of dr.yaml. */
export const rowPlaceOf = ({ files }: { readonly files: string }, incident: string): string => `${files}${incident}/`;

/** A place of its own for each clone of an incident: each holds another moment. */
export const clonePlaceOf = (files: { readonly files: string }, incident: string, clone: string): string =>
  `${rowPlaceOf(files, incident)}${clone}/`;

/** What a set would do, by table and operation, and how its tables lead to the tenant. */
export interface SetSummary {
  readonly file: RowFile;
  readonly digest: string;
  readonly problem: string | undefined;
  readonly rows: readonly { readonly table: string; readonly operation: string; readonly rows: number }[];
  readonly paths: readonly string[];
}

/** The set that lies there now; `undefined` when there is none. Rejects with `PortError`. */
export async function findRowSet(files: RowFiles, place: string): Promise<SetSummary | undefined> {
  const file = await files.newest(place, SET_NAME);
  if (file === undefined) return undefined;
  const none = { file, digest: '', rows: [], paths: [] };
  if (file.bytes > SET_BYTES_MAX) return { ...none, problem: `it has more than ${SET_BYTES_MAX} bytes` };
  const set = await readReviewedSet([await files.read(file, SET_BYTES_MAX)]);
  if (!set.ok) return { ...none, problem: `line ${set.error.line}: ${set.error.problem}` };
  return { file, digest: set.value.digest, problem: undefined, rows: rowsOf(set.value), paths: pathsOf(set.value) };
}

/** How many rows a set has, by table and operation. */
export const rowsOf = ({ header, lines }: ReviewedSet): SetSummary['rows'] =>
  header.tables.flatMap((table) =>
    header.operations.flatMap((operation) => {
      const rows = lines(table, operation).length;
      return rows === 0 ? [] : [{ table, operation, rows }];
    }),
  );

const pathsOf = ({ header: { tenant } }: ReviewedSet): readonly string[] =>
  tenant === null ? [] : Object.entries(tenant.paths).map(([table, path]) => showPath(table, path));

/** `public.versions → public.documents.tenant_id` */
export const showPath = (table: string, { hops, column }: TenantPath): string =>
  `${[table, ...hops.map((hop) => hop.table)].join(' → ')}.${column}`;

/** For people: `public.documents: 40 insert, 2 update`. */
export const showRows = (rows: SetSummary['rows']): string =>
  [...Map.groupBy(rows, ({ table }) => table)]
    .map(([table, some]) => `${table}: ${some.map((one) => `${one.rows} ${one.operation}`).join(', ')}`)
    .join('; ') || 'no row';

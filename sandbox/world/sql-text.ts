import type { Json, JsonObject } from '../../shared/core/json.ts';

// Rows as text: COPY's own format and CSV, as PostgreSQL writes and reads them (its manual, "COPY", File Formats).

/** A value as COPY writes it. */
function copyValue(value: Json): string {
  if (value === null) return '\\N';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replaceAll(/[\\\t\n\r]/g, (char) => ({ '\t': '\\t', '\n': '\\n', '\r': '\\r' })[char] ?? '\\\\');
}

/** One row as a line of a COPY block. */
export const copyLine = (columns: readonly string[], row: JsonObject): string =>
  columns.map((column) => copyValue(row[column] ?? null)).join('\t');

/** What one field of a COPY line says. */
function readCopyValue(field: string): string | null {
  if (field === '\\N') return null;
  return field.replaceAll(/\\(.)/g, (_, char: string) => ({ t: '\t', n: '\n', r: '\r' })[char] ?? char);
}

/** The values of one line of a COPY block. */
export const readCopyLine = (line: string): readonly (string | null)[] => line.split('\t').map(readCopyValue);

/** One row as a line of CSV: NULL is nothing, and an empty text is `""`. */
export const csvLine = (values: readonly Json[]): string =>
  values
    .map((value) => {
      if (value === null) return '';
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return text === '' || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');

/** The records of a CSV text. Throws on a quote that is not closed. */
export function readCsv(text: string): readonly (readonly (string | null)[])[] {
  const records: (string | null)[][] = [];
  let record: (string | null)[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/y;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) throw new Error('unterminated CSV quoted field');
    const [, quoted, plain = '', end] = match;
    record.push(quoted === undefined ? (plain === '' ? null : plain) : quoted.replaceAll('""', '"'));
    if (end === ',') {
      if (field.lastIndex === text.length) record.push(null);
      else continue;
    }
    records.push(record);
    record = [];
  }
  return records;
}

import { posix } from 'node:path';

/** The import table of ARCHITECTURE.md: for each room, its folder, the folders that it may import; itself is always allowed. */
export type Rooms = ReadonlyMap<string, ReadonlySet<string>>;

/** Folders that are divided into rooms; every other top folder is one room. */
const DIVIDED: ReadonlySet<string> = new Set(['shared', 'sandbox']);

/**
 * Reads the table whose header is `| room | may import | holds |`.
 * Throws when there is none, when a room stands there twice, or when a row names a room that has no row.
 */
export function readRooms(markdown: string): Rooms {
  const lines = markdown.split('\n');
  const header = lines.findIndex((line) => cells(line).join() === 'room,may import,holds');
  if (header < 0) throw new Error('ARCHITECTURE.md has no table "| room | may import | holds |"');
  const rows = lines.slice(header + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  const written = new Map<string, string>();
  for (const row of rows.slice(0, end < 0 ? undefined : end)) {
    const [room = '', mayImport = ''] = cells(row);
    const name = room.replaceAll('`', '');
    if (written.has(name)) throw new Error(`ARCHITECTURE.md has two rows for ${name}`);
    written.set(name, mayImport);
  }
  const all = [...written.keys()];
  return new Map(all.map((room) => [room, readCell(room, written.get(room) ?? '', all)]));
}

/** The room that a file lives in, or `undefined` when it lies outside every possible room (such as directly in `shared/`). */
export function roomOf(path: string): string | undefined {
  const [top, second, ...rest] = path.split('/');
  if (top === undefined || second === undefined) return undefined;
  if (!DIVIDED.has(top)) return top;
  return rest.length > 0 ? `${top}/${second}` : undefined;
}

/** The file that a relative import means, from the repository's top; `undefined` for packages and Node's own modules. */
export function fileMeant(importer: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(importer), specifier) : undefined;
}

function cells(row: string): readonly string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** A cell is `nothing`, or a list of names, `every shared room`, `every sandbox room` and `everything`, minus what follows `except`. */
function readCell(room: string, cell: string, all: readonly string[]): ReadonlySet<string> {
  const [listed = '', excepted] = cell.split(' except ');
  const allowed = new Set(names(listed).flatMap((name) => expand(room, name, all)));
  for (const name of excepted === undefined ? [] : names(excepted)) {
    for (const gone of expand(room, name, all)) allowed.delete(gone);
  }
  return allowed;
}

function names(list: string): readonly string[] {
  return list.split(',').map((name) => name.trim().replaceAll('`', ''));
}

function expand(room: string, name: string, all: readonly string[]): readonly string[] {
  if (name === 'nothing') return [];
  if (name === 'everything') return all;
  const every = /^every (\w+) room$/.exec(name)?.[1];
  if (every !== undefined) return all.filter((other) => other.startsWith(`${every}/`));
  const found = all.find((other) => other === name || other === `shared/${name}`);
  if (found === undefined) throw new Error(`ARCHITECTURE.md lets ${room} import "${name}", which has no row`);
  return [found];
}

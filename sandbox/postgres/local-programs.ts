import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A user under whom a server may run; empty for ourselves. */
export type ServerUser = { readonly uid: number; readonly gid: number } | Record<string, never>;

/** The folder that has all of some programs of PostgreSQL: the newest version of Debian's, or of the given major version; else the PATH. */
export function folderOfPrograms(names: readonly string[], major?: number): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions
      .filter((version) => major === undefined || Number(version) === major)
      .map((version) => join(debian, version, 'bin')),
    ...(major === undefined ? (process.env['PATH'] ?? '').split(delimiter) : []),
  ];
  return folders.find((place) => names.every((name) => existsSync(join(place, name))));
}

/** Whom a server runs as, since PostgreSQL refuses root: ourselves, or else `postgres`, which Debian's package brings, or `nobody`. */
export function userForPostgres(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
    if (uid?.status === 0 && gid?.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  return undefined;
}

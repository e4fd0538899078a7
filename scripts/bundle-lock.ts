import { z } from 'zod';

/** An entry of a lock file; what we don't read is kept as it is. */
const entryWire = z.looseObject({
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
type Entry = z.infer<typeof entryWire>;
const lockWire = z.object({ lockfileVersion: z.literal(3), packages: z.record(z.string(), entryWire) });

/** What a package says of itself. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * The lock file of a package whose dependencies are some of ours: what they need, at the versions and with the digests of our own
 * lock, so that `npm ci` puts the same beside each deployment. Throws when a dependency is not locked.
 */
export function lockOf(manifest: Manifest, lock: unknown): unknown {
  const { packages } = lockWire.parse(lock);
  const found = new Map<string, Entry>();
  const add = (dependant: string, name: string, optional: boolean): void => {
    const path = nearest(dependant, name, packages);
    const entry = path === undefined ? undefined : packages[path];
    if (path === undefined || entry === undefined) {
      if (optional) return;
      throw new Error(`${name}, which ${dependant || manifest.name} needs, is not in package-lock.json`);
    }
    if (found.has(path)) return;
    const { dev: _, devOptional: __, ...kept } = entry;
    found.set(path, kept);
    for (const next of Object.keys(entry.dependencies ?? {})) add(path, next, false);
    for (const next of Object.keys(entry.optionalDependencies ?? {})) add(path, next, true);
  };
  for (const name of Object.keys(manifest.dependencies)) add('', name, false);
  const { name, version } = manifest;
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    name,
    version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': manifest, ...Object.fromEntries(sorted) },
  };
}

/** Where Node finds a package from another one's directory. */
function nearest(from: string, name: string, packages: Readonly<Record<string, Entry>>): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('node_modules/') - 1))) {
    const path = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (path in packages) return path;
    if (base === '') return undefined;
  }
}

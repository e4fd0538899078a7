import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

// How the parts of a bundle are loaded: as scripts, because V8 hands out what it has compiled of a script after it has run (compile.ts),
// with every function that was called. Of a module it hands out what it compiles before, which is next to nothing.
//
// P1. A part is a function of what a CommonJS module finds around it. Parts name each other by relative paths; everything else is Node's
//     to find.
// P2. What was compiled of a part lies beside it. V8 takes it from its own version and under its own flags only; where there is none, or
//     it is refused, the part is compiled as it is read: the same, and slower. V8 tells one text from another by its length alone, so
//     whoever replaces a part takes away what was compiled of it, as making a bundle anew does.

/** What the compiled form of a part is called: its own name and this. */
const COMPILED = '.compiled';

/** The parts of one bundle. */
export interface Parts {
  /** What a part exports; it runs once. Throws as it does, and where there is no such file. */
  load(path: string): unknown;
  /** Lets each part run anew when it is loaded again, out of what is compiled of it by then. */
  again(): void;
  /** What V8 has compiled of each part by now, by the name under which `load` looks for it. */
  compiled(): ReadonlyMap<string, Uint8Array>;
  /** Parts whose compiled form was there and was refused. */
  refused(): readonly string[];
}

/** What a part is: a function of these, in this order. */
type Part = (exports: object, require: (name: string) => unknown, module: object, file: string, place: string) => void;

/** The parts in a directory. Nothing is read before the first is loaded. */
export function partsIn(directory: string): Parts {
  const outside = createRequire(join(directory, 'package.json'));
  const scripts = new Map<string, Script>();
  const modules = new Map<string, { exports: object }>();

  const scriptAt = (file: string): Script => {
    const known = scripts.get(file);
    if (known !== undefined) return known;
    const cachedData = bytesAt(file + COMPILED);
    const script = new Script(readFileSync(file, 'utf8'), {
      filename: file,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    scripts.set(file, script);
    return script;
  };
  const load = (file: string): unknown => {
    const known = modules.get(file);
    if (known !== undefined) return known.exports;
    const part = scriptAt(file).runInThisContext() as Part; // what a bundle is made of (bundle-parts.ts)
    const module = { exports: {} };
    modules.set(file, module);
    const place = dirname(file);
    const require = (name: string): unknown => (name.startsWith('.') ? load(join(place, name)) : outside(name));
    part(module.exports, require, module, file, place);
    return module.exports;
  };

  return {
    load: (path) => load(join(directory, path)),
    again: () => modules.clear(),
    compiled: () => new Map([...scripts].map(([file, script]) => [file + COMPILED, script.createCachedData()])),
    refused: () =>
      [...scripts].flatMap(([file, { cachedDataRejected }]) => (cachedDataRejected === true ? [file] : [])),
  };
}

function bytesAt(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

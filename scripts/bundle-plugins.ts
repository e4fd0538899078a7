import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { z } from 'zod';

// What a bundle leaves out of packages, each for a reason that was looked at.

/** The name by which esbuild knows the entry of one function. */
export const entryOf = (name: string): string => `function:${name}`;

/**
 * The composition root with the line of one function alone, and nothing to wait for at its top, where a part of a bundle can't: what it
 * would wait for is exported as `ready`. Fails for a function that it does not register.
 */
export const entries = (top: string): Plugin => ({
  name: 'entries',
  setup: (building) => {
    building.onResolve({ filter: /^function:/ }, ({ path }) => ({ path, namespace: 'entry' }));
    building.onLoad({ filter: /^function:/, namespace: 'entry' }, ({ path }) => {
      const name = path.slice('function:'.length);
      const lines = readFileSync(join(top, 'functions/index.ts'), 'utf8').split('\n');
      const own = lines.filter((line) => line.startsWith('import ') || line.includes(`'./${name}.ts'`));
      if (own.length < 2) throw new Error(`functions/index.ts registers no function ${name}`);
      const contents = own.map((line) => line.replace(/^await /, 'export const ready = ')).join('\n');
      return { contents, resolveDir: join(top, 'functions'), loader: 'ts' };
    });
  },
});

/**
 * The Kubernetes client is modules that do nothing when they are loaded, and does not say so: what is not used of it falls away. Its three
 * thousand imports of one another name files: to have esbuild resolve each of them took four times as long as all the rest of a build.
 */
export const withoutSideEffects: Plugin = {
  name: 'without-side-effects',
  setup: (building) => {
    building.onResolve({ filter: /^@kubernetes\/client-node$/ }, async (given) => {
      if (given.pluginData === 'asked') return undefined;
      const { importer, kind, resolveDir } = given;
      const found = await building.resolve(given.path, { importer, kind, resolveDir, pluginData: 'asked' });
      return found.errors.length > 0 ? found : { path: found.path, sideEffects: false };
    });
    building.onResolve({ filter: /^\.{1,2}\/.*\.js$/ }, ({ importer, path, resolveDir }) =>
      importer.includes('/@kubernetes/client-node/dist/')
        ? { path: join(resolveDir, path), sideEffects: false }
        : undefined,
    );
  },
};

/**
 * A client describes its messages by `protos.json` and does without the classes of `protos.js`, which are most of its size: in REST mode,
 * and Firestore's too, whose library has messages of its own. Ours use some of the enumerations, which are made from `protos.json`
 * here. Left whole are the operations' of what clients share, which makes requests of them.
 */
export const withoutMessageClasses: Plugin = {
  name: 'without-message-classes',
  setup: (building) => {
    const packages = 'container|dns|firestore-api|monitoring|pubsub|pubsub-api|run|secret-manager|sql';
    const shared = 'google-gax/build/protos/(?:iam_service|locations)';
    const filter = new RegExp(`/(?:@google-cloud/(?:${packages})/build/protos/protos|${shared})\\.js$`);
    building.onLoad({ filter }, ({ path }) => {
      const described: unknown = JSON.parse(readFileSync(`${path}on`, 'utf8'));
      return { contents: `module.exports = ${JSON.stringify(enumerationsOf(described) ?? {})};`, loader: 'js' };
    });
  },
};

/** Clients bring every preview of their API beside the version that we speak. */
export const withoutPreviews: Plugin = {
  name: 'without-previews',
  setup: (building) => {
    building.onLoad({ filter: /\/@google-cloud\/[^/]+\/build\/src\/v\d+(?:alpha|beta)\d*\/index\.js$/ }, () => ({
      contents: 'module.exports = {};',
      loader: 'js',
    }));
  },
};

const namespaceWire = z.object({
  nested: z.record(z.string(), z.unknown()).optional(),
  values: z.record(z.string(), z.number()).optional(),
});

/** The enumerations in a description of messages, by the names under which a client exports them; `undefined` where there are none. */
export function enumerationsOf(described: unknown): Readonly<Record<string, unknown>> | undefined {
  const { nested = {}, values } = namespaceWire.parse(described);
  if (values !== undefined) return values;
  const found = Object.entries(nested).flatMap(([name, inner]) => {
    const enumerations = enumerationsOf(inner);
    return enumerations === undefined ? [] : [[name, enumerations] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** zod brings its messages in sixty languages; ours are in one. */
export const inEnglish: Plugin = {
  name: 'in-english',
  setup: (building) => {
    building.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};

import { z } from 'zod';
import type { Argument, ArgumentType, Block, Body, Kind, ProviderSchema } from './provider-schema.ts';

// The bindings `@cdktf/provider-google` are generated from the provider's schema, and describe themselves in `.jsii`: for each
// resource an interface NAMEConfig with what may be written, and a class NAME with what may be read besides. A property's
// documentation names it as the provider does (`…/docs/resources/storage_bucket#force_destroy`), and says which are blocks.

const reference = z.object({
  primitive: z.string().optional(),
  fqn: z.string().optional(),
  get collection() {
    return z.object({ kind: z.string(), elementtype: reference }).optional();
  },
  get union() {
    return z.object({ types: z.array(reference) }).optional();
  },
});
type Reference = z.infer<typeof reference>;

const property = z.object({
  name: z.string(),
  optional: z.boolean().default(false),
  static: z.boolean().default(false),
  type: reference,
  docs: z.record(z.string(), z.unknown()).default({}),
});
type Property = z.infer<typeof property>;

const wire = z.object({
  types: z.record(
    z.string(),
    z.object({
      fqn: z.string(),
      base: z.string().optional(),
      properties: z.array(property).default([]),
      docs: z.object({ summary: z.string().default('') }).prefault({}),
    }),
  ),
});
type Types = z.infer<typeof wire>['types'];

/** The bindings' own package, without which a name is the framework's. */
const OWN = '@cdktf/provider-google.';

/** What every class of the bindings has by itself. */
const FRAMEWORK: ReadonlySet<string> = new Set(['tfResourceType', 'timeouts']);

/** Reads the bindings' description. Throws where it is not as the head of this file says. */
export function schemaFromBindings(description: unknown): ProviderSchema {
  const { types } = wire.parse(description);
  const resources: Record<string, Kind> = {};
  const data: Record<string, Kind> = {};
  const versions = new Set<string>();
  for (const type of Object.values(types)) {
    const found = /hashicorp\/google\/([\d.]+)\/docs\/(resources|data-sources)\/\w+ (google_\w+)}/.exec(
      type.docs.summary,
    );
    if (found === null || (type.base !== 'cdktf.TerraformResource' && type.base !== 'cdktf.TerraformDataSource'))
      continue;
    const [, version = '', , name = ''] = found;
    versions.add(version);
    const config = types[`${type.fqn}Config`];
    if (config === undefined) throw new Error(`${type.fqn} has no Config`);
    const kind = kindOf(config.properties, type.properties, types);
    (type.base === 'cdktf.TerraformResource' ? resources : data)[name] = kind;
  }
  const [version, ...others] = versions;
  if (version === undefined || others.length > 0)
    throw new Error(`the bindings speak of versions ${[...versions].join()}`);
  return { provider: 'hashicorp/google', version, resources: sorted(resources), data: sorted(data) };
}

function kindOf(config: readonly Property[], class_: readonly Property[], types: Types): Kind {
  const settable = new Set(config.map(({ name }) => name));
  const computed = class_
    .filter(({ name, static: ofClass }) => !ofClass && !settable.has(name) && !FRAMEWORK.has(name))
    // `nameInput` is how the framework reads what was written.
    .filter(({ name }) => !(name.endsWith('Input') && settable.has(name.slice(0, -'Input'.length))))
    .map(({ name }) => name);
  // The framework lets `id` be written, and the provider does not.
  const body = bodyOf(
    config.filter(({ name, optional }) => !(name === 'id' && optional)),
    types,
  );
  return { ...body, computed: [...computed, ...('id' in body.arguments ? [] : ['id'])].toSorted() };
}

function bodyOf(properties: readonly Property[], types: Types): Body {
  const arguments_: Record<string, Argument> = {};
  const blocks: Record<string, Block> = {};
  for (const property of properties) {
    const name = nameOf(property);
    const required = !property.optional;
    const nested = nestedOf(property.type, types);
    if (nested === undefined) arguments_[name] = { type: typeOf(property.type), required };
    else blocks[name] = { body: bodyOf(nested.properties, types), many: nested.many, required };
  }
  return { arguments: sorted(arguments_), blocks: sorted(blocks) };
}

function nameOf({ name, docs }: Property): string {
  // In whichever part of the documentation the link came to stand; it is the last one.
  const links = JSON.stringify(docs).matchAll(/\/docs\/(?:resources|data-sources)\/\w+#(\w+)/g);
  const written = [...links].at(-1)?.[1];
  if (written !== undefined) return written;
  // Ten of twenty-six thousand have lost their link, none of them with a digit, whose place would be a guess.
  if (/\d/.test(name)) throw new Error(`the bindings don't say what the provider calls ${name}`);
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function nestedOf(
  type: Reference,
  types: Types,
): { readonly properties: readonly Property[]; readonly many: boolean } | undefined {
  for (const one of type.union?.types ?? [type]) {
    const name = one.collection?.elementtype.fqn ?? one.fqn;
    if (name?.startsWith(OWN)) return { properties: types[name]?.properties ?? [], many: one.collection !== undefined };
  }
  return undefined;
}

function typeOf(type: Reference): ArgumentType {
  const one = type.union?.types.find(({ fqn }) => fqn === undefined) ?? type;
  if (one.collection !== undefined) return one.collection.kind === 'map' ? 'map' : 'list';
  switch (one.primitive) {
    case 'string':
    case 'number':
      return one.primitive;
    case 'boolean':
      return 'bool';
    case undefined:
    default:
      throw new Error(`the bindings have a type that is not known here: ${JSON.stringify(type)}`);
  }
}

const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));

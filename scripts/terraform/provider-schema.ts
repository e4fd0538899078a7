import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';

// What the provider lets a `.tf` file say, as scripts/write-provider-schema.ts took it from the provider's own bindings. Not in
// it: list or set, how often a block must stand, values of enumerations, what excludes one another, "required only if".

/** What an argument takes. Terraform converts texts, numbers and truth values where they fit. */
export type ArgumentType = 'string' | 'number' | 'bool' | 'list' | 'map';

/** An argument of a body: `name = value`. */
export interface Argument {
  readonly type: ArgumentType;
  readonly required: boolean;
}

/** A block of a body: `name { … }`. `many`: it may stand more than once. */
export interface Block {
  readonly body: Body;
  readonly many: boolean;
  readonly required: boolean;
}

/** What stands between braces. */
export interface Body {
  readonly arguments: Readonly<Record<string, Argument>>;
  readonly blocks: Readonly<Record<string, Block>>;
}

/** A resource or a data source. `computed`: what can only be read, in camel case, as the bindings have it. */
export interface Kind extends Body {
  readonly computed: readonly string[];
}

/** One version of the provider. */
export interface ProviderSchema {
  readonly provider: string;
  readonly version: string;
  readonly resources: Readonly<Record<string, Kind>>;
  readonly data: Readonly<Record<string, Kind>>;
}

const argument = z.object({ type: z.enum(['string', 'number', 'bool', 'list', 'map']), required: z.boolean() });
const block = z.object({
  get body(): typeof body {
    return body;
  },
  many: z.boolean(),
  required: z.boolean(),
});
const body = z.object({ arguments: z.record(z.string(), argument), blocks: z.record(z.string(), block) });
const kind = z.object({ ...body.shape, computed: z.array(z.string()) });

const wire = z.object({
  provider: z.string(),
  version: z.string(),
  resources: z.record(z.string(), kind),
  data: z.record(z.string(), kind),
});

/** Where the schema lies, packed. */
export const SCHEMA_FILE = new URL('../../terraform/provider/google.schema.json.gz', import.meta.url);

/** Reads the schema. Throws when the file is not what `npm run terraform:schema` writes. */
export function readProviderSchema(): ProviderSchema {
  return wire.parse(JSON.parse(gunzipSync(readFileSync(SCHEMA_FILE)).toString('utf8')));
}

/** The name that the bindings give to an argument: `display_name` is `displayName`. */
export const camelCase = (name: string): string =>
  name.replace(/_+(\w)/g, (_match, letter: string) => letter.toUpperCase());

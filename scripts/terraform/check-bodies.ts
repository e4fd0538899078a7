import { nearestWord } from '../../shared/system/nearest-word.ts';
import type { WrittenArgument, WrittenBlock, WrittenBody } from './outline.ts';
import type { ArgumentType, Block, Body, Kind, ProviderSchema } from './provider-schema.ts';
import type { Complaint, TerraformFile } from './read-module.ts';

// Every block of a file against what may stand in it: a resource's by the provider's schema, Terraform's own by its language.

const argument = (type: ArgumentType | 'any', required = false) => ({ type, required });
const block = (body: Shape, many = false): ShapeBlock => ({ body, many, required: false });

/** `Body`, where an argument may also take anything. */
interface Shape {
  readonly arguments: Readonly<Record<string, { readonly type: ArgumentType | 'any'; readonly required: boolean }>>;
  readonly blocks: Readonly<Record<string, ShapeBlock>>;
}
interface ShapeBlock extends Omit<Block, 'body'> {
  readonly body: Shape;
}

const CONDITION: Shape = {
  arguments: { condition: argument('any', true), error_message: argument('string', true) },
  blocks: {},
};
const LIFECYCLE: Shape = {
  arguments: {
    create_before_destroy: argument('bool'),
    prevent_destroy: argument('bool'),
    ignore_changes: argument('any'),
    replace_triggered_by: argument('list'),
  },
  blocks: { precondition: block(CONDITION, true), postcondition: block(CONDITION, true) },
};

/** What every resource and data source takes beside its own. */
const META: Shape = {
  arguments: {
    count: argument('number'),
    for_each: argument('any'),
    depends_on: argument('list'),
    provider: argument('any'),
  },
  blocks: { lifecycle: block(LIFECYCLE) },
};

/** Blocks of the language, with how many labels each has. */
const LANGUAGE: Readonly<Record<string, { readonly labels: number; readonly body: Shape }>> = {
  variable: {
    labels: 1,
    body: {
      arguments: {
        type: argument('any', true),
        description: argument('string', true),
        default: argument('any'),
        nullable: argument('bool'),
        sensitive: argument('bool'),
        ephemeral: argument('bool'),
      },
      blocks: { validation: block(CONDITION, true) },
    },
  },
  output: {
    labels: 1,
    body: {
      arguments: {
        value: argument('any', true),
        description: argument('string', true),
        sensitive: argument('bool'),
        depends_on: argument('list'),
      },
      blocks: { precondition: block(CONDITION, true) },
    },
  },
  provider: {
    labels: 1,
    body: {
      arguments: {
        alias: argument('string'),
        project: argument('string'),
        region: argument('string'),
        billing_project: argument('string'),
        user_project_override: argument('bool'),
        default_labels: argument('map'),
      },
      blocks: {},
    },
  },
  terraform: {
    labels: 0,
    body: {
      arguments: { required_version: argument('string') },
      blocks: {
        backend: block({ arguments: { bucket: argument('string'), prefix: argument('string') }, blocks: {} }),
        required_providers: block({ arguments: { google: argument('map') }, blocks: {} }),
      },
    },
  },
};

/** Blocks whose contents are checked elsewhere (check-names.ts) or are free. */
const LEFT: ReadonlySet<string> = new Set(['locals', 'module', 'moved', 'removed', 'import', 'check']);

/** A resource that Terraform has by itself. */
const BUILT_IN: Readonly<Record<string, Kind>> = {
  terraform_data: {
    arguments: { input: { type: 'map', required: false }, triggers_replace: { type: 'list', required: false } },
    blocks: {},
    computed: ['id', 'output'],
  },
};

/** The kind of a resource or data source; `undefined` for one that the provider does not have. */
export const kindNamed = (schema: ProviderSchema, of: string, type: string): Kind | undefined =>
  of === 'data' ? schema.data[type] : (schema.resources[type] ?? BUILT_IN[type]);

/** What is wrong with the blocks of a file. */
export function bodyComplaints(file: TerraformFile, schema: ProviderSchema): readonly Complaint[] {
  return [
    ...file.body.arguments.map(({ name, line }) => `${file.path}:${line}: "${name}" stands outside of every block`),
    ...file.body.blocks.flatMap((written) => topComplaints(written, schema).map((words) => `${file.path}:${words}`)),
  ];
}

function topComplaints(written: WrittenBlock, schema: ProviderSchema): readonly string[] {
  const { type, labels, line } = written;
  if (type === 'resource' || type === 'data') {
    const [kindName = '', name] = labels;
    if (name === undefined || labels.length > 2) return [`${line}: a ${type} takes its type and a name`];
    const kind = kindNamed(schema, type, kindName);
    const known = Object.keys(type === 'data' ? schema.data : schema.resources);
    if (kind === undefined) return [`${line}: ${type} "${kindName}" is unknown${meant(kindName, known)}`];
    return complaintsOf(written.body, withMeta(kind), `${kindName}.${name}`, line, kind.computed);
  }
  if (LEFT.has(type)) return [];
  const shape = LANGUAGE[type];
  if (shape === undefined) {
    const known = ['resource', 'data', ...LEFT, ...Object.keys(LANGUAGE)];
    return [`${line}: a block "${type}" is unknown${meant(type, known)}`];
  }
  if (labels.length !== shape.labels) return [`${line}: ${type} takes ${shape.labels} labels`];
  return complaintsOf(written.body, shape.body, [type, ...labels].join('.'), line);
}

const withMeta = ({ arguments: own, blocks }: Body): Shape => ({
  arguments: { ...META.arguments, ...own },
  blocks: { ...META.blocks, ...blocks },
});

function complaintsOf(
  body: WrittenBody,
  shape: Shape,
  where: string,
  line: number,
  computed: readonly string[] = [],
): readonly string[] {
  const blocks = body.blocks.map((written) => unwrapped(written));
  const known = [...Object.keys(shape.arguments), ...Object.keys(shape.blocks)];
  const complaints: string[] = [];
  for (const written of body.arguments) {
    const taken = shape.arguments[written.name];
    if (taken !== undefined) complaints.push(...typeComplaints(written, taken.type, where));
    else if (shape.blocks[written.name] !== undefined)
      complaints.push(`${written.line}: ${where}: "${written.name}" is a block, written without "="`);
    else {
      const only = computed.includes(camel(written.name)) ? '; it can only be read' : meant(written.name, known);
      complaints.push(`${written.line}: ${where}: an argument "${written.name}" is unknown${only}`);
    }
  }
  for (const { name, line: at, body: inner } of blocks) {
    const taken = shape.blocks[name];
    if (taken !== undefined) complaints.push(...complaintsOf(inner, taken.body, `${where}.${name}`, at));
    else if (shape.arguments[name] !== undefined)
      complaints.push(`${at}: ${where}: "${name}" is an argument, written with "="`);
    else complaints.push(`${at}: ${where}: a block "${name}" is unknown${meant(name, known)}`);
    const isSecond = blocks.find((other) => other.name === name)?.line !== at;
    if (taken !== undefined && !taken.many && isSecond)
      complaints.push(`${at}: ${where}: a block "${name}" may stand once`);
  }
  const there = new Set([...body.arguments.map(({ name }) => name), ...blocks.map(({ name }) => name)]);
  for (const [name, { required }] of [...Object.entries(shape.arguments), ...Object.entries(shape.blocks)])
    if (required && !there.has(name)) complaints.push(`${line}: ${where}: "${name}" is missing`);
  return complaints;
}

/** A block that is made by a `dynamic` one is what stands in its `content`. */
function unwrapped({ type, labels, line, body }: WrittenBlock): {
  readonly name: string;
  readonly line: number;
  readonly body: WrittenBody;
} {
  if (type !== 'dynamic') return { name: type, line, body };
  const content = body.blocks.find((inner) => inner.type === 'content');
  return { name: labels[0] ?? '', line, body: content?.body ?? { arguments: [], blocks: [] } };
}

function typeComplaints(written: WrittenArgument, wanted: ArgumentType | 'any', where: string): readonly string[] {
  const literal = literalOf(written.expression);
  if (literal === undefined || wanted === 'any' || fits(literal, wanted)) return [];
  return [`${written.line}: ${where}: "${written.name}" takes a ${wanted}, and this is a ${literal.type}`];
}

interface Literal {
  readonly type: ArgumentType;
  readonly text: string;
}

/** What an expression is by its looks alone; `undefined` where that is only known when it is evaluated. */
function literalOf(expression: string): Literal | undefined {
  const text = expression.trim();
  if (/^-?\d+(\.\d+)?$/.test(text)) return { type: 'number', text };
  if (/^(true|false)$/.test(text)) return { type: 'bool', text };
  if (/^"[^"]*"$/.test(text) && !/[$%]\{/.test(text)) return { type: 'string', text: text.slice(1, -1) };
  if (/^\[(?!\s*for\b)[^\]]*\]$/.test(text)) return { type: 'list', text };
  if (/^\{(?!\s*for\b)[^{}]*\}$/.test(text)) return { type: 'map', text };
  return undefined;
}

/** Terraform makes a number of "5" and a text of 5. */
function fits({ type, text }: Literal, wanted: ArgumentType): boolean {
  if (type === wanted) return true;
  switch (wanted) {
    case 'string':
      return type === 'number' || type === 'bool';
    case 'number':
      return type === 'string' && /^-?\d+(\.\d+)?$/.test(text);
    case 'bool':
      return type === 'string' && /^(true|false)$/.test(text);
    case 'list':
    case 'map':
      return false;
  }
}

const camel = (name: string): string => name.replace(/_+(\w)/g, (_match, letter: string) => letter.toUpperCase());

function meant(word: string, known: readonly string[]): string {
  const near = nearestWord(word, known);
  return near === undefined ? '' : `; "${near}" is the nearest that there is`;
}

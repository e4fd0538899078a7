import { nearestWord } from '../../shared/system/nearest-word.ts';
import { kindNamed } from './check-bodies.ts';
import type { WrittenBlock } from './outline.ts';
import { camelCase, type ProviderSchema } from './provider-schema.ts';
import type { Complaint, TerraformModule } from './read-module.ts';
import { type Reference, referencesIn } from './references.ts';

// Every name of a module: declared once, used, and declared where it is used; every call of a module with what it asks for.

/** Something that a module declares, with where. */
interface Declared {
  readonly name: string;
  readonly at: string;
  readonly block: WrittenBlock;
}

/** The names of one module by their kind: `var`, `local`, `module`, `data`, and the types of resources. */
interface Names {
  readonly declared: readonly (Declared & { readonly kind: string })[];
}

/** What a module calls itself with beside its inputs. */
const CALL: ReadonlySet<string> = new Set(['source', 'version', 'providers', 'count', 'for_each', 'depends_on']);

/** What is wrong with the names of a module; `modules` are those that it may call. */
export function nameComplaints(
  module: TerraformModule,
  modules: readonly TerraformModule[],
  schema: ProviderSchema,
): readonly Complaint[] {
  const names = namesOf(module);
  const references = module.files.flatMap(referencesIn);
  return [
    ...duplicates(names),
    ...references.flatMap((reference) => unresolved(reference, module, names, modules, schema)),
    ...names.declared.flatMap((declared) => unused(declared, references)),
    ...names.declared.flatMap((declared) =>
      declared.kind === 'module' ? callComplaints(declared, module, modules) : [],
    ),
  ];
}

function namesOf({ files }: TerraformModule): Names {
  const declared = files.flatMap(({ path, body }) =>
    body.blocks.flatMap((block) => {
      const at = `${path}:${block.line}`;
      const [first = '', second = ''] = block.labels;
      switch (block.type) {
        case 'variable':
          return [{ kind: 'var', name: first, at, block }];
        case 'output':
        case 'module':
          return [{ kind: block.type, name: first, at, block }];
        case 'data':
          return [{ kind: 'data', name: `${first}.${second}`, at, block }];
        case 'resource':
          return [{ kind: first, name: second, at, block }];
        case 'locals':
          return block.body.arguments.map(({ name, line }) => ({ kind: 'local', name, at: `${path}:${line}`, block }));
        default:
          return [];
      }
    }),
  );
  return { declared };
}

function duplicates({ declared }: Names): readonly Complaint[] {
  return declared.flatMap(({ kind, name, at }) => {
    const first = declared.find((other) => other.kind === kind && other.name === name);
    return first === undefined || first.at === at ? [] : [`${at}: ${kind}.${name} stands at ${first.at} already`];
  });
}

function unresolved(
  { path, line, words }: Reference,
  module: TerraformModule,
  names: Names,
  modules: readonly TerraformModule[],
  schema: ProviderSchema,
): readonly Complaint[] {
  const [root = '', second = '', third] = words;
  const at = `${path}:${line}`;
  const kind = root;
  const name = kind === 'data' ? `${second}.${third ?? ''}` : second;
  const known = names.declared.filter((declared) => declared.kind === kind).map((declared) => declared.name);
  const found = names.declared.find((declared) => declared.kind === kind && declared.name === name);
  if (found === undefined) {
    const isKind =
      ['var', 'local', 'module', 'data'].includes(kind) || kindNamed(schema, 'resource', kind) !== undefined;
    return [`${at}: ${words.join('.')} refers to nothing that is declared here${isKind ? meant(name, known) : ''}`];
  }
  if (kind === 'module') return outputComplaints(found, third, at, module, modules);
  if (kind === 'var' || kind === 'local') return [];
  const [type = '', attribute] = kind === 'data' ? words.slice(1).filter((_word, index) => index !== 1) : [root, third];
  const of = kindNamed(schema, kind === 'data' ? 'data' : 'resource', type);
  if (of === undefined || attribute === undefined) return [];
  if (attribute in of.arguments || attribute in of.blocks || of.computed.includes(camelCase(attribute))) return [];
  const readable = [...Object.keys(of.arguments), ...Object.keys(of.blocks), ...of.computed];
  return [`${at}: ${type} has no attribute "${attribute}"${meant(attribute, readable)}`];
}

function outputComplaints(
  call: Declared,
  output: string | undefined,
  at: string,
  module: TerraformModule,
  modules: readonly TerraformModule[],
): readonly Complaint[] {
  const called = calledBy(call, module, modules);
  if (called === undefined || output === undefined) return [];
  const outputs = namesOf(called).declared.flatMap(({ kind, name }) => (kind === 'output' ? [name] : []));
  return outputs.includes(output)
    ? []
    : [`${at}: module.${call.name} has no output "${output}"${meant(output, outputs)}`];
}

/** What nothing refers to. What a module gives out is for others, and what it makes stands by itself. */
function unused(
  { kind, name, at, block }: Declared & { readonly kind: string },
  references: readonly Reference[],
): readonly Complaint[] {
  if (!['var', 'local', 'data'].includes(kind)) return [];
  const isUsed = references.some(({ words, path, line }) => {
    const meansIt = words[0] === kind && (kind === 'data' ? `${words[1]}.${words[2]}` : words[1]) === name;
    // A variable that only its own validation looks at does nothing.
    const isItself = kind === 'var' && isWithin(block, at, path, line);
    return meansIt && !isItself;
  });
  return isUsed ? [] : [`${at}: nothing uses ${kind}.${name}`];
}

function isWithin(block: WrittenBlock, at: string, path: string, line: number): boolean {
  return at.startsWith(`${path}:`) && line >= block.line && line <= lastLine(block);
}

const lastLine = ({ line, body }: WrittenBlock): number =>
  Math.max(
    line,
    ...body.arguments.map((written) => written.line + written.expression.split('\n').length - 1),
    ...body.blocks.map(lastLine),
  );

function callComplaints(
  call: Declared,
  module: TerraformModule,
  modules: readonly TerraformModule[],
): readonly Complaint[] {
  const { block, at, name } = call;
  const called = calledBy(call, module, modules);
  if (called === undefined) return [`${at}: module.${name} has no source among the modules that are here`];
  const inputs = namesOf(called).declared.filter(({ kind }) => kind === 'var');
  const given = block.body.arguments.filter((written) => !CALL.has(written.name));
  const path = at.slice(0, at.lastIndexOf(':'));
  const known = inputs.map((input) => input.name);
  return [
    ...given.flatMap((written) =>
      known.includes(written.name)
        ? []
        : [`${path}:${written.line}: module.${name} takes no input "${written.name}"${meant(written.name, known)}`],
    ),
    ...inputs.flatMap((input) =>
      given.some((written) => written.name === input.name) ||
      input.block.body.arguments.some((written) => written.name === 'default')
        ? []
        : [`${at}: module.${name} needs the input "${input.name}"`],
    ),
    ...block.body.blocks.map((inner) => `${path}:${inner.line}: module.${name} takes no block "${inner.type}"`),
  ];
}

function calledBy(
  { block }: Declared,
  module: TerraformModule,
  modules: readonly TerraformModule[],
): TerraformModule | undefined {
  const source = block.body.arguments.find(({ name }) => name === 'source')?.expression.replaceAll('"', '') ?? '';
  const folder = new URL(source, `file:///${module.folder === '.' ? '' : module.folder}/`).pathname.replaceAll(
    /^\/+|\/+$/g,
    '',
  );
  return source.startsWith('.') ? modules.find((other) => other.folder === (folder === '' ? '.' : folder)) : undefined;
}

function meant(word: string, known: readonly string[]): string {
  const near = nearestWord(word, known);
  return near === undefined ? '' : `; "${near}" is the nearest that there is`;
}

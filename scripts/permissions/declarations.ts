import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync } from 'oxc-parser';

// The product's code as a graph of its top declarations: what each refers to, which calls of ports it makes, and which texts stand in
// it. A call is told by the name of its port: `world.databases.promote(…)`, `databases.promote(…)`; a port that is handed over is
// followed into the function that takes it, and one that gets another name within a declaration by that name.

/** Something that a file declares at its top: `PATH#NAME`. */
export type DeclarationId = string;

/** One declaration. */
export interface Declaration {
  readonly refersTo: ReadonlySet<DeclarationId>;
  /** `PORT.METHOD`. */
  readonly calls: ReadonlySet<string>;
  readonly texts: ReadonlySet<string>;
}

/** Names of methods by the name of their port. */
export type Ports = Readonly<Record<string, readonly string[]>>;

type Node = { readonly type: string } & Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

const nodesOf = (value: unknown): readonly Node[] =>
  Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [];

const nameOf = (value: unknown): string | undefined =>
  isNode(value) && value.type === 'Identifier' && typeof value['name'] === 'string' ? value['name'] : undefined;

/** Visits a node and all that is in it. */
function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit);
  if (!isNode(value)) return;
  visit(value);
  for (const child of Object.values(value)) walk(child, visit);
}

/** One file, before its calls are followed. */
interface File {
  readonly path: string;
  readonly declared: ReadonlyMap<string, Node>;
  /** By the name that it has here. */
  readonly imported: ReadonlyMap<string, DeclarationId>;
}

/** Reads all TypeScript files of some folders, from the top of the repository. */
export function readDeclarations(
  top: string,
  folders: readonly string[],
  ports: Ports,
): ReadonlyMap<DeclarationId, Declaration> {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => posix.join(folder, name)),
  );
  const files = new Map(paths.map((path) => [path, readFile(path, readFileSync(join(top, path), 'utf8'))]));
  const found = new Map<DeclarationId, Declaration>();
  for (const file of files.values())
    for (const [name, node] of file.declared)
      found.set(`${file.path}#${name}`, readDeclaration(file, node, files, ports));
  return found;
}

function readFile(path: string, text: string): File {
  const { program } = parseSync(path, text, { lang: 'ts', sourceType: 'module' });
  const declared = new Map<string, Node>();
  const imported = new Map<string, DeclarationId>();
  for (const statement of nodesOf(program.body)) {
    const own = isNode(statement['declaration']) ? statement['declaration'] : statement;
    if (own.type === 'FunctionDeclaration' || own.type === 'ClassDeclaration')
      declared.set(nameOf(own['id']) ?? '', own);
    if (own.type === 'VariableDeclaration')
      for (const one of nodesOf(own['declarations'])) declared.set(nameOf(one['id']) ?? '', one);
    if (statement.type !== 'ImportDeclaration') continue;
    const source = isNode(statement['source']) ? String(statement['source']['value']) : '';
    if (!source.startsWith('.')) continue;
    const file = posix.join(posix.dirname(path), source);
    for (const one of nodesOf(statement['specifiers'])) {
      const local = nameOf(one['local']);
      if (local !== undefined) imported.set(local, `${file}#${nameOf(one['imported']) ?? local}`);
    }
  }
  return { path, declared, imported };
}

function readDeclaration(file: File, node: Node, files: ReadonlyMap<string, File>, ports: Ports): Declaration {
  const refersTo = new Set<DeclarationId>();
  const texts = new Set<string>();
  walk(node, (inner) => {
    const name = nameOf(inner);
    const meant = name === undefined ? undefined : idOf(file, name);
    if (meant !== undefined) refersTo.add(meant);
    if (inner.type === 'Literal' && typeof inner['value'] === 'string') texts.add(inner['value']);
  });
  return { refersTo, texts, calls: callsIn(file, node, new Map(), files, ports) };
}

/** What a name of a file means, if it is declared at the top of this or another file. */
const idOf = (file: File, name: string): DeclarationId | undefined =>
  file.imported.get(name) ?? (file.declared.has(name) ? `${file.path}#${name}` : undefined);

/** The calls of ports in a node; `aliases` are names that a port has in it besides its own. */
function callsIn(
  file: File,
  node: Node,
  given: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, File>,
  ports: Ports,
): ReadonlySet<string> {
  const calls = new Set<string>();
  const aliases = new Map(given);
  walk(node, (inner) => {
    const alias = inner.type === 'VariableDeclarator' ? nameOf(inner['id']) : undefined;
    const port = alias === undefined ? undefined : portOf(inner['init'], aliases, ports);
    if (alias !== undefined && port !== undefined) aliases.set(alias, port);
  });
  walk(node, (inner) => {
    if (inner.type === 'MemberExpression') {
      const port = portOf(inner['object'], aliases, ports);
      const method = nameOf(inner['property']);
      if (port !== undefined && method !== undefined && ports[port]?.includes(method) === true)
        calls.add(`${port}.${method}`);
    }
    if (inner.type === 'CallExpression')
      for (const call of callsOfTaker(inner, file, aliases, files, ports)) calls.add(call);
  });
  return calls;
}

/** Calls that a function makes of a port which is handed to it. */
function callsOfTaker(
  call: Node,
  file: File,
  aliases: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, File>,
  ports: Ports,
): readonly string[] {
  const callee = nameOf(call['callee']);
  const [path = '', name = ''] = (callee === undefined ? undefined : idOf(file, callee))?.split('#') ?? [];
  const taker = files.get(path);
  const declared = taker?.declared.get(name);
  if (taker === undefined || declared === undefined) return [];
  const taken = isNode(declared['init']) ? declared['init'] : declared;
  return nodesOf(call['arguments']).flatMap((argument, index) => {
    const port =
      argument.type === 'MemberExpression' || argument.type === 'Identifier'
        ? portOf(argument, aliases, ports)
        : undefined;
    const parameter = nameOf(nodesOf(taken['params'])[index]);
    if (port === undefined || parameter === undefined) return [];
    return [...callsIn(taker, declared, new Map([[parameter, port]]), files, ports)];
  });
}

/** The port that an expression is, by its last name. */
function portOf(value: unknown, aliases: ReadonlyMap<string, string>, ports: Ports): string | undefined {
  if (!isNode(value)) return undefined;
  const plain = nameOf(value);
  const name = value.type === 'MemberExpression' ? nameOf(value['property']) : plain;
  if (name === undefined) return undefined;
  if (plain !== undefined && aliases.has(plain)) return aliases.get(plain);
  return Object.hasOwn(ports, name) ? name : undefined;
}

/** Everything that some declarations lead to, themselves included, without what stands behind `cut`. */
export function reachedFrom(
  roots: readonly DeclarationId[],
  declarations: ReadonlyMap<DeclarationId, Declaration>,
  cut: (id: DeclarationId) => boolean,
): ReadonlySet<DeclarationId> {
  const reached = new Set<DeclarationId>();
  const open = [...roots];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const declaration = declarations.get(id);
    if (declaration === undefined || reached.has(id)) continue;
    reached.add(id);
    for (const other of declaration.refersTo) if (!cut(other)) open.push(other);
  }
  return reached;
}

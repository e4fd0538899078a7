import { parseSync } from 'oxc-parser';

/** Something that a file refers to: the text between the quotes, or what it reaches for, and the line it stands on. */
export type Mention = { readonly what: string; readonly line: number };

/** What the tidy rules need to know about one TypeScript file. */
export type Source = {
  /** Path from the repository's top, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Every module specifier: static, dynamic, re-exported, `import type`, `import('…').T` in types, `require`. */
  readonly imports: readonly Mention[];
  /** Lines of dynamic imports whose target is not a plain string, so that nobody can check them. */
  readonly unreadable: readonly number[];
  /** Reaches for the wall clock, for timers or for chance, as written: `Date.now`, `new Date()`, `setTimeout`, … */
  readonly impurities: readonly Mention[];
};

/** Members of global objects that answer differently every time. */
const IMPURE_MEMBERS: ReadonlySet<string> = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'crypto.randomUUID',
  'crypto.getRandomValues',
]);

/** Globals, and names imported from Node's own modules, that wait or roll dice. */
const IMPURE_NAMES: ReadonlySet<string> = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'randomUUID',
  'randomBytes',
  'randomInt',
]);

/** Modules whose every export waits. */
const IMPURE_MODULES: ReadonlySet<string> = new Set([
  'node:timers',
  'node:timers/promises',
  'timers',
  'timers/promises',
]);

type Node = { readonly type: string; readonly start: number } & Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** Parses one file; throws with its path when it is not TypeScript. */
export function readSource(path: string, text: string): Source {
  const parsed = parseSync(path, text, { lang: 'ts', sourceType: 'module' });
  const fault = parsed.errors[0];
  if (fault !== undefined) throw new Error(`${path} cannot be parsed: ${fault.message}`);

  const imports: Mention[] = [];
  const unreadable: number[] = [];
  const impurities: Mention[] = [];
  const lineOf = (node: Node): number => text.slice(0, node.start).split('\n').length;

  walk(parsed.program, undefined, '', (node, parent, key) => {
    const target = importTarget(node);
    if (target !== undefined) {
      const name = literal(target);
      if (name === undefined) unreadable.push(lineOf(node));
      else imports.push({ what: name, line: lineOf(node) });
    }
    const impurity = impurityOf(node, parent, key);
    if (impurity !== undefined) impurities.push({ what: impurity, line: lineOf(node) });
  });
  for (const { what, line } of imports) if (IMPURE_MODULES.has(what)) impurities.push({ what, line });
  return { path, text, imports, unreadable, impurities };
}

function walk(
  value: unknown,
  parent: Node | undefined,
  key: string,
  visit: (node: Node, parent: Node | undefined, key: string) => void,
): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, parent, key, visit);
    return;
  }
  if (!isNode(value)) return;
  visit(value, parent, key);
  for (const [name, child] of Object.entries(value)) walk(child, value, name, visit);
}

/** The node that names the imported module, or `undefined` when `node` imports nothing. */
function importTarget(node: Node): unknown {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return node['source'];
    case 'ExportNamedDeclaration':
      return node['source'] ?? undefined;
    case 'TSExternalModuleReference':
      return node['expression'];
    case 'CallExpression': {
      const [first] = Array.isArray(node['arguments']) ? node['arguments'] : [];
      return identifier(node['callee']) === 'require' ? first : undefined;
    }
    default:
      return undefined;
  }
}

function impurityOf(node: Node, parent: Node | undefined, key: string): string | undefined {
  switch (node.type) {
    case 'NewExpression':
    case 'CallExpression': {
      const bare = Array.isArray(node['arguments']) && node['arguments'].length === 0;
      if (identifier(node['callee']) !== 'Date') return undefined;
      // Date() as a function ignores its arguments and always answers with the present.
      if (node.type === 'CallExpression') return 'Date()';
      return bare ? 'new Date()' : undefined;
    }
    case 'MemberExpression': {
      const owner = identifier(node['object']);
      const member = node['computed'] === true ? literal(node['property']) : identifier(node['property']);
      if (owner === undefined || member === undefined) return undefined;
      const name = `${owner}.${member}`;
      return IMPURE_MEMBERS.has(name) || (owner === 'globalThis' && IMPURE_NAMES.has(member)) ? name : undefined;
    }
    case 'Identifier': {
      const name = identifier(node);
      return name !== undefined && IMPURE_NAMES.has(name) && !isOnlyAName(node, parent, key) ? name : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether an identifier names a property, a method or a type's field rather than reaching for a global of that name. */
function isOnlyAName(node: Node, parent: Node | undefined, key: string): boolean {
  if (parent === undefined) return false;
  if (key === 'property') return parent.type === 'MemberExpression' && parent['computed'] !== true;
  if (key !== 'key') return false;
  // In `{ setTimeout }` key and value are the same place: the value is visited on its own.
  return parent['computed'] !== true && isNode(parent[key]) && parent[key].start === node.start;
}

function identifier(value: unknown): string | undefined {
  return isNode(value) && value.type === 'Identifier' && typeof value['name'] === 'string' ? value['name'] : undefined;
}

function literal(value: unknown): string | undefined {
  return isNode(value) && value.type === 'Literal' && typeof value['value'] === 'string' ? value['value'] : undefined;
}

import type { WrittenBlock, WrittenBody } from './outline.ts';
import type { TerraformFile } from './read-module.ts';

/** `var.region`, `google_pubsub_topic.dead[each.key].id`, `module.store.database`: the words between its dots, indexes left out. */
export interface Reference {
  readonly path: string;
  readonly line: number;
  readonly words: readonly string[];
}

/** Words that begin a reference to something which is not declared. */
const GIVEN: ReadonlySet<string> = new Set(['each', 'count', 'self', 'path', 'terraform']);

/** Arguments whose words mean something else. */
const FREE: ReadonlySet<string> = new Set(['provider', 'providers', 'ignore_changes', 'required_version', 'google']);

/** Everything that a file refers to, apart from what is given and what an expression or a `dynamic` block names itself. */
export function referencesIn(file: TerraformFile): readonly Reference[] {
  return file.body.blocks
    .filter(({ type }) => !['moved', 'removed', 'import', 'terraform'].includes(type))
    .flatMap((block) => inBlock(block, []))
    .map((found) => ({ path: file.path, ...found }));
}

type Found = Omit<Reference, 'path'>;

function inBlock(block: WrittenBlock, iterators: readonly string[]): readonly Found[] {
  const iterator = block.type === 'dynamic' ? iteratorOf(block) : undefined;
  return inBody(block.body, iterator === undefined ? iterators : [...iterators, iterator]);
}

/** A `dynamic` block calls what it goes over by its own name, unless it says another. */
const iteratorOf = ({ labels, body }: WrittenBlock): string | undefined =>
  body.arguments.find(({ name }) => name === 'iterator')?.expression ?? labels[0];

function inBody(body: WrittenBody, iterators: readonly string[]): readonly Found[] {
  const own = body.arguments
    .filter(({ name }) => !FREE.has(name))
    .flatMap(({ code, line, name }) => (name === 'iterator' ? [] : inCode(code, line, iterators)));
  return [...own, ...body.blocks.flatMap((block) => inBlock(block, iterators))];
}

/** The references of one expression, whose texts are blank. */
export function inCode(code: string, line: number, iterators: readonly string[]): readonly Found[] {
  const named = new Set([
    ...iterators,
    ...[...code.matchAll(/\bfor\s+(\w+)(?:\s*,\s*(\w+))?\s+in\b/g)].flatMap((m) => m.slice(1)),
  ]);
  return [...code.matchAll(/(?<![\w.\-"])[A-Za-z_][\w-]*/g)].flatMap((match) => {
    const root = match[0];
    const words = [root, ...wordsAfter(code, match.index + root.length)];
    if (words.length < 2 || GIVEN.has(root) || named.has(root)) return [];
    return [{ words, line: line + code.slice(0, match.index).split('\n').length - 1 }];
  });
}

/** `.a[0].b[*].c` is a, b, c. */
function wordsAfter(code: string, from: number): readonly string[] {
  const words: string[] = [];
  for (let at = from; ; ) {
    const word = /^\.([A-Za-z_][\w-]*)/.exec(code.slice(at));
    const index = /^\.?(\*|\d+)/.exec(code.slice(at));
    if (word !== null) {
      words.push(word[1] ?? '');
      at += word[0].length;
    } else if (index !== null && code[at] === '.') at += index[0].length;
    else if (code[at] === '[') at = afterBracket(code, at);
    else return words;
  }
}

function afterBracket(code: string, from: number): number {
  let depth = 0;
  for (let at = from; at < code.length; at++) {
    if (code[at] === '[') depth += 1;
    if (code[at] === ']') depth -= 1;
    if (depth === 0) return at + 1;
  }
  return code.length;
}

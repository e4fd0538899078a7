import type { Document, Node, YAMLError } from 'yaml';
import { isAlias, isMap, isPair, isScalar, isSeq, parseDocument } from 'yaml';
import type { ConfigFault, ConfigPath } from './config-fault.ts';

/** A line and a column, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as plain data that still knows where everything stands. */
export interface YamlSource {
  readonly value: unknown;
  /** Where a key or its value stands; for what is missing, the nearest thing around it that is there. */
  positionOf(path: ConfigPath, part: 'key' | 'value'): Position;
}

/** `source` is `undefined` when the faults leave nothing that could be read on. */
export interface YamlReading {
  readonly source: YamlSource | undefined;
  readonly faults: readonly ConfigFault[];
}

/** A `dr.yaml` of a large system has some 20 KiB; more is a wrong file. */
const TEXT_MAX = 262_144;

/** Levels of nodes: the deepest place of the schema has 12 (each key and its map count). */
const DEPTH_MAX = 32;

/** Broken places that are reported: what comes after so many is a consequence of them. */
const SYNTAX_FAULTS_MAX = 100;

const SHALLOW = 'maps and lists as docs/configuration.md shows them';

const WANTED: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'each key once in its map',
  TAB_AS_INDENT: 'spaces before the first word of a line',
  MULTIPLE_DOCS: 'one document in the file',
  NON_STRING_KEY: 'a plain word as a key',
};

/** Reads a YAML 1.2 text. Anchors, aliases and tags are refused: what people decide by stands there in full. Never throws. */
export function readYaml(text: string): YamlReading {
  if (text.length > TEXT_MAX) {
    return unreadable(`has more than ${TEXT_MAX} characters`, 'one system for each file');
  }
  const plain = asCompactJson(text);
  if (plain !== undefined) return { faults: [], source: plain };
  const document = documentOf(text);
  if (document.errors.some((error) => error.code === 'RESOURCE_EXHAUSTION')) {
    return unreadable('is nested too deep to be read', SHALLOW);
  }
  const refused = refusedNodes(document, text);
  const errors = [...document.errors, ...document.warnings].slice(0, SYNTAX_FAULTS_MAX);
  const faults = [...errors.map((error) => syntaxFault(error, text)), ...refused];
  // A key that stands there twice is a fault, and the rest of the file can be judged all the same.
  const readable = document.errors.every((error) => error.code === 'DUPLICATE_KEY') && refused.length === 0;
  if (!readable) return { source: undefined, faults };
  const value: unknown = document.toJS();
  return { faults, source: { value, positionOf: (path, part) => positionAt(text, offsetOf(document, path, part)) } };
}

/**
 * The same document as a function carries it: JSON without white space, which a cold start reads faster. Throws where the text is no
 * YAML.
 */
export function compactOf(text: string): string {
  const { source, faults } = readYaml(text);
  if (source === undefined || faults.length > 0) throw new Error(faults.map(({ problem }) => problem).join('; '));
  return JSON.stringify(source.value);
}

const documentOf = (text: string): Document =>
  parseDocument(text, { prettyErrors: false, stringKeys: true, resolveKnownTags: false });

/**
 * What `compactOf` wrote: JSON is YAML too. It has to be exactly what `JSON.stringify` writes, so that no key stands there twice.
 * Positions are looked for when somebody asks.
 */
function asCompactJson(text: string): YamlSource | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (JSON.stringify(value) !== text.trimEnd()) return undefined;
    return { value, positionOf: (path, part) => positionAt(text, offsetOf(documentOf(text), path, part)) };
  } catch {
    return undefined;
  }
}

function syntaxFault(error: YAMLError, text: string): ConfigFault {
  return {
    ...positionAt(text, error.pos[0]),
    path: '',
    value: '',
    // Some messages quote the text, which may be a secret that nobody could recognise any more.
    problem: `is not YAML: ${error.message.replace(/: ?["'`].*/s, '')}`,
    wanted: WANTED[error.code] ?? 'YAML 1.2: `key: value`, lists with `- `, the same indentation within a map',
  };
}

function refusedNodes(document: Document, text: string): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const refuse = (offset: number | undefined, problem: string, wanted: string): void => {
    faults.push({ ...positionAt(text, offset ?? 0), path: '', value: '', problem, wanted });
  };
  const look = (node: unknown, depth: number): void => {
    const offset = startOf(node);
    if (isAlias(node)) refuse(offset, 'is an alias of another place', 'the value itself, written out');
    else if (depth > DEPTH_MAX) refuse(offset, 'is nested too deep', SHALLOW);
    else if (isPair(node)) for (const part of [node.key, node.value]) look(part, depth + 1);
    else if (isMap(node) || isSeq(node)) for (const item of node.items) look(item, depth + 1);
  };
  look(document.contents, 1);
  return faults;
}

function offsetOf(document: Document, path: ConfigPath, part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    const found = childOf(node, step);
    if (found === undefined) return offset;
    const isLast = index === path.length - 1;
    const value = isEmpty(found.value) ? undefined : startOf(found.value);
    // Inside the file's tree a place is named by its key; a value's own position is asked for at the end only.
    offset = (isLast && part === 'value' ? (value ?? found.key) : (found.key ?? value)) ?? offset;
    node = found.value;
  }
  return offset;
}

function childOf(
  node: unknown,
  step: string | number,
): { readonly key: number | undefined; readonly value: unknown } | undefined {
  if (isMap(node)) {
    // The last of two equal keys is the one whose value counts.
    const pair = node.items.findLast(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
    );
    return pair === undefined ? undefined : { key: startOf(pair.key), value: pair.value };
  }
  if (!isSeq(node) || typeof step !== 'number' || step >= node.items.length) return undefined;
  return { key: undefined, value: node.items[step] };
}

function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && (node.source ?? '') === '' && node.value === null);
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node)) return undefined;
  return (node as Node).range?.[0]; // only nodes of the parser have a `range`
}

function positionAt(text: string, offset: number): Position {
  // The end of a file, after its last line break, is no line that anybody could look at.
  const before = text.slice(0, Math.min(offset, text.trimEnd().length));
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

function unreadable(problem: string, wanted: string): YamlReading {
  return { source: undefined, faults: [{ line: 1, column: 1, path: '', value: '', problem, wanted }] };
}

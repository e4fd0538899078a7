import type { Json } from '../../shared/core/json.ts';
import { parseInstant } from '../../shared/core/time.ts';
import { ApiError } from './kernel.ts';
import { type LogEntry, SEVERITIES } from './logs.ts';
import type { Project } from './project.ts';

// The part of the Logging query language that people type: comparisons of known fields, bare texts, AND (also by juxtaposition),
// OR, NOT or `-`, and parentheses; OR binds tighter than AND, as the reference says. What isn't known is refused with 400.

const invalidArgument = (message: string): ApiError => new ApiError(400, 'badRequest', message);

type Keeps = (entry: LogEntry) => boolean;

const TOKEN = /\s*(?:(?<quoted>"(?:[^"\\]|\\.)*")|(?<sign>>=|<=|!=|=~|!~|[=<>:()])|(?<word>[^\s()=<>:!"]+))/y;

interface Token {
  readonly kind: 'text' | 'word' | 'sign';
  readonly text: string;
}

/** The predicate that a filter describes; an empty one keeps everything. Throws 400. */
export function parseFilter(filter: string, project: Project): Keeps {
  const reader = readerOf(tokensOf(filter));
  const keeps = conjunction(reader, project);
  if (reader.peek() !== undefined) throw unparseable(reader.peek()?.text ?? '');
  return keeps;
}

const unparseable = (at: string): Error => invalidArgument(`Unparseable filter: syntax error at '${at}'`);

function tokensOf(filter: string): readonly Token[] {
  const tokens: Token[] = [];
  const text = filter.trimEnd();
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const { quoted, sign, word } = TOKEN.exec(text)?.groups ?? {};
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.slice(1, -1).replace(/\\(.)/g, '$1') });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else throw unparseable(text.slice(at, at + 20));
  }
  return tokens;
}

interface Reader {
  peek(): Token | undefined;
  next(): Token | undefined;
  /** Takes the token if it is this one. */
  take(text: string): boolean;
}

function readerOf(tokens: readonly Token[]): Reader {
  let at = 0;
  return {
    peek: () => tokens[at],
    next: () => tokens[at++],
    take(text) {
      const token = tokens[at];
      if (token?.text !== text || token.kind === 'text') return false;
      at += 1;
      return true;
    },
  };
}

function conjunction(reader: Reader, project: Project): Keeps {
  const parts: Keeps[] = [];
  while (reader.peek() !== undefined && !(reader.peek()?.kind === 'sign' && reader.peek()?.text === ')')) {
    if (parts.length > 0) reader.take('AND');
    parts.push(disjunction(reader, project));
  }
  return (entry) => parts.every((keeps) => keeps(entry));
}

function disjunction(reader: Reader, project: Project): Keeps {
  const parts = [term(reader, project)];
  while (reader.take('OR')) parts.push(term(reader, project));
  return (entry) => parts.some((keeps) => keeps(entry));
}

function term(reader: Reader, project: Project): Keeps {
  if (reader.take('NOT') || reader.take('-')) {
    const inner = term(reader, project);
    return (entry) => !inner(entry);
  }
  if (reader.take('(')) {
    const inner = conjunction(reader, project);
    if (!reader.take(')')) throw unparseable('(');
    return inner;
  }
  const token = reader.next();
  if (token === undefined || token.kind === 'sign') throw unparseable(token?.text ?? 'end of filter');
  const sign = reader.peek();
  if (sign?.kind !== 'sign' || sign.text === '(' || sign.text === ')') return contains(token.text);
  reader.next();
  const value = reader.next();
  if (value === undefined || value.kind === 'sign') throw unparseable(sign.text);
  return negatedField(token.text, sign.text, value.text, project);
}

function negatedField(field: string, operator: string, value: string, project: Project): Keeps {
  if (!field.startsWith('-')) return comparison(field, operator, value, project);
  const inner = comparison(field.slice(1), operator, value, project);
  return (entry) => !inner(entry);
}

const contains = (text: string): Keeps => {
  const wanted = text.toLowerCase();
  return (entry) => entry.text.toLowerCase().includes(wanted);
};

function comparison(field: string, operator: string, value: string, project: Project): Keeps {
  if (field === 'timestamp') {
    const wanted = parseInstant(value);
    if (wanted === undefined) throw invalidArgument(`Unparseable filter: '${value}' is not a timestamp`);
    return ordered(operator, (entry) => entry.at - wanted);
  }
  if (field === 'severity') {
    const wanted = SEVERITIES.findIndex((name) => name === value.toUpperCase());
    if (wanted < 0) throw invalidArgument(`Unparseable filter: '${value}' is not a severity`);
    return ordered(operator, (entry) => SEVERITIES.indexOf(entry.severity) - wanted);
  }
  const read = readField(field, project);
  switch (operator) {
    case '=':
      return (entry) => read(entry)?.toLowerCase() === value.toLowerCase();
    case '!=':
      return (entry) => read(entry)?.toLowerCase() !== value.toLowerCase();
    case ':':
      return (entry) => read(entry)?.toLowerCase().includes(value.toLowerCase()) ?? false;
    case '=~':
      return (entry) => new RegExp(value).test(read(entry) ?? '');
    case '!~':
      return (entry) => !new RegExp(value).test(read(entry) ?? '');
    default:
      throw invalidArgument(`Unparseable filter: '${field}' has no order`);
  }
}

function ordered(operator: string, difference: (entry: LogEntry) => number): Keeps {
  switch (operator) {
    case '=':
      return (entry) => difference(entry) === 0;
    case '!=':
      return (entry) => difference(entry) !== 0;
    case '>':
      return (entry) => difference(entry) > 0;
    case '>=':
      return (entry) => difference(entry) >= 0;
    case '<':
      return (entry) => difference(entry) < 0;
    case '<=':
      return (entry) => difference(entry) <= 0;
    default:
      throw unparseable(operator);
  }
}

/** What a field of an entry says, as text; `undefined` where the entry has none. Throws 400 for a field that is none. */
export function readField(field: string, project: Project): (entry: LogEntry) => string | undefined {
  if (field === 'resource.type') return (entry) => entry.resource.type;
  if (field === 'textPayload') return (entry) => entry.text;
  if (field === 'insertId') return (entry) => entry.insertId;
  if (field === 'logName') return (entry) => logName(project, entry);
  const path = /^protoPayload\.(?<path>\w+(\.\w+)*)$/.exec(field)?.groups?.['path']?.split('.');
  if (path !== undefined) return (entry) => textAt(entry.protoPayload, path);
  const label = /^resource\.labels\.(?<label>[\w-]+)$/.exec(field)?.groups?.['label'];
  if (label === undefined) throw invalidArgument(`The sandbox has no log field '${field}'.`);
  return (entry) => entry.resource.labels[label];
}

/** The full name of an entry's log. */
export function logName(project: Project, { log }: LogEntry): string {
  return `projects/${project.id}/logs/${encodeURIComponent(log)}`;
}

function textAt(payload: Json | undefined, path: readonly string[]): string | undefined {
  let value = payload;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = (value as { readonly [name: string]: Json })[key]; // an object of JSON that is no array
  }
  return typeof value === 'object' || value === undefined ? undefined : String(value);
}

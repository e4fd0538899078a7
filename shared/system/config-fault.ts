import { redact } from '../core/redact.ts';

/** Where something stands in `dr.yaml`: keys and list positions (from 0), from the top. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong with `dr.yaml`. */
export interface ConfigFault {
  /** From 1, always within the file. For something missing: where it belongs. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** As people write it: `databases[0].lossBudget`. */
  readonly path: string;
  /** What stands there, shortened; empty for something missing, `WITHHELD` for what may be a secret. */
  readonly value: string;
  readonly problem: string;
  /** What would be right. */
  readonly wanted: string;
}

/** Values that can each be read but not all be meant: a policy that can deadlock, or says two things at once. */
export interface Contradiction {
  readonly path: ConfigPath;
  readonly problem: string;
  readonly wanted: string;
  /** The other places that it rests on. It is not reported while one of them is itself at fault. */
  readonly involves?: readonly ConfigPath[];
  /** The value must not be shown. */
  readonly isSecret?: true;
}

/** Stands for a value that may be a secret. */
export const WITHHELD = '[withheld]';

/** Longest a value is quoted: enough to recognise it. */
const QUOTED_MAX = 40;

const SECRET_KEY = /pass(word|wd|phrase|$)|pwd|secret|token|credential|api[_-]?key|private[_-]?key/i;

/** Keys that name a place where a secret is kept, or an API, and hold no secret. */
const NAMES_ONLY: ReadonlySet<string> = new Set(['databaseSecret', 'secretmanager']);

/** Whether a key says that its value is a secret, which never stands in `dr.yaml`. */
export function isSecretKey(key: string | number | undefined): boolean {
  return typeof key === 'string' && !NAMES_ONLY.has(key) && SECRET_KEY.test(key);
}

/** Whether a text looks like a credential, whatever its key says. */
export function isSecretText(text: string): boolean {
  return redact(text) !== text;
}

/** A path as people write it: `approvals.database-failover.quorum`, `people[2].email`. */
export function showPath(path: ConfigPath): string {
  const parts = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return /^[\w-]+$/.test(step) ? `.${shorten(step)}` : `[${JSON.stringify(shorten(step))}]`;
  });
  return parts.join('').replace(/^\./, '');
}

/** A value as a fault quotes it: short, and never what may be a secret. */
export function showValue(value: unknown, path: ConfigPath): string {
  if (value === undefined) return '';
  if (path.some(isSecretKey)) return WITHHELD;
  if (Array.isArray(value)) return showList(value);
  if (typeof value === 'object' && value !== null) return 'a map';
  if (typeof value !== 'string') return JSON.stringify(value);
  // What follows a question mark in an address is where secrets travel.
  const bare = value.replace(/(:\/\/[^?#]*)[?#].*/s, '$1…');
  return isSecretText(value) ? WITHHELD : JSON.stringify(shorten(bare));
}

function showList(value: readonly unknown[]): string {
  const items = value.map((item) => (typeof item === 'object' ? '…' : showValue(item, []))).join(', ');
  return items.length > QUOTED_MAX ? `a list of ${value.length}` : `[${items}]`;
}

/** Whether one of two paths leads to or through the other. */
export function touches(a: ConfigPath, b: ConfigPath): boolean {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length).every((step, index) => step === b[index]);
}

function shorten(text: string): string {
  return text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX - 1)}…` : text;
}

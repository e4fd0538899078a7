import type { JsonObject } from '../core/json.ts';
import { redact } from '../core/redact.ts';
import type { ConfigFault } from './config-fault.ts';
import { isSecretKey, WITHHELD } from './config-fault.ts';

/** Longest an excerpt is: what fits beside the line number on a terminal. */
const EXCERPT_MAX = 100;

/**
 * Faults for people: each with its line, the line itself, a caret, what stands there and what would be right. `text` is
 * what was parsed, `file` its name. Shows no secret that is named or looks like one.
 */
export function showFaults(file: string, text: string, faults: readonly ConfigFault[]): string {
  const lines = text.split('\n');
  const shown = faults.map((fault) => {
    const excerpt = excerptOf(lines[fault.line - 1] ?? '', fault, faults);
    const margin = String(fault.line).length;
    const value = fault.value === '' ? '' : ` (${fault.value})`;
    return [
      `${file}:${fault.line}:${fault.column}: ${fault.path === '' ? 'the file' : fault.path} ${fault.problem}${value}`,
      `  ${fault.line} | ${excerpt.line}`,
      `  ${' '.repeat(margin)} | ${' '.repeat(excerpt.caret)}^`,
      `  wanted: ${fault.wanted}`,
    ].join('\n');
  });
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return `${shown.join('\n\n')}\n\n${file}: ${count}\n`;
}

/** Faults for programs, as `./dr config check --json` prints them. */
export function faultsAsJson(file: string, faults: readonly ConfigFault[]): JsonObject {
  return { ok: false, file, faults: faults.map((fault) => ({ ...fault })) };
}

/** The part of a line around a fault. A line with anything withheld ends before its value. */
function excerptOf(
  line: string,
  fault: ConfigFault,
  faults: readonly ConfigFault[],
): { readonly line: string; readonly caret: number } {
  const withheld = faults.some((other) => other.line === fault.line && other.value === WITHHELD);
  const plain = withoutSecrets(line, withheld).replaceAll('\t', ' ');
  const from = Math.max(0, Math.min(fault.column - 1, plain.length) - EXCERPT_MAX / 2);
  const part = plain.slice(from, from + EXCERPT_MAX).trimEnd();
  return { line: part, caret: Math.min(fault.column - 1 - from, part.length) };
}

/** Also for lines that are no YAML, of which nobody knows what they mean. */
function withoutSecrets(line: string, withheld: boolean): string {
  const keys = [...line.matchAll(/["']?([\w.-]+)["']?:(?=\s|$)/g)];
  const secret = keys.find(([, key]) => isSecretKey(key));
  if (secret === undefined && !withheld && redact(line) === line) {
    return line.replaceAll(/(:\/\/[^\s?#]*)[?#]\S*/g, '$1…');
  }
  const last = secret ?? keys[0];
  return `${last === undefined ? '' : line.slice(0, last.index + last[0].length)} ${WITHHELD}`;
}

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
  const end = withheld ? firstValueEnd(line) : line.length;
  const bare = line
    .slice(0, end)
    .replaceAll(/(:\/\/[^\s?#]*)[?#]\S*/g, '$1…')
    .replaceAll('\t', ' ');
  const plain = redact(bare) === bare ? bare : bare.slice(0, firstValueEnd(bare));
  const from = Math.max(0, Math.min(fault.column - 1, plain.length) - EXCERPT_MAX / 2);
  const part = plain.slice(from, from + EXCERPT_MAX).trimEnd();
  const dots = end < line.length ? ` ${WITHHELD}` : '';
  return { line: `${part}${dots}`, caret: Math.min(fault.column - 1 - from, part.length) };
}

/** Where the first key of a line ends that is named like a secret; without one, where the first key ends. */
function firstValueEnd(line: string): number {
  const keys = [...line.matchAll(/["']?([\w.-]+)["']?:(?=\s|$)/g)];
  const found = keys.find(([, key]) => isSecretKey(key)) ?? keys[0];
  return found === undefined ? 0 : found.index + found[0].length;
}

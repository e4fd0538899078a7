import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { ConfigFault, ConfigPath } from '../../shared/system/config-fault.ts';
import { parseSystem } from '../../shared/system/parse-system.ts';
import type { System } from '../../shared/system/system.ts';

/** The reference configuration, as it stands at the top of the checkout. */
export const REFERENCE: string = readFileSync(new URL('../../dr.yaml', import.meta.url), 'utf8');

let known: System | undefined;

/** The reference system. Read once for all who ask: nobody can change it. */
export function reference(): System {
  return (known ??= frozen(parsed(REFERENCE)));
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

/** The system of a text that must be sound. */
export function parsed(text: string): System {
  const answer = parseSystem(text);
  if (!answer.ok) throw new Error(JSON.stringify(answer.error, undefined, 2));
  return answer.value;
}

/** One change of the reference: `undefined` takes the place out. */
export type Change = readonly [path: ConfigPath, value: unknown];

/** The reference configuration with some places changed, comments and all. */
export function changed(...changes: readonly Change[]): string {
  const document = parseDocument(REFERENCE);
  for (const [path, value] of changes) {
    if (value === undefined) document.deleteIn(path);
    else document.setIn(path, document.createNode(value));
  }
  return document.toString();
}

/** All that is wrong with a text. */
export function faultsOf(text: string): readonly ConfigFault[] {
  const answer = parseSystem(text);
  return answer.ok ? [] : answer.error;
}

/** The faults as `path: problem`. */
export function problemsOf(text: string): readonly string[] {
  return faultsOf(text).map(({ path, problem }) => `${path}: ${problem}`);
}

import type { z } from 'zod';
import type { ConfigFault, ConfigPath } from './config-fault.ts';
import { isSecretKey, isSecretText, showPath, showValue, WITHHELD } from './config-fault.ts';
import { nearestWord } from './nearest-word.ts';
import type { YamlSource } from './read-yaml.ts';

type Issue = z.core.$ZodIssue;

const SECRETS_STAND_ELSEWHERE = 'no secret in this file: keep it in Secret Manager and name it (databaseSecret)';

/** What the schema found, with lines. An unknown key comes with the known one that it is nearest to. */
export function schemaFaults(issues: readonly Issue[], source: YamlSource): readonly ConfigFault[] {
  return issues.flatMap((issue) => {
    const path = pathOf(issue);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey([...path, key], key, issue.message.split(', '), source));
    }
    const value = valueAt(source.value, path);
    const isKey = issue.code === 'invalid_key';
    const shown = {
      ...source.positionOf(path, isKey ? 'key' : 'value'),
      path: showPath(path),
      value: showValue(isKey ? path.at(-1) : value, path),
    };
    if (isKey) return [{ ...shown, problem: 'is no such name', wanted: issue.issues[0]?.message ?? issue.message }];
    return [{ ...shown, problem: problemOf(issue, value), wanted: issue.message }];
  });
}

/** Keys and values that look like secrets, wherever they stand and whether the schema knows them or not. */
export function secretFaults(source: YamlSource): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const found = (path: ConfigPath, part: 'key' | 'value', problem: string): void => {
    const position = source.positionOf(path, part);
    faults.push({ ...position, path: showPath(path), value: WITHHELD, problem, wanted: SECRETS_STAND_ELSEWHERE });
  };
  const search = (value: unknown, path: ConfigPath): void => {
    if (isSecretKey(path.at(-1))) found(path, 'key', 'is named like a secret');
    else if (typeof value === 'string' && isSecretText(value)) found(path, 'value', 'looks like a credential');
    else for (const [key, child] of childrenOf(value)) search(child, [...path, key]);
  };
  search(source.value, []);
  return faults;
}

function unknownKey(path: ConfigPath, key: string, known: readonly string[], source: YamlSource): ConfigFault {
  const meant = nearestWord(key, known);
  return {
    ...source.positionOf(path, 'key'),
    path: showPath(path),
    value: showValue(key, []),
    problem: 'is no key that is known here',
    wanted: meant === undefined ? `one of: ${known.join(', ')}` : `${meant} (known here: ${known.join(', ')})`,
  };
}

function problemOf(issue: Issue, value: unknown): string {
  if (value === undefined) return 'is missing';
  if (value === null) return 'has no value';
  if (issue.code === 'invalid_type') return `is ${kindOf(value)}`;
  if (issue.code === 'invalid_value' || issue.code === 'invalid_union')
    return 'is none of the words that are known here';
  if (issue.code === 'too_small' || issue.code === 'too_big') return 'is out of range';
  return 'has another form';
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction';
  return typeof value === 'boolean' ? 'true or false' : 'a text';
}

/** The place of an issue. */
export function pathOf(issue: Issue): ConfigPath {
  return issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
}

/** What stands at a place of plain data; `undefined` for nothing. */
export function valueAt(value: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>((owner, step) => {
    if (Array.isArray(owner)) return typeof step === 'number' ? owner[step] : undefined;
    return isMap(owner) && Object.hasOwn(owner, step) ? owner[step] : undefined;
  }, value);
}

/** Whether a value of plain data is a map. */
export function isMap(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function childrenOf(value: unknown): readonly (readonly [string | number, unknown])[] {
  if (Array.isArray(value)) return value.map((child, index) => [index, child]);
  return isMap(value) ? Object.entries(value) : [];
}

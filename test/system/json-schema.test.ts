import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { systemJsonSchema } from '../../shared/system/json-schema.ts';
import type { Json } from '../../shared/core/json.ts';
import { RUNBOOKS } from '../../shared/system/names.ts';
import { REFERENCE } from './reference.ts';

/** JSON Schema is data of this shape by its definition. */
const schema = systemJsonSchema() as Schema;

const docs = new URL('../../docs/', import.meta.url);

describe('the JSON Schema for editors', () => {
  it('is the one that the code reads with (else: node scripts/write-schema.ts)', () => {
    expect(JSON.parse(readFileSync(new URL('dr.schema.json', docs), 'utf8'))).toEqual(systemJsonSchema());
  });

  it('is named by the first line of the reference', () => {
    expect(REFERENCE.split('\n')[0]).toBe('# yaml-language-server: $schema=./docs/dr.schema.json');
  });

  it('explains every key', () => {
    expect(keysOf(schema, '').filter(({ description }) => description === undefined)).toEqual([]);
  });

  it('has every key, and every default, explained in docs/configuration.md', () => {
    const manual = readFileSync(new URL('configuration.md', docs), 'utf8');
    const rows = manual.split('\n').filter((line) => line.startsWith('| `'));
    const missing = keysOf(schema, '')
      .filter(({ path }) => !path.endsWith('.kind'))
      .filter(({ path, written }) => !rows.some((row) => row.startsWith(`| \`${path}\` |`) && row.includes(written)));

    expect(missing.map(({ path, written }) => `${path} ${written}`)).toEqual([]);
  });
});

type Key = { readonly path: string; readonly description: string | undefined; readonly written: string };

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly description?: string;
  readonly default?: Json;
};

/** Every key of a JSON Schema with its description and its default as the manual writes it. */
function keysOf(schema: Schema, path: string): readonly Key[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    // The manual says once what is the same for every runbook.
    const step = RUNBOOKS.some((runbook) => runbook === name) ? '<runbook>' : name;
    const at = path === '' ? step : `${path}.${step}`;
    return [{ path: at, description: child.description, written: defaultOf(child) }, ...keysOf(child, at)];
  });
  const items = schema.items === undefined ? [] : keysOf(schema.items, `${path}[]`);
  return [...own, ...items, ...(schema.oneOf ?? []).flatMap((option) => keysOf(option, path))];
}

/** An empty list or map needs no words: the key is optional. */
function defaultOf({ default: value }: Schema): string {
  if (value === undefined || JSON.stringify(value).length === 2) return '';
  return Array.isArray(value) ? `\`[${value.join(', ')}]\`` : `\`${JSON.stringify(value).replaceAll('"', '')}\``;
}

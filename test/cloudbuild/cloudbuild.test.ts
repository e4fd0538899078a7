import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { FUNCTIONS } from '../../shared/system/names.ts';

// What can be known of the builds without Cloud Build: their shape as its API has it, that every step's command exists, that what they
// substitute is declared and explained, and that their scripts are scripts.

const stepWire = z.strictObject({
  id: z.string(),
  /** A version in full: the same build another day. */
  name: z.string().regex(/^[\w./-]+:\d+\.\d+\.\d+(?:-[a-z]+)?$/),
  entrypoint: z.enum(['npm', 'bash', 'sh']),
  args: z.array(z.string()).min(1),
  allowFailure: z.boolean().optional(),
});

const buildWire = z.strictObject({
  substitutions: z.record(z.string().regex(/^_[A-Z][A-Z0-9_]*$/), z.string()),
  options: z.strictObject({
    logging: z.literal('CLOUD_LOGGING_ONLY'),
    machineType: z.string().optional(),
    substitutionOption: z.literal('MUST_MATCH'),
  }),
  timeout: z.string().regex(/^\d+s$/),
  steps: z.array(stepWire).min(1),
});

/** What Cloud Build substitutes by itself, of which we use these. */
const BUILT_IN = ['COMMIT_SHA'];

const npmScripts = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync('package.json', 'utf8'))).scripts;

describe.each(['cloudbuild.yaml', 'cloudbuild.apply.yaml'])('%s', (file) => {
  const text = readFileSync(file, 'utf8');
  const { steps, substitutions } = buildWire.parse(parse(text));
  const scripts = steps.filter(({ entrypoint }) => entrypoint !== 'npm').map(({ id, args }) => ({ id, args }));

  it('has steps of different names, whose npm commands exist', () => {
    expect(new Set(steps.map(({ id }) => id)).size).toBe(steps.length);
    const missing = steps.flatMap(({ entrypoint, args: [verb, script = ''] }) =>
      entrypoint === 'npm' && !(verb === 'ci' || (verb === 'run' && script in npmScripts)) ? [`${verb} ${script}`] : [],
    );
    expect(missing).toEqual([]);
  });

  it('substitutes what it declares, and explains it', () => {
    const used = [...text.matchAll(/(?<!\$)\$\{?(_?[A-Z][A-Z0-9_]*)/g)].map(([, name]) => name ?? '');
    expect([...new Set(used)].filter((name) => !BUILT_IN.includes(name)).toSorted()).toEqual(
      Object.keys(substitutions).toSorted(),
    );
    const guide = readFileSync('docs/deployment.md', 'utf8');
    expect(Object.keys(substitutions).filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
  });

  it('leaves the shell’s own words to the shell, in scripts that it can read', () => {
    for (const { id, args } of scripts) {
      const [flags, script = ''] = args;
      expect([id, flags]).toEqual([id, '-euc']);
      const substituted = script.replaceAll(/(?<!\$)\$(?:_[A-Z0-9_]+|COMMIT_SHA)/g, 'x').replaceAll('$$', '\0');
      expect([id, /\$/.test(substituted)]).toEqual([id, false]);
      execFileSync('bash', ['-n', '-c', substituted.replaceAll('\0', '$')]);
    }
  });
});

describe('the builds together', () => {
  const steps = (file: string) => buildWire.parse(parse(readFileSync(file, 'utf8'))).steps;
  const order = (file: string): readonly string[] => steps(file).map(({ id }) => id);

  it('verify before they plan, and look before they remember what runs', () => {
    expect(order('cloudbuild.yaml')).toEqual([
      'install',
      'audit',
      'verify',
      'simulate',
      'check',
      'bundle',
      'sbom',
      'plan',
      'guard',
      'keep',
    ]);
    expect(order('cloudbuild.apply.yaml')).toEqual(['fetch', 'apply', 'smoke', 'roll-back', 'remember']);
    expect(
      steps('cloudbuild.apply.yaml').flatMap(({ id, allowFailure }) => (allowFailure === true ? [id] : [])),
    ).toEqual(['smoke']);
  });

  it('look for every function', () => {
    const smoke = steps('cloudbuild.apply.yaml').find(({ id }) => id === 'smoke')?.args[1] ?? '';
    expect(/for name in ([a-z ]+);/.exec(smoke)?.[1]?.split(' ').toSorted()).toEqual([...FUNCTIONS].toSorted());
  });

  it('name files that are there', () => {
    for (const file of ['dr.yaml', 'terraform/versions.tf']) expect([file, existsSync(file)]).toEqual([file, true]);
  });
});

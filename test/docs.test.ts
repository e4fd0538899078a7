import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { FAULTS } from '../sandbox/world/fault-catalogue.ts';

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'terraform/README.md',
  'terraform/kubernetes/README.md',
  ...['docs', 'docs/runbooks'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  ),
];
const textOf = new Map(documents.map((path) => [path, readFileSync(path, 'utf8')]));

describe('the documents', () => {
  it('link to what exists', () => {
    const broken = [...textOf].flatMap(([path, text]) =>
      [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].flatMap(([, target = '']) =>
        existsSync(join(dirname(path), target)) ? [] : [`${path}: ${target}`],
      ),
    );
    expect(broken).toEqual([]);
  });

  it('name only verbs of ./dr that exist', () => {
    const help = execFileSync(join(process.cwd(), 'dr'), ['--help'], { encoding: 'utf8' });
    const verbs = new Set([...help.matchAll(/^ {2}(\w+)/gm)].map(([, verb = '']) => verb));
    const unknown = [...textOf].flatMap(([path, text]) =>
      [...text.matchAll(/\.\/dr ([a-z]+)/g)].flatMap(([, verb = '']) => (verbs.has(verb) ? [] : [`${path}: ${verb}`])),
    );
    expect(unknown).toEqual([]);
  });

  it('explain every environment variable, and no other', () => {
    const code = readFileSync('shared/wiring/environment.ts', 'utf8') + readFileSync('functions/register.ts', 'utf8');
    const read = new Set(code.match(/DR_[A-Z_]+[A-Z]/g));
    const explained = new Set((textOf.get('docs/configuration.md') ?? '').match(/DR_[A-Z_]+[A-Z]/g));
    expect([...explained].toSorted()).toEqual([...read].toSorted());
  });

  it('list every fault of the sandbox', () => {
    const text = textOf.get('docs/sandbox.md') ?? '';
    expect(Object.keys(FAULTS).filter((fault) => !text.includes(`\`${fault}\``))).toEqual([]);
  });
});

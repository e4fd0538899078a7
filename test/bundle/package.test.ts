import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { readSource } from '../tidy/source.ts';

// What `npm pack` puts into an archive: what a user runs, configures and deploys, and nothing by which we test and measure it.

const packedWire = z.object({ files: z.array(z.object({ path: z.string() })), unpackedSize: z.number() });

describe('the package', () => {
  let paths: ReadonlySet<string>;
  let bytes: number;
  beforeAll(() => {
    const said: unknown = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--dry-run', '--ignore-scripts'], { encoding: 'utf8' }),
    );
    // Of one package; npm 12 names it, and those before it don't.
    const [packed] = Array.isArray(said) ? said : Object.values(z.record(z.string(), z.unknown()).parse(said));
    const { files, unpackedSize } = packedWire.parse(packed);
    paths = new Set(files.map(({ path }) => path));
    bytes = unpackedSize;
  });

  it('has the command, the functions, the sandbox, Terraform, the documents and the licence', () => {
    const wanted = [
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'dr',
      'dr.yaml',
      'cli/dr.ts',
      'docs/deployment.md',
      'docs/dr.schema.json',
      'functions/index.ts',
      'sandbox/host/sandbox.ts',
      'scripts/bundle.ts',
      'terraform/main.tf',
      'terraform/terraform.tfvars.example',
    ];
    expect(wanted.filter((path) => !paths.has(path))).toEqual([]);
  });

  it('has no test, no measurement, no state and nothing of a checkout', () => {
    const foreign = [...paths].filter((path) =>
      /^(test|bench|coverage|dist|node_modules|\.)|\.(test|story)\.ts$|\.tftest\.hcl$|\.sqlite|\.tfstate|\.tfvars$|\.pem$/.test(
        path,
      ),
    );
    expect(foreign).toEqual([]);
    expect(bytes).toBeLessThan(6_000_000);
  });

  it('has all that its own files import, and every package of theirs is declared', () => {
    const sources = [...paths].filter((path) => /\.(ts|js)$/.test(path));
    const imports = sources.flatMap((path) =>
      readSource(path, readFileSync(path, 'utf8')).imports.map(({ what: specifier }) => ({ path, specifier })),
    );
    const missing = imports
      .filter(({ specifier }) => specifier.startsWith('.'))
      .filter(({ path, specifier }) => !paths.has(normalize(join(dirname(path), specifier))))
      .map(({ path, specifier }) => `${path}: ${specifier}`);
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const declared = new Set(Object.keys({ ...dependencies, ...devDependencies }));
    const undeclared = imports
      .filter(({ specifier }) => !/^[.]|^node:/.test(specifier))
      .map(({ specifier }) =>
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      )
      .filter((name) => !declared.has(name));
    expect(sources.length).toBeGreaterThan(500);
    expect(missing).toEqual([]);
    expect([...new Set(undeclared)]).toEqual([]);
  });

  it('is licensed as it says', () => {
    expect(readFileSync('LICENSE', 'utf8')).toMatch(/Apache License\s+Version 2\.0/);
    expect(JSON.parse(readFileSync('package.json', 'utf8'))).toMatchObject({ license: 'Apache-2.0' });
  });
});

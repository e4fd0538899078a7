import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sbomContents } from '../../scripts/sbom-contents.ts';

const made = (name: string, more: object = {}) => ({
  'bom-ref': `${name}@1.0.0`,
  type: 'library',
  name,
  version: '1.0.0',
  externalReferences: [
    { type: 'distribution', url: `https://packages.example/${name}.tgz` },
    { type: 'website', url: 'https://example.org' },
  ],
  ...more,
});

/** What npm writes on one machine at one moment. */
const written = (moment: string, npm: string, names: readonly string[]) => ({
  $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  serialNumber: `urn:uuid:${moment}`,
  version: 1,
  metadata: {
    timestamp: moment,
    lifecycles: [{ phase: 'pre-build' }],
    tools: [{ vendor: 'npm', name: 'cli', version: npm }],
    component: made('some-folder'),
  },
  components: names.map((name) => made(name)),
  dependencies: names.map((name) => ({ ref: `${name}@1.0.0`, dependsOn: [] })),
});

describe('the bill of materials', () => {
  it('is the same wherever and whenever it is written, and another one for other packages', () => {
    const one = sbomContents(written('2026-01-01', '10.8.2', ['a', 'b']), 'us');

    expect(sbomContents(written('2027-02-02', '11.0.0', ['b', 'a']), 'us')).toEqual(one);
    expect(sbomContents(written('2026-01-01', '10.8.2', ['a', 'c']), 'us')).not.toMatchObject({
      serialNumber: (one as { serialNumber: string }).serialNumber,
    });
  });

  it('says of no package where it was downloaded from', () => {
    const text = JSON.stringify(sbomContents(written('2026-01-01', '10.8.2', ['a']), 'us'));

    expect(text).not.toContain('packages.example');
    expect(text).toContain('https://example.org');
  });

  it('of this repository names every package of the lock file, with its digest and licence, and no host of a registry', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dr-sbom-'));
    try {
      const out = join(folder, 'sbom.json');
      const { status, stderr } = spawnSync(process.execPath, ['scripts/sbom.ts', '--out', out], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, expect.any(String)]);

      const bill = JSON.parse(readFileSync(out, 'utf8')) as {
        metadata: { component: { name: string } };
        components: { name: string; version: string; hashes?: unknown[]; licenses?: unknown[]; properties?: unknown }[];
      };
      const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
        packages: Record<string, { version?: string; name?: string }>;
      };
      const locked = new Set(
        Object.entries(packages)
          .filter(([path]) => path !== '')
          .map(([path, { name, version = '' }]) => `${name ?? path.replace(/^.*node_modules\//, '')}@${version}`),
      );
      const named = new Set(bill.components.map(({ name, version }) => `${name}@${version}`));
      expect(bill.metadata.component.name).toBe('dr-autopilot');
      expect([...locked].filter((one) => !named.has(one))).toEqual([]);
      const shipped = bill.components.filter(
        ({ properties }) => !JSON.stringify(properties ?? []).includes('development'),
      );
      expect(shipped.length).toBeGreaterThan(100);
      expect(shipped.filter(({ hashes, licenses }) => hashes === undefined || licenses === undefined)).toEqual([]);
      expect(JSON.stringify(bill).match(/https?:\/\/[^"/]*(?:npmjs|registry|artifact)[^"/]*/g)).toBeNull();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

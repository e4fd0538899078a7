import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { SCHEMA_FILE } from './terraform/provider-schema.ts';
import { schemaFromBindings } from './terraform/schema-from-bindings.ts';

// Writes terraform/provider/google.schema.json.gz. The bindings are fetched into a folder that goes again: they have 307 MB and
// are needed once for each version of the provider. Their last release is of provider 6.50.0.

const BINDINGS = '@cdktf/provider-google@16.12.1';

const folder = mkdtempSync(join(tmpdir(), 'provider-schema-'));
try {
  const packed = execFileSync('npm', ['pack', BINDINGS, '--silent', '--pack-destination', folder], {
    encoding: 'utf8',
  });
  execFileSync('tar', ['xzf', join(folder, packed.trim()), '-C', folder, 'package/.jsii']);
  const schema = schemaFromBindings(JSON.parse(readFileSync(join(folder, 'package/.jsii'), 'utf8')));
  const text = JSON.stringify(schema);
  writeFileSync(SCHEMA_FILE, gzipSync(text, { level: constants.Z_BEST_COMPRESSION }));
  const count = Object.keys(schema.resources).length;
  console.log(
    `${schema.provider} ${schema.version}: ${count} resources, ${Object.keys(schema.data).length} data sources`,
  );
} finally {
  rmSync(folder, { recursive: true });
}

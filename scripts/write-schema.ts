import { writeFile } from 'node:fs/promises';
import { systemJsonSchema } from '../shared/system/json-schema.ts';

// Writes docs/dr.schema.json, which editors read (the first line of dr.yaml names it). A test says when it is stale.
await writeFile(
  new URL('../docs/dr.schema.json', import.meta.url),
  `${JSON.stringify(systemJsonSchema(), undefined, 2)}\n`,
);

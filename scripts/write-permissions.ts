import { readFile, writeFile } from 'node:fs/promises';
import { permissionsNeeded } from './permissions/needed.ts';
import { permissionsFile, permissionTable, withTable } from './permissions/terraform-file.ts';

// Writes terraform/modules/permissions/permissions.json and the table of terraform/README.md from what the code needs. A test says when
// they are stale.
const needed = permissionsNeeded();
await writeFile(
  new URL('../terraform/modules/permissions/permissions.json', import.meta.url),
  `${JSON.stringify(permissionsFile(needed), undefined, 2)}\n`,
);
const page = new URL('../terraform/README.md', import.meta.url);
await writeFile(page, withTable(await readFile(page, 'utf8'), permissionTable(needed)));

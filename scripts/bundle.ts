import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { FUNCTIONS, type FunctionName } from '../shared/system/names.ts';
import { configCheck } from '../cli/config.ts';
import { compactOf } from '../shared/system/read-yaml.ts';
import { archiveOf } from './bundle-archive.ts';
import { BUDGETS, overBudget } from './bundle-budgets.ts';
import { type Bundle, bundleFunctions } from './bundle-functions.ts';

// `npm run bundle`: each function as it is deployed, into `dist/NAME`. Exit 1 when one is larger than its budget.
//
//   npm run bundle -- classify heal   some of them
//   npm run bundle -- --out DIRECTORY
//   npm run bundle -- --config dr.yaml   also `dist/NAME.zip`, with the configuration that it runs on as `dr.json`
//   npm run bundle -- --json          NDJSON on stdout, one line for each

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'dist' },
    config: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const isFunction = (name: string): name is FunctionName => FUNCTIONS.some((known) => known === name);

const unknown = positionals.filter((name) => !isFunction(name));
if (unknown.length > 0) {
  console.error(`There is no function ${unknown.join(', ')}; there are ${FUNCTIONS.join(', ')}.`);
  process.exit(2);
}
const chosen = positionals.length === 0 ? FUNCTIONS : positionals.filter(isFunction);
const { config } = values;
if (config !== undefined) {
  const { exitCode, stderr } = await configCheck(config, { json: false });
  if (exitCode !== 0) {
    console.error(stderr);
    process.exit(exitCode);
  }
}
const top = resolve(import.meta.dirname, '..');
let tooLarge = false;
for (const bundle of await bundleFunctions(top, chosen, resolve(values.out))) {
  if (config !== undefined)
    writeFileSync(
      join(resolve(values.out), `${bundle.name}.zip`),
      archiveOf(bundle.directory, { 'dr.json': Buffer.from(compactOf(readFileSync(config, 'utf8'))) }),
    );
  const complaints = overBudget(bundle);
  if (values.json) console.log(JSON.stringify({ ...bundle, budget: BUDGETS[bundle.name] }));
  else console.log(line(bundle));
  for (const complaint of complaints) console.error(complaint);
  tooLarge ||= complaints.length > 0;
}
process.exitCode = tooLarge ? 1 : 0;

function line({ name, own, whole, packages }: Bundle): string {
  const kb = (bytes: number): string => `${Math.round(bytes / 1000)} kB`.padStart(9);
  return `${name.padEnd(9)} ${kb(own)} of its own, ${kb(whole)} in all, ${packages.length} packages`;
}

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { checkTerraform } from './terraform/check.ts';
import { readProviderSchema } from './terraform/provider-schema.ts';
import { tfFilesUnder } from './terraform/read-module.ts';

// `npm run terraform:check`: what can be said of terraform/ without the network: its format, by Terraform itself; every name,
// block and type against the provider's schema; and what no plan of ours may do.

const folder = fileURLToPath(new URL('../terraform', import.meta.url));

/** Whether the files are formatted as Terraform formats them; where it is absent that is said, and in CI it is a fault. */
function isFormatted(): boolean {
  const { status, error, stdout, stderr } = spawnSync('terraform', ['fmt', '-check', '-recursive', folder], {
    encoding: 'utf8',
    // A configuration of the machine's own has no say here.
    env: { ...process.env, TF_CLI_CONFIG_FILE: '/dev/null' },
  });
  if (error !== undefined) {
    console.error('SKIPPED: terraform fmt, since there is no terraform on this machine');
    return process.env['CI'] === undefined;
  }
  if (status !== 0) console.error(`not formatted (terraform fmt -recursive terraform):\n${stdout}${stderr}`);
  return status === 0;
}

const texts = tfFilesUnder(folder);
const complaints = await checkTerraform(texts, readProviderSchema());
for (const complaint of complaints) console.error(`terraform/${complaint}`);
const formatted = isFormatted();
if (Object.keys(texts).length === 0) throw new Error('there is nothing under terraform/ to check');
console.log(`${Object.keys(texts).length} files, ${complaints.length} faults`);
process.exitCode = formatted && complaints.length === 0 ? 0 : 1;

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

// What Terraform itself makes of a module without resources: no provider, no network, a state that goes again.

/** Says it where there is no terraform; in CI `npm run terraform:check` fails there. */
export const isTerraformHere = spawnSync('terraform', ['version']).error === undefined;

/** An output of a module that was given these inputs. Throws with Terraform's words, as for a refused one. */
export function evaluated(module: string, inputs: Readonly<Record<string, unknown>>, output: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'terraform-'));
  try {
    const given = Object.keys(inputs).map((name) => `  ${name} = jsondecode(file("\${path.module}/${name}.json"))`);
    for (const [name, value] of Object.entries(inputs))
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(value));
    const call = [`module "it" {`, `  source = ${JSON.stringify(resolve(module))}`, ...given, '}'];
    writeFileSync(
      join(folder, 'main.tf'),
      [...call, 'output "it" {', `  value = module.it.${output}`, '}', ''].join('\n'),
    );
    const run = (...words: readonly string[]): string =>
      execFileSync('terraform', [...words, '-no-color'], {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, TF_CLI_CONFIG_FILE: '/dev/null', CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' },
      });
    run('init', '-input=false', '-backend=false');
    run('apply', '-auto-approve', '-input=false', '-compact-warnings');
    return (JSON.parse(run('output', '-json')) as { readonly it: { readonly value: unknown } }).it.value;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { readFile } from 'node:fs/promises';
import { isPortError } from '../shared/ports/port-error.ts';
import type { Databases } from '../shared/ports/databases.ts';
import type { System } from '../shared/system/system.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Ending } from './config.ts';
import { planWire, refusedChanges } from './guard-plan.ts';
import { accessOf, operatorWith } from './operator.ts';
import { type Facts, Refusal, runningFacts } from './sandbox-facts.ts';

/** What a pipeline asks before it applies. */
export interface GuardOptions {
  readonly config: string;
  /** Addresses in the plan that a person lets pass by name. */
  readonly allow: readonly string[];
  readonly json: boolean;
}

/** `guardCommand` by the sandbox that runs in a folder, or by the project where none does. */
export async function guardHere(path: string, options: GuardOptions & { readonly directory: string }): Promise<Ending> {
  return await guardCommand(path, await runningFacts(options.directory), options);
}

/**
 * `./dr guard PLAN.json`: refuses (3) a Terraform plan that would undo a recovery, by what the cloud says now: the sandbox's that runs here, or
 * the project's by Application Default Credentials. 0 when nothing in it would, 2 when the file is no plan, 4 when the cloud can't be asked.
 */
export async function guardCommand(path: string, facts: Facts | undefined, options: GuardOptions): Promise<Ending> {
  const plan = await readPlan(path);
  const system = loadSystem(facts?.config ?? options.config);
  const fleet = await databasesOf(system, facts)
    .fleet()
    .catch((error: unknown) => {
      if (!isPortError(error)) throw error;
      throw new Refusal(
        4,
        `the instances as they are now can’t be read, and without them nothing is let pass: ${error.message}`,
      );
    });
  const refused = refusedChanges(plan, system, fleet, new Set(options.allow));
  const exitCode = refused.length === 0 ? 0 : 3;
  if (options.json) return { exitCode, stdout: `${JSON.stringify({ ok: exitCode === 0, refused })}\n`, stderr: '' };
  const changes = plan.resource_changes.length;
  if (exitCode === 0)
    return { exitCode, stdout: `Nothing in this plan undoes a recovery (${changes} resources).\n`, stderr: '' };
  const lines = refused.map(({ address, because }) => `  ${address}: ${because}`);
  return {
    exitCode,
    stdout: '',
    stderr: `dr guard: this plan must not be applied as it is.\n${lines.join('\n')}\nDeclare in Terraform what is true now, or let a change pass by name: --allow ADDRESS.\n`,
  };
}

async function readPlan(path: string) {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new Refusal(2, `there is no file ${path}: terraform show -json plan.tfplan > ${path}`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(2, `${path} is not JSON: terraform show -json plan.tfplan > ${path}`);
  }
  const read = planWire.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Refusal(2, `${path} is no plan of Terraform: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
}

function databasesOf(system: System, facts: Facts | undefined): Databases {
  const { access, clock } = accessOf(facts, system);
  return operatorWith(system, access, clock).world.databases;
}

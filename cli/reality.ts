import { readFile } from 'node:fs/promises';
import { hasChanged, realityAfter } from '../shared/incident/reality.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Ending } from './config.ts';
import { openForReading, readIncident } from './read-incidents.ts';
import { declaredReality } from './reality-hcl.ts';
import { Refusal } from './sandbox-facts.ts';
import { resourcesOf, type StateResource } from './terraform-state.ts';

/** Where the log is, and what is known of Terraform. */
export interface RealityOptions {
  readonly config: string;
  readonly store: string;
  /** What `terraform show -json` wrote of the state. */
  readonly state: string | undefined;
  readonly json: boolean;
}

/**
 * `./dr reality INCIDENT`: the change of Terraform's files that declares what the incident's runs have made true, by its log. Ends with 0,
 * and with 2 where there is no such incident or the file is no state.
 */
export async function realityCommand(
  id: string,
  { config, store: path, state, json }: RealityOptions,
): Promise<Ending> {
  const system = loadSystem(config);
  const resources = state === undefined ? undefined : await readState(state);
  const store = openForReading(path);
  try {
    const incident = await readIncident(id, store);
    if (incident.stoppedAt !== undefined)
      throw new Refusal(1, `what ${id} has changed is not known: another version of dr-autopilot wrote on in its log`);
    const reality = realityAfter(incident.state);
    if (json) return { exitCode: 0, stdout: `${JSON.stringify({ incident: id, ...reality })}\n`, stderr: '' };
    return {
      exitCode: 0,
      stdout: hasChanged(reality)
        ? declaredReality({ incident: id, system, reality, resources })
        : `# ${id} has changed nothing that Terraform would declare.\n`,
      stderr: '',
    };
  } finally {
    await store.close();
  }
}

async function readState(path: string): Promise<readonly StateResource[]> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new Refusal(2, `there is no file ${path}: terraform show -json > ${path}`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(2, `${path} is not JSON: terraform show -json > ${path}`);
  }
  const resources = resourcesOf(value);
  if (typeof resources === 'string') throw new Refusal(2, `${path} is ${resources}`);
  return resources;
}

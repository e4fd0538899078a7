import { readFile } from 'node:fs/promises';
import { parseSystem } from '../shared/system/parse-system.ts';
import { faultsAsJson, showFaults } from '../shared/system/show-faults.ts';
import type { System } from '../shared/system/system.ts';

/** What a verb says and how it ends (exit codes: decisions.md 26). */
export interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * `./dr config check`: every fault of a `dr.yaml`, with its line, the value, and what would be right. Ends with 0 when it
 * may be used, 1 when it has faults, 2 when there is no such file. `--json` prints one object.
 */
export async function configCheck(path: string, { json }: { readonly json: boolean }): Promise<Ending> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
    const problem = code === 'ENOENT' ? 'there is no such file' : `it can't be read (${code})`;
    return { exitCode: 2, stdout: '', stderr: `dr config check: ${path}: ${problem}. Name another with --config.\n` };
  }
  const parsed = parseSystem(text);
  if (!parsed.ok) {
    const stdout = json ? `${JSON.stringify(faultsAsJson(path, parsed.error))}\n` : '';
    return { exitCode: 1, stdout, stderr: showFaults(path, text, parsed.error) };
  }
  const stdout = json
    ? `${JSON.stringify({ ok: true, file: path, ...counts(parsed.value) })}\n`
    : summary(path, parsed.value);
  return { exitCode: 0, stdout, stderr: '' };
}

function counts(system: System) {
  return {
    system: system.name,
    project: system.project,
    databases: system.databases.length,
    applications: system.applications.length,
    alerts: system.alerts.length,
    people: system.people.length,
  };
}

function summary(path: string, system: System): string {
  const { databases, applications, alerts, people } = counts(system);
  return (
    `${path} is sound: ${system.name} (${system.project}), ` +
    `databases ${databases}, applications ${applications}, alert policies ${alerts}, people ${people}\n`
  );
}

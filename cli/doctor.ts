import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ASSUMPTIONS } from '../sandbox/world/assumptions.ts';
import { diagnoseInstallation, exitCodeOf } from '../shared/adoption/doctor.ts';
import type { NeededPermissions } from '../shared/adoption/facts.ts';
import type { Finding } from '../shared/adoption/finding.ts';
import { seconds } from '../shared/core/time.ts';
import { createKubernetesAccess } from '../shared/providers/kubernetes-access.ts';
import { createGoogleInventory } from '../shared/providers/google-inventory.ts';
import { parseSystem } from '../shared/system/parse-system.ts';
import { faultsAsJson, showFaults } from '../shared/system/show-faults.ts';
import type { System } from '../shared/system/system.ts';
import type { Ending } from './config.ts';
import { lookAtInstallation } from './doctor-look.ts';
import { accessOf, operatorWith } from './operator.ts';
import { paint } from './paint.ts';
import { type OpenedStore, openNamedStore } from './read-incidents.ts';
import { type Facts, Refusal, runningFacts } from './sandbox-facts.ts';
import { isPortError } from '../shared/ports/port-error.ts';

// `./dr doctor`: whether an installation is set up well, and how what is not is mended. Reads only, under the identity of whoever types it.

/** What is asked for. */
export interface DoctorOptions {
  readonly config: string;
  readonly json: boolean;
  /** The store of the functions, where no sandbox runs. */
  readonly store?: string | undefined;
}

/** `doctorCommand` by the sandbox that runs in a folder, or by the project where none does. */
export async function doctorHere(options: DoctorOptions & { readonly directory: string }): Promise<Ending> {
  return await doctorCommand(await runningFacts(options.directory), options);
}

/** 0: everything holds; 1: something does not; 2: there is no such file; 4: something could not be known. */
export async function doctorCommand(facts: Facts | undefined, options: DoctorOptions): Promise<Ending> {
  const path = facts?.config ?? options.config;
  const text = await readFile(path, 'utf8').catch(() => {
    throw new Refusal(2, `there is no file ${path}: name another with --config, or write one with ./dr init`);
  });
  const parsed = parseSystem(text);
  if (!parsed.ok)
    return {
      exitCode: 1,
      stdout: options.json ? `${JSON.stringify(faultsAsJson(path, parsed.error))}\n` : '',
      stderr: showFaults(path, text, parsed.error),
    };
  const findings = await findingsOf(parsed.value, facts, options.store);
  const exitCode = exitCodeOf(findings);
  const stdout = options.json
    ? `${JSON.stringify({ ok: exitCode === 0, config: path, findings, assumptions: unproved() })}\n`
    : show(path, findings);
  return { exitCode, stdout, stderr: '' };
}

/** Looks and judges. */
export async function findingsOf(
  system: System,
  facts: Facts | undefined,
  store: string | undefined,
): Promise<readonly Finding[]> {
  const { access, clock } = accessOf(facts, system);
  const opened = openStore(facts?.store ?? store);
  try {
    const looked = await lookAtInstallation(system, {
      ...operatorWith(system, access, clock),
      inventory: createGoogleInventory(access),
      clusterAccess: createKubernetesAccess(access),
      store: opened,
      needed: await neededPermissions(),
    });
    return diagnoseInstallation(system, looked);
  } finally {
    if (typeof opened !== 'string') await opened.close();
  }
}

/** Wall time that a read of the store may take, which is tried twice: far above any answer seen, and nobody waits a minute to hear that it is silent. */
const STORE_LIMIT = seconds(5);

function openStore(name: string | undefined): OpenedStore | string {
  if (name === undefined) return 'name it with --store firestore:PROJECT/DATABASE';
  try {
    return openNamedStore(name, STORE_LIMIT);
  } catch (error) {
    if (!isPortError(error)) throw error;
    return error.code;
  }
}

const byScope = z.record(z.string(), z.array(z.string()));
const neededWire = z.object({
  look: z.record(z.string(), byScope),
  runbooks: z.record(z.string(), z.record(z.string(), byScope)),
});

/** The same file that Terraform gives permissions by. */
async function neededPermissions(): Promise<NeededPermissions> {
  const file = new URL('../terraform/modules/permissions/permissions.json', import.meta.url);
  return neededWire.parse(JSON.parse(await readFile(file, 'utf8')));
}

/** What we rest on, and have not seen on the real cloud. */
const unproved = () => Object.entries(ASSUMPTIONS).map(([id, assumption]) => ({ id, ...assumption }));

function sign(verdict: Finding['verdict']): string {
  switch (verdict) {
    case 'fine':
      return paint('good', 'fine   ');
    case 'wrong':
      return paint('bad', 'WRONG  ');
    case 'unknown':
      return paint('person', 'unknown');
  }
}

function show(path: string, findings: readonly Finding[]): string {
  const count = (verdict: Finding['verdict']): number => findings.filter((one) => one.verdict === verdict).length;
  const lines = findings.map((finding) => {
    const line = `${sign(finding.verdict)}  ${finding.check}: ${finding.says}`;
    return finding.verdict === 'fine' ? line : `${line}\n         mend: ${finding.mend}`;
  });
  const assumed = unproved().map(({ id, statement, ifFalse }) => `  ${id}: ${statement}\n    if not: ${ifFalse}`);
  return [
    `${path} against the cloud: ${count('fine')} fine, ${count('wrong')} wrong, ${count('unknown')} not known.`,
    '',
    ...lines,
    '',
    'Assumed of the cloud, and not known here to be proved (./dr conform proves what throw-away instances can show):',
    ...assumed,
    '',
  ].join('\n');
}

import type { z } from 'zod';
import { isLoopback } from '../core/loopback.ts';
import type { Result } from '../core/result.ts';
import { err, ok } from '../core/result.ts';
import type { ConfigFault, ConfigPath, Contradiction } from './config-fault.ts';
import { showPath, showValue, touches, WITHHELD } from './config-fault.ts';
import { contradictions } from './contradictions.ts';
import { mend } from './mend.ts';
import type { YamlSource } from './read-yaml.ts';
import { readYaml } from './read-yaml.ts';
import { wire } from './schema.ts';
import { schemaFaults, secretFaults, valueAt } from './schema-faults.ts';
import type { System } from './system.ts';

/**
 * Reads `dr.yaml`. Refused with every fault that can be found, in the order of the file: what is no YAML, what is unknown,
 * missing or malformed, what looks like a secret, and what contradicts itself. Contradictions are looked for also when
 * single values are at fault, as far as they don't rest on those. Never throws, whatever the text.
 */
export function parseSystem(text: string): Result<System, readonly ConfigFault[]> {
  const { source, faults } = readYaml(text);
  if (source === undefined) return err(inOrder(faults));
  const read = wire.safeParse(source.value);
  const secrets = secretFaults(source);
  // Where a secret stands, what else is wrong there helps nobody.
  const malformed = read.success ? [] : schemaFaults(read.error.issues, source);
  const contradictory = contradictionsIn(source, read).map((found) => contradictionFault(found, source));
  const all = [
    ...faults,
    ...secrets,
    ...[...malformed, ...contradictory].filter((fault) => !secrets.some((secret) => secret.path === fault.path)),
  ];
  return read.success && all.length === 0 ? ok(withoutBreachByLink(toSystem(read.data))) : err(inOrder(all));
}

function contradictionsIn(
  source: YamlSource,
  read: z.ZodSafeParseResult<z.output<typeof wire>>,
): readonly Contradiction[] {
  if (read.success) return contradictions(toSystem(read.data));
  const mended = mend(source.value);
  if (mended === undefined) return [];
  const isKnown = (path: ConfigPath): boolean => !mended.unknown.some((place) => touches(place, path));
  return contradictions(toSystem(mended.file)).filter((found) =>
    [found.path, ...(found.involves ?? [])].every(isKnown),
  );
}

function contradictionFault({ path, problem, wanted, isSecret }: Contradiction, source: YamlSource): ConfigFault {
  const value = isSecret === true ? WITHHELD : showValue(valueAt(source.value, path), path);
  return { ...source.positionOf(path, 'value'), path: showPath(path), value, problem, wanted };
}

/** Names of the file to names of the domain. Everything else has its final form from the schema. */
function toSystem(file: z.output<typeof wire>): System {
  const { version: _, system, approvals, ...rest } = file;
  const { identity, breachByLink, ...perRunbook } = approvals;
  return { ...system, ...rest, approvals: { identity, breachByLink, perRunbook } };
}

/**
 * Takes the approvers of a breach away where a link alone would decide outside of a sandbox: whoever broke in may read their mail
 * (design.md section 7). A sandbox has an address of its own for everything, all on this machine.
 */
function withoutBreachByLink(system: System): System {
  const { approvals, endpoints } = system;
  const addresses = [endpoints.google, endpoints.hosts, endpoints.dataPlane].flatMap((table) => Object.values(table));
  const isSandbox = addresses.length > 0 && [...addresses, ...endpoints.approve].every(isLoopback);
  if (approvals.identity !== 'link' || (approvals.breachByLink === 'sandbox' && isSandbox)) return system;
  const { 'breach-response': _, ...perRunbook } = approvals.perRunbook;
  return { ...system, approvals: { ...approvals, perRunbook } };
}

function inOrder(faults: readonly ConfigFault[]): readonly ConfigFault[] {
  // Two checks of one value say the same.
  const single = new Map(faults.map((fault) => [JSON.stringify(fault), fault]));
  return [...single.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

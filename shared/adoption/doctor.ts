import type { System } from '../system/system.ts';
import { checkAudit } from './check-audit.ts';
import { checkCluster } from './check-cluster.ts';
import { checkDatabases } from './check-databases.ts';
import { checkKeys } from './check-keys.ts';
import { checkMessages } from './check-messages.ts';
import { checkPermissions } from './check-permissions.ts';
import { checkPlaces } from './check-places.ts';
import { checkProject } from './check-project.ts';
import { checkQuotas } from './check-quotas.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Everything that was looked at, judged: what holds, what does not and how it is mended, and what nobody could say. Pure. */
export function diagnoseInstallation(system: System, facts: Facts): readonly Finding[] {
  return [
    ...checkDatabases(system, facts),
    ...checkPlaces(system, facts),
    ...checkMessages(system, facts),
    ...checkAudit(system, facts),
    ...checkPermissions(system, facts),
    ...checkCluster(system, facts),
    ...checkProject(system, facts),
    ...checkQuotas(system, facts),
    ...checkKeys(system, facts),
  ];
}

/** 0: everything holds. 1: something does not. 4: nothing is known to be wrong, and something could not be known. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 4 {
  if (findings.some(({ verdict }) => verdict === 'wrong')) return 1;
  return findings.some(({ verdict }) => verdict === 'unknown') ? 4 : 0;
}

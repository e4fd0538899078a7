import type { System } from '../system/system.ts';
import type { Facts } from './facts.ts';
import { all, type Finding, judge } from './finding.ts';

// Whether who reads a secret is written down at all: what `dr-secret-read` alerts on. By default Google writes down who changes something,
// and nobody who reads (cloud.google.com/logging/docs/audit/configure-data-access, read 2026-11-27).
//
// Not seen: what a folder or the organisation switches on, which holds for the project too.

/** Alert policies that hear of a secret that is read begin so, as in terraform/modules/alerts. */
const HEARS_READS = 'dr-secret-read';

/** A service's own setting and that for all of them hold together. */
const COVERING: ReadonlySet<string> = new Set(['secretmanager.googleapis.com', 'allServices']);

const APPLY =
  'terraform apply (modules/alerts: google_project_iam_audit_config.secrets, which replaces what was set for that service)';

/** Data Access logs of Secret Manager, where an alert rests on them. */
export function checkAudit(system: System, { audited }: Pick<Facts, 'audited'>): readonly Finding[] {
  const names = system.alerts.map(({ policy }) => policy).filter((policy) => policy.startsWith(HEARS_READS));
  if (names.length === 0) return [];
  const check = 'audit log of secrets';
  const policy = `gcloud projects get-iam-policy ${system.project} --format=json(auditConfigs)`;
  return judge(check, 'what the project writes down', audited, {
    mend: policy,
    holds: (found) => {
      const reads = found.filter(({ service, type }) => COVERING.has(service) && type === 'DATA_READ');
      const exempted = [...new Set(reads.flatMap((one) => one.exempted))].toSorted();
      return all(check, 'who reads a secret is written down, whoever it is', [
        [
          reads.length > 0,
          `nobody writes down who reads a secret, unless a folder or the organisation does: ${names.join(', ')} would never alert`,
          APPLY,
        ],
        [
          exempted.length === 0,
          `what ${exempted.join(', ')} read is not written down: ${names.join(', ')} does not alert on them`,
          `${APPLY}; where allServices exempts them: ${policy}, take exemptedMembers out, gcloud projects set-iam-policy`,
        ],
      ]);
    },
  });
}

import type { Principal } from './kernel.ts';
import { memberOf } from './storage-policy.ts';

// Which calls a project has written down in its Data Access logs, and whose not: the `auditConfigs` of its policy. By default none
// (cloud.google.com/logging/docs/audit/configure-data-access, read 2026-11-27).

/** One setting. */
export interface DataAudit {
  /** Such as `secretmanager.googleapis.com`, or `allServices`. */
  readonly service: string;
  readonly type: 'ADMIN_READ' | 'DATA_READ' | 'DATA_WRITE';
  /** Whose calls are left out, as members of a policy. */
  readonly exempted: readonly string[];
}

/** What the reference project has: terraform/modules/alerts switches it on. */
const REFERENCE_AUDITS: readonly DataAudit[] = [
  { service: 'secretmanager.googleapis.com', type: 'DATA_READ', exempted: [] },
];

/** The settings of a project. */
export class DataAudits {
  #all = REFERENCE_AUDITS;

  all(): readonly DataAudit[] {
    return this.#all;
  }

  /** What `gcloud projects set-iam-policy` does with `auditConfigs`. */
  set(audits: readonly DataAudit[]): void {
    this.#all = audits;
  }

  /** Whether a call is written down. A service's own setting and that for all services hold together, exemptions included. */
  covers(service: string, type: DataAudit['type'], principal: Principal): boolean {
    const own = this.#all.filter((one) => [service, 'allServices'].includes(one.service) && one.type === type);
    return own.length > 0 && !own.some(({ exempted }) => exempted.includes(memberOf(principal)));
  }
}

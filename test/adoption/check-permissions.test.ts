import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { apisNeeded } from '../../shared/adoption/check-project.ts';
import { checkPermissions, neededBy } from '../../shared/adoption/check-permissions.ts';
import type { Facts, NeededPermissions } from '../../shared/adoption/facts.ts';
import type { Binding } from '../../shared/ports/inventory.ts';
import { parseSystem } from '../../shared/system/parse-system.ts';
import type { System } from '../../shared/system/system.ts';

const parsed = parseSystem(readFileSync('dr.yaml', 'utf8'));
if (!parsed.ok) throw new Error('the reference dr.yaml has faults');
const system = parsed.value;
const observing: System = { ...system, mode: { default: 'observe', perRunbook: {} } };

const needed = JSON.parse(readFileSync('terraform/modules/permissions/permissions.json', 'utf8')) as NeededPermissions;

const member = (name: string): string => `serviceAccount:dr-${name}@coditect-prod.iam.gserviceaccount.com`;
const bound = (name: string, role: string, condition?: string): Binding => ({
  role,
  members: [member(name)],
  condition,
});

/** What is said of notify, which needs nothing of the protected system, with such bindings. */
function saidOfNotify(bindings: readonly Binding[], roles: Facts['roles'] = {}) {
  const facts = {
    projectPolicy: { kind: 'read' as const, value: bindings },
    secretPolicies: {},
    bucketPolicies: {},
    roles,
    needed,
  };
  const found = checkPermissions(observing, facts);
  return found.filter(({ check }) => check === 'permissions of notify');
}

describe('what a function may do', () => {
  it('is in mode observe what looking needs, and more for each runbook that is let go', () => {
    expect(neededBy(observing, 'recover', needed)).toEqual(needed.look['recover']);
    expect(neededBy(system, 'recover', needed)['project']).toContain('cloudsql.instances.promoteReplica');
    expect(neededBy(system, 'notify', needed)).toEqual({});
  });

  it('may have its logs and its part of the store', () => {
    expect(saidOfNotify([bound('notify', 'roles/logging.logWriter'), bound('notify', 'roles/datastore.user')])).toEqual(
      [expect.objectContaining({ verdict: 'fine' })],
    );
  });

  it('is named where a role gives everything', () => {
    expect(saidOfNotify([bound('notify', 'roles/editor')])).toEqual([
      expect.objectContaining({
        verdict: 'wrong',
        mend: expect.stringContaining('remove-iam-policy-binding coditect-prod'),
      }),
    ]);
  });

  it('is unknown where nobody can say what a role gives', () => {
    expect(saidOfNotify([bound('notify', 'projects/coditect-prod/roles/odd')])).toEqual([
      expect.objectContaining({ verdict: 'unknown', mend: 'gcloud iam roles describe odd --project coditect-prod' }),
    ]);
  });

  it('is more than it needs also where a condition narrows it', () => {
    const roles: Facts['roles'] = { 'roles/odd': { kind: 'read', value: ['cloudsql.instances.delete'] } };
    expect(saidOfNotify([bound('notify', 'roles/odd', 'resource.name == "x"')], roles)).toEqual([
      expect.objectContaining({ says: expect.stringContaining('cloudsql.instances.delete') }),
    ]);
  });
});

describe('the APIs that a system needs', () => {
  it('are among those that Terraform enables', () => {
    const terraform = readFileSync('terraform/main.tf', 'utf8');
    for (const api of apisNeeded({ ...system, approvals: { ...system.approvals, identity: 'iap' } }))
      expect(terraform).toContain(`"${api.replace('.googleapis.com', '')}"`);
  });

  it('are fewer where there is less', () => {
    expect(apisNeeded({ ...system, sessions: [] })).not.toContain('redis.googleapis.com');
  });
});

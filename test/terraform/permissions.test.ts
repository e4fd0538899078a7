import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { functionPrincipal, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { permissionsNeeded } from '../../scripts/permissions/needed.ts';
import type { Permission } from '../../shared/providers/permissions.ts';
import { isReading, permissionsFile, permissionTable, scopesOf } from '../../scripts/permissions/terraform-file.ts';

const needed = permissionsNeeded();

/** All that a function may come to need, in any mode. */
function allOf(name: 'classify' | 'heal' | 'recover' | 'tick'): readonly Permission[] {
  const steps = name === 'heal' || name === 'recover' ? [...needed.runbooks.values()].flatMap((by) => by[name]) : [];
  return [...new Set([...needed.look[name], ...steps])].toSorted();
}

/** What the sandbox's roles give, and what its buckets' own policies add where Terraform gives it on a bucket too. */
function sandboxGrants(): ReadonlyMap<string, readonly string[]> {
  const granted = new Map<string, readonly string[]>();
  grantReferenceRoles({
    grant: (principal, permissions) => granted.set(principal, [...(granted.get(principal) ?? []), ...permissions]),
  });
  return granted;
}

/** What a cluster gives to everybody whom it knows, by its own roles. */
const EVERYBODY = 'k8s.discovery.get';

/** What a bucket's own policy gives in the sandbox, and no role on the project. */
const ON_BUCKETS: ReadonlySet<string> = new Set(['storage.objects.create', 'storage.objects.get']);

describe('what the code needs of the protected system', () => {
  it.each(['classify', 'heal', 'recover', 'tick'] as const)(
    'is what the sandbox gives to %s, nothing missing and nothing more',
    (name) => {
      const given = sandboxGrants().get(functionPrincipal(name)) ?? [];
      expect(given.filter((permission) => permission !== EVERYBODY).toSorted()).toEqual(
        allOf(name).filter((permission) => !ON_BUCKETS.has(permission)),
      );
    },
  );

  it.each(['approve', 'notify', 'status'])('is nothing for %s', (name) => {
    expect(sandboxGrants().get(functionPrincipal(name))).toBeUndefined();
    expect(permissionsFile(needed).look[name]).toBeUndefined();
  });

  it('changes nothing where classify and tick look, nor where heal and recover have no step to take', () => {
    expect(
      Object.values(needed.look)
        .flat()
        .filter((permission) => !isReading(permission)),
    ).toEqual([]);
  });

  it('lets heal evict, scale and clone, and nothing else', () => {
    expect(allOf('heal').filter((permission) => !isReading(permission))).toEqual([
      'cloudsql.instances.clone',
      'k8s.apps.deployments/scale.patch',
      'k8s.autoscaling.horizontalpodautoscalers.patch',
      'k8s.pods/eviction.create',
      'run.services.update',
    ]);
  });

  it('lets nobody but recover promote, delete, rotate or move traffic', () => {
    const others = new Set([...allOf('classify'), ...allOf('tick'), ...allOf('heal')]);
    const own = allOf('recover').filter((permission) => !others.has(permission) && !isReading(permission));
    expect(own).toEqual(
      expect.arrayContaining([
        'cloudsql.instances.delete',
        'cloudsql.instances.promoteReplica',
        'compute.urlMaps.update',
        'secretmanager.versions.add',
        'secretmanager.versions.disable',
      ]),
    );
  });

  it('lets copies alone be deleted', () => {
    expect(scopesOf('cloudsql.instances.delete')).toEqual(['copies']);
    expect(REFERENCE.clones.length).toBeGreaterThan(0);
  });

  it('stands in the file that Terraform reads (npm run permissions)', () => {
    expect(JSON.parse(readFileSync('terraform/modules/permissions/permissions.json', 'utf8'))).toEqual(
      permissionsFile(needed),
    );
  });

  it('stands in the table that people read', () => {
    expect(readFileSync('terraform/README.md', 'utf8')).toContain(permissionTable(needed));
  });
});

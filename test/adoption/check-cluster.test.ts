import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { checkCluster, clusterPlaces, clusterQuestions } from '../../shared/adoption/check-cluster.ts';
import type { Facts, NeededPermissions } from '../../shared/adoption/facts.ts';
import type { System } from '../../shared/system/system.ts';
import { reference } from '../system/reference.ts';

const needed = JSON.parse(readFileSync('terraform/modules/permissions/permissions.json', 'utf8')) as NeededPermissions;
const system = reference();
const observing: System = { ...system, mode: { default: 'observe', perRunbook: {} } };

const rulesAsked = (of: System, name: string): readonly string[] =>
  (clusterQuestions(of, needed).find((question) => question.name.endsWith(` ${name}`))?.rules ?? []).map(
    ({ verb, resource, subresource, group }) => `${verb} ${group} ${resource} ${subresource}`,
  );

describe('what is asked of a cluster', () => {
  it('is about each namespace once, for each function by the account that it has', () => {
    const twice = system.applications.flatMap((application) => [application, application]);
    expect(clusterPlaces({ ...system, applications: twice })).toHaveLength(1);
    expect(clusterQuestions(system, needed).map(({ user }) => user)).toContain(
      'dr-heal@coditect-prod.iam.gserviceaccount.com',
    );
  });

  it('names groups in full and subresources apart, and leaves out what no role can say', () => {
    expect(rulesAsked(system, 'recover')).toEqual(
      expect.arrayContaining([
        'create networking.k8s.io networkpolicies ',
        'patch apps deployments scale',
        'create  pods eviction',
        '* * * ',
      ]),
    );
    for (const { rules } of clusterQuestions(system, needed))
      expect(rules.filter(({ verb }) => verb === 'down')).toEqual([]);
  });
});

describe('the roles of a function in a cluster', () => {
  const withRules = (of: System, given: (name: string) => readonly string[]): Facts['clusterRules'] =>
    Object.fromEntries(
      clusterQuestions(of, needed).map(({ name, rules }) => [
        name,
        {
          kind: 'read' as const,
          value: rules.filter(({ verb, resource }) => given(name.split(' ')[1] ?? '').includes(`${verb} ${resource}`)),
        },
      ]),
    );

  it('are too much where nothing may be done yet, and someone applied more than look.yaml', () => {
    const clusterRules = withRules(observing, (name) => (name === 'recover' ? ['patch deployments'] : []));
    const found = checkCluster(observing, { clusterRules, needed });
    expect(found.find(({ check }) => check.startsWith('cluster roles of recover'))).toMatchObject({
      verdict: 'wrong',
      says: 'it has, and no step of it needs: patch deployments.apps, patch deployments.apps/scale',
    });
    expect(found.find(({ check }) => check.startsWith('cluster roles of heal'))).toMatchObject({
      verdict: 'fine',
      says: 'it may change nothing',
    });
  });

  it('are asked for what nothing of ours ever does too, and for no rule twice', () => {
    const clusterRules = withRules(system, () => ['get secrets', 'delete namespaces']);
    for (const name of ['heal', 'status'])
      expect(checkCluster(system, { clusterRules, needed })).toContainEqual(
        expect.objectContaining({
          check: expect.stringContaining(`cluster roles of ${name}`),
          says: 'it may, and nothing of ours ever does: get secrets, delete namespaces',
        }),
      );
    for (const { rules } of clusterQuestions(system, needed))
      expect(new Set(rules.map((rule) => JSON.stringify(rule))).size).toBe(rules.length);
  });

  it('are one thing to mend where nobody may ask about anybody', () => {
    const clusterRules = Object.fromEntries(
      clusterQuestions(system, needed).map(({ name }) => [name, { kind: 'unread' as const, because: 'forbidden' }]),
    );
    expect(checkCluster(system, { clusterRules, needed })).toEqual([expect.objectContaining({ verdict: 'unknown' })]);
  });
});

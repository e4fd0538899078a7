import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { permissionsNeeded } from '../../scripts/permissions/needed.ts';

const wire = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('Role'),
    metadata: z.object({ name: z.string() }),
    rules: z.array(
      z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
    ),
  }),
  z.object({
    kind: z.literal('RoleBinding'),
    roleRef: z.object({ kind: z.literal('Role'), name: z.string() }),
    subjects: z.array(z.object({ kind: z.literal('User'), name: z.string() })),
  }),
  z.object({
    kind: z.enum(['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']),
    spec: z.looseObject({}),
  }),
]);

const read = (name: string) =>
  parseAllDocuments(readFileSync(`terraform/kubernetes/${name}.yaml`, 'utf8')).map((document) => {
    expect(document.errors).toEqual([]);
    return wire.parse(document.toJS());
  });

/** What a file's Role gives, named as the code names it. */
function given(name: string): readonly string[] {
  const role = read(name).find(({ kind }) => kind === 'Role');
  if (role?.kind !== 'Role') throw new Error(`${name}.yaml has no Role`);
  return role.rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => ['k8s', ...(group === '' ? [] : [group.split('.')[0]]), resource, verb].join('.')),
        ),
      ),
    )
    .toSorted();
}

/** In which direction somebody may scale is the admission policy's, and no verb of RBAC's. */
const isVerb = (permission: string): boolean => permission.startsWith('k8s.') && !permission.endsWith('/scale.down');

describe('the manifests for a cluster', () => {
  const needed = permissionsNeeded();
  const stepsOf = (name: 'heal' | 'recover') => [...needed.runbooks.values()].flatMap((by) => by[name]);

  it('let classify and tick look as they need to, and nothing more', () => {
    for (const name of ['classify', 'tick'] as const) expect(given('look')).toEqual(needed.look[name].filter(isVerb));
  });

  it.each(['heal', 'recover'] as const)('let %s do what its steps need, and nothing more', (name) => {
    expect(given(name)).toEqual([...new Set([...needed.look[name], ...stepsOf(name)])].filter(isVerb).toSorted());
  });

  it.each(['heal', 'look', 'recover'])('bind the role of %s.yaml to the functions that it is for', (name) => {
    const binding = read(name).find(({ kind }) => kind === 'RoleBinding');
    if (binding?.kind !== 'RoleBinding') throw new Error(`${name}.yaml has no RoleBinding`);
    expect(binding.roleRef.name).toBe(`dr-${name}`);
    const functions = binding.subjects.map((subject) => /^dr-(\w+)@/.exec(subject.name)?.[1]);
    expect(functions).toEqual(name === 'look' ? ['classify', 'tick'] : [name]);
  });

  it('hold heal to one direction in the words of docs/security.md', () => {
    const words = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll(/[()] ?| ?[()]/g, '');
    const told = words(
      /```\n([^]*?)```/.exec(readFileSync('docs/security.md', 'utf8').split('In CEL')[1] ?? '')?.[1] ?? '',
    );
    const policies = parseAllDocuments(readFileSync('terraform/kubernetes/admission.yaml', 'utf8')).map(
      (document) => document.toJS() as { spec: { validations?: readonly { expression: string }[] } },
    );
    const floors = policies.flatMap(({ spec }) => spec.validations ?? []).slice(1);
    expect(floors).toHaveLength(3);
    for (const { expression } of floors) expect(told).toContain(words(expression).trim());
  });
});

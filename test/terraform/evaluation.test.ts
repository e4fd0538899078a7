import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { referencePolicies, UPTIME_CHECK_ID } from '../../sandbox/world/reference-policies.ts';
import { permissionsNeeded } from '../../scripts/permissions/needed.ts';
import { isReading } from '../../scripts/permissions/terraform-file.ts';
import type { Permission } from '../../shared/providers/permissions.ts';
import { type Mode, RUNBOOKS, type RunbookName } from '../../shared/system/names.ts';
import { evaluated, isTerraformHere } from './evaluated.ts';

const system = z
  .looseObject({ mode: z.looseObject({ default: z.string() }) })
  .parse(parse(readFileSync('dr.yaml', 'utf8')));

/** The reference system with another mode. */
const withMode = (mode: Mode, perRunbook: Partial<Record<RunbookName, Mode>> = {}) => ({
  ...system,
  mode: { default: mode, perRunbook },
});

const granted = z.record(z.string(), z.record(z.string(), z.array(z.templateLiteral([z.string(), '.', z.string()]))));

/** What Terraform would give, in every scope, by function. */
function given(
  mode: Mode,
  perRunbook: Partial<Record<RunbookName, Mode>> = {},
): ReadonlyMap<string, readonly Permission[]> {
  const inputs = { system: withMode(mode, perRunbook), mode: { default: 'auto' } };
  const found = granted.parse(evaluated('terraform/modules/permissions', inputs, 'granted'));
  return new Map(
    Object.entries(found).map(([name, scopes]) => [name, [...new Set(Object.values(scopes).flat())].toSorted()]),
  );
}

// Where terraform is absent these say so by their titles, and `npm run terraform:check` fails in CI.
const whereTerraformIs = isTerraformHere ? describe : describe.skip;

whereTerraformIs('the permissions that Terraform renders', () => {
  const needed = permissionsNeeded();

  it('let no function change anything while every runbook only observes', () => {
    const all = [...given('observe').values()].flat();
    expect(all.length).toBeGreaterThan(0);
    expect(all.filter((permission) => !isReading(permission))).toEqual([]);
  });

  it('are all that the code needs once every runbook may act', () => {
    const found = given('approve');
    for (const name of ['heal', 'recover'] as const) {
      const steps = RUNBOOKS.flatMap((runbook) => needed.runbooks.get(runbook)?.[name] ?? []);
      expect(found.get(name)).toEqual([...new Set([...needed.look[name], ...steps])].toSorted());
    }
    for (const name of ['classify', 'tick'] as const) expect(found.get(name)).toEqual(needed.look[name]);
  });

  it('are those of one runbook when only that may act', () => {
    const found = given('observe', { 'pod-heal': 'auto' });
    expect(found.get('heal')?.filter((permission) => !isReading(permission))).toEqual(['k8s.pods/eviction.create']);
    expect(found.get('recover')?.filter((permission) => !isReading(permission))).toEqual(['k8s.pods/eviction.create']);
  });

  it('are refused where dr.yaml goes further than the mode that Terraform was given', () => {
    const inputs = { system: withMode('observe', { 'pod-heal': 'auto' }), mode: { default: 'approve' } };
    expect(() => evaluated('terraform/modules/permissions', inputs, 'granted')).toThrow(
      'dr.yaml goes further than var.mode for pod-heal',
    );
  });
});

const policiesWire = z.record(
  z.string(),
  z.object({
    severity: z.string(),
    scenario: z.string(),
    target: z.string(),
    about: z.string(),
    conditions: z.array(
      z.object({
        name: z.string(),
        filter: z.string(),
        duration: z.string(),
        comparison: z.string().nullable(),
        threshold: z.number().nullable(),
        missing_data: z.string().nullable(),
        aggregation: z.record(z.string(), z.unknown()),
      }),
    ),
    match: z.object({ name: z.string(), filter: z.string(), extractors: z.record(z.string(), z.string()) }).nullable(),
  }),
);

whereTerraformIs('the alert policies that Terraform renders', () => {
  const inputs = {
    system,
    uptime_checks: { 'dms-api.coditect.ai': UPTIME_CHECK_ID },
    service_maximum: { 'api-run': 4 },
  };

  it('are those that the sandbox alerts by', () => {
    const found = policiesWire.parse(evaluated('terraform/modules/policies', inputs, 'policies'));
    const ours = referencePolicies(REFERENCE_PROJECT).map(
      ({ displayName, severity, userLabels, documentation, conditions }) => [
        displayName,
        {
          severity,
          scenario: userLabels?.['dr_scenario'],
          target: userLabels?.['dr_target'],
          about: documentation?.content,
          conditions: conditions.flatMap(({ displayName: name, conditionThreshold, conditionAbsent }) => {
            const condition = conditionThreshold ?? conditionAbsent;
            return condition === undefined
              ? []
              : [
                  {
                    name,
                    filter: condition.filter,
                    duration: condition.duration,
                    aggregation: condition.aggregations[0],
                    comparison: conditionThreshold?.comparison ?? null,
                    threshold: conditionThreshold?.thresholdValue ?? null,
                    missing_data: conditionThreshold?.evaluationMissingData ?? null,
                  },
                ];
          }),
          match:
            conditions.flatMap(({ displayName: name, conditionMatchedLog: match }) =>
              match === undefined ? [] : [{ name, filter: match.filter, extractors: match.labelExtractors }],
            )[0] ?? null,
        },
      ],
    );
    expect(found).toEqual(Object.fromEntries(ours));
  });

  it('are refused for a policy that is none of ours', () => {
    const other = { ...system, alerts: [{ policy: 'my-policy', runbook: 'pod-heal', target: 'api-gke' }] };
    expect(() => evaluated('terraform/modules/policies', { ...inputs, system: other }, 'policies')).toThrow(
      'dr.yaml lists my-policy under alerts',
    );
  });

  it('are refused for a target that they would not watch', () => {
    const other = {
      ...system,
      alerts: [{ policy: 'dr-cloudrun-5xx', runbook: 'database-failover', target: 'api-gke' }],
    };
    expect(() => evaluated('terraform/modules/policies', { ...inputs, system: other }, 'policies')).toThrow(
      'dr-cloudrun-5xx (api-gke)',
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { planFaults } from '../../shared/plan/plan.ts';
import type { IsolationStatus } from '../../shared/ports/isolation.ts';
import { drawLiftIsolation, type LiftIsolationFacts } from '../../shared/runbooks/lift-isolation.ts';
import { at, SYSTEM } from '../classify/looks.ts';

const WORKLOAD = {
  replicas: 4,
  ready: 4,
  available: 4,
  updated: 4,
  settled: true,
  version: '9',
  autoscaler: { min: 3, max: 10 },
} as const;
const OURS: IsolationStatus = {
  kind: 'gke',
  policy: { uid: 'u-1', version: '7', incident: 'inc-b', deniesAll: true },
};
const record = { version: 1, incident: 'inc-b', application: 'api-gke', ingressBefore: null, recordedAtMs: 0 } as const;

function drawn(more: Partial<LiftIsolationFacts> = {}) {
  const application = SYSTEM.applications.find(({ id }) => id === 'api-gke');
  if (application?.kind !== 'gke') throw new Error('the reference has api-gke');
  return drawLiftIsolation(SYSTEM, 'inc-a', 'isolation-in-force', {
    at: at(0),
    consumer: { kind: 'gke', application, status: WORKLOAD },
    status: OURS,
    record,
    entrances: SYSTEM.entrances,
    warnings: [],
    ...more,
  });
}

describe('the plan that lets an application be reached again', () => {
  it('ends the copies that were cut off first, lifts the policy by its uid, and sees users arrive', () => {
    const plan = drawn();
    if (typeof plan === 'string') throw new Error(plan);

    expect(planFaults(plan)).toEqual([]);
    expect(plan.steps.map(({ id, needs, risk }) => [id, needs, risk])).toEqual([
      ['hold-api-gke', [], 'destructive'],
      ['lift-api-gke', ['hold-api-gke'], 'destructive'],
      ['release-api-gke', ['lift-api-gke'], 'destructive'],
      ['serves-api-gke', ['release-api-gke'], 'observe'],
      ['arrive-dms-api', ['serves-api-gke'], 'observe'],
      ['forget-api-gke', ['arrive-dms-api'], 'observe'],
    ]);
    expect(plan.steps[1]?.input).toEqual({ application: 'api-gke', uid: 'u-1', ingress: null });
    expect(plan.steps[2]?.input).toEqual({ application: 'api-gke', replicas: 4 });
  });

  it('gives a Cloud Run service, by then of a new revision, back what was written down, and nothing where nobody wrote', () => {
    const application = SYSTEM.applications.find(({ id }) => id === 'api-run');
    if (application?.kind !== 'cloudRun') throw new Error('the reference has api-run');
    const service = {
      scaling: { kind: 'automatic', min: 1, max: 4 },
      revisionMax: 10,
      ready: true,
      settled: true,
      etag: 'e',
      revision: 'r',
      url: undefined,
    } as const;
    const facts = {
      consumer: { kind: 'cloudRun', application, status: service },
      status: { kind: 'cloudRun', ingress: 'internal', settled: true, etag: 'e' },
      entrances: [],
    } as const;
    const kept = { ...record, application: 'api-run', ingressBefore: 'internalAndLoadBalancing' } as const;

    expect(drawn({ ...facts, record: kept })).toMatchObject({
      steps: expect.arrayContaining([
        expect.objectContaining({
          id: 'lift-api-run',
          input: { application: 'api-run', uid: null, ingress: 'internalAndLoadBalancing' },
        }),
      ]),
    });
    const plan = drawn({ ...facts, record: kept });
    expect(typeof plan === 'string' ? plan : plan.steps.map(({ id, needs }) => [id, needs])).toEqual([
      ['hold-api-run', []],
      ['release-api-run', ['hold-api-run']],
      ['renew-api-run', ['release-api-run']],
      ['lift-api-run', ['renew-api-run']],
      ['serves-api-run', ['lift-api-run']],
      ['forget-api-run', ['serves-api-run']],
    ]);
    expect(drawn({ ...facts, record: undefined })).toContain('nobody wrote down who reached api-run before');
    expect(drawn({ ...facts, record: kept, status: { ...facts.status, ingress: 'all' } })).toContain(
      'nothing isolates',
    );
  });

  it.each<[string, IsolationStatus, string]>([
    ['there is none', { kind: 'gke', policy: null }, 'nothing isolates api-gke'],
    ['it is not ours', policyOf({ incident: null, deniesAll: true }), 'not ours'],
    ['it was changed', policyOf({ incident: 'inc-b', deniesAll: false }), 'not ours'],
  ])('is none where the policy is not one to be lifted: %s', (_what, status, said) => {
    expect(drawn({ status })).toContain(said);
  });
});

function policyOf(more: { readonly incident: string | null; readonly deniesAll: boolean }): IsolationStatus {
  return { kind: 'gke', policy: { uid: 'u', version: '1', ...more } };
}

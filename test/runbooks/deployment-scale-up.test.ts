import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planFaults } from '../../shared/plan/plan.ts';
import { drawDeploymentScaleUp } from '../../shared/runbooks/deployment-scale-up.ts';
import type { GkeApplication } from '../../shared/system/system.ts';
import { at, SYSTEM } from '../classify/looks.ts';

const [reference] = SYSTEM.applications.filter((one): one is GkeApplication => one.kind === 'gke');
if (reference === undefined) throw new Error('the reference system has a Deployment');

interface Seen {
  readonly replicas: number;
  readonly autoscaler?: { readonly min: number; readonly max: number };
  readonly application?: Partial<GkeApplication>;
}

const drawn = ({ replicas, autoscaler, application = {} }: Seen) =>
  drawDeploymentScaleUp(SYSTEM, 'inc-a', 'deployment-under-pressure', {
    at: at(0),
    application: { ...reference, ...application },
    status: { replicas, autoscaler },
    warnings: [],
  });

function plan(seen: Seen) {
  const found = drawn(seen);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

describe('a Deployment that is scaled up', () => {
  it('has the floor of its autoscaler raised to twice its replicas, watched and given back, with no destructive step', () => {
    const { steps } = plan({ replicas: 3, autoscaler: { min: 2, max: 10 } });

    expect(steps.map(({ id, risk }) => `${id} ${risk}`)).toEqual([
      'raise safe',
      'watch observe',
      'restore safe',
      'relieved observe',
    ]);
    expect(steps[0]?.input).toEqual({ application: 'api-gke', before: 2, wanted: 6, autoscaled: true });
    expect(steps[1]?.input).toMatchObject({ before: 3 });
  });

  it('keeps its replicas where no autoscaler takes them back, since to scale down is destructive, and says how', () => {
    const { steps, failback } = plan({ replicas: 3 });

    expect(steps.map(({ id }) => id)).toEqual(['raise', 'watch', 'relieved']);
    expect(steps[0]?.input).toEqual({ application: 'api-gke', before: 3, wanted: 6, autoscaled: false });
    expect(failback).toMatch(/kubectl -n coditect-dms scale deployment\/coditect-dms-api --replicas=3/);
  });

  it('is not planned where nothing runs, or where nobody could tell whether it helped', () => {
    expect(drawn({ replicas: 0 })).toMatch(/scaled to zero/);
    expect(drawn({ replicas: 3, application: { urlMap: undefined } })).toMatch(/no urlMap/);
  });

  it('is never given more than dr.yaml and its autoscaler allow, nor fewer than it had', () => {
    const count = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(count, count, count, (replicas, maxReplicas, max) => {
        const found = drawn({ replicas, autoscaler: { min: 1, max }, application: { maxReplicas } });
        const ceiling = Math.min(maxReplicas, max);
        if (typeof found === 'string') return expect(ceiling).toBeLessThanOrEqual(replicas);
        expect(planFaults(found)).toEqual([]);
        const wanted = Number(found.steps[0]?.input['wanted']);
        expect(wanted).toBeGreaterThan(replicas);
        return expect(wanted).toBeLessThanOrEqual(ceiling);
      }),
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { drawServiceScaleUp } from '../../shared/runbooks/service-scale-up.ts';
import { planFaults } from '../../shared/plan/plan.ts';
import type { CloudRunApplication } from '../../shared/system/system.ts';
import { at, SYSTEM } from '../classify/looks.ts';

const service = SYSTEM.applications.find((one): one is CloudRunApplication => one.kind === 'cloudRun');
if (service === undefined) throw new Error('the reference system has a Cloud Run service');

interface Limits {
  readonly min: number;
  readonly max: number;
}

function drawn(before: Limits, maxInstances = 10, revisionMax?: number) {
  const application = { ...service, maxInstances } as CloudRunApplication; // a copy with another number
  return drawServiceScaleUp(SYSTEM, 'inc-a', 'service-under-pressure', {
    at: at(0),
    application,
    before,
    revisionMax,
    warnings: [],
  });
}

const wantedIn = (plan: ReturnType<typeof drawn>): unknown =>
  typeof plan === 'string' ? plan : plan.steps[0]?.input['wanted'];

describe('a service that is scaled up', () => {
  it('may have twice as many instances, and keeps those that were busy', () => {
    expect(wantedIn(drawn({ min: 1, max: 4 }))).toEqual({ min: 4, max: 8 });
  });

  it('is raised, watched, taken back to what it was, and only then judged, with no destructive step', () => {
    const plan = drawn({ min: 1, max: 4 });
    if (typeof plan === 'string') throw new Error(plan);

    expect(plan.steps.map(({ id, risk }) => `${id} ${risk}`)).toEqual([
      'raise safe',
      'watch observe',
      'restore safe',
      'relieved observe',
    ]);
    expect(plan.steps.map(({ input }) => input['before'])).toEqual([
      { min: 1, max: 4 },
      { min: 1, max: 4 },
      { min: 1, max: 4 },
      undefined,
    ]);
    expect(plan.holds).toEqual(['application/api-run']);
  });

  it('is never given more than dr.yaml and its revision allow, nor fewer than it had', () => {
    const count = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        fc.nat(40),
        count,
        count,
        fc.option(count, { nil: undefined }),
        (least, max, allowed, revisionMax) => {
          const min = Math.min(least, max);
          const plan = drawn({ min, max }, allowed, revisionMax);
          const ceiling = Math.min(allowed, revisionMax ?? Number.POSITIVE_INFINITY);
          if (typeof plan === 'string') return expect(ceiling).toBeLessThanOrEqual(max);
          const wanted = plan.steps[0]?.input['wanted'] as unknown as Limits; // the runbook wrote it
          expect(planFaults(plan)).toEqual([]);
          expect(wanted.max).toBeGreaterThan(max);
          expect(wanted.max).toBeLessThanOrEqual(ceiling);
          expect(wanted.min).toBeGreaterThanOrEqual(min);
          return expect(wanted.min).toBeLessThanOrEqual(wanted.max);
        },
      ),
    );
  });
});

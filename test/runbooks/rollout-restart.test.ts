import { describe, expect, it } from '@jest/globals';
import { planFaults } from '../../shared/plan/plan.ts';
import type { Rollout } from '../../shared/ports/rollouts.ts';
import { drawRolloutRestart } from '../../shared/runbooks/rollout-restart.ts';
import type { GkeApplication } from '../../shared/system/system.ts';
import { at, revision, rollout, SYSTEM } from '../classify/looks.ts';

const [application] = SYSTEM.applications.filter((one): one is GkeApplication => one.kind === 'gke');
if (application === undefined) throw new Error('the reference system has a Deployment');

const drawn = (is: Partial<Rollout> = {}) =>
  drawRolloutRestart(SYSTEM, 'inc-a', 'pods-not-serving', {
    at: at(0),
    application,
    rollout: rollout([revision(1)], is),
    from: 'set-1',
    warnings: [],
  });

function plan(is: Partial<Rollout> = {}) {
  const found = drawn(is);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

describe('a rolling restart', () => {
  it('keeps evidence, replaces every pod of the revision that was seen, and has to stay healthy', () => {
    const { steps } = plan();

    expect(steps.map(({ id, risk }) => `${id} ${risk}`)).toEqual([
      'capture observe',
      'restart destructive',
      'hold observe',
    ]);
    expect(steps[1]?.input).toEqual({ application: 'api-gke', from: { uid: 'set-1', revision: 1 } });
    expect(steps[1]?.title).toMatch(/at least 3 of 3 kept/);
  });

  it('is the same plan at the next look', () => {
    expect(plan({ version: '9', available: 0 }).steps).toEqual(plan().steps);
    expect(planFaults(plan())).toEqual([]);
  });

  it('is not drawn where nothing runs, or where healthy pods would go against their budget', () => {
    expect(drawn({ replicas: 0 })).toMatch(/scaled to zero/);
    expect(drawn({ keepsAvailable: 1 })).toMatch(/PodDisruptionBudget api wants 2/);
    expect(typeof drawn({ keepsAvailable: 1, budget: { name: 'api', desiredHealthy: 2, currentHealthy: 0 } })).toBe(
      'object',
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { criticalPath, planDigest, planFaults, planWire, stepId } from '../../shared/plan/plan.ts';
import { planOf, step } from '../engine/rehearsal.ts';

// The plan as data: what people approve is its digest, so what the log holds must read back to the same one.

const stored = (plan: ReturnType<typeof planOf>): unknown => JSON.parse(JSON.stringify(plan));

const ways = planOf([
  step('cure', { optional: true, estimateMs: 3_000 }),
  step('held', { optional: true, needs: [stepId('cure')], estimateMs: 2_000 }),
  step('other', { unless: [stepId('held')], estimateMs: 9_000 }),
]);

describe('A plan', () => {
  it('of before a step could be made unnecessary has the digest that was approved then', () => {
    const old = planOf([step('a'), step('b', { needs: [stepId('a')] })]);
    expect(planDigest(planWire.parse(stored(old)))).toBe(planDigest(old));
    expect(JSON.stringify(planWire.parse(stored(old)))).not.toMatch(/unless|after"/);
  });

  it('with several ways reads back to the same digest', () => {
    expect(planDigest(planWire.parse(stored(ways)))).toBe(planDigest(ways));
  });

  it('is estimated as if every way had to be gone', () => {
    expect(criticalPath(ways)).toBe(14_000);
  });

  it('is unsound when a step comes after one that does not come before it', () => {
    const later = planOf([step('a', { after: [stepId('b')] }), step('b')]);
    expect(planFaults(later)).toEqual(['step a comes after b, which does not come before it']);
    expect(planDigest(planWire.parse(stored(later)))).toBe(planDigest(later));
  });

  it('is unsound when a step makes way for one that does not come before it', () => {
    expect(planFaults(ways)).toEqual([]);
    expect(planFaults(planOf([step('a', { unless: [stepId('b')] }), step('b')]))).toEqual([
      'step a makes way for b, which does not come before it',
    ]);
  });
});

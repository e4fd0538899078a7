import { describe, expect, it } from '@jest/globals';
import { RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import { type Millis, minutes, seconds } from '../../shared/core/time.ts';
import { planSteps, type StepDraft } from '../../shared/runbooks/steps.ts';
import { targetId } from '../../shared/system/names.ts';

const draft = (more: Partial<StepDraft>): StepDraft => ({
  id: 'loss',
  action: 'check-loss-bound',
  input: {},
  title: 'Compute the loss bound again',
  target: targetId('database/coditect-dms-db'),
  needs: [],
  stage: 'execute',
  estimate: seconds(1),
  limit: minutes(20),
  ...more,
});

const limitOf = (limit: Millis, lease = seconds(60)) =>
  planSteps([draft({ limit })], RECOVER_CATALOGUE, { lease })[0]?.timeLimitMs;

describe('the steps of a plan', () => {
  it('give a successor the time to arrive when a worker dies in a short one', () => {
    expect(limitOf(seconds(10))).toBe(minutes(5) + seconds(1));
  });

  it('give it longer where a lease is longer', () => {
    expect(limitOf(seconds(10), minutes(3))).toBe(minutes(9) + seconds(1));
  });

  it('have the time that they are estimated to take, such as a hold that the team has made long', () => {
    const [hold] = planSteps([draft({ estimate: minutes(45), limit: minutes(15) })], RECOVER_CATALOGUE, {
      lease: seconds(60),
    });
    expect(hold?.timeLimitMs).toBe(minutes(50));
  });

  it('keep a longer limit', () => {
    expect(limitOf(minutes(20))).toBe(minutes(20));
  });
});

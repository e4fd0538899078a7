import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { recommend } from '../../sandbox/world/kubernetes-recommendation.ts';
import { conditionOf } from '../../sandbox/world/kubernetes-objects.ts';
import { NAMESPACE, type Setting, answered, api, operator, runningReference, until } from './kubernetes-setting.ts';

const scale = (setting: Setting, replicas: number): void => {
  const patch = { type: 'merge', body: { spec: { replicas } } } as const;
  answered(setting.cluster.api.patchScale(operator, 'Deployment', api, patch));
};
const setRange = (setting: Setting, body: object): void => {
  answered(
    setting.cluster.api.patch(operator, 'HorizontalPodAutoscaler', api, { type: 'merge', body: { spec: body } }),
  );
};
const wished = (setting: Setting): number => setting.deployment().spec.replicas;
const status = ({ cluster }: Setting) => cluster.store.read('HorizontalPodAutoscaler', NAMESPACE, api.name).status;

describe('the autoscaler', () => {
  it('overrules a number that somebody else set, within one of its looks', () => {
    const setting = runningReference();
    scale(setting, 5);
    until(setting, () => wished(setting) === 3, 16);
    expect(setting.cluster.store.list('Event', NAMESPACE).map(({ reason }) => reason)).toContain('SuccessfulRescale');
  });

  it('keeps a raised minimum, and lets go of it when it is lowered again', () => {
    const setting = runningReference();
    setRange(setting, { minReplicas: 5 });
    until(setting, () => setting.ready().length === 5, 60);
    setting.clock.advanceBy(600_000);
    expect(wished(setting)).toBe(5);
    setRange(setting, { minReplicas: 3 });
    until(setting, () => wished(setting) === 3, 400);
  });

  it('leaves a Deployment without replicas alone, and takes it up again at one', () => {
    const setting = runningReference();
    scale(setting, 0);
    setting.clock.advanceBy(600_000);
    expect(wished(setting)).toBe(0);
    expect(conditionOf(status(setting).conditions, 'ScalingActive')).toMatchObject({
      status: 'False',
      reason: 'ScalingDisabled',
    });
    scale(setting, 1);
    until(setting, () => wished(setting) === 3, 16);
  });

  it('follows the load upwards at once, and downwards only after five calm minutes', () => {
    let demand = 160;
    const setting = runningReference({ cpuDemand: () => demand });
    demand = 420;
    until(setting, () => wished(setting) === 6, 16);
    demand = 160;
    setting.clock.advanceBy(240_000);
    expect(wished(setting)).toBe(6);
    until(setting, () => wished(setting) === 3, 120);
  });

  it('never leaves its range, and never wakes what was scaled to zero', () => {
    const sight = fc.record({
      current: fc.nat(20),
      ready: fc.nat(20),
      demand: fc.nat(5_000),
      target: fc.integer({ min: 1, max: 100 }),
      minimum: fc.integer({ min: 1, max: 10 }),
      maximum: fc.integer({ min: 10, max: 15 }),
      recent: fc.array(fc.nat(20), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(sight, (seen) => {
        const { replicas } = recommend(seen);
        if (seen.current === 0) expect(replicas).toBe(0);
        else expect(replicas >= seen.minimum && replicas <= seen.maximum).toBe(true);
      }),
    );
  });
});

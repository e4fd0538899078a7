import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  NAMESPACE,
  type Setting,
  answered,
  api,
  heal,
  operator,
  refused,
  runningReference,
  until,
} from './kubernetes-setting.ts';

const eviction = (name: string, deleteOptions: object = {}): unknown => ({ metadata: { name }, deleteOptions });
const evict = ({ cluster }: Setting, name: string, deleteOptions: object = {}) =>
  cluster.api.evict(heal, NAMESPACE, name, eviction(name, deleteOptions));
const budget = ({ cluster }: Setting) => cluster.store.read('PodDisruptionBudget', NAMESPACE, api.name).status;
const names = (setting: Setting): readonly string[] => setting.pods().map(({ metadata }) => metadata.name);

describe('an eviction', () => {
  it('within the budget deletes the pod, and a new one takes its place', () => {
    const setting = runningReference();
    const [name = ''] = names(setting);
    answered(evict(setting, name));
    expect(setting.pod(name)?.metadata.deletionTimestamp).toBeDefined();
    until(setting, () => setting.ready().length === 3 && !names(setting).includes(name), 60);
  });

  it('beyond the budget is refused with 429, the cause, and no wish to wait', () => {
    const setting = runningReference();
    const [first = '', second = ''] = names(setting);
    answered(evict(setting, first));
    const refusal = refused(evict(setting, second));
    expect(refusal).toMatchObject({ status: 429, reason: 'TooManyRequests', retryAfterSeconds: undefined });
    expect(refusal.message).toBe("Cannot evict pod as it would violate the pod's disruption budget.");
    expect(refusal.details?.causes).toEqual([
      {
        reason: 'DisruptionBudget',
        message: expect.stringMatching(/^The disruption budget coditect-dms-api needs 2 healthy pods/),
      },
    ]);
    expect(setting.pod(second)?.metadata.deletionTimestamp).toBeUndefined();
  });

  it('can be made to ask for a wait, and asks for one while the budget is computed anew', () => {
    const setting = runningReference({ evictionRetryAfterSeconds: 7 });
    const [first = '', second = ''] = names(setting);
    answered(evict(setting, first));
    expect(refused(evict(setting, second)).retryAfterSeconds).toBe(7);
    const body = { spec: { maxUnavailable: 2 } };
    answered(setting.cluster.api.patch(operator, 'PodDisruptionBudget', api, { type: 'merge', body }));
    expect(refused(evict(setting, second))).toMatchObject({ status: 429, retryAfterSeconds: 10 });
    setting.clock.advanceBy(1_000);
    answered(evict(setting, second));
  });

  it('of the one pod that is not ready is free, of a second one refused', () => {
    const setting = runningReference();
    const first = setting.cluster.faults.hangPod({ deployment: api });
    const second = setting.cluster.faults.hangPod({ deployment: api });
    until(setting, () => setting.ready().length === 1, 60);
    setting.clock.advanceBy(1_000);
    expect(budget(setting)).toMatchObject({ currentHealthy: 1, desiredHealthy: 2, disruptionsAllowed: 0 });
    expect(refused(evict(setting, first)).status).toBe(429);
    setting.cluster.faults.unhangPod({ namespace: NAMESPACE, name: second });
    until(setting, () => setting.ready().length === 2, 60);
    setting.clock.advanceBy(1_000);
    answered(evict(setting, first));
  });

  it('means the pod with that uid, in that version, or no other', () => {
    const setting = runningReference();
    const [name = ''] = names(setting);
    const { uid, resourceVersion } = setting.pod(name)?.metadata ?? { uid: '', resourceVersion: '' };
    expect(refused(evict(setting, name, { preconditions: { uid: 'another' } }))).toMatchObject({
      status: 409,
      reason: 'Conflict',
    });
    expect(refused(evict(setting, name, { preconditions: { resourceVersion: '1' } })).status).toBe(409);
    expect(refused(evict(setting, 'nobody'))).toMatchObject({ status: 404 });
    answered(evict(setting, name, { preconditions: { uid, resourceVersion } }));
  });

  it('of a pod under two budgets is refused with 500', () => {
    const setting = runningReference();
    const [name = ''] = names(setting);
    const second = {
      metadata: { name: 'second' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: api.name } } },
    };
    answered(setting.cluster.api.create(operator, 'PodDisruptionBudget', NAMESPACE, second));
    expect(refused(evict(setting, name)).status).toBe(500);
  });

  it('that is a dry run evicts nobody and uses up nothing', () => {
    const setting = runningReference();
    const [name = ''] = names(setting);
    answered(setting.cluster.api.evict(heal, NAMESPACE, name, eviction(name), { dryRun: true }));
    answered(evict(setting, name, { dryRun: ['All'] }));
    expect(budget(setting).disruptionsAllowed).toBe(1);
    expect(setting.kernel.audit.effects('k8s.pods/eviction.create')).toEqual([]);
    expect(setting.pod(name)?.metadata.deletionTimestamp).toBeUndefined();
  });

  it('never leaves fewer ready pods than the budget wants, however many are asked for and when', () => {
    const asks = fc.array(fc.record({ pod: fc.nat(4), waits: fc.nat(20_000), hangs: fc.boolean() }), { maxLength: 25 });
    fc.assert(
      fc.property(fc.nat(1_000), asks, (seed, steps) => {
        const setting = runningReference({ seed });
        for (const { pod, waits, hangs } of steps) {
          const name = names(setting)[pod];
          if (name === undefined) continue;
          if (hangs && setting.ready().length === 3) {
            setting.cluster.faults.hangPod({ pod: { namespace: NAMESPACE, name } });
            // A budget learns a moment after its pods; until then it may grant too much, here as in a real cluster.
            setting.clock.advanceBy(30_000);
          }
          const healthy = setting.ready().length;
          const wasReady = setting.ready().some(({ metadata }) => metadata.name === name);
          const allowed = evict(setting, name).kind === 'answer';
          if (allowed && wasReady) expect(healthy - 1).toBeGreaterThanOrEqual(2);
          setting.clock.advanceBy(waits);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a plain deletion', () => {
  it('asks no budget', () => {
    const setting = runningReference();
    for (const name of names(setting)) answered(setting.cluster.api.delete(operator, 'Pod', NAMESPACE, name));
    expect(setting.ready()).toEqual([]);
  });
});

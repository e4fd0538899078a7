import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Deployment, type ReplicaSet, conditionOf } from '../../sandbox/world/kubernetes-objects.ts';
import { limitsOf, resolve, templateHash } from '../../sandbox/world/kubernetes-rollout.ts';
import {
  NAMESPACE,
  type Setting,
  answered,
  api,
  change,
  operator,
  restartAt,
  runningReference,
  until,
} from './kubernetes-setting.ts';

const sets = ({ cluster }: Setting): readonly ReplicaSet[] =>
  cluster.store.list('ReplicaSet', NAMESPACE).filter(({ metadata }) => metadata.name.startsWith(api.name));

/** What `kubectl rollout status` decides from (facts.md 6.2). */
function isRolledOut({ spec, status, metadata }: Deployment): boolean {
  const updated = status.updatedReplicas ?? 0;
  return (
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    updated >= spec.replicas &&
    (status.replicas ?? 0) <= updated &&
    (status.availableReplicas ?? 0) >= updated
  );
}

const progress = (setting: Setting): string | undefined =>
  conditionOf(setting.deployment().status.conditions, 'Progressing')?.reason;

const scale = (setting: Setting, replicas: number): void => {
  const patch = { type: 'merge', body: { spec: { replicas } } } as const;
  answered(setting.cluster.api.patchScale(operator, 'Deployment', api, patch));
};

describe('a rolling update', () => {
  it('replaces every pod, keeps the old ReplicaSet empty, and counts the revision', () => {
    const setting = runningReference();
    const before = setting.pods().map(({ metadata }) => metadata.name);
    change(setting, restartAt('2026-01-05T10:00:30Z'));
    expect(isRolledOut(setting.deployment())).toBe(false);
    until(setting, () => isRolledOut(setting.deployment()), 120);
    expect(setting.pods().filter(({ metadata }) => before.includes(metadata.name))).toEqual([]);
    expect(
      sets(setting)
        .map(({ spec }) => spec.replicas)
        .toSorted((a, b) => a - b),
    ).toEqual([0, 3]);
    expect(setting.deployment().metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    expect(progress(setting)).toBe('NewReplicaSetAvailable');
  });

  it('never has fewer pods available, or more pods altogether, than its limits allow', () => {
    const limit = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('0%', '25%', '50%', '100%'));
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.integer({ min: 1, max: 6 }),
        limit,
        limit,
        (seed, replicas, maxSurge, maxUnavailable) => {
          fc.pre(!/^0%?$/.test(String(maxSurge)) || !/^0%?$/.test(String(maxUnavailable)));
          const setting = runningReference({ seed, cpuDemand: () => 53 * replicas });
          answered(setting.cluster.api.delete(operator, 'HorizontalPodAutoscaler', NAMESPACE, api.name));
          change(setting, { spec: { replicas, strategy: { rollingUpdate: { maxSurge, maxUnavailable } } } });
          until(setting, () => setting.ready().length === replicas && setting.pods().length === replicas, 60);
          change(setting, restartAt('2026-01-05T10:00:30Z'));
          const { surge, missing } = limitsOf(setting.deployment().spec);
          until(
            setting,
            () => {
              expect(setting.ready().length).toBeGreaterThanOrEqual(replicas - missing);
              expect(setting.pods().length).toBeLessThanOrEqual(replicas + surge);
              return isRolledOut(setting.deployment());
            },
            300,
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  it('to a template that crashes stops, keeps the old pods serving, and says so after its deadline', () => {
    const setting = runningReference();
    change(setting, { spec: { progressDeadlineSeconds: 120 } });
    setting.cluster.faults.crashLoop(api, 'next');
    change(setting, restartAt('2026-01-05T10:00:30Z'));
    setting.clock.advanceBy(60_000);
    expect(setting.ready()).toHaveLength(3);
    expect(progress(setting)).toBe('ReplicaSetUpdated');
    until(setting, () => progress(setting) === 'ProgressDeadlineExceeded', 120);
    expect(isRolledOut(setting.deployment())).toBe(false);
    expect(setting.ready()).toHaveLength(3);
  });

  it('is undone by the old template, which takes up its ReplicaSet again as the newest revision', () => {
    const setting = runningReference();
    const [first] = sets(setting);
    setting.cluster.faults.crashLoop(api, 'next');
    change(setting, restartAt('2026-01-05T10:00:30Z'));
    setting.clock.advanceBy(60_000);
    change(setting, {
      spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': null } } } },
    });
    until(setting, () => isRolledOut(setting.deployment()), 120);
    expect(sets(setting).find(({ spec }) => spec.replicas === 3)?.metadata.name).toBe(first?.metadata.name);
    expect(setting.deployment().metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
  });

  it('that is paused changes nothing until it is resumed', () => {
    const setting = runningReference();
    change(setting, { spec: { paused: true } });
    change(setting, restartAt('2026-01-05T10:00:30Z'));
    setting.clock.advanceBy(60_000);
    expect(sets(setting)).toHaveLength(1);
    change(setting, { spec: { paused: null } });
    until(setting, () => isRolledOut(setting.deployment()), 120);
  });

  it('keeps as many old ReplicaSets as its history limit says', () => {
    const setting = runningReference();
    change(setting, { spec: { revisionHistoryLimit: 2 } });
    for (const at of ['1', '2', '3', '4']) {
      change(setting, restartAt(at));
      until(setting, () => isRolledOut(setting.deployment()), 120);
      setting.clock.advanceBy(10_000);
    }
    expect(sets(setting)).toHaveLength(3);
  });

  it('by recreation ends every old pod before it starts a new one', () => {
    const setting = runningReference();
    change(setting, { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } });
    change(setting, restartAt('2026-01-05T10:00:30Z'));
    const hash = templateHash(setting.deployment().spec.template);
    until(
      setting,
      () => {
        const all = setting.cluster.store
          .list('Pod', NAMESPACE)
          .filter((pod) => pod.metadata.labels?.['app'] === api.name);
        const fresh = all.filter((pod) => pod.metadata.labels?.['pod-template-hash'] === hash);
        expect(fresh.length === 0 || fresh.length === all.length).toBe(true);
        return isRolledOut(setting.deployment());
      },
      120,
    );
  });
});

describe('scaling', () => {
  it('to zero ends every pod, and back makes them again', () => {
    const setting = runningReference();
    scale(setting, 0);
    until(setting, () => setting.pods().length === 0, 30);
    setting.clock.advanceBy(120_000);
    expect(setting.deployment().status).toMatchObject({ observedGeneration: 2 });
    expect(setting.deployment().status.availableReplicas).toBeUndefined();
    scale(setting, 3);
    until(setting, () => setting.ready().length === 3, 60);
  });

  it('in the middle of a rollout always ends at the wished number of new pods', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 30 }),
        (seed, replicas, second) => {
          const setting = runningReference({ seed });
          answered(setting.cluster.api.delete(operator, 'HorizontalPodAutoscaler', NAMESPACE, api.name));
          change(setting, restartAt('2026-01-05T10:00:30Z'));
          setting.clock.advanceBy(second * 1_000);
          scale(setting, replicas);
          until(setting, () => isRolledOut(setting.deployment()) && setting.pods().length === replicas, 300);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('down deletes pods that are not ready before those that are', () => {
    const setting = runningReference();
    answered(setting.cluster.api.delete(operator, 'HorizontalPodAutoscaler', NAMESPACE, api.name));
    const hung = setting.cluster.faults.hangPod({ deployment: api });
    until(setting, () => setting.ready().length === 2, 60);
    scale(setting, 2);
    until(setting, () => setting.pods().length === 2, 10);
    expect(setting.pods().map(({ metadata }) => metadata.name)).not.toContain(hung);
  });
});

describe('numbers of pods', () => {
  it('round surges up and missing pods down, and never forbid both', () => {
    expect(resolve('25%', 3, 'up')).toBe(1);
    expect(resolve('25%', 3, 'down')).toBe(0);
    expect(resolve(2, 3, 'down')).toBe(2);
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '0%', maxUnavailable: '25%' } } as const;
    const spec = { replicas: 3, strategy } as Deployment['spec']; // all that is read
    expect(limitsOf(spec)).toEqual({ surge: 0, missing: 1 });
  });

  it('tell templates apart by a hash of safe letters, the same for the same template', () => {
    const hash = templateHash({ spec: { containers: [{ name: 'a', image: 'b' }] } });
    expect(hash).toMatch(/^[bcdf-hj-np-tv-xz2-9]{1,10}$/);
    expect(templateHash({ spec: { containers: [{ image: 'b', name: 'a' }] } })).toBe(hash);
    expect(templateHash({ spec: { containers: [{ name: 'a', image: 'c' }] } })).not.toBe(hash);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { instant } from '../../shared/core/time.ts';
import type { ApplicationInstance } from '../../sandbox/world/kernel.ts';
import { type Pod, conditionOf, isReady } from '../../sandbox/world/kubernetes-objects.ts';
import { REFERENCE_APPLICATIONS } from '../../sandbox/world/kubernetes-reference.ts';
import {
  NAMESPACE,
  type Setting,
  answered,
  api,
  change,
  operator,
  refused,
  restartAt,
  runningReference,
  until,
} from './kubernetes-setting.ts';

const status = (pod: Pod | undefined) => pod?.status.containerStatuses?.[0];
const named = (name: string) => ({ namespace: NAMESPACE, name });
const reasons = ({ cluster }: Setting, name: string): readonly string[] =>
  cluster.store
    .list('Event', NAMESPACE)
    .filter(({ involvedObject }) => involvedObject.name === name)
    .toSorted(
      (a, b) => a.firstTimestamp.localeCompare(b.firstTimestamp) || a.metadata.name.localeCompare(b.metadata.name),
    )
    .map(({ reason }) => reason);

describe('a pod', () => {
  it('is placed, created, started and ready about 15 s after it is wished for', () => {
    const setting = runningReference();
    const [pod] = setting.pods();
    expect(setting.ready()).toHaveLength(3);
    expect(pod?.status.phase).toBe('Running');
    expect(pod?.spec.nodeName).toMatch(/^gke-/);
    expect(pod?.status.conditions?.map(({ type, status: value }) => `${type} ${value}`)).toEqual([
      'PodScheduled True',
      'PodReadyToStartContainers True',
      'Initialized True',
      'Ready True',
      'ContainersReady True',
    ]);
    expect(reasons(setting, pod?.metadata.name ?? '')).toEqual([
      'Scheduled',
      'Pulling',
      'Pulled',
      'Created',
      'Started',
    ]);
    const ready = Date.parse(conditionOf(pod?.status.conditions, 'Ready')?.lastTransitionTime ?? '');
    const made = Date.parse(pod?.metadata.creationTimestamp ?? '');
    expect((ready - made) / 1_000).toBeGreaterThan(5);
    expect((ready - made) / 1_000).toBeLessThan(25);
  });

  it('that hangs stays running and is not ready, and is not restarted', () => {
    const setting = runningReference();
    const name = setting.cluster.faults.hangPod({ deployment: api });
    until(setting, () => setting.ready().length === 2, 60);
    setting.clock.advanceBy(600_000);
    expect(setting.pod(name)?.status.phase).toBe('Running');
    expect(status(setting.pod(name))).toMatchObject({ ready: false, restartCount: 0, state: { running: {} } });
    expect(reasons(setting, name)).toContain('Unhealthy');
    expect(reasons(setting, name)).not.toContain('Killing');
    expect(setting.cluster.readyPods(NAMESPACE, api.name)).not.toContain(name);
  });

  it('that hung serves again when the hang ends', () => {
    const setting = runningReference();
    const name = setting.cluster.faults.hangPod({ deployment: api });
    until(setting, () => setting.ready().length === 2, 60);
    setting.cluster.faults.unhangPod(named(name));
    until(setting, () => setting.ready().length === 3, 60);
  });

  it('that crashes again and again is restarted after 0, 10, 20, 40, … 300 s', () => {
    const setting = runningReference();
    const mend = setting.cluster.faults.crashLoop(api, 'this');
    const name = setting.pods()[0]?.metadata.name ?? '';
    const waits: number[] = [];
    let restarts = 0;
    for (let second = 0; second < 1_500; second += 1) {
      setting.clock.advanceBy(1_000);
      const now = status(setting.pod(name));
      if (now === undefined || now.restartCount === restarts) continue;
      restarts = now.restartCount;
      const ended = Date.parse(now.lastState.terminated?.finishedAt ?? '');
      waits.push((Date.parse(now.state.running?.startedAt ?? '') - ended) / 1_000);
    }
    const steps = [0, 10, 20, 40, 80, 160];
    waits.forEach((wait, index) => expect(Math.abs(wait - (steps[index] ?? 300))).toBeLessThanOrEqual(3));
    expect(waits.length).toBeGreaterThanOrEqual(7);
    expect(status(setting.pod(name))).toMatchObject({
      ready: false,
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    expect(reasons(setting, name)).toContain('BackOff');
    mend();
    until(setting, () => setting.ready().length === 3, 400);
  });

  it('shows what it waits for while it is held back', () => {
    const setting = runningReference();
    setting.cluster.faults.crashLoop(api, 'this');
    const name = setting.pods()[0]?.metadata.name ?? '';
    until(setting, () => status(setting.pod(name))?.state.waiting !== undefined, 60);
    expect(status(setting.pod(name))?.state.waiting?.reason).toBe('CrashLoopBackOff');
    expect(status(setting.pod(name))?.state.waiting?.message).toMatch(/^back-off 10s restarting failed container=api/);
  });

  it('without an image waits for it, and starts once the image is there', () => {
    const setting = runningReference({ imageExists: (image) => !image.endsWith(':nope') });
    change(setting, { spec: { template: { spec: { containers: [{ name: 'api', image: 'dms/api:nope' }] } } } });
    const waiting = (): string | undefined =>
      setting
        .pods()
        .map((pod) => status(pod)?.state.waiting?.reason)
        .find((reason) => reason !== undefined && reason !== 'ContainerCreating');
    until(setting, () => waiting() === 'ErrImagePull', 60);
    until(setting, () => waiting() === 'ImagePullBackOff', 60);
    expect(setting.ready()).toHaveLength(3);
    change(setting, { spec: { template: { spec: { containers: [{ name: 'api', image: 'dms/api:1.15.0' }] } } } });
    until(setting, () => setting.deployment().status.updatedReplicas === 3 && setting.ready().length === 3, 200);
  });

  it('whose Secret is missing says which, and starts once it is made', () => {
    const setting = runningReference();
    const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'a' } } }];
    change(setting, { spec: { template: { spec: { containers: [{ name: 'api', env }] } } } });
    const waiting = () => setting.pods().map((pod) => status(pod)?.state.waiting);
    until(setting, () => waiting().some((one) => one?.reason === 'CreateContainerConfigError'), 60);
    expect(waiting().find((one) => one?.reason === 'CreateContainerConfigError')?.message).toBe(
      'secret "keys" not found',
    );
    answered(
      setting.cluster.api.create(operator, 'Secret', NAMESPACE, { metadata: { name: 'keys' }, stringData: { a: 'b' } }),
    );
    until(setting, () => setting.deployment().status.updatedReplicas === 3 && setting.ready().length === 3, 200);
  });
});

describe('the end of a pod', () => {
  it('is polite when its process answers: seconds, not the whole grace', () => {
    const setting = runningReference();
    const name = setting.pods()[0]?.metadata.name ?? '';
    const marked = answered(setting.cluster.api.delete(operator, 'Pod', NAMESPACE, name));
    expect(marked.metadata).toMatchObject({
      deletionGracePeriodSeconds: 30,
      deletionTimestamp: '2026-01-05T10:01:00Z',
    });
    until(setting, () => setting.pod(name) === undefined, 6);
    until(setting, () => setting.ready().length === 3, 60);
  });

  it('takes the whole grace when its process hangs', () => {
    const setting = runningReference();
    const name = setting.cluster.faults.hangPod({ deployment: api });
    answered(setting.cluster.api.delete(operator, 'Pod', NAMESPACE, name));
    setting.clock.advanceBy(29_000);
    expect(setting.pod(name)).toBeDefined();
    setting.clock.advanceBy(3_000);
    expect(setting.pod(name)).toBeUndefined();
  });

  it('can be stuck: the pod stays, its replacement comes, and a forced deletion only hides it', () => {
    const stopped: string[] = [];
    const setting = runningReference({ ...launching(stopped), applications: REFERENCE_APPLICATIONS });
    const name = setting.pods()[0]?.metadata.name ?? '';
    const release = setting.cluster.faults.holdTermination(named(name));
    answered(setting.cluster.api.delete(operator, 'Pod', NAMESPACE, name));
    setting.clock.advanceBy(120_000);
    expect(setting.pod(name)?.metadata.deletionTimestamp).toBeDefined();
    expect(setting.ready()).toHaveLength(3);
    answered(setting.cluster.api.delete(operator, 'Pod', NAMESPACE, name, { gracePeriodSeconds: 0 }));
    expect(setting.pod(name)).toBeUndefined();
    setting.clock.advanceBy(60_000);
    expect(stopped).not.toContain(name);
    release();
    expect(stopped).toContain(name);
  });

  it('comes after its owner is gone, unless it is orphaned', () => {
    const setting = runningReference();
    answered(setting.cluster.api.delete(operator, 'Deployment', NAMESPACE, api.name));
    until(setting, () => setting.cluster.store.list('Pod', NAMESPACE).length === 1, 30);
    const orphaned = runningReference();
    answered(orphaned.cluster.api.delete(operator, 'Deployment', NAMESPACE, api.name, { propagationPolicy: 'Orphan' }));
    orphaned.clock.advanceBy(60_000);
    expect(orphaned.ready()).toHaveLength(3);
  });

  it('comes before its owner is gone when the deletion is in the foreground', () => {
    const setting = runningReference();
    const held = setting.pods()[0]?.metadata.name ?? '';
    const release = setting.cluster.faults.holdTermination(named(held));
    answered(
      setting.cluster.api.delete(operator, 'Deployment', NAMESPACE, api.name, { propagationPolicy: 'Foreground' }),
    );
    setting.clock.advanceBy(60_000);
    expect(setting.deployment().metadata.finalizers).toEqual(['foregroundDeletion']);
    release();
    until(setting, () => setting.cluster.store.get('Deployment', NAMESPACE, api.name) === undefined, 10);
  });
});

describe('the log of a container', () => {
  it('of the run before is there after a restart, and refused with 400 before', () => {
    const setting = runningReference();
    const name = setting.pods()[0]?.metadata.name ?? '';
    const previous = () => setting.cluster.api.log(operator, NAMESPACE, name, { previous: true });
    expect(refused(previous())).toMatchObject({
      status: 400,
      reason: 'BadRequest',
      message: `previous terminated container "api" in pod "${name}" not found`,
    });
    setting.cluster.faults.crashPod(named(name), 137);
    until(setting, () => status(setting.pod(name))?.restartCount === 1, 10);
    expect(answered(previous())).toBe('starting\nserving\nfatal: the process ended with exit code 137\n');
    expect(answered(setting.cluster.api.log(operator, NAMESPACE, name, { tailLines: 1, timestamps: true }))).toMatch(
      /^2026-01-05T10:00:\d\d\.\d{9}Z starting\n$/,
    );
  });

  it('is cut to the asked lines and bytes', () => {
    const setting = runningReference();
    const name = setting.pods()[0]?.metadata.name ?? '';
    const log = (options: object) => answered(setting.cluster.api.log(operator, NAMESPACE, name, options));
    expect(log({ tailLines: 1 })).toBe('serving\n');
    expect(log({ limitBytes: 4 })).toBe('star');
    expect(log({ since: instant(Date.parse('2030-01-01T00:00:00Z')) })).toBe('');
    expect(refused(setting.cluster.api.log(operator, NAMESPACE, name, { container: 'web' })).status).toBe(400);
  });

  it('is followed line by line until the container ends', () => {
    const setting = runningReference();
    const name = setting.pods()[0]?.metadata.name ?? '';
    const heard: string[] = [];
    const listener = { onText: (text: string) => heard.push(text), onEnd: () => heard.push('<end>') };
    answered(setting.cluster.api.followLog(operator, NAMESPACE, name, { tailLines: 1 }, listener));
    setting.clock.advanceBy(1_000);
    setting.cluster.faults.crashPod(named(name));
    setting.clock.advanceBy(5_000);
    expect(heard).toEqual(['serving\n', 'fatal: the process ended with exit code 1\n', '<end>']);
  });
});

describe('applications in pods', () => {
  it('are launched by the pod with their secret, anew at each restart, and stopped with it', () => {
    const stopped: string[] = [];
    const launches = launching(stopped);
    const setting = runningReference({ ...launches, applications: { api: { secret: 'a-secret' } } });
    const name = setting.pods()[0]?.metadata.name ?? '';
    expect(launches.launched).toEqual(expect.arrayContaining([{ id: name, place: 'pods', secret: 'a-secret' }]));
    expect(launches.launched).toHaveLength(3);
    setting.cluster.faults.crashPod(named(name));
    until(setting, () => status(setting.pod(name))?.restartCount === 1, 10);
    expect(stopped).toEqual([name]);
    expect(launches.launched.filter(({ id }) => id === name)).toHaveLength(2);
  });

  it('tell their pods whether they are ready, and by ending that they crashed', () => {
    const launches = launching([]);
    const setting = runningReference({ ...launches, applications: { api: { secret: 's' } } });
    launches.state.value = 'hung';
    until(setting, () => setting.ready().length === 0, 60);
    expect(setting.pods().map((pod) => status(pod)?.restartCount)).toEqual([0, 0, 0]);
    launches.state.value = 'crashed';
    until(setting, () => setting.pods().every((pod) => (status(pod)?.restartCount ?? 0) > 0), 60);
  });

  it('are told when the fault hangs them', () => {
    const told: boolean[] = [];
    const launches = launching([]);
    const options = {
      ...launches,
      applications: { api: { secret: 's' } },
      hang: (_: unknown, hung: boolean) => void told.push(hung),
    };
    const setting = runningReference(options);
    const name = setting.cluster.faults.hangPod({ deployment: api });
    setting.cluster.faults.unhangPod(named(name));
    expect(told).toEqual([true, false]);
  });
});

describe('what monitoring sees', () => {
  it('always counts the restarts and the readiness that the API shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.array(fc.nat(2), { maxLength: 6 }), (seed, crashes) => {
        const setting = runningReference({ seed });
        for (const index of crashes) {
          const name = setting.pods()[index]?.metadata.name;
          if (name !== undefined) setting.cluster.faults.crashPod(named(name));
          setting.clock.advanceBy(7_000);
        }
        const shown = setting.cluster.store
          .list('Pod', NAMESPACE)
          .map((pod) => ({ pod: pod.metadata.name, restartCount: status(pod)?.restartCount, ready: isReady(pod) }));
        const measured = setting.cluster
          .podMetrics()
          .map(({ pod, restartCount, ready }) => ({ pod, restartCount, ready }))
          .toSorted((a, b) => a.pod.localeCompare(b.pod));
        expect(measured).toEqual(shown);
      }),
      { numRuns: 20 },
    );
  });

  it('names the Deployment and the node of each container', () => {
    const setting = runningReference();
    change(setting, restartAt('2026-01-05T10:00:30Z'));
    setting.clock.advanceBy(120_000);
    const deployments = setting.cluster.podMetrics().map(({ deployment }) => deployment);
    expect(deployments.toSorted()).toEqual([api.name, api.name, api.name, 'coditect-dms-prober']);
    expect(setting.cluster.podMetrics().every(({ node }) => node.startsWith('gke-'))).toBe(true);
  });
});

/** A launcher whose instances all have one state, and note when they are stopped. */
function launching(stopped: string[]) {
  const launched: { readonly id: string; readonly place: string; readonly secret: string }[] = [];
  const state: { value: ReturnType<ApplicationInstance['state']> } = { value: 'serving' };
  const launcher = {
    launch(options: { readonly id: string; readonly place: string; readonly secret: string }): ApplicationInstance {
      launched.push(options);
      return {
        place: options.place,
        state: () => state.value,
        ready: () => state.value === 'serving',
        log: () => [],
        stop: () => void stopped.push(options.id),
      };
    },
  };
  return { launcher, launched, state };
}

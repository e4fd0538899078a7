import { describe, expect, it } from '@jest/globals';
import { isCurable, type PodCondition, podCondition } from '../../shared/classify/pod-condition.ts';
import type { PodStatus } from '../../shared/ports/workloads.ts';
import { ABOUT_API, ask, at, every20, gke, look, pod, podLook, run, SYSTEM, wellDatabase, wellLook } from './looks.ts';

const HUNG = { ready: false } as const;
const LOOPING = {
  ready: false,
  restarts: 6,
  container: { kind: 'waiting', reason: 'CrashLoopBackOff' },
  lastTermination: 'OOMKilled',
} as const;

const UNREADABLE = { pods: { unreadable: 'timeout' } } as const;

describe('a pod', () => {
  it.each<[string, Partial<PodStatus>, PodCondition]>([
    ['is well while it is ready', {}, 'well'],
    ['fails when it is long up and not ready', HUNG, 'notReady'],
    ['is merely starting in its first minute', { ready: false, startedAt: at(-30) }, 'starting'],
    ['is on its way out when it is terminating', { ready: false, terminating: true }, 'ending'],
    ['loops when Kubernetes says so', LOOPING, 'crashLooping'],
    [
      'loops when it has just ended once more',
      { ready: false, restarts: 3, container: { kind: 'terminated', reason: 'Error' } },
      'crashLooping',
    ],
    [
      'is only not ready after a first end',
      { ready: false, restarts: 1, container: { kind: 'terminated', reason: 'Error' } },
      'notReady',
    ],
    [
      'can not start without its image',
      { ready: false, container: { kind: 'waiting', reason: 'ImagePullBackOff' } },
      'cannotStart',
    ],
    [
      'can not start without its configuration',
      { ready: false, container: { kind: 'waiting', reason: 'CreateContainerConfigError' } },
      'cannotStart',
    ],
    [
      'waits for a node while none has taken it',
      { ready: false, startedAt: undefined, container: { kind: 'unknown' } },
      'unscheduled',
    ],
  ])('%s', (_, change, condition) => {
    expect(podCondition(pod('a', change), at(0))).toBe(condition);
  });

  it('can be cured by a new one only when it ran before', () => {
    const all = ['well', 'starting', 'ending', 'crashLooping', 'cannotStart', 'unscheduled', 'notReady'] as const;
    expect(all.filter(isCurable)).toEqual(['crashLooping', 'notReady']);
  });
});

describe('a single pod that fails', () => {
  const heal = {
    scenario: 'single-pod-failure',
    conclusion: 'act',
    runbook: 'pod-heal',
    target: 'application/api-gke',
    subject: { application: 'api-gke', pod: 'a', uid: 'uid-a' },
  };

  it('is healed when it has hung for the whole window while the others serve', () => {
    expect(
      ask(
        every20(20, 80, (seconds) => podLook(seconds, HUNG)),
        ABOUT_API,
      ),
    ).toMatchObject(heal);
    expect(
      ask(
        every20(20, 60, (seconds) => podLook(seconds, HUNG)),
        ABOUT_API,
      ),
    ).toMatchObject({ conclusion: 'wait', scenario: 'single-pod-failure' });
  });

  it('is healed at once when it crash-loops, which is confirmed already', () => {
    expect(ask([podLook(20, LOOPING)], ABOUT_API)).toMatchObject(heal);
  });

  it('says how it ended', () => {
    expect(ask([podLook(20, LOOPING)], ABOUT_API).reasons[0]?.text).toContain('OOMKilled');
  });

  it('is healed although its deep health answered nothing through the balancer', () => {
    const silent = (seconds: number) =>
      look(seconds, [wellDatabase(seconds)], [gke('silent', { pods: [pod('a', HUNG), pod('b')] }), run('serving')]);
    expect(ask(every20(20, 80, silent), ABOUT_API)).toMatchObject(heal);
  });

  it('is not healed when another pod has come in its place meanwhile', () => {
    const rounds = [
      ...every20(20, 60, (seconds) => podLook(seconds, HUNG)),
      podLook(80, { ...HUNG, uid: 'uid-new', startedAt: at(60) }),
    ];
    expect(ask(rounds, ABOUT_API)).toMatchObject({ scenario: 'recovered', conclusion: 'wait' });
  });

  it('is not healed for what the pod before it did', () => {
    const rounds = [
      ...every20(20, 60, (seconds) => podLook(seconds, HUNG)),
      podLook(80, { ...HUNG, uid: 'uid-new', startedAt: at(0) }),
    ];
    expect(ask(rounds, ABOUT_API)).toMatchObject({ scenario: 'single-pod-failure', conclusion: 'wait' });
  });

  it('is a symptom while an application that it needs is ill', () => {
    const [api, other] = SYSTEM.applications;
    if (api === undefined || other === undefined) throw new Error('the reference has two');
    const system = { ...SYSTEM, applications: [{ ...api, dependsOn: [...api.dependsOn, other.id] }, other] };
    const ill = (seconds: number) =>
      look(seconds, [wellDatabase(seconds)], [gke('serving', { pods: [pod('a', HUNG), pod('b')] }), run('failing')]);
    expect(ask(every20(20, 80, ill), ABOUT_API, { system })).toMatchObject({
      scenario: 'application-failure',
      target: 'application/api-run',
      conclusion: 'person',
    });
  });

  it('is a symptom while the database is ill', () => {
    const ill = (seconds: number) => {
      const contact = {
        vantage: 'dr-autopilot',
        at: at(seconds),
        outcome: { kind: 'connectionRefused' },
        control: 'ok',
      } as const;
      const replication = wellDatabase(seconds).replication.map((word) => ({
        ...word,
        status: word.status && { ...word.status, receiving: false, heartbeat: undefined },
      }));
      return look(
        seconds,
        [wellDatabase(seconds, { contact, replication })],
        [gke('failing', { pods: [pod('a', HUNG), pod('b')] }), run('failing')],
      );
    };
    expect(ask(every20(20, 80, ill), ABOUT_API)).toMatchObject({
      scenario: 'database-primary-failure',
      conclusion: 'act',
    });
  });

  it('is no single pod when its application itself says that it fails', () => {
    const failing = (seconds: number) => podLook(seconds, HUNG, { health: { ...gke('failing').health } });
    expect(ask(every20(20, 80, failing), ABOUT_API)).toMatchObject({
      scenario: 'application-failure',
      conclusion: 'person',
    });
  });

  it('can be healed although only the database of another place is out of our reach', () => {
    const contact = {
      vantage: 'dr-autopilot',
      at: at(0),
      outcome: { kind: 'unknown', detail: 'timeout' },
      control: 'failed',
    } as const;
    const cut = (seconds: number) =>
      look(
        seconds,
        [wellDatabase(seconds, { contact })],
        [gke('serving', { pods: [pod('a', HUNG), pod('b')] }), run('serving')],
      );
    expect(ask(every20(20, 80, cut), ABOUT_API)).toMatchObject(heal);
  });
});

describe('pods that a restart does not help', () => {
  const person = { scenario: 'application-failure', conclusion: 'person', runbook: null };

  it('are all of them', () => {
    const all = (seconds: number) =>
      look(
        seconds,
        [wellDatabase(seconds)],
        [gke('silent', { pods: [pod('a', LOOPING), pod('b', LOOPING)] }), run('serving')],
      );
    const diagnosis = ask([all(20)], ABOUT_API);
    expect(diagnosis).toMatchObject(person);
    expect(diagnosis.reasons[0]?.text).toMatch(/all pods.*a restart does not help/);
  });

  it('are several at once', () => {
    const two = (seconds: number) =>
      look(
        seconds,
        [wellDatabase(seconds)],
        [gke('serving', { pods: [pod('a', HUNG), pod('b', HUNG), pod('c')] }), run('serving')],
      );
    expect(ask(every20(20, 80, two), ABOUT_API)).toMatchObject(person);
    expect(ask(every20(20, 60, two), ABOUT_API)).toMatchObject({ conclusion: 'wait' });
  });

  it('are those without an image or a configuration', () => {
    for (const reason of ['ImagePullBackOff', 'CreateContainerConfigError']) {
      const stuck = (seconds: number) => podLook(seconds, { ready: false, container: { kind: 'waiting', reason } });
      expect(ask(every20(20, 80, stuck), ABOUT_API)).toMatchObject(person);
    }
  });

  it('are those of a new revision, while the old one serves', () => {
    const workload = {
      replicas: 3,
      ready: 2,
      available: 2,
      updated: 1,
      settled: false,
      version: '1',
      autoscaler: undefined,
    };
    const rollout = (seconds: number) => podLook(seconds, { ...LOOPING, template: 'b2' }, { workload });
    expect(ask([rollout(20)], ABOUT_API)).toMatchObject(person);
  });

  it('are those that no node takes, once that has lasted', () => {
    const pending = (seconds: number) => podLook(seconds, { ready: false, startedAt: undefined });
    expect(ask(every20(20, 80, pending), ABOUT_API)).toMatchObject({ conclusion: 'wait' });
    expect(ask(every20(280, 320, pending), ABOUT_API)).toMatchObject(person);
  });
});

describe('an application', () => {
  it('that fails while its database takes writes goes to people', () => {
    const failing = (seconds: number) => look(seconds, [wellDatabase(seconds)], [gke('failing'), run('serving')]);
    expect(ask(every20(20, 80, failing), ABOUT_API)).toMatchObject({
      scenario: 'application-failure',
      conclusion: 'person',
    });
    expect(ask(every20(20, 60, failing), ABOUT_API)).toMatchObject({
      scenario: 'application-failure',
      conclusion: 'wait',
    });
  });

  it('that is held at nothing says so', () => {
    const workload = {
      replicas: 0,
      ready: 0,
      available: 0,
      updated: 0,
      settled: true,
      version: '1',
      autoscaler: undefined,
    };
    const held = (seconds: number) =>
      look(seconds, [wellDatabase(seconds)], [gke('silent', { pods: [], workload }), run('serving')]);
    expect(ask(every20(20, 80, held), ABOUT_API).reasons[0]?.text).toContain('scaled to zero');
  });

  it('that is silent and named by a signal goes to people in the end', () => {
    const silent = (seconds: number) => look(seconds, [wellDatabase(seconds)], [gke('silent'), run('serving')]);
    expect(ask(every20(20, 80, silent), ABOUT_API)).toMatchObject({ scenario: 'unknown', conclusion: 'wait' });
    expect(ask(every20(280, 340, silent), ABOUT_API)).toMatchObject({ scenario: 'unknown', conclusion: 'person' });
  });

  it('that is silent and named by nobody does not keep an incident open', () => {
    const silent = (seconds: number) => look(seconds, [wellDatabase(seconds)], [gke('serving'), run('silent')]);
    expect(ask(every20(20, 80, silent), ABOUT_API)).toMatchObject({ conclusion: 'nothing' });
  });

  it('has not recovered because its pods can’t be read', () => {
    const rounds = [podLook(20, HUNG), ...every20(1_040, 1_120, (seconds) => podLook(seconds, HUNG, UNREADABLE))];
    expect(ask(rounds, ABOUT_API)).not.toMatchObject({ conclusion: 'nothing' });
  });

  it('has recovered when its pod was replaced', () => {
    const rounds = [podLook(20, LOOPING), ...every20(40, 100, wellLook)];
    expect(ask(rounds, ABOUT_API)).toMatchObject({ scenario: 'recovered', conclusion: 'nothing' });
  });
});

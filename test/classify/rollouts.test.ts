import { describe, expect, it } from '@jest/globals';
import { factsText } from '../../shared/classify/facts.ts';
import type { Inquiry } from '../../shared/classify/evidence.ts';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import type { Revision, Rollout } from '../../shared/ports/rollouts.ts';
import type { PodStatus } from '../../shared/ports/workloads.ts';
import {
  ABOUT_API,
  ask,
  at,
  deadDatabase,
  every20,
  gke,
  look,
  pod,
  revision,
  rollout,
  run,
  wellDatabase,
} from './looks.ts';

const waiting = (reason: string): Partial<PodStatus> => ({
  ready: false,
  template: 'a2',
  container: { kind: 'waiting', reason },
});
const NO_IMAGE = waiting('ImagePullBackOff');
const HUNG: Partial<PodStatus> = { ready: false, template: 'a2' };

const OLD = [pod('a'), pod('b'), pod('c')];
const FORMER = revision(1);
const NEWEST = revision(2, { ready: 0, replicas: 1, createdAt: at(-60) });

/** A rollout to revision 2 has begun, whose pod does `change`, beside the pods of revision 1. */
function rolling(
  change: Partial<PodStatus>,
  more: {
    readonly revisions?: readonly Revision[];
    readonly pods?: readonly PodStatus[];
    readonly is?: Partial<Rollout>;
  } = {},
) {
  const { revisions = [NEWEST, FORMER], pods = OLD, is = {} } = more;
  const api = { pods: [...pods, pod('new', change)], rollout: rollout(revisions, { updated: 1, total: 4, ...is }) };
  return (seconds: number) => look(seconds, [wellDatabase(seconds)], [gke('serving', api), run('serving')]);
}

const asked = (make: ReturnType<typeof rolling>, state: Partial<Inquiry['state']> = {}) =>
  ask(every20(20, 80, make), { ...ABOUT_API, ...state });

const undo = {
  scenario: 'new-revision-failure',
  conclusion: 'act',
  runbook: 'rollout-undo',
  subject: { application: 'api-gke', from: 'set-2', to: 'set-1' },
};
const person = { scenario: 'application-failure', conclusion: 'person', runbook: null };

describe('a new revision whose every pod fails', () => {
  it.each([
    ['has no image', NO_IMAGE],
    ['has no configuration', waiting('CreateContainerConfigError')],
    ['ends after each start', waiting('CrashLoopBackOff')],
    ['never becomes ready', HUNG],
  ])('is undone when it %s, and it is said that no restart helps', (_, change) => {
    const diagnosis = asked(rolling(change));

    expect(diagnosis).toMatchObject({ ...undo, confidence: 'confirmed' });
    expect(diagnosis.reasons[0]?.text).toMatch(/revision 2 .*a restart does not help; revision 1 .* has 3 ready pods/);
  });

  it('waits for the end of the window', () => {
    expect(ask(every20(20, 60, rolling(NO_IMAGE)), ABOUT_API)).toMatchObject({ conclusion: 'wait' });
  });

  it('goes back to the newest revision that serves, past another that failed', () => {
    const third = { ...NEWEST, uid: 'set-3', revision: 3, template: 'a2' };
    const second = revision(2, { ready: 0, replicas: 0, template: 'b2' });
    const make = rolling(NO_IMAGE, { revisions: [third, second, FORMER] });

    expect(asked(make).subject).toMatchObject({ from: 'set-3', to: 'set-1' });
  });

  it('is undone although no pod of the former one is left, if the failure came with the rollout', () => {
    const gone = { ...FORMER, ready: 0, replicas: 0 };
    const make = rolling(NO_IMAGE, { revisions: [NEWEST, gone], pods: [] });

    expect(asked(make)).toMatchObject(undo);
    expect(asked(make).reasons[0]?.text).toMatch(/was in use until it was replaced/);
  });

  it.each<[string, Partial<Revision>, Partial<Revision>]>([
    ['the rollout was long before the failure', { createdAt: at(-7_200) }, {}],
    ['the rollout came after the failure had begun', { createdAt: at(10) }, {}],
    ['the former one was in use for a moment only', {}, { createdAt: at(-120) }],
  ])('is left to people when no pod of the former one is left and %s', (_, newest, former) => {
    const revisions = [
      { ...NEWEST, ...newest },
      { ...FORMER, ready: 0, replicas: 0, ...former },
    ];

    expect(asked(rolling(NO_IMAGE, { revisions, pods: [] }))).toMatchObject({ conclusion: 'person', runbook: null });
  });

  it('is left to people when nothing older is remembered', () => {
    expect(asked(rolling(NO_IMAGE, { revisions: [NEWEST] }))).toMatchObject(person);
  });

  it('is left to whoever has paused its rollout', () => {
    const diagnosis = asked(rolling(NO_IMAGE, { is: { paused: true } }));

    expect(diagnosis).toMatchObject({ scenario: 'new-revision-failure', conclusion: 'person' });
    expect(diagnosis.reasons[0]?.text).toMatch(/paused by somebody/);
  });

  it('is not what fails while a pod of the older one fails too', () => {
    const make = rolling(NO_IMAGE, { pods: [pod('a', { ready: false }), pod('b'), pod('c')] });

    expect(asked(make).runbook).not.toBe('rollout-undo');
  });

  it('is not what fails while one of its pods is ready', () => {
    const make = rolling(NO_IMAGE, { pods: [pod('a', { template: 'a2' }), pod('b')] });

    expect(asked(make).runbook).not.toBe('rollout-undo');
  });

  it('is a symptom while the database is ill', () => {
    const make = (seconds: number) =>
      look(
        seconds,
        [deadDatabase(seconds)],
        [gke('failing', { pods: [...OLD, pod('new', HUNG)], rollout: rollout([NEWEST, FORMER]) }), run('failing')],
      );

    expect(ask(every20(20, 80, make)).runbook).toBe('database-failover');
  });

  it('is read back from the evidence as it was seen, and facts of before rollouts were read still are', () => {
    const facts = rolling(NO_IMAGE)(20);
    const { rollout: _, ...before } = gke('serving');
    const text = factsText(look(20, [], [{ ...before, rollout: undefined }]));

    expect(parseFacts(factsText(facts))).toEqual(facts);
    expect(parseFacts(text).applications[0]?.rollout).toBeUndefined();
  });
});

describe('pods that all run and of which none is ready', () => {
  const HANGS: Partial<PodStatus> = { ready: false };
  const restart = { scenario: 'pods-not-serving', conclusion: 'act', runbook: 'rollout-restart' };

  /** Every pod of the only revision does `change`. */
  const hanging = (
    change: Partial<PodStatus> = HANGS,
    names: readonly string[] = ['a', 'b', 'c'],
    is: Partial<Rollout> = {},
  ) => {
    const api = { pods: names.map((name) => pod(name, change)), rollout: rollout([FORMER], is) };
    return (seconds: number) => look(seconds, [wellDatabase(seconds)], [gke('failing', api), run('serving')]);
  };

  it('are restarted together, since a restart cures processes that hang', () => {
    expect(ask(every20(20, 80, hanging()), ABOUT_API)).toMatchObject({ ...restart, subject: { from: 'set-1' } });
    expect(ask(every20(20, 60, hanging()), ABOUT_API)).toMatchObject({ conclusion: 'wait' });
  });

  it('are restarted when there is only one', () => {
    expect(ask(every20(20, 80, hanging(HANGS, ['a'])), ABOUT_API)).toMatchObject(restart);
  });

  it('are not restarted when they end by themselves, or lack what they start with', () => {
    for (const reason of ['CrashLoopBackOff', 'ImagePullBackOff']) {
      const make = hanging({ ready: false, container: { kind: 'waiting', reason } });
      const diagnosis = ask(every20(20, 80, make), ABOUT_API);
      expect(diagnosis).toMatchObject(person);
      expect(diagnosis.reasons[0]?.text).toMatch(/a restart does not help/);
    }
  });

  it('go to people when this incident has restarted them before, or somebody has paused their rollout', () => {
    const before = hanging(HANGS, ['a', 'b'], { restartedFor: 'inc-a' });
    const asked = (incident: string) => ask(every20(20, 80, before), ABOUT_API, { incident });

    expect(asked('inc-a')).toMatchObject({ conclusion: 'person', reasons: [{ code: 'restartedBefore' }, {}, {}] });
    expect(asked('inc-b')).toMatchObject(restart);
    expect(ask(every20(20, 80, hanging(HANGS, ['a'], { paused: true })), ABOUT_API)).toMatchObject({
      conclusion: 'person',
    });
  });

  it('are a symptom while the database is ill', () => {
    const api = { pods: [pod('a', HANGS)], rollout: rollout([FORMER]) };
    const make = (seconds: number) => look(seconds, [deadDatabase(seconds)], [gke('failing', api), run('failing')]);

    expect(ask(every20(20, 80, make), ABOUT_API).runbook).toBe('database-failover');
  });
});

describe('a rolling restart that somebody asks for', () => {
  const requested = { ...ABOUT_API, requested: 'rollout-restart' as const };
  const well = (change: Partial<PodStatus> = {}, is: Partial<Rollout> = {}) => {
    const api = { pods: [pod('a', change), pod('b'), pod('c')], rollout: rollout([FORMER], is) };
    return (seconds: number) => look(seconds, [wellDatabase(seconds)], [gke('serving', api), run('serving')]);
  };

  it('is asked an approval for although every pod is ready', () => {
    expect(ask([well()(20)], requested)).toMatchObject({
      scenario: 'restart-requested',
      conclusion: 'act',
      runbook: 'rollout-restart',
      subject: { from: 'set-1' },
    });
  });

  it('is not planned where it could not help, or while the database is ill', () => {
    const looping = well({ ready: false, container: { kind: 'waiting', reason: 'CrashLoopBackOff' } });
    const ill = (seconds: number) =>
      look(seconds, [deadDatabase(seconds)], [gke('failing', { rollout: rollout([FORMER]) }), run('failing')]);

    expect(ask(every20(20, 80, looping), requested).runbook).not.toBe('rollout-restart');
    expect(ask(every20(20, 80, ill), requested).runbook).toBe('database-failover');
  });

  it('is not repeated in its incident', () => {
    const rounds = every20(20, 80, well({}, { restartedFor: 'inc-a' }));

    expect(ask(rounds, requested, { incident: 'inc-a' })).toMatchObject({ conclusion: 'nothing' });
  });
});

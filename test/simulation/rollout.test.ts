import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { atEach, atStep, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Deed, Happening } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// A revision that is no good: taken back once, by approval, to exactly the one before it, whatever happens to the worker meanwhile.

/** Plays a plot in which everything must hold. */
async function played(happenings: readonly Happening[], habits = { 'oncall-pager': 'quick' } as const): Promise<Run> {
  const run = await simulate(1, { ...calm([]), happenings, habits });
  expect(violations(run)).toEqual([]);
  return run;
}

const deploys = (variant: 'image' | 'config' | 'crash'): Happening =>
  later(0, { kind: 'break', fault: 'bad-revision', variant });

const patches = ({ witness }: Run): number =>
  witness.effects.filter(({ call }) => call.permission === 'k8s.apps.deployments.patch').length;

/** The revisions that have pods, and images of what is deployed. */
const running = ({ stage }: Run) => {
  const { store } = stage.world.kubernetes;
  const { namespace, api } = REFERENCE;
  const [container] = store.read('Deployment', namespace, api).spec.template.spec.containers;
  return {
    image: container?.image.split(':').at(-1),
    env: container?.env?.length,
    sets: store
      .list('ReplicaSet', namespace)
      .filter((set) => set.metadata.name.startsWith(api) && set.spec.replicas > 0).length,
  };
};

const FORMER = { image: '1.14.2', env: 2, sets: 1 };

const blow = (when: 'before' | 'after'): Deed => ({ kind: 'blow', of: 'recover', blow: { calls: 1, when } });
const lost = (kind: 'loseReplyBefore' | 'loseReplyAfter'): Deed => ({
  kind: 'calls',
  of: 'recover',
  what: { kind },
  writes: true,
  count: 1,
});

describe('A revision whose every pod fails', () => {
  it.each(['image', 'config', 'crash'] as const)(
    'is taken back to the one before when somebody approves (%s)',
    async (variant) => {
      const run = await played([deploys(variant)]);

      expect(run.incidents[0]?.state).toMatchObject({
        phase: { kind: 'resolved' },
        diagnosis: { scenario: 'new-revision-failure', runbook: 'rollout-undo' },
      });
      expect(running(run)).toEqual(FORMER);
      expect(patches(run)).toBe(1);
    },
  );

  it.each(troubles('recover', ['before', 'after']))('is taken back once when at each step %s', async (_what, deed) => {
    const run = await played([deploys('image'), ...atEach(['undo-rollout', 'stay-healthy'], deed)]);

    expect(run.incidents[0]?.state.phase.kind).toBe('resolved');
    expect(running(run)).toEqual(FORMER);
    expect(patches(run)).toBe(1);
  });

  it('stays while nobody approves, and people are told why a restart would not help', async () => {
    const run = await simulate(1, { ...calm([]), happenings: [deploys('image')], habits: {} });

    expect(violations(run)).toEqual([]);
    expect(patches(run)).toBe(0);
    expect(run.incidents[0]?.state.diagnosis?.reasons[0]?.text).toMatch(
      /a restart does not help; revision 1 .*has 3 ready/,
    );
    expect(run.witness.pages.some(({ subject }) => /Approve rollout-undo/.test(subject))).toBe(true);
  });

  it('is left alone when somebody mends it by hand first', async () => {
    const run = await played([deploys('config'), later(minutes(3), { kind: 'mend', fault: 'bad-revision' })]);

    expect(running(run)).toEqual(FORMER);
  });
});

describe('Pods that all hang', () => {
  const HANG = later(0, { kind: 'break', fault: 'pod', variant: 'all' });

  it('are replaced together when somebody approves, and their users are served again', async () => {
    const run = await played([HANG]);

    expect(run.incidents[0]?.state).toMatchObject({
      phase: { kind: 'resolved' },
      diagnosis: { scenario: 'pods-not-serving', runbook: 'rollout-restart' },
    });
    expect(running(run)).toEqual(FORMER);
    expect(patches(run)).toBe(1);
  });

  it('are replaced once when the worker dies, or replies are lost', async () => {
    for (const deed of [blow('before'), blow('after'), lost('loseReplyBefore'), lost('loseReplyAfter')]) {
      const run = await played([HANG, atStep('restart-rollout', deed)]);

      expect(run.incidents[0]?.state.phase.kind).toBe('resolved');
      expect(patches(run)).toBe(1);
    }
  });
});

describe('A pod that its node never ends', () => {
  const STUCK = later(0, { kind: 'break', fault: 'stuck-pod' }); // its eviction begins, and does not end
  const deletions = ({ witness }: Run): number =>
    witness.effects.filter(({ call }) => call.permission === 'k8s.pods.delete').length;

  it('is taken out of the API once, when somebody approves, whatever happens to the worker', async () => {
    for (const deed of [blow('before'), blow('after'), lost('loseReplyBefore'), lost('loseReplyAfter')]) {
      const run = await played([STUCK, atStep('force-delete-pod', deed)]);

      expect(deletions(run)).toBe(1);
      expect(run.incidents.map(({ state }) => state.run?.plan.runbook)).toContain('pod-force-delete');
    }
  });
});

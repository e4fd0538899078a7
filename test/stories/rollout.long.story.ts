import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, leaks, unbalanced, withoutService } from './judge.ts';
import { publishCommand } from '../../cli/commands.ts';
import { approveWhenAsked, onStage, type Stage } from './story.ts';

const deployed = (stage: Stage) => {
  const { store } = stage.sandbox.world.kubernetes;
  return store.read('Deployment', REFERENCE.namespace, REFERENCE.api).spec.template;
};

/** Templates that the API's pods run now, by their hash. */
const hashes = (stage: Stage) =>
  new Set(
    stage.sandbox.world.kubernetes.store
      .list('Pod', REFERENCE.namespace)
      .filter(({ metadata }) => metadata.labels?.['app'] === REFERENCE.api)
      .map(({ metadata }) => metadata.labels?.['pod-template-hash']),
  );

const uids = (stage: Stage) =>
  stage.sandbox.world.kubernetes.store
    .list('Pod', REFERENCE.namespace)
    .filter(({ metadata }) => metadata.labels?.['app'] === REFERENCE.api)
    .map(({ metadata }) => metadata.uid);

const PATCHED = expect.stringMatching(/^k8s\.apps\.deployments\.patch .*coditect-dms-api$/);

describe('somebody deploys a revision of the API that is no good', () => {
  it.each(['image', 'config', 'crash'])(
    'which is taken back to exactly what ran before, once a person has approved (%s)',
    (variant) =>
      onStage({ name: `rollout-${variant}` }, async (stage) => {
        const [before, pods] = [deployed(stage), hashes(stage)];
        stage.break('bad-revision', undefined, variant);
        const asked = await stage.asked();
        expect(asked.text).toMatch(/a restart does not help/);
        expect(changes(stage)).toEqual([]);
        await approveWhenAsked(stage);

        const { state } = await stage.settled();

        expect(state.phase.kind).toBe('resolved');
        expect(deployed(stage)).toEqual(before);
        expect(hashes(stage)).toEqual(pods);
        expect(changes(stage)).toEqual([PATCHED]);
        expect(withoutService(stage)).toEqual([]);
        expect(unbalanced(stage)).toEqual([]);
        const kept = await stage.evidence(await stage.incident());
        expect([...kept.keys()].some((what) => what.startsWith('describe of pod'))).toBe(true);
        expect(leaks(stage)).toEqual([]);
      }),
  );

  it('which stays when a person says no, and nothing is restarted', () =>
    onStage({ name: 'rollout-denied' }, async (stage) => {
      stage.break('bad-revision', undefined, 'image');
      const { links } = await stage.asked();
      await stage.decide(links, 'deny');

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('needsPerson');
      await stage.pass(minutes(3));
      expect(changes(stage)).toEqual([]);
      expect(withoutService(stage)).toEqual([]);
    }));
});

describe('every pod of the API hangs', () => {
  it('and all are replaced by new ones of the same revision, once a person has approved', () =>
    onStage({ name: 'rollout-hang' }, async (stage) => {
      const [before, { spec }] = [uids(stage), deployed(stage)];
      stage.break('pod', undefined, 'all');
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(state.run?.plan.runbook).toBe('rollout-restart');
      expect(changes(stage)).toEqual([PATCHED]);
      expect(deployed(stage).spec).toEqual(spec);
      expect(uids(stage).filter((uid) => before.includes(uid))).toEqual([]);
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));
});

describe('a person asks for a rolling restart of pods that are well', () => {
  it('is asked for an approval, and no user is without service meanwhile', () =>
    onStage({ name: 'rollout-asked' }, async (stage) => {
      const before = uids(stage);
      const wish = {
        command: 'start' as const,
        runbook: 'rollout-restart',
        target: 'api-gke',
        reason: 'a certificate is read at start',
      };
      await publishCommand(stage.sandbox.facts, wish, { json: true });
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(changes(stage)).toEqual([PATCHED]);
      expect(uids(stage).filter((uid) => before.includes(uid))).toEqual([]);
      expect(stage.sandbox.load.report().flatMap(({ outages }) => outages)).toEqual([]);
    }));
});

describe('a pod of the API hangs on a node that does not end it', () => {
  it('is evicted, and taken out of the API by its uid once a person has approved', () =>
    onStage({ name: 'pod-stuck' }, async (stage) => {
      const pod = stage.break('stuck-pod');
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(changes(stage)).toEqual([
        expect.stringMatching(new RegExp(`^k8s\\.pods/eviction\\.create .*${pod}`)),
        expect.stringMatching(new RegExp(`^k8s\\.pods\\.delete .*${pod}`)),
      ]);
      expect(withoutService(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));
});

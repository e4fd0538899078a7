import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, leaks, unbalanced } from './judge.ts';
import { onStage, type Stage } from './story.ts';

const autoscaler = (stage: Stage) =>
  stage.sandbox.world.kubernetes.store.read('HorizontalPodAutoscaler', REFERENCE.namespace, REFERENCE.api);

const FLOOR = expect.stringMatching(/^k8s\.autoscaling\.horizontalpodautoscalers\.patch .*coditect-dms-api/);

describe('the API on GKE has more to do than its pods take', () => {
  it('gets more of them without asking anybody, and its former floor again once the crowd is gone', () =>
    onStage({ name: 'deployment-crowded' }, async (stage) => {
      const before = autoscaler(stage).spec;
      stage.break('deployment-pressure', undefined, 'crowded');
      await stage.until('its floor is raised', () => (autoscaler(stage).spec.minReplicas === 6 ? true : undefined));
      await stage.pass(minutes(4));
      stage.mend('deployment-pressure');

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(autoscaler(stage).spec).toEqual(before);
      expect(autoscaler(stage).metadata.annotations ?? {}).toEqual({});
      expect(changes(stage)).toEqual([FLOOR, FLOOR]);
      expect(stage.paged.filter(({ link }) => link !== undefined)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));
});

import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, leaks, unbalanced, withoutService } from './judge.ts';
import { onStage, type Stage } from './story.ts';

/** When the youngest pod of the API became ready, by its own condition. */
function youngestReadyAt(stage: Stage): number {
  const pods = stage.sandbox.world.kubernetes.store
    .list('Pod', REFERENCE.namespace)
    .filter(({ metadata }) => metadata.name.startsWith(`${REFERENCE.api}-`));
  return Math.max(
    ...pods.flatMap(({ status }) =>
      (status?.conditions ?? [])
        .filter(({ type, status: is }) => type === 'Ready' && is === 'True')
        .map(({ lastTransitionTime }) => Date.parse(lastTransitionTime ?? '')),
    ),
  );
}

describe('a pod of the API hangs', () => {
  it('is replaced without asking anybody, its evidence kept without the password, and resolved only after the hold time', () =>
    onStage({ name: 'pod' }, async (stage) => {
      const pod = stage.break('pod');

      const { state, events } = await stage.settled();

      expect(changes(stage)).toEqual([expect.stringMatching(new RegExp(`^k8s\\.pods/eviction\\.create .*${pod}`))]);
      expect(state.phase.kind).toBe('resolved');
      const resolvedAt = events.findLast(({ kind }) => kind === 'resolved')?.at ?? 0;
      expect(resolvedAt - youngestReadyAt(stage)).toBeGreaterThanOrEqual(minutes(2));
      expect(stage.paged.filter(({ link }) => link !== undefined)).toEqual([]);
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);

      const kept = await stage.evidence({ ...(await stage.incident()) });
      const log = kept.get(`log of ${pod}`) ?? '';
      expect([...kept.keys()]).toEqual(expect.arrayContaining([`describe of pod ${pod}`, `log of ${pod}`]));
      // The application logs its database URL when it starts; a person still sees that it connected.
      expect(log).toMatch(/connecting to postgresql:\/\/dms:\[redacted\]@/);
      expect(leaks(stage)).toEqual([]);
    }));
});

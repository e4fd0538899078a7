import { describe, expect, it } from '@jest/globals';
import { forceDeletePod } from '../../shared/actions/force-delete-pod.ts';
import { minutes } from '../../shared/core/time.ts';
import type { PodStatus } from '../../shared/ports/workloads.ts';
import { pod } from '../classify/looks.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const INPUT = { application: 'api-gke', pod: 'a', uid: 'uid-a' };
const clock = new JumpingClock();
const STUCK = { terminating: true, endsBy: clock.now() };

/** A step on pods, with what it deleted. */
function among(pods: readonly PodStatus[]) {
  const deleted: string[] = [];
  const context = contextOf({
    clock,
    world: {
      workloads: {
        pods: async () => pods,
        forceDelete: async (_id: string, name: string, uid: string) => {
          deleted.push(`${name} ${uid}`);
          return 'deleted';
        },
      },
    },
  });
  return { deleted, context };
}

const observed = (change: Partial<PodStatus>) => forceDeletePod.observe(INPUT, among([pod('a', change)]).context);

describe('taking a pod out of the API', () => {
  it('happens to the pod with the uid that was seen', async () => {
    const { deleted, context } = among([pod('a', STUCK)]);
    expect(await forceDeletePod.observe(INPUT, context)).toEqual({ kind: 'toDo', version: null });

    await forceDeletePod.start(INPUT, null, context);

    expect(deleted).toEqual(['a uid-a']);
  });

  it('is done already when that pod is gone, whoever has its name now', async () => {
    const { context } = among([pod('a', { uid: 'uid-other' })]);

    expect(await forceDeletePod.observe(INPUT, context)).toMatchObject({ kind: 'already' });
  });

  it.each<[string, Partial<PodStatus>, string]>([
    ['nobody has deleted it', {}, 'notStuck'],
    [
      'it still has time to end by itself',
      { ...STUCK, endsBy: (clock.now() + minutes(1)) as typeof STUCK.endsBy },
      'notStuck',
    ],
    ['a finalizer keeps it', { ...STUCK, finalizers: ['dms/drain'] }, 'keptByFinalizer'],
    ['nobody knows what keeps it', { ...STUCK, finalizers: undefined }, 'keptByFinalizer'],
    ['it has a volume of its own', { ...STUCK, ownVolume: true }, 'secondWriter'],
    ['nobody knows its volumes', { ...STUCK, ownVolume: undefined }, 'secondWriter'],
  ])('is refused when %s', async (_, change, code) => {
    expect(await observed(change)).toMatchObject({ kind: 'refused', failure: { code } });
  });
});

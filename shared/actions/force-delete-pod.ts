import { z } from 'zod';
import { failure, wall } from '../engine/action.ts';
import { define, verifiedByPolling } from './define.ts';

// Takes a pod out of the API that was deleted long ago and does not go.
//
// Q1. Only the pod with the uid that was seen, and only while it is ending: nothing is deleted that somebody did not delete already.
// Q2. Never one that a finalizer keeps, and never one with a volume of its own: the API forgets a pod that its node may still run,
//     and its replacement would be a second writer.

/** Deletes with no grace. Its node may go on running it: the API alone forgets it. */
export const forceDeletePod = define({
  kind: 'force-delete-pod',
  risk: 'destructive',
  repeat: 'conditional',
  input: z.strictObject({ application: z.string(), pod: z.string(), uid: z.string() }),
  version: z.null(),
  handle: z.null(),
  observe: async ({ application, pod: name, uid }, { world, clock }) => {
    const known = (await world.workloads.pods(application)).find((other) => other.uid === uid);
    if (known === undefined) return { kind: 'already', detail: `${name} is gone` };
    if (!known.terminating || known.endsBy === undefined || clock.now() < known.endsBy) {
      const detail = `${name} is not ending, or still has time to end by itself`;
      return { kind: 'refused', failure: failure('voided', 'notStuck', detail) };
    }
    if (known.finalizers === undefined || known.finalizers.length > 0) {
      const detail = `${name} is kept by ${known.finalizers?.join(', ') ?? 'something that is not known'}`;
      return { kind: 'refused', failure: failure('refused', 'keptByFinalizer', detail) };
    }
    if (known.ownVolume !== false)
      return {
        kind: 'refused',
        failure: wall('ownVolume', 'secondWriter', {
          observed: `${name} has a volume of its own, and ${known.node ?? 'its node'} may still run it`,
          limit: 'no volume that two pods would write to',
          openedBy: null,
        }),
      };
    return { kind: 'toDo', version: null };
  },
  start: async ({ application, pod: name, uid }, _version, { world }) => {
    const outcome = await world.workloads.forceDelete(application, name, uid);
    return outcome === 'gone'
      ? { kind: 'done', detail: `${name} is gone` }
      : { kind: 'running', handle: null, detail: `${name} is being taken out of the API` };
  },
  poll: async (_handle, { application, pod: name, uid }, { world }) => {
    const known = (await world.workloads.pods(application)).some((other) => other.uid === uid);
    return known
      ? { kind: 'running', handle: null, detail: `${name} is still in the API` }
      : { kind: 'done', detail: `${name} is gone from the API` };
  },
  verify: verifiedByPolling,
});

import { z } from 'zod';
import type { Progress } from '../engine/action.ts';
import type { World } from '../ports/ports.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';

/** How many polls a replica gets to catch up with a primary that still answers: about two minutes. */
const PATIENCE = 24;

const input = z.strictObject({
  primary: z.string().transform(instanceName),
  replica: z.string().transform(instanceName),
});

/**
 * When the old side answers, waits until the chosen replica has replayed its final position; when it doesn't, says that the
 * tail is on its disk (design.md section 8, step 4). Never holds up a recovery for longer than its patience.
 */
export const drainReplica = define({
  kind: 'drain-replica',
  risk: 'observe',
  repeat: 'terminal',
  input,
  version: z.null(),
  handle: z.strictObject({ polls: z.number().int() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (request, _version, { world }) => askBoth(0, request, world),
  poll: ({ polls }, request, { world }) => askBoth(polls, request, world),
  verify: verifiedByPolling,
});

async function askBoth(polls: number, { primary, replica }: z.infer<typeof input>, world: World): Promise<Progress> {
  const [last, reached] = await Promise.all([
    world.dataPlane.replication(primary),
    world.dataPlane.replication(replica),
  ]);
  if (last === undefined)
    return {
      kind: 'done',
      detail: `${primary} does not answer: what it had not sent is on its disk`,
      output: { answered: false },
    };
  if (reached !== undefined && reached.position >= last.position)
    return {
      kind: 'done',
      detail: `${replica} has replayed everything up to ${last.position}`,
      output: { answered: true, behindBytes: 0 },
    };
  const behind = reached === undefined ? undefined : last.position - reached.position;
  if (polls + 1 >= PATIENCE)
    return {
      kind: 'done',
      detail: `${replica} is still ${behind ?? 'an unknown number of'} bytes behind`,
      output: { answered: true, behindBytes: behind ?? null },
    };
  return {
    kind: 'running',
    handle: { polls: polls + 1 },
    detail: `${behind ?? 'an unknown number of'} bytes behind`,
  };
}

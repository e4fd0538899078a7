import { z } from 'zod';
import { seconds } from '../core/time.ts';
import type { ActionContext } from '../engine/action.ts';
import { define, verifiedByPolling } from './define.ts';

/** Agreeing answers in a row: a load balancer may hand each request to another copy. */
const ANSWERS = 3;

/** Between two questions. */
const SOON = seconds(1);

const input = z.strictObject({
  application: z.string(),
  kind: z.enum(['gke', 'cloudRun']),
  epoch: z.string(),
  host: z.string(),
});

/**
 * Verifies a consumer of the new primary: it reports the current epoch, is not in recovery, and a canary written through it is
 * read back through it (design.md section 8, step 8). All of a Deployment's replicas must be ready.
 */
export const verifyConsumer = define({
  kind: 'verify-consumer',
  risk: 'observe',
  repeat: 'terminal',
  input,
  version: z.null(),
  handle: z.strictObject({ agreed: z.number().int() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async () => ({ kind: 'running', handle: { agreed: 0 }, detail: 'asking its deep health', again: SOON }),
  poll: async ({ agreed }, request, context) => {
    const doubt = await lookAt(request, context);
    if (doubt !== undefined) return { kind: 'running', handle: { agreed: 0 }, detail: doubt, again: SOON };
    if (agreed + 1 < ANSWERS)
      return {
        kind: 'running',
        handle: { agreed: agreed + 1 },
        detail: `${agreed + 1} of ${ANSWERS} answers agree`,
        again: SOON,
      };
    const canary = await context.world.applications.writeAndRead(request.application, context.chance.uuid());
    if (!canary.written || !canary.read)
      return { kind: 'running', handle: { agreed: 0 }, detail: `its canary failed: ${canary.detail}`, again: SOON };
    return {
      kind: 'done',
      detail: `${request.application} writes and reads on ${request.host}, epoch ${request.epoch}`,
    };
  },
  verify: verifiedByPolling,
});

async function lookAt(
  { application, kind, epoch, host }: z.infer<typeof input>,
  { world }: ActionContext,
): Promise<string | undefined> {
  if (kind === 'gke') {
    const workload = await world.workloads.inspect(application);
    if (workload.ready < workload.replicas || !workload.settled)
      return `${workload.ready} of ${workload.replicas} replicas are ready`;
  }
  const health = await world.applications.deepHealth(application);
  if (health.kind !== 'serving') return health.detail;
  const { database } = health;
  if (database === undefined) return 'it does not say which database it is on';
  const on = database.address.replace(/:\d+$/, '');
  if (on !== host) return `${health.instance ?? 'a copy'} is still on ${on}`;
  if (database.inRecovery) return `${on} is in recovery`;
  return database.epoch === epoch ? undefined : `it reports epoch ${database.epoch ?? 'none'}`;
}

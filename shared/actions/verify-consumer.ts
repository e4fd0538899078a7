import { z } from 'zod';
import { millis, seconds } from '../core/time.ts';
import type { ActionContext, Progress } from '../engine/action.ts';
import { doubtAbout } from './consumer-doubt.ts';
import { define, verifiedByPolling } from './define.ts';

/** Agreeing answers in a row: a load balancer may hand each request to another copy. */
const ANSWERS = 3;

/** Between two questions while it is not yet as it should be. */
const SOON = seconds(1);

/** Between two answers that agree; a request to an application's own health is cheap. */
const NEXT_ANSWER = millis(500);

const input = z.strictObject({
  application: z.string(),
  kind: z.enum(['gke', 'cloudRun']),
  epoch: z.string(),
  host: z.string(),
});

/**
 * Verifies a consumer of the new primary: it reports the current epoch, is not in recovery, and a canary written through it is
 * read back through it (design.md section 8, step 8). All of a Deployment's replicas must be ready: each reads the address anew.
 */
export const verifyConsumer = define({
  kind: 'verify-consumer',
  risk: 'observe',
  repeat: 'terminal',
  input,
  version: z.null(),
  handle: z.strictObject({ agreed: z.number().int() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (request, _version, context) => ask(0, request, context),
  poll: ({ agreed }, request, context) => ask(agreed, request, context),
  verify: verifiedByPolling,
});

async function ask(agreed: number, request: z.infer<typeof input>, context: ActionContext): Promise<Progress> {
  const { application } = request;
  const doubt = (await doubtAboutCopies(request, context)) ?? (await doubtAbout(application, request, context.world));
  if (doubt !== undefined) return { kind: 'running', handle: { agreed: 0 }, detail: doubt, again: SOON };
  if (agreed + 1 < ANSWERS)
    return {
      kind: 'running',
      handle: { agreed: agreed + 1 },
      detail: `${agreed + 1} of ${ANSWERS} answers agree`,
      again: NEXT_ANSWER,
    };
  const canary = await context.world.applications.writeAndRead(application, context.chance.uuid());
  if (!canary.written || !canary.read)
    return { kind: 'running', handle: { agreed: 0 }, detail: `its canary failed: ${canary.detail}`, again: SOON };
  return {
    kind: 'done',
    detail: `${request.application} writes and reads on ${request.host}, epoch ${request.epoch}`,
  };
}

async function doubtAboutCopies(
  { application, kind }: z.infer<typeof input>,
  { world }: ActionContext,
): Promise<string | undefined> {
  if (kind !== 'gke') return undefined;
  const { ready, replicas, settled } = await world.workloads.inspect(application);
  return ready < replicas || !settled ? `${ready} of ${replicas} replicas are ready` : undefined;
}

import { z } from 'zod';
import { seconds } from '../core/time.ts';
import type { Json } from '../core/json.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import { instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { lossBetween, newestWritten } from './measured-loss.ts';

const input = z.strictObject({
  instance: z.string().transform(instanceName),
  former: z.string().transform(instanceName),
  epoch: z.string(),
});

/** Verifies the new primary by writing and reading an epoch row, and measures what it misses of our heartbeats. */
export const verifyEpoch = define({
  kind: 'verify-epoch',
  risk: 'observe',
  repeat: 'terminal',
  input,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async (request, _version, context) => writeEpochRow(request, context),
  poll: async (_handle, request, context) => writeEpochRow(request, context),
  verify: async ({ instance }, { world }) => ({
    ok: (await world.databases.inspect(instance)).role === 'primary',
    detail: '',
  }),
});

/** Writes and reads the epoch row once. */
export async function writeEpochRow({ instance, former, epoch }: z.infer<typeof input>, context: ActionContext) {
  const before = await context.world.dataPlane.replication(instance);
  if (before?.role === 'replica')
    return { kind: 'running' as const, handle: null, detail: `${instance} is still in recovery`, again: seconds(2) };
  const read = await context.world.dataPlane.writeEpoch(instance, epoch);
  if (read === undefined)
    return {
      kind: 'running' as const,
      handle: null,
      detail: `${instance} does not take a write yet`,
      again: seconds(2),
    };
  if (read !== epoch)
    return {
      kind: 'failed' as const,
      failure: failure('permanent', 'foreignEpoch', `${instance} carries epoch ${read}, not ${epoch}`),
    };
  const measuredLossMs = lossBetween(await newestWritten(former, context), before?.heartbeat?.at);
  return {
    kind: 'done' as const,
    detail: `epoch ${epoch} was written and read on ${instance}`,
    output: { epoch, measuredLossMs } satisfies Json,
  };
}

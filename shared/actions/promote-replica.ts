import { z } from 'zod';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { instanceName } from '../system/names.ts';
import { lossInput, lossNow } from './check-loss-bound.ts';
import { define, inputOf } from './define.ts';
import { lastWriteInput, markLastWrite, whyNotCaughtUp } from './planned-switchover.ts';
import { whyUnfenced } from './prove-fence.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

const input = z.strictObject({
  replica: z.string().transform(instanceName),
  upstream: z.string().transform(instanceName),
  /** `nothing`: a planned switchover, which loses nothing or does not happen. Absent in a failover, which bounds its loss. */
  loses: z.literal('nothing').optional(),
});

/**
 * Makes a replica the primary, by plain promotion. Its link to the old primary is gone for good. Terminal: an instance that is a
 * primary already refuses a second promotion, so a lost reply is resolved by looking (facts.md 3.3).
 *
 * That the fence was proved and the loss computed may stand in the log, and anybody who can write the store can write that too:
 * both are looked at again here, at the last moment before the request (design.md section 4).
 */
export const promoteReplica = define({
  kind: 'promote-replica',
  risk: 'destructive',
  repeat: 'terminal',
  input,
  version: z.string(),
  handle: operationHandle,
  observe: async ({ replica, upstream, loses }, context) => {
    const status = await context.world.databases.inspect(replica);
    const own = await ownOperation(replica, 'PROMOTE_REPLICA', context);
    if (own !== undefined && own.state !== 'done')
      return { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
    if (status.role === 'primary') {
      if (context.intentAt !== undefined) return { kind: 'already', detail: `${replica} is a primary` };
      return {
        kind: 'refused',
        failure: failure(
          'foreignWork',
          'promotedByOthers',
          `${replica} is a primary already, and it was not us who promoted it`,
        ),
      };
    }
    if (status.upstream !== upstream)
      return {
        kind: 'refused',
        failure: failure(
          'voided',
          'wrongUpstream',
          `${replica} follows ${status.upstream ?? 'nobody'}, not ${upstream}`,
        ),
      };
    const unsafe = loses === undefined ? await whyUnsafe(context) : await whyLoses(context);
    return unsafe === undefined ? { kind: 'toDo', version: status.version } : { kind: 'refused', failure: unsafe };
  },
  start: async ({ replica }, _version, { world }) => {
    const operation = await world.databases.promote(replica);
    return { kind: 'running', handle: { operation }, detail: `${operation} is under way` };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ replica }, { world }) => ({
    ok: (await world.databases.inspect(replica)).role === 'primary',
    detail: `${replica} is a primary`,
  }),
});

/** What now speaks against a switchover, by the fence and the last write that the approved plan names. */
async function whyLoses(context: ActionContext): Promise<StepFailure | undefined> {
  const last = inputOf(markLastWrite.kind, context);
  if (last === undefined) return failure('refused', 'noLastWrite', 'the plan names no last write before it promotes');
  const unfenced = await whyUnfenced(context);
  if (unfenced !== undefined) return unfenced;
  const doubt = await whyNotCaughtUp(lastWriteInput.parse(last), context);
  return doubt === undefined ? undefined : failure('refused', 'notCaughtUp', doubt);
}

/** What now speaks against promoting, by the fence and the loss that the approved plan names. */
async function whyUnsafe(context: ActionContext): Promise<StepFailure | undefined> {
  const loss = inputOf('check-loss-bound', context);
  if (loss === undefined) return failure('refused', 'noFence', 'the plan bounds no loss before it promotes');
  const unfenced = await whyUnfenced(context);
  if (unfenced !== undefined) return unfenced;
  const found = await lossNow(lossInput.parse(loss), context);
  return 'failure' in found ? found.failure : undefined;
}

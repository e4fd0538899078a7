import { z } from 'zod';
import { failure } from '../engine/action.ts';
import { instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

const input = z.strictObject({
  replica: z.string().transform(instanceName),
  upstream: z.string().transform(instanceName),
});

/**
 * Makes a replica the primary, by plain promotion. Its link to the old primary is gone for good. Terminal: an instance that is a
 * primary already refuses a second promotion, so a lost reply is resolved by looking (facts.md 3.3).
 */
export const promoteReplica = define({
  kind: 'promote-replica',
  risk: 'destructive',
  repeat: 'terminal',
  input,
  version: z.string(),
  handle: operationHandle,
  observe: async ({ replica, upstream }, context) => {
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
    return { kind: 'toDo', version: status.version };
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

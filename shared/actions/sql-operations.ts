import { z } from 'zod';
import { after, toIso } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { OperationStatus } from '../ports/databases.ts';
import type { InstanceName } from '../system/names.ts';

/** A long operation of Cloud SQL, as a step's handle. */
export const operationHandle = z.strictObject({ operation: z.string() });

/** Polls a Cloud SQL operation; DONE with an error is a failure (facts.md 3.3). */
export async function pollOperation(operation: string, { world }: ActionContext): Promise<Progress> {
  const status = await world.databases.operation(operation);
  if (status.state !== 'done')
    return { kind: 'running', handle: { operation }, detail: `${status.type} ${operation} is ${status.state}` };
  if (status.error !== undefined)
    return {
      kind: 'failed',
      failure: failure(
        'permanent',
        'operationFailed',
        `${status.type} on ${status.instance} ended with an error: ${status.error}`,
      ),
    };
  return { kind: 'done', detail: `${status.type} ${operation} is done` };
}

/**
 * An operation of that type on that instance since our intent: the effect of a call whose reply was lost (facts.md 3.6).
 * `undefined` before any intent, since then nothing there can be ours.
 */
export async function ownOperation(
  instance: InstanceName,
  type: string,
  context: ActionContext,
): Promise<OperationStatus | undefined> {
  const { intentAt } = context;
  if (intentAt === undefined) return undefined;
  const since = after(intentAt, -context.system.guards.clockSkew);
  const operations = await context.world.databases.operations(instance);
  return operations.find((operation) => operation.type === type && operation.insertedAt >= since);
}

/** `PROMOTE_REPLICA op-7 of 10:02:11` for timelines. */
export const showOperation = (operation: OperationStatus): string =>
  `${operation.type} ${operation.name} of ${toIso(operation.insertedAt)}`;

import { z } from 'zod';
import type { ActionContext, Observation, Progress } from '../engine/action.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// Stops a database instance, and starts it again. Stopping is a wish (`activationPolicy: NEVER`) that an operation carries out:
// the step is done when the operation is done *and* the wish is read back. Whether the server is really silent is proved by
// `prove-fence`, never by this step.

const input = z.strictObject({ instance: z.string().transform(instanceName) });

/** Asks Cloud SQL to stop an instance; terminal, since stopping twice is stopping. */
export const stopInstance = define({
  kind: 'stop-instance',
  risk: 'destructive',
  repeat: 'terminal',
  input,
  version: z.string(),
  handle: operationHandle,
  observe: ({ instance }, context) => observe(instance, 'never', context),
  start: ({ instance }, version, context) => start(instance, 'never', version, context),
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ instance }, { world }) => ({
    ok: (await world.databases.inspect(instance)).activation === 'never',
    detail: `${instance} reads activationPolicy NEVER`,
  }),
});

/** Starts a stopped instance: the way back from a fence, as long as nothing is promoted. */
export const startInstance = define({
  kind: 'start-instance',
  risk: 'destructive',
  repeat: 'terminal',
  input,
  version: z.string(),
  handle: operationHandle,
  observe: ({ instance }, context) => observe(instance, 'always', context),
  start: ({ instance }, version, context) => start(instance, 'always', version, context),
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ instance }, { world }) => ({
    ok: (await world.databases.inspect(instance)).activation === 'always',
    detail: `${instance} reads activationPolicy ALWAYS`,
  }),
});

async function observe(
  instance: InstanceName,
  wanted: 'always' | 'never',
  context: ActionContext,
): Promise<Observation<string>> {
  const [status, operations] = await Promise.all([
    context.world.databases.inspect(instance),
    context.world.databases.operations(instance),
  ]);
  const running = operations.find((operation) => operation.state !== 'done');
  const own = await ownOperation(instance, 'UPDATE', context);
  if (own !== undefined && own.state !== 'done')
    return { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
  if (status.activation === wanted && running === undefined)
    return {
      kind: 'already',
      detail: `${instance} reads activationPolicy ${wanted.toUpperCase()} and no operation is running`,
    };
  if (status.activation === wanted && running !== undefined)
    return { kind: 'inProgress', handle: { operation: running.name }, detail: showOperation(running) };
  return { kind: 'toDo', version: status.version };
}

async function start(
  instance: InstanceName,
  wanted: 'always' | 'never',
  version: string,
  { world }: ActionContext,
): Promise<Progress> {
  const operation = await world.databases.setActivation(instance, wanted, version);
  return { kind: 'running', handle: { operation }, detail: `${operation} is under way` };
}

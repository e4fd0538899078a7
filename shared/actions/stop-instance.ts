import { z } from 'zod';
import { minutes } from '../core/time.ts';
import type { ActionContext, Observation, Progress } from '../engine/action.ts';
import { isPortError } from '../ports/port-error.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
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

/** How long an accepted stop is waited for while nobody reaches the instance. */
const PATIENCE = minutes(2);

/**
 * Asks for a stop that nobody may be able to carry out: the region of the instance is lost. What comes of it is told and stops
 * nothing, since it is no fence: that is for `prove-fence` to say. Accepted, it is carried out when the region returns; refused, it is
 * asked for again then, by whoever watches for that.
 */
export const askStop = define({
  kind: 'ask-stop',
  risk: 'destructive',
  repeat: 'terminal',
  input,
  version: z.string(),
  handle: z.strictObject({ operation: z.string(), sinceMs: z.number() }),
  observe: async ({ instance }, context) => {
    const found = await orRefusal(() => observe(instance, 'never', context));
    if ('refused' in found) return { kind: 'already', detail: notAsked(instance, found.refused) };
    return found.kind === 'inProgress'
      ? { kind: 'already', detail: `${found.detail}: a stop of ${instance} has been asked for` }
      : found;
  },
  start: async ({ instance }, version, { world, clock }) => {
    const asked = await orRefusal(() => world.databases.setActivation(instance, 'never', version));
    if (typeof asked !== 'string') return { kind: 'done', detail: notAsked(instance, asked.refused) };
    const handle = { operation: asked, sinceMs: clock.now() };
    return { kind: 'running', handle, detail: `${asked} is under way` };
  },
  poll: async (handle, { instance }, context) => {
    const found = await orRefusal(() => pollOperation(handle.operation, context));
    const left = PATIENCE - (context.clock.now() - handle.sinceMs);
    if ('refused' in found) return { kind: 'done', detail: notAsked(instance, found.refused) };
    if (found.kind === 'failed') return { kind: 'done', detail: notAsked(instance, found.failure.detail) };
    if (found.kind === 'done' || left > 0) return found.kind === 'running' ? { ...found, handle } : found;
    return {
      kind: 'done',
      detail: `${instance} was asked to stop, and nobody carries that out while its region is lost (${handle.operation})`,
    };
  },
  verify: verifiedByPolling,
});

const notAsked = (instance: InstanceName, because: string): string =>
  `${instance} could not be asked to stop (${because}): it has to be stopped when its region returns`;

/** What an API that may be lost with its region says, or why it says nothing. Bugs pass. */
async function orRefusal<T>(ask: () => Promise<T>): Promise<T | { readonly refused: string }> {
  try {
    return await ask();
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { refused: error.code };
  }
}

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

import { z } from 'zod';
import { seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { PortError } from '../ports/port-error.ts';
import { regionKey } from '../ports/region-record.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import { hostOf } from './consumer-doubt.ts';
import { define, verifiedByPolling } from './define.ts';
import { pointSecret } from './point-secret.ts';
import { copiesOf, restartApplication } from './restart-application.ts';

// A region gets a replica of the present primary again, and the application beside it reads that. The address of the replica is known
// only once there is one: each step asks for it.

/** Between two looks at a replica that is being made: it takes minutes at least. */
const PATIENTLY = seconds(15);
const SOON = seconds(2);

const made = z.strictObject({
  primary: z.string().transform(instanceName),
  replica: z.string().transform(instanceName),
});

/** Waits until a replica is there, follows, and answers. */
export const awaitReplica = define({
  kind: 'await-replica',
  risk: 'observe',
  repeat: 'terminal',
  input: made,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (request, _version, context) => lookAtReplica(request, context),
  poll: (_handle, request, context) => lookAtReplica(request, context),
  verify: verifiedByPolling,
});

async function lookAtReplica({ primary, replica }: z.infer<typeof made>, { world }: ActionContext): Promise<Progress> {
  const known = (await world.databases.fleet()).find(({ instance }) => instance === replica);
  const gone = (detail: string): Progress => ({
    kind: 'failed',
    failure: failure('permanent', 'noReplica', detail),
  });
  if (known === undefined) return gone(`${replica} is not there`);
  if (known.state === 'failed') return gone(`${replica} could not be made`);
  if (known.role !== 'replica' || known.upstream !== primary)
    return gone(`${replica} is a ${known.role} of ${known.upstream ?? 'nobody'}, and not a replica of ${primary}`);
  const wait: Progress = { kind: 'running', handle: null, detail: `${replica} is being made`, again: PATIENTLY };
  if (known.state !== 'runnable') return wait;
  const word = await world.dataPlane.replication(replica);
  return word?.role === 'replica' && word.receiving
    ? { kind: 'done', detail: `${replica} follows ${primary}` }
    : { ...wait, detail: `${replica} does not answer yet` };
}

const pointed = z.strictObject({ secret: z.string(), instance: z.string().transform(instanceName) });

/** Points a secret at a replica, which its readers then read and can't write to. */
export const pointAtReplica = define({
  kind: 'point-at-replica',
  risk: 'destructive',
  repeat: 'serialised',
  input: pointed,
  version: z.string(),
  handle: z.null(),
  observe: async ({ secret, instance }, context) => {
    const { role, address, state } = await context.world.databases.inspect(instance);
    if (address === undefined || role !== 'replica' || state !== 'runnable')
      return {
        kind: 'refused',
        failure: failure('refused', 'noReplica', `${instance} is ${state}, and a ${role}: nobody reads it`),
      };
    return await lookAtSecret(secret, address, context);
  },
  start: async ({ secret, instance }, version, context) => {
    const host = await addressOf(instance, context);
    return await pointSecret.start({ secret, host }, version, context);
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'reading the secret back' }),
  verify: async ({ secret, instance }, context) =>
    await pointSecret.verify({ secret, host: await addressOf(instance, context) }, context),
});

async function lookAtSecret(secret: string, host: string, context: ActionContext) {
  const { version, enabled } = await context.world.secrets.latest(secret);
  if (!enabled)
    return {
      kind: 'refused' as const,
      failure: failure('refused', 'secretDisabled', `the newest version of ${secret} is disabled`),
    };
  const { ok, detail } = await pointSecret.verify({ secret, host }, context);
  return ok ? { kind: 'already' as const, detail } : { kind: 'toDo' as const, version };
}

async function addressOf(instance: InstanceName, { world }: ActionContext): Promise<string> {
  const { address } = await world.databases.inspect(instance);
  if (address === undefined) throw new PortError('retryable', 'noAddress', `reading the address of ${instance}`);
  return address;
}

const reader = z.strictObject({
  application: z.string(),
  instance: z.string().transform(instanceName),
  stamp: z.string(),
});

/**
 * Restarts an application that reads a replica, so that it reads this one. It can't write there: that it says that it is on it is all
 * that is expected of it.
 */
export const readReplica = define({
  kind: 'read-replica',
  risk: 'destructive',
  repeat: 'named',
  input: reader,
  version: z.string(),
  handle: z.null(),
  observe: async ({ application, instance, stamp }, context) => {
    if (await isOn(application, instance, context))
      return { kind: 'already', detail: `${application} is on ${instance}` };
    const found = await restartApplication.observe({ application, stamp, instead: [] }, context);
    return found.kind === 'toDo' ? { kind: 'toDo', version: z.string().parse(found.version) } : found;
  },
  start: ({ application, stamp }, version, context) =>
    restartApplication.start({ application, stamp, instead: [] }, version, context),
  poll: async (_handle, { application, instance }, context): Promise<Progress> => {
    const { complete, detail } = await copiesOf(application, context);
    return complete && (await isOn(application, instance, context))
      ? { kind: 'done', detail: `${application} is on ${instance}` }
      : { kind: 'running', handle: null, detail, again: SOON };
  },
  verify: async ({ application, instance }, context) => ({
    ok: await isOn(application, instance, context),
    detail: `${application} is on ${instance}`,
  }),
});

async function isOn(application: string, instance: InstanceName, context: ActionContext): Promise<boolean> {
  const [{ database }, address] = await Promise.all([
    context.world.applications.deepHealth(application),
    addressOf(instance, context),
  ]);
  return database !== undefined && hostOf(database.address) === address;
}

/** Forgets what was elsewhere, once everything is where it was. */
export const forgetRegion = define({
  kind: 'forget-region',
  risk: 'observe',
  repeat: 'conditional',
  input: z.strictObject({ region: z.string() }),
  version: z.number(),
  handle: z.null(),
  observe: async ({ region }, { documents }) => {
    const found = await documents.get(regionKey(region));
    return found === undefined || found.value === null
      ? { kind: 'already', detail: `nothing is written down of ${region}` }
      : { kind: 'toDo', version: found.version };
  },
  start: async ({ region }, version, { documents }) => {
    if (!(await documents.put(regionKey(region), null, version)))
      throw new PortError('conflict', 'stale', `forgetting what ${region} was`);
    return { kind: 'done', detail: `nothing of ${region} is elsewhere any more` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'forgetting it' }),
  verify: verifiedByPolling,
});

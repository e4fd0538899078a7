import { z } from 'zod';
import { seconds } from '../core/time.ts';
import { define } from './define.ts';
import { pollService } from './service-change.ts';

// Takes writers away from a database, reversibly and by means that don't replicate (design.md section 8, step 3), and gives
// them back. Consumers on GKE go to zero replicas; Cloud Run goes to manual scaling with zero instances.
//
// H1. What it was before stands in the plan, so that giving back needs no memory of the worker.
// H2. Both writes carry the version that was looked at.

/** Between two looks at a Deployment or a service that is changing: users wait for it, and its API takes far more than that. */
const SOON = seconds(1);

const workload = z.strictObject({ application: z.string(), replicas: z.number().int().min(0) });
const scaling = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('automatic'), min: z.number().int(), max: z.number().int().nullable() }),
  z.strictObject({ kind: z.literal('manual'), instances: z.number().int() }),
]);
const service = z.strictObject({ application: z.string(), scaling });
const none = z.strictObject({});

/** The operation of a change of a service; `null` when its name was lost with the reply, and only the service can be asked. */
const change = z.strictObject({ operation: z.string().nullable() });

const CHANGING = 'Cloud Run is carrying it out';

/** Scales a Deployment to zero and waits until its pods are gone. */
export const holdWorkload = define({
  kind: 'hold-workload',
  risk: 'destructive',
  repeat: 'conditional',
  input: workload,
  version: z.string(),
  handle: none,
  observe: async ({ application }, { world }) => {
    const status = await world.workloads.inspect(application);
    if (status.replicas > 0) return { kind: 'toDo', version: status.version };
    const pods = await world.workloads.pods(application);
    return pods.length === 0
      ? { kind: 'already', detail: `${application} has no pods` }
      : { kind: 'inProgress', handle: {}, detail: `${pods.length} pods are still ending` };
  },
  start: async ({ application }, version, { world }) => {
    await world.workloads.scale(application, 0, version);
    return { kind: 'running', handle: {}, detail: `${application} is going to zero`, again: SOON };
  },
  poll: async (_handle, { application }, { world }) => {
    const pods = await world.workloads.pods(application);
    return pods.length === 0
      ? { kind: 'done', detail: `${application} has no pods` }
      : { kind: 'running', handle: {}, detail: `${pods.length} pods are still ending`, again: SOON };
  },
  verify: async ({ application }, { world }) => ({
    ok: (await world.workloads.inspect(application)).replicas === 0,
    detail: `${application} has no pods and asks for none`,
  }),
});

/** Gives a Deployment its replicas back; its new pods read the database's address anew. */
export const releaseWorkload = define({
  kind: 'release-workload',
  risk: 'destructive',
  repeat: 'terminal',
  input: workload,
  version: z.string(),
  handle: none,
  observe: async ({ application, replicas }, { world }) => {
    const status = await world.workloads.inspect(application);
    if (status.replicas < replicas) return { kind: 'toDo', version: status.version };
    return status.ready > 0
      ? { kind: 'already', detail: `${application} has ${status.ready} of ${status.replicas} replicas ready` }
      : { kind: 'inProgress', handle: {}, detail: 'no replica is ready yet' };
  },
  start: async ({ application, replicas }, version, { world }) => {
    await world.workloads.scale(application, replicas, version);
    return { kind: 'running', handle: {}, detail: `${application} is going to ${replicas} replicas`, again: SOON };
  },
  // The write path is open with the first ready replica; that all are is checked where the consumer is verified.
  poll: async (_handle, { application }, { world }) => {
    const status = await world.workloads.inspect(application);
    return status.ready > 0
      ? { kind: 'done', detail: `${status.ready} of ${status.replicas} replicas are ready` }
      : { kind: 'running', handle: {}, detail: `no replica of ${status.replicas} is ready yet`, again: SOON };
  },
  verify: async ({ application, replicas }, { world }) => ({
    ok: (await world.workloads.inspect(application)).replicas >= replicas,
    detail: '',
  }),
});

/** Takes a Cloud Run service out of service by manual scaling with zero instances. */
export const holdService = define({
  kind: 'hold-service',
  risk: 'destructive',
  repeat: 'conditional',
  input: service,
  version: z.string(),
  handle: change,
  observe: async ({ application }, { world }) => {
    const status = await world.services.inspect(application);
    const held = status.scaling.kind === 'manual' && status.scaling.instances === 0;
    if (!held) return { kind: 'toDo', version: status.etag };
    return status.settled
      ? { kind: 'already', detail: `${application} is held at zero instances` }
      : { kind: 'inProgress', handle: { operation: null }, detail: CHANGING };
  },
  start: async ({ application }, etag, { world }) => {
    const operation = await world.services.setScaling(application, { kind: 'manual', instances: 0 }, etag);
    return { kind: 'running', handle: { operation }, detail: `${application} is going to zero instances`, again: SOON };
  },
  poll: ({ operation }, { application }, context) => pollService(operation, application, context),
  verify: async ({ application }, { world }) => {
    const { scaling: now } = await world.services.inspect(application);
    return { ok: now.kind === 'manual' && now.instances === 0, detail: `${application} is held at zero instances` };
  },
});

/** Gives a Cloud Run service the scaling that it had; its new instances read the database's address anew. */
export const releaseService = define({
  kind: 'release-service',
  risk: 'destructive',
  repeat: 'conditional',
  input: service,
  version: z.string(),
  handle: change,
  observe: async ({ application }, { world }) => {
    const status = await world.services.inspect(application);
    const held = status.scaling.kind === 'manual' && status.scaling.instances === 0;
    if (held) return { kind: 'toDo', version: status.etag };
    return status.settled
      ? { kind: 'already', detail: `${application} is in service` }
      : { kind: 'inProgress', handle: { operation: null }, detail: CHANGING };
  },
  start: async ({ application, scaling: before }, etag, { world }) => {
    const wanted =
      before.kind === 'manual' ? before : { kind: 'automatic' as const, min: before.min, max: before.max ?? undefined };
    const operation = await world.services.setScaling(application, wanted, etag);
    return { kind: 'running', handle: { operation }, detail: `${application} is coming back`, again: SOON };
  },
  poll: ({ operation }, { application }, context) => pollService(operation, application, context),
  verify: async ({ application }, { world }) => {
    const status = await world.services.inspect(application);
    return {
      ok: status.ready && !(status.scaling.kind === 'manual' && status.scaling.instances === 0),
      detail: `${application} is in service`,
    };
  },
});

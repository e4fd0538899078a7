import { z } from 'zod';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';

const input = z.strictObject({
  primary: z.string().transform(instanceName),
  replicas: z.array(z.string().transform(instanceName)),
  consumers: z.array(z.string()),
});

/**
 * The last look before the committed section: is the primary really still failed? A canary that is written, a consumer that
 * serves, or a replica that streams voids the plan. Silence does not: it was judged when the failure was named.
 */
export const confirmDatabaseFailed = define({
  kind: 'confirm-database-failed',
  risk: 'observe',
  repeat: 'terminal',
  input,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async (request, _version, context) => {
    const because = await signOfLife(request, context);
    if (because !== undefined) return { kind: 'failed', failure: because };
    await context.keep(
      `fleet before the failover of ${request.primary}`,
      JSON.stringify(await context.world.databases.fleet(), null, 2),
    );
    return {
      kind: 'done',
      detail: `${request.primary} still takes no writes, no consumer serves and no replica streams`,
    };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking again' }),
  verify: verifiedByPolling,
});

async function signOfLife(
  { primary, replicas, consumers }: z.infer<typeof input>,
  { world, chance }: ActionContext,
): Promise<StepFailure | undefined> {
  const [contact, healths, streams] = await Promise.all([
    world.dataPlane.canary(primary, chance.uuid()),
    Promise.all(consumers.map((application) => world.applications.deepHealth(application))),
    Promise.all(replicas.map((replica) => world.dataPlane.replication(replica))),
  ]);
  if (contact.kind === 'written') return failure('voided', 'primaryRecovered', `${primary} takes writes again`);
  const serving = consumers.find((_application, index) => healths[index]?.kind === 'serving');
  if (serving !== undefined) return failure('voided', 'consumerServes', `${serving} serves, so its database does`);
  const streaming = replicas.find((_replica, index) => streams[index]?.receiving === true);
  return streaming === undefined
    ? undefined
    : failure('voided', 'replicaStreams', `${streaming} still receives from ${primary}`);
}

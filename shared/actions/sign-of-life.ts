import { z } from 'zod';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { instanceName } from '../system/names.ts';

/** Who can show that a primary lives: itself, its consumers, and the replicas that follow it. */
export const lifeInput = z.strictObject({
  primary: z.string().transform(instanceName),
  replicas: z.array(z.string().transform(instanceName)),
  consumers: z.array(z.string()),
});

/**
 * What shows now that the primary lives: a canary that is written, a consumer that serves, or a replica that streams. Silence shows
 * nothing, neither life nor death.
 */
export async function signOfLife(
  { primary, replicas, consumers }: z.infer<typeof lifeInput>,
  { world, chance }: Pick<ActionContext, 'world' | 'chance'>,
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

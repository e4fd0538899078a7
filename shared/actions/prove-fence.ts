import { z } from 'zod';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { seconds } from '../core/time.ts';
import { isPortError } from '../ports/port-error.ts';
import { instanceName } from '../system/names.ts';
import { define, inputOf, verifiedByPolling } from './define.ts';
import { type FenceVerdict, fenceFailure, judgeFence } from './fence.ts';

/** Rounds that must agree before the fence counts as proved: one could fall into a restart. */
const ROUNDS = 2;

/** How many rounds may stay unproved before the wall is reported: about a minute, in which an ending server goes away. */
const PATIENCE = 30;

/** Between two rounds. */
const NEXT_ROUND = seconds(2);

/** What a look at the fence is told: whose fence, where consumers would connect, and an instance that shows that paths work. */
export const fenceInput = z.strictObject({
  instance: z.string().transform(instanceName),
  address: z.string(),
  consumers: z.array(z.string()),
  control: z.string().transform(instanceName),
});

/** Proves by positive evidence that the old primary takes no writes; stops the run when it can't. */
export const proveFence = define({
  kind: 'prove-fence',
  risk: 'observe',
  repeat: 'terminal',
  input: fenceInput,
  version: z.null(),
  handle: z.strictObject({ agreed: z.number().int(), rounds: z.number().int() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (request, _version, context) => round({ agreed: 0, rounds: 0 }, request, context),
  poll: round,
  verify: verifiedByPolling,
});

/** One round: every consumer's place is asked, and what it says is weighed with the rounds before. */
async function round(
  { agreed, rounds }: { readonly agreed: number; readonly rounds: number },
  request: z.infer<typeof fenceInput>,
  context: ActionContext,
): Promise<Progress> {
  const verdict = await lookAtFence(request, context);
  if (verdict.kind === 'proved') {
    if (agreed + 1 >= ROUNDS) return { kind: 'done', detail: verdict.how, output: { proved: true } };
    return {
      kind: 'running',
      handle: { agreed: agreed + 1, rounds: rounds + 1 },
      detail: verdict.how,
      again: NEXT_ROUND,
    };
  }
  const because = fenceFailure(verdict);
  if (verdict.kind === 'unproved' && context.opens.includes('accept-unfenced-primary'))
    return {
      kind: 'done',
      detail: `unproved, accepted by the approval: ${verdict.missing.join('; ')}`,
      output: { proved: false },
    };
  if (because !== undefined && (verdict.kind === 'alive' || rounds + 1 >= PATIENCE))
    return { kind: 'failed', failure: because };
  return {
    kind: 'running',
    handle: { agreed: 0, rounds: rounds + 1 },
    detail: verdict.kind === 'unproved' ? verdict.missing.join('; ') : verdict.detail,
    again: NEXT_ROUND,
  };
}

/** Looks at the fence before a doubt counts: a prober may be slow once. */
const LOOKS = 3;

/** What now speaks against the fence that the approved plan names: looked at again, at the last moment before another one takes over. */
export async function whyUnfenced(context: ActionContext): Promise<StepFailure | undefined> {
  const planned = inputOf(proveFence.kind, context);
  if (planned === undefined)
    return failure('refused', 'noFence', 'the plan proves no fence before another instance takes over');
  const request = fenceInput.parse(planned);
  for (let look = 1; ; look += 1) {
    const verdict = await lookAtFence(request, context);
    if (verdict.kind === 'proved') return undefined;
    if (verdict.kind === 'unproved' && context.opens.includes('accept-unfenced-primary')) return undefined;
    if (verdict.kind === 'alive' || look >= LOOKS) return fenceFailure(verdict);
    await context.clock.sleep(NEXT_ROUND);
  }
}

/** One look at the old primary from every place; asked anew for each round. */
export async function lookAtFence(
  request: z.infer<typeof fenceInput>,
  { world, chance, clock }: Pick<ActionContext, 'world' | 'chance' | 'clock'>,
): Promise<FenceVerdict> {
  const { instance, address, consumers, control } = request;
  const [status, operations, own, controlled, ...contacts] = await Promise.all([
    world.databases.inspect(instance),
    world.databases.operations(instance),
    world.dataPlane.canary(instance, chance.uuid()),
    world.dataPlane.replication(control),
    ...consumers.map((application) => contactFrom(application, address, { world, chance })),
  ]);
  return judgeFence({
    stopped: status.activation === 'never' && operations.every((operation) => operation.state === 'done'),
    own: {
      vantage: 'our own place',
      at: clock.now(),
      outcome: own,
      control: controlled === undefined ? 'failed' : 'ok',
    },
    consumers: consumers.map((application, index) => ({ application, contact: contacts[index] })),
  });
}

async function contactFrom(
  application: string,
  address: string,
  { world, chance }: Pick<ActionContext, 'world' | 'chance'>,
) {
  try {
    return await world.applications.contactFrom(application, address, chance.uuid());
  } catch (error) {
    if (isPortError(error)) return undefined;
    throw error;
  }
}

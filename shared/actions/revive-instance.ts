import { z } from 'zod';
import { instant, toIso } from '../core/time.ts';
import { type ActionContext, failure, type Observation, type Progress } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import { confirmInput } from './confirm-database-failed.ts';
import { define, inputOf, verifiedByPolling } from './define.ts';
import { signOfLife } from './sign-of-life.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// Remedies that leave the primary what it is: a restart, and the HA failover of a REGIONAL instance (design.md section 8). Neither
// absorbs a repeat: a second one is a second outage. Whether it helped is for a step of its own to say.
//
// R1. Nothing that serves is taken down: a sign of life before our first request voids the plan, whatever the log says was seen.
// R2. After an unknown outcome the operations since the intent are listed; the engine waits the late-arrival time before a repeat.
// R3. None is begun so late that the promotion after it would miss the objective.

const input = z.strictObject({
  instance: z.string().transform(instanceName),
  /** The latest moment at which it still leaves the promotion its time; `null` when none follows. */
  latestStartMs: z.number().nullable(),
});
type Request = z.infer<typeof input>;

/** Restarts an instance where it stands. */
export const restartInstance = define({
  kind: 'restart-instance',
  risk: 'destructive',
  repeat: 'serialised',
  input,
  version: z.string(),
  handle: operationHandle,
  observe: (request, context) => observe(request, 'RESTART', () => undefined, context),
  start: async ({ instance }, _version, { world }) => underWay(await world.remedies.restart(instance)),
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: verifiedByPolling,
});

/**
 * Lets the standby of a REGIONAL instance take over. It carries the settings version that was seen, which refuses a stale decision
 * and not a repeat: a failover is no change of settings.
 */
export const failoverInstance = define({
  kind: 'failover-instance',
  risk: 'destructive',
  repeat: 'serialised',
  input,
  version: z.string(),
  handle: operationHandle,
  observe: (request, context) => observe(request, 'FAILOVER', withoutStandby, context),
  start: async ({ instance }, version, { world }) => underWay(await world.remedies.failover(instance, version)),
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: verifiedByPolling,
});

const withoutStandby = ({ instance, availability }: InstanceStatus): StepFailure | undefined =>
  availability === 'regional'
    ? undefined
    : failure('refused', 'noStandby', `${instance} is ZONAL: it has no standby to fail over to`);

async function observe(
  { instance, latestStartMs }: Request,
  type: 'RESTART' | 'FAILOVER',
  unable: (status: InstanceStatus) => StepFailure | undefined,
  context: ActionContext,
): Promise<Observation<string>> {
  const { clock, intentAt, world } = context;
  const own = await ownOperation(instance, type, context);
  if (own !== undefined && own.state !== 'done')
    return { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
  if (own?.error !== undefined)
    return refused(failure('permanent', 'operationFailed', `${showOperation(own)} ended with an error: ${own.error}`));
  if (own !== undefined) return { kind: 'already', detail: `${showOperation(own)} is done` };
  const life = await lifeOf(instance, context);
  if (life !== undefined)
    return intentAt === undefined ? refused(life) : { kind: 'already', detail: `no need to repeat it: ${life.detail}` };
  if (intentAt === undefined && latestStartMs !== null && clock.now() > latestStartMs)
    return refused(
      failure('refused', 'tooLate', `after ${toIso(instant(latestStartMs))} it leaves the promotion no time any more`),
    );
  const status = await world.databases.inspect(instance);
  const because = whyNot(status) ?? unable(status);
  return because === undefined ? { kind: 'toDo', version: status.version } : refused(because);
}

/** What shows that it lives (R1), by the look that the approved plan begins with. */
async function lifeOf(instance: InstanceName, context: ActionContext): Promise<StepFailure | undefined> {
  const look = inputOf('confirm-database-failed', context);
  if (look === undefined) return failure('refused', 'noLook', 'the plan does not look at the primary before it acts');
  const { endedAtMs: _, ...life } = confirmInput.parse(look);
  if (life.primary !== instance)
    return failure('refused', 'otherInstance', `the plan looks at ${life.primary}, not at ${instance}`);
  return await signOfLife(life, context);
}

function whyNot({ instance, role, activation }: InstanceStatus): StepFailure | undefined {
  if (role !== 'primary') return failure('voided', 'noPrimary', `${instance} is no primary any more`);
  return activation === 'never'
    ? failure('refused', 'stopped', `${instance} is stopped (activationPolicy NEVER), which nothing but a request does`)
    : undefined;
}

const refused = (because: StepFailure): Observation<string> => ({ kind: 'refused', failure: because });

const underWay = (operation: string): Progress => ({
  kind: 'running',
  handle: { operation },
  detail: `${operation} is under way`,
});

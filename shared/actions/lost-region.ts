import { z } from 'zod';
import { canonicalJson } from '../core/json.ts';
import { seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { PortError } from '../ports/port-error.ts';
import { regionKey, regionRecordWire } from '../ports/region-record.ts';
import { limitsWire } from '../ports/standby-record.ts';
import { instanceName } from '../system/names.ts';
import { hostOf } from './consumer-doubt.ts';
import { define, verifiedByPolling } from './define.ts';
import { lifeInput, signOfLife } from './sign-of-life.ts';

// What a region failover does before it changes anything: it writes down what was where, sees that the secondary is ready, and looks
// once more whether the region is really lost.

const recorded = z.strictObject({
  region: z.string(),
  former: z.string(),
  promoted: z.string(),
  standby: z.string(),
  before: limitsWire,
  wanted: limitsWire,
});

/** Between two looks at a secondary that gets ready. */
const SOON = seconds(2);

/** Writes down what was where, in our own store: whoever watches for the return reads it there. */
export const rememberRegion = define({
  kind: 'remember-region',
  risk: 'observe',
  repeat: 'conditional',
  input: recorded,
  version: z.number(),
  handle: z.null(),
  observe: async ({ region, ...wanted }, { documents }) => {
    const found = await documents.get(regionKey(region));
    const read = regionRecordWire.safeParse(found?.value);
    const isSame = read.success && canonicalJson(partsOf(read.data)) === canonicalJson(partsOf(wanted));
    return isSame
      ? { kind: 'already', detail: `what ${region} was is written down` }
      : { kind: 'toDo', version: found?.version ?? 0 };
  },
  start: async ({ region, before, wanted, ...rest }, version, { documents, state, clock }) => {
    const value = {
      version: 1,
      incident: state.id,
      region,
      ...rest,
      before: { ...before },
      wanted: { ...wanted },
      recordedAtMs: clock.now(),
    };
    if (!(await documents.put(regionKey(region), value, version)))
      throw new PortError('conflict', 'stale', `writing down what ${region} was`);
    return { kind: 'done', detail: `written down: ${rest.former} was the primary in ${region}` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'writing it down' }),
  verify: verifiedByPolling,
});

const partsOf = ({ former, promoted, standby, before, wanted }: Omit<z.infer<typeof recorded>, 'region'>) => ({
  former: String(former),
  promoted: String(promoted),
  standby,
  before: { ...before },
  wanted: { ...wanted },
});

const ready = z.strictObject({
  application: z.string(),
  min: z.number(),
  replica: z.string().transform(instanceName),
  host: z.string(),
});

/**
 * Waits until the secondary has its instances, its application answers from the replica that shall be promoted, and that replica
 * answers too. It can't write yet: that it says so is what is expected.
 */
export const checkSecondary = define({
  kind: 'check-secondary',
  risk: 'observe',
  repeat: 'terminal',
  input: ready,
  version: z.null(),
  handle: z.strictObject({ seen: z.string() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (input, _version, context) => lookAtSecondary(input, context),
  poll: (_handle, input, context) => lookAtSecondary(input, context),
  verify: verifiedByPolling,
});

async function lookAtSecondary(
  { application, min, replica, host }: z.infer<typeof ready>,
  { world }: ActionContext,
): Promise<Progress> {
  const wait = (seen: string): Progress => ({
    kind: 'running',
    handle: { seen },
    detail: `${application}: ${seen}`,
    again: SOON,
  });
  const [status, health, replication] = await Promise.all([
    world.services.inspect(application),
    world.applications.deepHealth(application),
    world.dataPlane.replication(replica),
  ]);
  if (!status.settled || !status.ready) return wait('Cloud Run is still getting it ready');
  if (status.scaling.kind !== 'automatic' || status.scaling.min < min)
    return wait(`it does not have ${min} instances at least`);
  const { database } = health;
  if (database === undefined) return wait(`it does not answer (${health.detail})`);
  const on = hostOf(database.address);
  if (on !== host)
    return {
      kind: 'failed',
      failure: failure('refused', 'secondaryElsewhere', `${application} is on ${on}, and not on ${replica} (${host})`),
    };
  if (replication === undefined) return wait(`${replica} does not answer`);
  return {
    kind: 'done',
    detail: `${application} has ${status.scaling.min} instances and answers from ${replica}, which waits to be promoted`,
  };
}

const lost = lifeInput.extend({ region: z.string(), application: z.string(), entrances: z.array(z.string()).min(1) });

/**
 * The last look before the committed section: does anything of the region answer again? Silence does not void the plan: it was
 * judged when the failure was named. That the secondary answers shows that it is not ours.
 */
export const confirmRegionLost = define({
  kind: 'confirm-region-lost',
  risk: 'observe',
  repeat: 'terminal',
  input: lost,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ region, application, entrances, ...life }, _version, context) => {
    const { world } = context;
    const [alive, secondary, healths, ways] = await Promise.all([
      signOfLife(life, context),
      world.applications.deepHealth(application),
      Promise.all(life.consumers.map((consumer) => world.applications.deepHealth(consumer))),
      Promise.all(entrances.map((entrance) => world.traffic.inspect(entrance))),
    ]);
    if (alive !== undefined) return { kind: 'failed', failure: alive };
    const answering = life.consumers.find((_consumer, index) => healths[index]?.kind !== 'silent');
    const voided = (code: string, detail: string): Progress => ({
      kind: 'failed',
      failure: failure('voided', code, detail),
    });
    if (answering !== undefined) return voided('regionAnswers', `${answering} answers again: ${region} is not lost`);
    if (secondary.kind === 'silent')
      return voided('secondarySilent', `${application} does not answer either (${secondary.detail})`);
    const elsewhere = ways.find(({ leadsTo }) => leadsTo === undefined);
    if (elsewhere !== undefined) return voided('movedByOthers', `somebody else is at it: ${elsewhere.detail}`);
    await context.keep(
      `fleet before the failover of ${region}`,
      JSON.stringify(await world.databases.fleet(), null, 2),
    );
    return { kind: 'done', detail: `nothing in ${region} answers, and ${application} does` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking again' }),
  verify: verifiedByPolling,
});

import { z } from 'zod';
import { canonicalJson } from '../core/json.ts';
import { seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { PortError } from '../ports/port-error.ts';
import { limitsWire, standbyKey, standbyRecordWire } from '../ports/standby-record.ts';
import { define, verifiedByPolling } from './define.ts';

// Makes a standby ready to take another application's users, without moving any (runbook 4.1, step 2, corrected: the service-level
// minimum instead of a new revision).
//
// Q1. What it was before is written down before it is changed, in our own store and not only in the log of an incident that may end:
//     whoever takes it back, and whenever, reads it there.
// Q2. Ready is what is seen on the real path: the service says so, and a row goes through it and comes back.

const recorded = z.strictObject({ home: z.string(), standby: z.string(), before: limitsWire, wanted: limitsWire });

/** Between two looks at a service that gets ready. */
const SOON = seconds(2);

/** Writes down what the standby was (Q1). Where it was already, the plan was drawn from that, and says the same. */
export const rememberStandby = define({
  kind: 'remember-standby',
  risk: 'observe',
  repeat: 'conditional',
  input: recorded,
  version: z.number(),
  handle: z.null(),
  observe: async ({ home, standby, before, wanted }, { documents }) => {
    const found = await documents.get(standbyKey(home));
    const read = standbyRecordWire.safeParse(found?.value);
    const isSame =
      read.success &&
      read.data.standby === standby &&
      canonicalJson([read.data.before, read.data.wanted]) === canonicalJson([before, wanted]);
    return isSame
      ? { kind: 'already', detail: `what ${standby} was is written down` }
      : { kind: 'toDo', version: found?.version ?? 0 };
  },
  start: async ({ home, standby, before, wanted }, version, { documents, state, clock }) => {
    const value = {
      version: 1,
      incident: state.id,
      home,
      standby,
      before: { ...before },
      wanted: { ...wanted },
      recordedAtMs: clock.now(),
    };
    if (!(await documents.put(standbyKey(home), value, version)))
      throw new PortError('conflict', 'stale', `writing down what ${standby} was`);
    return {
      kind: 'done',
      detail: `written down: ${standby} had ${before.min} to ${before.max ?? 'any number of'} instances`,
    };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'writing it down' }),
  verify: verifiedByPolling,
});

/** Forgets it, once all of it has been taken back. */
export const forgetStandby = define({
  kind: 'forget-standby',
  risk: 'observe',
  repeat: 'conditional',
  input: z.strictObject({ home: z.string() }),
  version: z.number(),
  handle: z.null(),
  observe: async ({ home }, { documents }) => {
    const found = await documents.get(standbyKey(home));
    return found === undefined || found.value === null
      ? { kind: 'already', detail: 'nothing is left to be taken back' }
      : { kind: 'toDo', version: found.version };
  },
  start: async ({ home }, version, { documents }) => {
    if (!(await documents.put(standbyKey(home), null, version)))
      throw new PortError('conflict', 'stale', `forgetting what the standby of ${home} was`);
    return { kind: 'done', detail: 'nothing is left to be taken back' };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'forgetting it' }),
  verify: verifiedByPolling,
});

/** Waits until the standby has its instances and a row goes through it (Q2). */
export const checkStandby = define({
  kind: 'check-standby',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ standby: z.string(), min: z.number() }),
  version: z.null(),
  handle: z.strictObject({ seen: z.string() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (input, _version, context) => lookAtStandby(input, context),
  poll: (_handle, input, context) => lookAtStandby(input, context),
  verify: verifiedByPolling,
});

async function lookAtStandby(
  { standby, min }: { readonly standby: string; readonly min: number },
  { world, chance }: ActionContext,
): Promise<Progress> {
  const wait = (seen: string): Progress => ({
    kind: 'running',
    handle: { seen },
    detail: `${standby}: ${seen}`,
    again: SOON,
  });
  const [status, health] = await Promise.all([world.services.inspect(standby), world.applications.deepHealth(standby)]);
  if (health.kind === 'failing' && health.database?.writable === false)
    return {
      kind: 'failed',
      failure: failure(
        'refused',
        'standbyDatabaseFails',
        `the database of ${standby} fails (${health.detail}): no traffic is moved`,
      ),
    };
  if (!status.settled || !status.ready) return wait('Cloud Run is still getting it ready');
  if (status.scaling.kind !== 'automatic' || status.scaling.min < min)
    return wait(`it does not have ${min} instances at least`);
  if (health.kind !== 'serving') return wait(`it does not serve (${health.detail})`);
  const canary = await world.applications.writeAndRead(standby, chance.uuid());
  if (!canary.written || !canary.read) return wait(`no row goes through it (${canary.detail})`);
  return {
    kind: 'done',
    detail: `${standby} is ready with ${status.scaling.min} instances, and a row went through it and back`,
  };
}

const failing = z.strictObject({ application: z.string(), standby: z.string(), entrances: z.array(z.string()).min(1) });

/** The last look before traffic moves: whoever serves again keeps its users, and nobody is sent to a standby that fails. */
export const confirmClusterDown = define({
  kind: 'confirm-cluster-down',
  risk: 'observe',
  repeat: 'terminal',
  input: failing,
  version: z.null(),
  handle: z.null(),
  observe: async ({ application, standby, entrances }, { world }) => {
    const [own, other, ...ways] = await Promise.all([
      world.applications.deepHealth(application),
      world.applications.deepHealth(standby),
      ...entrances.map((entrance) => world.traffic.inspect(entrance)),
    ]);
    if (own.kind !== 'silent')
      return {
        kind: 'refused',
        failure: failure('voided', 'answersAgain', `${application} answers again (${own.detail})`),
      };
    if (other.kind !== 'serving')
      return {
        kind: 'refused',
        failure: failure(
          'voided',
          'standbyFails',
          `${standby} does not serve (${other.detail}): no traffic is moved to it`,
        ),
      };
    const elsewhere = ways.find(({ leadsTo }) => leadsTo !== application && leadsTo !== standby);
    if (elsewhere !== undefined)
      return {
        kind: 'refused',
        failure: failure('voided', 'movedByOthers', `somebody else is at it: ${elsewhere.detail}`),
      };
    return { kind: 'already', detail: `${application} does not answer (${own.detail}), and ${standby} serves` };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: verifiedByPolling,
});

import { z } from 'zod';
import { canonicalJson } from '../core/json.ts';
import { minutes, seconds } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { INGRESSES, isolationKey, isolationRecordWire, type IsolationStatus } from '../ports/isolation.ts';
import { PortError } from '../ports/port-error.ts';
import { define, verifiedByPolling } from './define.ts';

// Cuts an application off without touching its copies, and lets it be reached again (runbook 7.1, corrected).
//
// I1. What it was is written down before it is changed, in our own store: whoever lifts it, and whenever, goes back to that.
// I2. That a policy is there is not that it works: a cluster that enforces none takes it all the same. The application is asked from
//     outside, and only one that is not heard any more counts as isolated.
// I3. Only what this incident has put there is called ours. What somebody else has put there under that name stays, and is told.

const named = z.strictObject({ application: z.string() });
const ingress = z.enum(INGRESSES);

/** Between two questions to an application that is being cut off, and how many in a row must stay without an answer. */
const SOON = seconds(3);
const SILENCES = 3;

/** How long a dataplane may take until a policy works; a policy that does not by then is not enforced. */
const TAKES_EFFECT_WITHIN = minutes(2);

/** Writes down what is there before anything is cut off (I1). */
export const rememberIsolation = define({
  kind: 'remember-isolation',
  risk: 'observe',
  repeat: 'conditional',
  input: z.strictObject({ application: z.string(), ingressBefore: ingress.nullable() }),
  version: z.number(),
  handle: z.null(),
  observe: async ({ application, ingressBefore }, { documents, state }) => {
    const found = await documents.get(isolationKey(application));
    const read = isolationRecordWire.safeParse(found?.value);
    const isSame =
      read.success &&
      canonicalJson([read.data.incident, read.data.ingressBefore]) === canonicalJson([state.id, ingressBefore]);
    return isSame
      ? { kind: 'already', detail: `what ${application} was is written down` }
      : { kind: 'toDo', version: found?.version ?? 0 };
  },
  start: async ({ application, ingressBefore }, version, { documents, state, clock }) => {
    const value = { version: 1, incident: state.id, application, ingressBefore, recordedAtMs: clock.now() };
    if (!(await documents.put(isolationKey(application), value, version)))
      throw new PortError('conflict', 'stale', `writing down what ${application} was`);
    return { kind: 'done', detail: `written down: ${application} is reached by ${ingressBefore ?? 'everybody'}` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'writing it down' }),
  verify: verifiedByPolling,
});

/** Forgets it, once it has been lifted. */
export const forgetIsolation = define({
  kind: 'forget-isolation',
  risk: 'observe',
  repeat: 'conditional',
  input: named,
  version: z.number(),
  handle: z.null(),
  observe: async ({ application }, { documents }) => {
    const found = await documents.get(isolationKey(application));
    return found === undefined || found.value === null
      ? { kind: 'already', detail: 'nothing is left to be lifted' }
      : { kind: 'toDo', version: found.version };
  },
  start: async ({ application }, version, { documents }) => {
    if (!(await documents.put(isolationKey(application), null, version)))
      throw new PortError('conflict', 'stale', `forgetting the isolation of ${application}`);
    return { kind: 'done', detail: 'nothing is left to be lifted' };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'forgetting it' }),
  verify: verifiedByPolling,
});

/** `answered`: whether it was heard before it was cut off; without that its silence proves less. */
const cut = z.strictObject({
  operation: z.string().nullable(),
  sinceMs: z.number(),
  silences: z.number().int(),
  answered: z.boolean(),
});
type Cut = z.infer<typeof cut>;

const looked = z.strictObject({ etag: z.string(), answered: z.boolean() });

/** Lets nothing in or out: a NetworkPolicy for a Deployment, the ingress setting of a Cloud Run service. The copies stay. */
export const isolateApplication = define({
  kind: 'isolate-application',
  risk: 'destructive',
  repeat: 'named',
  input: named,
  version: looked,
  handle: cut,
  observe: async ({ application }, context) => {
    const { world, state, clock } = context;
    const status = await world.isolation.inspect(application);
    const answered = (await world.applications.deepHealth(application)).kind !== 'silent';
    if (status.kind === 'gke' && status.policy !== null && status.policy.incident !== state.id)
      return {
        kind: 'refused',
        failure: failure(
          'refused',
          'foreignPolicy',
          `${application}: a policy of that name was not made by ${state.id}`,
        ),
      };
    if (!isCutOff(status, state.id))
      return { kind: 'toDo', version: { etag: status.kind === 'cloudRun' ? status.etag : '', answered } };
    return {
      kind: 'inProgress',
      handle: { operation: null, sinceMs: clock.now(), silences: 0, answered },
      detail: `asking whether ${application} is still reached`,
    };
  },
  start: async ({ application }, { etag, answered }, { world, state, clock, system }) => {
    const isOnGke = system.applications.some(({ id, kind }) => id === application && kind === 'gke');
    const operation = isOnGke ? null : await world.isolation.setIngress(application, 'internal', etag);
    if (isOnGke) await world.isolation.deny(application, state.id);
    return {
      kind: 'running',
      handle: { operation, sinceMs: clock.now(), silences: 0, answered },
      detail: `${application} is being cut off`,
      again: SOON,
    };
  },
  poll: (so, { application }, context) => pollCut(so, application, context),
  verify: async ({ application }, { world, state }) => {
    const isOurs = isCutOff(await world.isolation.inspect(application), state.id);
    return { ok: isOurs, detail: `${application} is cut off by ${state.id}` };
  },
});

/** Whether what is there lets nobody in, and is ours (I3). What is set on a service carries no name. */
export const isCutOff = (status: IsolationStatus, incident: string): boolean =>
  status.kind === 'gke'
    ? status.policy !== null && status.policy.incident === incident && status.policy.deniesAll
    : status.ingress === 'internal';

/** I2. */
async function pollCut(so: Cut, application: string, { world, clock }: ActionContext): Promise<Progress> {
  const wait = (next: Partial<Cut>, detail: string): Progress => ({
    kind: 'running',
    handle: { ...so, ...next },
    detail,
    again: SOON,
  });
  if (so.operation !== null) {
    const { done, error } = await world.services.operation(so.operation);
    if (error !== undefined)
      return { kind: 'failed', failure: failure('permanent', 'operationFailed', `Cloud Run refused: ${error}`) };
    return done ? wait({ operation: null }, 'Cloud Run has carried it out') : wait({}, 'Cloud Run is carrying it out');
  }
  const { kind, detail } = await world.applications.deepHealth(application);
  if (kind !== 'silent') {
    if (clock.now() - so.sinceMs < TAKES_EFFECT_WITHIN)
      return wait({ silences: 0 }, `${application} is still reached (${detail})`);
    const why = `${application} answers all the same (${detail}): what was set is there, and nothing enforces it`;
    return { kind: 'failed', failure: failure('notVerified', 'notEnforced', why) };
  }
  if (so.silences + 1 < SILENCES)
    return wait({ silences: so.silences + 1 }, `${application} does not answer (${detail})`);
  const before = so.answered
    ? 'as it did before'
    : 'which it did not before either: nothing shows that this is enforced';
  return {
    kind: 'done',
    detail: `${application} is cut off, and its copies stay; it answers nobody (${detail}), ${before}`,
  };
}

/** Takes away the policy that the plan names, and no other; a service gets the ingress setting that was written down. */
export const liftIsolation = define({
  kind: 'lift-isolation',
  risk: 'destructive',
  repeat: 'conditional',
  input: z.strictObject({ application: z.string(), uid: z.string().nullable(), ingress: ingress.nullable() }),
  version: z.string(),
  handle: z.strictObject({ operation: z.string().nullable() }),
  observe: async ({ application, uid, ingress: before }, { world }) => {
    const status = await world.isolation.inspect(application);
    const changed = (what: string) =>
      ({ kind: 'refused', failure: failure('voided', 'isolationChanged', `${application}: ${what}`) }) as const;
    if (status.kind === 'gke') {
      if (status.policy === null) return { kind: 'already', detail: `nothing isolates ${application}` };
      return status.policy.uid === uid && status.policy.deniesAll
        ? { kind: 'toDo', version: status.policy.version }
        : changed('its policy is not the one that was approved to be lifted');
    }
    if (!status.settled) return { kind: 'inProgress', handle: { operation: null }, detail: 'Cloud Run is at it' };
    if (status.ingress === before) return { kind: 'already', detail: `${application} is reached by ${before}` };
    return status.ingress === 'internal'
      ? { kind: 'toDo', version: status.etag }
      : changed(`it is reached by ${status.ingress}, which nobody of ours has set`);
  },
  start: async ({ application, uid, ingress: before }, version, { world }) => {
    if (before === null) {
      await world.isolation.admit(application, { uid: uid ?? '', version });
      return { kind: 'done', detail: `${application} may be reached again` };
    }
    const operation = await world.isolation.setIngress(application, before, version);
    return { kind: 'running', handle: { operation }, detail: 'Cloud Run is carrying it out', again: SOON };
  },
  poll: async ({ operation }, { application }, { world }): Promise<Progress> => {
    const { done, error } =
      operation === null
        ? { done: (await world.services.inspect(application)).settled, error: undefined }
        : await world.services.operation(operation);
    if (error !== undefined)
      return { kind: 'failed', failure: failure('permanent', 'operationFailed', `Cloud Run refused: ${error}`) };
    return done
      ? { kind: 'done', detail: `${application} may be reached again` }
      : { kind: 'running', handle: { operation }, detail: 'Cloud Run is carrying it out', again: SOON };
  },
  verify: async ({ application, ingress: before }, { world }) => {
    const status = await world.isolation.inspect(application);
    return {
      ok: status.kind === 'gke' ? status.policy === null : status.ingress === before,
      detail: `${application} may be reached again`,
    };
  },
});

/** Waits until an application answers as it should. */
export const seeApplicationServe = define({
  kind: 'see-application-serve',
  risk: 'observe',
  repeat: 'terminal',
  input: named,
  version: z.null(),
  handle: z.strictObject({ answers: z.number().int() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ application }) => ({
    kind: 'running',
    handle: { answers: 0 },
    detail: `asking ${application}`,
    again: SOON,
  }),
  poll: async ({ answers }, { application }, { world }): Promise<Progress> => {
    const { kind, detail } = await world.applications.deepHealth(application);
    if (kind !== 'serving')
      return { kind: 'running', handle: { answers: 0 }, detail: `${application}: ${detail}`, again: SOON };
    return answers + 1 < SILENCES
      ? { kind: 'running', handle: { answers: answers + 1 }, detail: `${application} answers`, again: SOON }
      : { kind: 'done', detail: `${application} serves again` };
  },
  verify: verifiedByPolling,
});

import { z } from 'zod';
import { SecretText } from '../core/redact.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import { stepId } from '../plan/plan.ts';
import { PortError } from '../ports/port-error.ts';
import type { SecretVersionStatus } from '../ports/secrets.ts';
import { define } from './define.ts';
import { isCutOff } from './isolate-application.ts';
import { copiesOf } from './restart-application.ts';

// Replaces a secret by a new version, and takes the old one out of use once nobody reads it any more (runbook 7.1, corrected: facts.md
// 7 and 10).
//
// R1. The version that people approved replacing is named. Where another one is the newest by then, somebody else has changed the
//     secret: the plan is void.
// R2. A new value is made in the moment in which it is sent, and stands nowhere else: no log, no evidence, no argument.
// R3. A version is disabled only while a newer one is enabled and every reader has been restarted, and never destroyed: forensics may
//     need it.

const rotation = z.strictObject({ secret: z.string(), before: z.string(), bytes: z.number().int().min(32).max(64) });

/** Adds a version of random bytes in base64. Serialised: Secret Manager takes a second one as willingly. */
export const rotateSecret = define({
  kind: 'rotate-secret',
  risk: 'destructive',
  repeat: 'serialised',
  input: rotation,
  version: z.string(),
  handle: z.null(),
  observe: async ({ secret, before }, context) => {
    const newest = await newestOf(secret, context);
    if (newest?.version === before) return { kind: 'toDo', version: before };
    if (newest === undefined)
      return { kind: 'refused', failure: failure('refused', 'noVersion', `${secret} is empty`) };
    if (isOurs(newest, context))
      return {
        kind: 'already',
        detail: `${secret} has version ${newest.version}`,
        output: { version: newest.version },
      };
    return {
      kind: 'refused',
      failure: failure('voided', 'secretChanged', `${secret} has version ${newest.version} by now, not ${before}`),
    };
  },
  start: async ({ secret, bytes }, _version, { world, chance }) => {
    const payload = new SecretText(Buffer.from(chance.bytes(bytes)).toString('base64'));
    const version = await world.secrets.add(secret, payload);
    return { kind: 'done', detail: `${secret} has version ${version}`, output: { version } };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking at the newest version' }),
  verify: seeNewerVersion,
});

/** Whether the newest version is another one than before, and can be read. */
export async function seeNewerVersion(
  { secret, before }: { readonly secret: string; readonly before: string },
  context: ActionContext,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const newest = await newestOf(secret, context);
  return {
    ok: newest !== undefined && newest.version !== before && newest.state === 'enabled',
    detail: `${secret} has version ${newest?.version ?? 'none'}`,
  };
}

/** A version that came after our intent: the same rule as for any serialised change, since nothing names who added it. */
export function isOurs({ createdAt }: SecretVersionStatus, { intentAt, system }: ActionContext): boolean {
  return intentAt !== undefined && createdAt >= intentAt - system.guards.clockSkew;
}

/** The newest version of a secret, whatever its state; `undefined` while it has none. */
export async function newestOf(secret: string, { world }: ActionContext): Promise<SecretVersionStatus | undefined> {
  return (await world.secrets.versions(secret))[0];
}

const issued = z.strictObject({
  secret: z.string(),
  before: z.string(),
  person: z.string(),
  issuer: z.string(),
  instructions: z.string(),
});

/**
 * Asks a person for what can't be made up here, and waits: until that person says that it is done, and a newer version is there and
 * enabled. The former without the latter is not enough, nor is the latter alone, since only the issuer's own is of any use.
 */
export const awaitIssuedSecret = define({
  kind: 'await-issued-secret',
  risk: 'observe',
  repeat: 'terminal',
  input: issued,
  version: z.null(),
  handle: z.strictObject({ seen: z.string().nullable() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async (request, _version, context) => await lookForIssued(request, context),
  poll: async (_handle, request, context) => await lookForIssued(request, context),
  verify: async ({ secret, before }, context) => {
    const newest = await newestOf(secret, context);
    return {
      ok: newest !== undefined && newest.version !== before && newest.state === 'enabled',
      detail: `${secret} has version ${newest?.version ?? 'none'}, and whoever was asked says that it is the one`,
    };
  },
});

async function lookForIssued(request: z.infer<typeof issued>, context: ActionContext) {
  const { secret, before, person, issuer, instructions } = request;
  const newest = await newestOf(secret, context);
  const added = newest !== undefined && newest.version !== before && newest.state === 'enabled' ? newest : undefined;
  const step = context.run.plan.steps.find(
    ({ action, input }) => action === 'await-issued-secret' && input['secret'] === secret,
  );
  const by = step === undefined ? undefined : context.run.acknowledged.get(step.id);
  if (added !== undefined && by !== undefined)
    return {
      kind: 'done',
      detail: `version ${added.version}, says ${by}`,
      output: { version: added.version },
    } as const;
  const lacks = [
    ...(added === undefined ? [`a version newer than ${before}`] : []),
    ...(by === undefined ? [`the word of ${person}`] : []),
  ];
  const done = `./dr acknowledge ${context.state.id} ${step?.id ?? ''}`;
  return {
    kind: 'running',
    handle: { seen: added?.version ?? null },
    detail: `${secret}: waiting for ${lacks.join(' and ')}`,
    ask: {
      subject: `${person}: a new ${secret} from ${issuer}`,
      text: [
        instructions,
        `Secret: ${secret}. Its version ${before} is to be replaced; it is disabled once its readers have the new one.`,
        `When the new version is there, say so: ${done}`,
        'What we can look at ourselves, we do: without a newer version your word changes nothing.',
      ].join('\n'),
    },
  } as const;
}

const old = z.strictObject({
  secret: z.string(),
  version: z.string(),
  /** Who reads it, by which step each was restarted, and how that run's restarts begin. */
  readers: z.array(
    z.strictObject({
      application: z.string(),
      restarted: z.string(),
      stamps: z.string(),
      /** By which step it was cut off instead, if it was: then it reads nothing, and lets nobody in. */
      cutOff: z.string().exactOptional(),
    }),
  ),
});

/** Takes a version out of use, reversibly (R3). */
export const disableSecretVersion = define({
  kind: 'disable-secret-version',
  risk: 'destructive',
  repeat: 'conditional',
  input: old,
  version: z.string(),
  handle: z.null(),
  observe: async ({ secret, version, readers }, context) => {
    const { world } = context;
    const versions = await world.secrets.versions(secret);
    const found = versions.find((known) => known.version === version);
    if (found === undefined || found.state !== 'enabled')
      return { kind: 'already', detail: `version ${version} of ${secret} is ${found?.state ?? 'gone'}` };
    const newest = versions[0];
    if (newest === undefined || newest.version === version || newest.state !== 'enabled')
      return {
        kind: 'refused',
        failure: failure('refused', 'noNewerVersion', `${secret} has no newer version that is enabled`),
      };
    const left = await firstUnrestarted(readers, context);
    return left === undefined
      ? { kind: 'toDo', version: found.etag }
      : { kind: 'refused', failure: failure('refused', 'readerNotRestarted', left) };
  },
  start: async ({ secret, version }, etag, { world }) => {
    await world.secrets.disable(secret, version, etag);
    return { kind: 'done', detail: `version ${version} of ${secret} is disabled` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking at the version' }),
  verify: async ({ secret, version }, { world }) => {
    const found = (await world.secrets.versions(secret)).find((known) => known.version === version);
    return { ok: found?.state !== 'enabled', detail: `version ${version} of ${secret} is ${found?.state ?? 'gone'}` };
  },
});

/** A reader that may still use the old version: neither cut off nor restarted well, or it runs something else by now. */
async function firstUnrestarted(
  readers: z.infer<typeof old>['readers'],
  context: ActionContext,
): Promise<string | undefined> {
  for (const { application, restarted, stamps, cutOff } of readers) {
    if (cutOff !== undefined && context.run.steps.get(stepId(cutOff))?.kind === 'done') {
      const status = await context.world.isolation.inspect(application);
      if (isCutOff(status, context.state.id)) continue;
      return `${application} is not cut off any more, and has not been restarted`;
    }
    if (context.run.steps.get(stepId(restarted))?.kind !== 'done') return `${application} has not been restarted`;
    const { stamp, complete, detail } = await copiesOf(application, context);
    // It may only be scaling now: looked at again until the step's time is over.
    if (!complete) throw new PortError('retryable', 'rollingOut', detail);
    if (stamp?.startsWith(stamps) !== true) return `${application} runs something else than what was restarted`;
  }
  return undefined;
}

const grace = z.strictObject({ secret: z.string(), graceMs: z.number().min(0) });

/** Leaves the old version to whoever still holds it, for as long as the team says. */
export const passGrace = define({
  kind: 'pass-grace',
  risk: 'observe',
  repeat: 'terminal',
  input: grace,
  version: z.null(),
  handle: z.strictObject({ untilMs: z.number() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ graceMs }, _version, { clock }) => {
    const untilMs = clock.now() + graceMs;
    return { kind: 'running', handle: { untilMs }, detail: `until ${new Date(untilMs).toISOString()}` };
  },
  poll: async ({ untilMs }, { secret }, { clock }) =>
    clock.now() >= untilMs
      ? { kind: 'done', detail: `the grace of ${secret} is over` }
      : { kind: 'running', handle: { untilMs }, detail: `until ${new Date(untilMs).toISOString()}` },
  verify: async () => ({ ok: true, detail: '' }),
});

import { z } from 'zod';
import { SecretText } from '../core/redact.ts';
import { after, minutes, seconds, toIso } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { stepId } from '../plan/plan.ts';
import type { DatabaseLogin } from '../ports/database-users.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import { instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { copiesOf } from './restart-application.ts';
import { isOurs, newestOf, seeNewerVersion } from './rotate-secret.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// Gives a user of a database a new password, whose URL is a secret: looked at, stored, set, and put back where it could not be set.
//
// W1. The password is made in the moment in which it is sent to the secret, and is set as it is read from there: after a crash, a lost reply
//     or a repeat the same one is set. It stands in no log, evidence or argument.
// W2. It is in force when the server lets in the new one and refuses the former: a login says so, never an operation alone.
// W3. A newest version that the server does not know would take down whoever starts: where the password was not set, the former value
//     becomes the newest again, after whatever was sent could arrive late, and only if the server refuses the new one.

/** Makes a password strong for Cloud SQL's own policies too, which may ask for each kind of character; none needs escaping in a URL. */
const KINDS_OF_CHARACTERS = '-aA1';
const PASSWORD_BYTES = 32;

const instance = z.string().transform(instanceName);

const userOf = z.strictObject({
  secret: z.string(),
  /** The version that people approved replacing. */
  before: z.string(),
  user: z.string(),
  instance,
});

/** How long a server that does not answer is asked: what can't be reached is left to do by hand, and holds nothing else up. */
const PATIENCE = minutes(1);

const asked = z.strictObject({
  ...userOf.shape,
  /** Applications that are restarted for the new one. */
  readers: z.array(z.string()),
});

/**
 * Looks whether the password could be changed at all, before anything is: the primary answers, the user is one of it, and no reader would be
 * left with the former one because it can't be restarted.
 */
export const confirmDatabaseUser = define({
  kind: 'confirm-database-user',
  risk: 'observe',
  repeat: 'terminal',
  input: asked,
  version: z.null(),
  handle: z.strictObject({ sinceMs: z.number() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (input, _version, context) => confirm(input, context.clock.now(), context),
  poll: ({ sinceMs }, input, context) => confirm(input, sinceMs, context),
  verify: async () => ({ ok: true, detail: '' }),
});

async function confirm(
  { secret, before, user, instance: primary, readers }: z.infer<typeof asked>,
  sinceMs: number,
  context: ActionContext,
): Promise<Progress> {
  const { world, clock } = context;
  const refused = (code: string, detail: string): Progress => ({
    kind: 'failed',
    failure: failure('refused', code, detail),
  });
  if ((await world.databases.inspect(primary)).role !== 'primary')
    return refused('notPrimary', `${primary} is a replica, whose users follow its primary`);
  const users = await world.databaseUsers.list(primary);
  if (!users.includes(user)) return refused('noSuchUser', `${primary} has no user ${user}: dr.yaml names another one`);
  const login = loginOf(await world.secrets.read(secret, before));
  if (login?.user !== user) return refused('otherUser', `version ${before} of ${secret} is no database URL of ${user}`);
  for (const reader of readers) {
    const { obstacle } = await copiesOf(reader, context, [secret]);
    if (obstacle !== undefined) return refused('readerNotRestartable', `${reader} would be locked out: ${obstacle}`);
  }
  try {
    const isLetIn = await world.databaseUsers.logsIn(primary, login);
    const others = users.filter((name) => name !== user).join(', ');
    const now = isLetIn
      ? `${primary} lets ${user} in by version ${before} of ${secret}`
      : `${primary} refuses ${user} by version ${before} of ${secret} ALREADY: somebody has changed the password since`;
    return { kind: 'done', detail: `${now}; its other users: ${others === '' ? 'none' : others}` };
  } catch (error) {
    if (!isPortError(error) || error.kind !== 'retryable') throw error;
    if (clock.now() - sinceMs >= PATIENCE) return refused('notReached', `${primary} does not answer (${error.code})`);
    return { kind: 'running', handle: { sinceMs }, detail: `${primary} does not answer (${error.code})` };
  }
}

const stored = z.strictObject({
  secret: z.string(),
  before: z.string(),
  user: z.string(),
  /** Another secret with a URL of the same user, and the step that stored the new password there: it is that one. */
  like: z.strictObject({ secret: z.string(), step: z.string() }).exactOptional(),
});

/** Adds a version with a new password in the same URL. Serialised: Secret Manager takes a second one as willingly. */
export const storePassword = define({
  kind: 'store-password',
  risk: 'destructive',
  repeat: 'serialised',
  input: stored,
  version: z.string(),
  handle: z.null(),
  observe: async ({ secret, before }, context) => {
    const newest = await newestOf(secret, context);
    if (newest?.version === before) return { kind: 'toDo', version: before };
    if (newest !== undefined && isOurs(newest, context)) {
      const { version } = newest;
      return { kind: 'already', detail: `${secret} has version ${version}`, output: { version } };
    }
    const detail = `${secret} has version ${newest?.version ?? 'none'} by now, not ${before}`;
    return { kind: 'refused', failure: failure('voided', 'secretChanged', detail) };
  },
  start: async ({ secret, user, like }, before, context) => {
    const { secrets } = context.world;
    const url = await secrets.read(secret, before);
    const password = like === undefined ? makePassword(context) : await passwordOf(like, context);
    const renewed = loginOf(url)?.user === user ? withPassword(url, password) : undefined;
    if (renewed === undefined) {
      const detail = `version ${before} of ${secret} is no database URL of ${user}`;
      return { kind: 'failed', failure: failure('refused', 'otherUser', detail) };
    }
    await context.stillOurs();
    const version = await secrets.add(secret, renewed);
    return { kind: 'done', detail: `${secret} has version ${version}`, output: { version } };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking at the newest version' }),
  verify: seeNewerVersion,
});

const set = z.strictObject({ ...userOf.shape, /** The step that stored the new one. */ stored: z.string() });

/** Makes what was stored the password (W1, W2). Terminal: the same one again changes nothing. */
export const setDatabasePassword = define({
  kind: 'set-database-password',
  risk: 'destructive',
  repeat: 'terminal',
  input: set,
  version: z.string(),
  handle: operationHandle,
  observe: async (asked, context) => {
    const { secret, instance: primary } = asked;
    const version = storedBy(asked.stored, context);
    const newest = await newestOf(secret, context);
    if (version === undefined || newest?.version !== version) {
      const detail = `${secret} has version ${newest?.version ?? 'none'} by now, not the one that was stored`;
      return { kind: 'refused', failure: failure('voided', 'secretChanged', detail) };
    }
    if ((await context.world.databases.inspect(primary)).role !== 'primary') {
      const detail = `${primary} is no primary any more`;
      return { kind: 'refused', failure: failure('voided', 'notPrimary', detail) };
    }
    const own = await ownOperation(primary, 'UPDATE_USER', context);
    if (own !== undefined && own.state !== 'done')
      return { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
    const { ok, detail } = await inForce(asked, version, context);
    return ok ? { kind: 'already', detail } : { kind: 'toDo', version };
  },
  start: async ({ secret, user, instance: primary }, version, context) => {
    const login = loginOf(await context.world.secrets.read(secret, version));
    if (login === undefined)
      throw new PortError('permanent', 'noDatabaseUrl', `reading version ${version} of ${secret}`);
    await context.stillOurs();
    const operation = await context.world.databaseUsers.setPassword(primary, user, login.password);
    return { kind: 'running', handle: { operation }, detail: `${operation} is under way` };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async (asked, context) => {
    const version = storedBy(asked.stored, context);
    return version === undefined ? { ok: false, detail: 'nothing is stored' } : await inForce(asked, version, context);
  },
});

/** W2. */
async function inForce(
  { secret, before, user, instance: primary }: z.infer<typeof set>,
  version: string,
  context: ActionContext,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const isLetIn = await logsInBy(primary, { secret, version }, context);
  const isFormerLetIn = await logsInBy(primary, { secret, version: before }, context);
  const by = (one: string, is: boolean): string => `${is ? 'lets in' : 'refuses'} the password of version ${one}`;
  return {
    ok: isLetIn && !isFormerLetIn,
    detail: `${primary}, asked as ${user}, ${by(version, isLetIn)} of ${secret} and ${by(before, isFormerLetIn)}`,
  };
}

async function logsInBy(
  primary: z.infer<typeof instance>,
  { secret, version }: { readonly secret: string; readonly version: string },
  { world }: ActionContext,
): Promise<boolean> {
  const login = loginOf(await world.secrets.read(secret, version));
  return login !== undefined && (await world.databaseUsers.logsIn(primary, login));
}

/** Between two looks at a replica that has not replayed the change yet. */
const PATIENTLY = seconds(15);

/** Waits until every replica lets in the new password: one that is promoted before that would let in the former one alone. */
export const seePasswordFollow = define({
  kind: 'see-password-follow',
  risk: 'observe',
  repeat: 'terminal',
  input: set,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (asked, _version, context) => lookAtReplicas(asked, context),
  poll: (_handle, asked, context) => lookAtReplicas(asked, context),
  verify: async () => ({ ok: true, detail: '' }),
});

async function lookAtReplicas(
  { secret, stored: step, instance: primary }: z.infer<typeof set>,
  context: ActionContext,
): Promise<Progress> {
  const version = storedBy(step, context) ?? '';
  const replicas = (await context.world.databases.fleet()).filter(({ upstream }) => upstream === primary);
  const behind: string[] = [];
  for (const { instance: replica } of replicas)
    if (!(await showsIt(() => logsInBy(replica, { secret, version }, context)))) behind.push(replica);
  return behind.length === 0
    ? { kind: 'done', detail: `${replicas.length} replicas let it in` }
    : { kind: 'running', handle: null, detail: `not yet on ${behind.join(', ')}`, again: PATIENTLY };
}

/** A replica that does not answer has not shown that it has it. */
async function showsIt(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (!isPortError(error) || error.kind !== 'retryable') throw error;
    return false;
  }
}

const putBack = z.strictObject({ ...set.shape, /** The step that sets the password. */ set: z.string() });

/** Makes the former value the newest version again where the password was not set (W3). Serialised, as any added version. */
export const putBackPassword = define({
  kind: 'put-back-password',
  risk: 'destructive',
  repeat: 'serialised',
  input: putBack,
  version: z.string(),
  handle: z.null(),
  observe: async (asked, context) => {
    const { secret, before, instance: primary } = asked;
    const { run, clock, system } = context;
    if (run.steps.get(stepId(asked.set))?.kind === 'done')
      return { kind: 'already', detail: `the new password is in force: ${secret} keeps its newest version` };
    const version = storedBy(asked.stored, context);
    const newest = await newestOf(secret, context);
    if (version === undefined || newest?.version !== version)
      return {
        kind: 'already',
        detail: `${secret} has version ${newest?.version ?? 'none'}, which nobody stored here`,
      };
    const sentAt = run.intents.get(`do:${stepId(asked.set)}`);
    const until = sentAt === undefined ? undefined : after(sentAt, system.guards.lateArrival);
    // Retryable: looked at again until the step's time is over.
    if (until !== undefined && clock.now() < until)
      throw new PortError(
        'retryable',
        'mayArriveLate',
        `waiting until ${toIso(until)} for what was sent to ${primary}`,
      );
    if (await logsInBy(primary, { secret, version }, context))
      return { kind: 'already', detail: `${primary} lets in the new password after all: it stays` };
    return { kind: 'toDo', version: before };
  },
  start: async ({ secret }, before, context) => {
    const former = await context.world.secrets.read(secret, before);
    await context.stillOurs();
    const version = await context.world.secrets.add(secret, former);
    return {
      kind: 'done',
      detail: `version ${version} of ${secret} is what version ${before} was`,
      output: { version },
    };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking at the newest version' }),
  verify: async ({ secret }, context) => {
    const newest = await newestOf(secret, context);
    return { ok: newest?.state === 'enabled', detail: `${secret} has version ${newest?.version ?? 'none'}` };
  },
});

const version = z.object({ version: z.string() });

/** The version that a step stored; `undefined` until it has. */
function storedBy(step: string, { run }: ActionContext): string | undefined {
  const progress = run.steps.get(stepId(step));
  const read = version.safeParse(progress?.kind === 'done' ? progress.output : null);
  return read.success ? read.data.version : undefined;
}

const makePassword = ({ chance }: ActionContext): SecretText =>
  new SecretText(`${Buffer.from(chance.bytes(PASSWORD_BYTES)).toString('base64url')}${KINDS_OF_CHARACTERS}`);

async function passwordOf(
  { secret, step }: { readonly secret: string; readonly step: string },
  context: ActionContext,
): Promise<SecretText> {
  const known = storedBy(step, context);
  const login = known === undefined ? undefined : loginOf(await context.world.secrets.read(secret, known));
  if (login === undefined) throw new PortError('permanent', 'noDatabaseUrl', `reading the new password in ${secret}`);
  return login.password;
}

/** What a database URL says of a login; `undefined` when it is none. */
export function loginOf(url: SecretText): DatabaseLogin | undefined {
  if (!URL.canParse(url.reveal())) return undefined;
  const { username, password, pathname } = new URL(url.reveal());
  const database = decodeURIComponent(pathname.slice(1));
  if (username === '' || database === '') return undefined;
  return { user: decodeURIComponent(username), password: new SecretText(decodeURIComponent(password)), database };
}

/** The same URL with another password; `undefined` when it is none. Everything else stays. */
export function withPassword(secret: SecretText, password: SecretText): SecretText | undefined {
  if (loginOf(secret) === undefined) return undefined;
  const url = new URL(secret.reveal());
  url.password = password.reveal();
  return new SecretText(url.href);
}

import { z } from 'zod';
import { SecretText } from '../core/redact.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import { define } from './define.ts';

// Points the applications' database URL at another host by adding a secret version. The password stays inside the secret: it is
// read into memory, only the host is replaced, and no part of the URL reaches a log, an environment variable or an argument.

const input = z.strictObject({ secret: z.string(), host: z.string() });

/** Adds a version that names the new host. Serialised: Secret Manager has no protection against a second add. */
export const pointSecret = define({
  kind: 'point-secret',
  risk: 'destructive',
  repeat: 'serialised',
  input,
  version: z.string(),
  handle: z.null(),
  observe: async ({ secret, host }, context) => {
    const { version, enabled } = await context.world.secrets.latest(secret);
    if (!enabled)
      return {
        kind: 'refused',
        failure: failure('refused', 'secretDisabled', `the newest version of ${secret} is disabled`),
      };
    if ((await hostOf(secret, version, context)) === host)
      return { kind: 'already', detail: `${secret} names ${host} since version ${version}` };
    // That it was promoted may stand in the log; that it is a primary is looked at.
    const named = (await context.world.databases.fleet()).find(({ address }) => address === host);
    return named?.role === 'primary'
      ? { kind: 'toDo', version }
      : {
          kind: 'refused',
          failure: failure('refused', 'noPrimary', `${host} is ${named?.role ?? 'no instance of ours'}, not a primary`),
        };
  },
  start: async ({ secret, host }, version, context) => {
    const moved = withHost(await context.world.secrets.read(secret, version), host);
    if (moved === undefined)
      return {
        kind: 'failed',
        failure: failure('permanent', 'notAUrl', `version ${version} of ${secret} is no database URL`),
      };
    await context.stillOurs();
    const added = await context.world.secrets.add(secret, moved);
    return { kind: 'done', detail: `${secret} names ${host} since version ${added}`, output: { version: added } };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'reading the secret back' }),
  verify: async ({ secret, host }, context) => {
    const { version } = await context.world.secrets.latest(secret);
    return {
      ok: (await hostOf(secret, version, context)) === host,
      detail: `${secret} names ${host} since version ${version}`,
    };
  },
});

async function hostOf(secret: string, version: string, { world }: ActionContext): Promise<string | undefined> {
  return parse((await world.secrets.read(secret, version)).reveal())?.hostname;
}

/** The same URL with another host; `undefined` when it is none. Port, user, password and database stay. */
export function withHost(secret: SecretText, host: string): SecretText | undefined {
  const url = parse(secret.reveal());
  if (url === undefined) return undefined;
  url.hostname = host;
  return new SecretText(url.href);
}

const parse = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

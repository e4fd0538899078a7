import { describe, expect, it } from '@jest/globals';
import {
  confirmDatabaseUser,
  loginOf,
  putBackPassword,
  seePasswordFollow,
  setDatabasePassword,
  storePassword,
  withPassword,
} from '../../shared/actions/rotate-password.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { after, type Instant, minutes, seconds } from '../../shared/core/time.ts';
import type { ActionContext } from '../../shared/engine/action.ts';
import type { DatabaseLogin } from '../../shared/ports/database-users.ts';
import type { OperationStatus } from '../../shared/ports/databases.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { SYSTEM } from '../classify/looks.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const [URL_OF, EAST] = ['url', 'url-east'] as const;
const PRIMARY = 'coditect-dms-db';
const USER = { secret: URL_OF, before: '1', user: 'dms', instance: PRIMARY };
const ASKED = { ...USER, readers: ['api-gke'] };
const STORED = { secret: URL_OF, before: '1', user: 'dms' };
const SET = { ...USER, stored: 'store' };
const BACK = { ...SET, set: 'set' };
const urlWith = (password: string, host = '10.20.0.3'): string =>
  `postgresql://dms:${password}@${host}:5432/dms?sslmode=require`;

/** Two secrets with URLs of one user, and its server. */
class Kept {
  readonly clock = new JumpingClock();
  readonly payloads = new Map<string, string[]>([
    [URL_OF, [urlWith('old')]],
    [EAST, [urlWith('old', '10.20.0.5')]],
  ]);
  readonly made = new Map<string, Instant[]>();
  password = 'old';
  replicated = 'old';
  paused = false;
  role = 'primary';
  users: readonly string[] = ['dms', 'postgres'];
  reached = true;
  operations: Pick<OperationStatus, 'name' | 'type' | 'state' | 'insertedAt'>[] = [];
  steps = new Map<string, unknown>();
  intents = new Map<string, Instant>();
  intentAt: Instant | undefined;

  add(secret: string, payload: string): string {
    const known = this.payloads.get(secret) ?? [];
    known.push(payload);
    this.made.set(secret, [...(this.made.get(secret) ?? [this.clock.now()]), this.clock.now()]);
    return String(known.length);
  }

  newest(secret: string): string {
    return this.payloads.get(secret)?.at(-1) ?? '';
  }

  context(): ActionContext {
    return contextOf({
      clock: this.clock,
      chance: countingChance(),
      system: SYSTEM,
      intentAt: this.intentAt,
      stillOurs: async () => {},
      run: { steps: this.steps, intents: this.intents },
      world: {
        databases: {
          inspect: async () => ({ role: this.role }),
          fleet: async () => [
            { instance: PRIMARY, upstream: undefined },
            { instance: 'replica', upstream: PRIMARY },
          ],
          operations: async () => this.operations,
          operation: async (name: string) => ({
            ...this.operations.find((one) => one.name === name),
            error: undefined,
          }),
        },
        rollouts: { inspect: async () => ({ replicas: 3, paused: this.paused }) },
        databaseUsers: {
          list: async () => this.users,
          logsIn: async (instance: string, login: DatabaseLogin) => {
            if (instance === 'replica') return login.password.reveal() === this.replicated;
            if (!this.reached) throw new PortError('retryable', 'timeout', 'logging in');
            return login.user === 'dms' && login.password.reveal() === this.password;
          },
          setPassword: async (_instance: string, _user: string, password: SecretText) => {
            this.password = password.reveal();
            const name = `op-${this.operations.length + 1}`;
            const insertedAt = this.clock.now();
            this.operations = [{ name, type: 'UPDATE_USER', state: 'done', insertedAt }, ...this.operations];
            return name;
          },
        },
        secrets: {
          versions: async (secret: string) =>
            (this.payloads.get(secret) ?? [])
              .map((_, index) => ({
                version: String(index + 1),
                state: 'enabled',
                createdAt: this.made.get(secret)?.[index] ?? this.clock.now(),
              }))
              .toReversed(),
          read: async (secret: string, version: string) =>
            new SecretText(this.payloads.get(secret)?.[Number(version) - 1] ?? ''),
          add: async (secret: string, payload: SecretText) => this.add(secret, payload.reveal()),
        },
      },
    });
  }

  /** As after the step that stores. */
  async stored(): Promise<this> {
    await storePassword.start(STORED, '1', this.context());
    this.steps.set('store', { kind: 'done', output: { version: '2' } });
    return this;
  }
}

describe('a password that is looked at', () => {
  const confirm = (kept: Kept) => confirmDatabaseUser.start(ASKED, null, kept.context());

  it('is said to be in force, with who else has one', async () => {
    expect(await confirm(new Kept())).toMatchObject({
      kind: 'done',
      detail: expect.stringMatching(/lets dms in by version 1 of url; its other users: postgres/),
    });
  });

  it('is said to have been changed by somebody, and is replaced all the same', async () => {
    const kept = new Kept();
    kept.password = 'the thief’s';

    expect(await confirm(kept)).toMatchObject({ kind: 'done', detail: expect.stringContaining('ALREADY') });
  });

  it.each([
    ['on a replica', (kept: Kept) => void (kept.role = 'replica'), 'notPrimary'],
    ['of nobody', (kept: Kept) => void (kept.users = ['postgres']), 'noSuchUser'],
    ['whose reader could not be restarted', (kept: Kept) => void (kept.paused = true), 'readerNotRestartable'],
    ['in what is no URL', (kept: Kept) => void kept.payloads.set(URL_OF, ['random bytes']), 'otherUser'],
  ])('is left alone %s', async (_, happens, code) => {
    const kept = new Kept();
    happens(kept);

    expect(await confirm(kept)).toMatchObject({ kind: 'failed', failure: { code } });
  });

  it('is left to people when its server does not answer for a minute, and holds nothing up for longer', async () => {
    const kept = new Kept();
    kept.reached = false;
    const begun = await confirm(kept);
    const handle = begun.kind === 'running' ? begun.handle : null;

    expect(begun).toMatchObject({ kind: 'running' });
    kept.clock.advance(minutes(1));
    expect(await confirmDatabaseUser.poll(handle, ASKED, kept.context())).toMatchObject({
      kind: 'failed',
      failure: { code: 'notReached' },
    });
  });
});

describe('a new password', () => {
  it('takes the place of the old one in the URL alone, and no detail shows it', async () => {
    const kept = new Kept();
    const done = await storePassword.start(STORED, '1', kept.context());

    expect(done).toEqual({ kind: 'done', detail: 'url has version 2', output: { version: '2' } });
    const password = loginOf(new SecretText(kept.newest(URL_OF)))?.password.reveal() ?? '';
    expect(kept.newest(URL_OF)).toBe(urlWith(password));
    expect(Buffer.from(password.slice(0, 43), 'base64url')).toHaveLength(32);
    expect(password).toMatch(/^[\w-]+-aA1$/);
  });

  it('is the same in every secret of the user', async () => {
    const kept = await new Kept().stored();
    const like = { secret: URL_OF, step: 'store' };
    await storePassword.start({ ...STORED, secret: EAST, like }, '1', kept.context());

    const password = loginOf(new SecretText(kept.newest(URL_OF)))?.password.reveal() ?? '';
    expect(kept.newest(EAST)).toBe(urlWith(password, '10.20.0.5'));
  });

  it('is stored once, though the reply of the first time was lost', async () => {
    const kept = new Kept();
    kept.intentAt = kept.clock.now();
    kept.clock.advance(seconds(2));
    await storePassword.start(STORED, '1', kept.context());

    expect(await storePassword.observe(STORED, kept.context())).toMatchObject({
      kind: 'already',
      output: { version: '2' },
    });
  });

  it('is not stored over what somebody else has stored since people were asked', async () => {
    const kept = new Kept();
    kept.add(URL_OF, urlWith('another'));

    expect(await storePassword.observe(STORED, kept.context())).toMatchObject({
      kind: 'refused',
      failure: { kind: 'voided', code: 'secretChanged' },
    });
  });

  it('is put into no URL of somebody else', async () => {
    const kept = new Kept();
    kept.payloads.set(URL_OF, ['postgresql://reports:old@10.20.0.3:5432/dms']);

    expect(await storePassword.start(STORED, '1', kept.context())).toMatchObject({ failure: { code: 'otherUser' } });
    expect(withPassword(new SecretText('random bytes'), new SecretText('x'))).toBeUndefined();
  });
});

describe('a password that is set', () => {
  it('is the stored one, in force when the server lets it in and refuses the former', async () => {
    const kept = await new Kept().stored();
    expect(await setDatabasePassword.observe(SET, kept.context())).toEqual({ kind: 'toDo', version: '2' });
    await setDatabasePassword.start(SET, '2', kept.context());

    expect(kept.newest(URL_OF)).toBe(urlWith(kept.password));
    expect(await setDatabasePassword.verify(SET, kept.context())).toMatchObject({ ok: true });
    expect(await setDatabasePassword.observe(SET, kept.context())).toMatchObject({ kind: 'already' });
  });

  it('is the same one however often it is set', async () => {
    const kept = await new Kept().stored();
    await setDatabasePassword.start(SET, '2', kept.context());
    const first = kept.password;
    await setDatabasePassword.start(SET, '2', kept.context());

    expect(kept.password).toBe(first);
  });

  it('is not verified by an operation that is done while the former one is let in', async () => {
    const kept = await new Kept().stored();
    kept.operations = [{ name: 'op', type: 'UPDATE_USER', state: 'done', insertedAt: kept.clock.now() }];

    expect(await setDatabasePassword.verify(SET, kept.context())).toMatchObject({ ok: false });
  });

  it('waits for an operation of ours whose reply was lost', async () => {
    const kept = await new Kept().stored();
    kept.intentAt = kept.clock.now();
    kept.operations = [{ name: 'op', type: 'UPDATE_USER', state: 'running', insertedAt: kept.clock.now() }];

    expect(await setDatabasePassword.observe(SET, kept.context())).toMatchObject({
      kind: 'inProgress',
      handle: { operation: 'op' },
    });
  });

  it.each([
    ['nothing is stored', (kept: Kept) => void kept.steps.delete('store'), 'secretChanged'],
    ['something else is stored by now', (kept: Kept) => void kept.add(URL_OF, urlWith('x')), 'secretChanged'],
    ['another instance is the primary by now', (kept: Kept) => void (kept.role = 'replica'), 'notPrimary'],
  ])('is set nowhere when %s', async (_, happens, code) => {
    const kept = await new Kept().stored();
    happens(kept);

    expect(await setDatabasePassword.observe(SET, kept.context())).toMatchObject({
      kind: 'refused',
      failure: { code },
    });
  });
});

describe('a password on its way to the replicas', () => {
  it('is waited for until each of them lets it in', async () => {
    const kept = await new Kept().stored();
    await setDatabasePassword.start(SET, '2', kept.context());
    expect(await seePasswordFollow.start(SET, null, kept.context())).toMatchObject({
      kind: 'running',
      detail: 'not yet on replica',
    });
    kept.replicated = kept.password;

    expect(await seePasswordFollow.poll(null, SET, kept.context())).toMatchObject({ kind: 'done' });
  });
});

describe('a secret whose password could not be set', () => {
  const failed = async (): Promise<Kept> => {
    const kept = await new Kept().stored();
    kept.steps.set('set', { kind: 'failed', failure: { kind: 'permanent', code: 'forbidden' } });
    return kept;
  };

  it('names its former value again, so that whoever starts is let in', async () => {
    const kept = await failed();
    expect(await putBackPassword.observe(BACK, kept.context())).toEqual({ kind: 'toDo', version: '1' });
    await putBackPassword.start(BACK, '1', kept.context());

    expect(kept.newest(URL_OF)).toBe(urlWith('old'));
    expect(await putBackPassword.observe(BACK, kept.context())).toMatchObject({ kind: 'already' });
  });

  it('stays when the server lets the new one in after all', async () => {
    const kept = await failed();
    kept.password = loginOf(new SecretText(kept.newest(URL_OF)))?.password.reveal() ?? '';

    expect(await putBackPassword.observe(BACK, kept.context())).toMatchObject({ kind: 'already' });
  });

  it('is not put back while what was sent may arrive late, or the server does not say', async () => {
    const kept = await failed();
    kept.intents.set('do:set', kept.clock.now());
    await expect(putBackPassword.observe(BACK, kept.context())).rejects.toMatchObject({ code: 'mayArriveLate' });
    expect(after(kept.clock.now(), SYSTEM.guards.lateArrival)).toBe(after(kept.clock.now(), minutes(5)));
    kept.clock.advance(minutes(5));
    kept.reached = false;

    await expect(putBackPassword.observe(BACK, kept.context())).rejects.toMatchObject({ code: 'timeout' });
    kept.reached = true;
    expect(await putBackPassword.observe(BACK, kept.context())).toMatchObject({ kind: 'toDo' });
  });

  it('is left alone when the password is set', async () => {
    const kept = await failed();
    kept.steps.set('set', { kind: 'done' });

    expect(await putBackPassword.observe(BACK, kept.context())).toMatchObject({ kind: 'already' });
  });
});

import { describe, expect, it } from '@jest/globals';
import { restartApplication } from '../../shared/actions/restart-application.ts';
import {
  awaitIssuedSecret,
  disableSecretVersion,
  passGrace,
  rotateSecret,
} from '../../shared/actions/rotate-secret.ts';
import type { SecretText } from '../../shared/core/redact.ts';
import { after, type Instant, minutes, seconds } from '../../shared/core/time.ts';
import type { ActionContext } from '../../shared/engine/action.ts';
import type { SecretVersionStatus } from '../../shared/ports/secrets.ts';
import { SYSTEM } from '../classify/looks.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const SECRET = 'jwt-key';
const ROTATION = { secret: SECRET, before: '1', bytes: 48 };
const ISSUED = { secret: SECRET, before: '1', person: 'ann', issuer: 'the bank', instructions: 'Ask the bank.' };
const OLD = {
  secret: SECRET,
  version: '1',
  readers: [{ application: 'api-gke', restarted: 'restart-api-gke', stamps: 'inc-a/' }],
};
const RESTART = { application: 'api-gke', stamp: 'inc-a/restart', instead: [{ secret: SECRET, version: '1' }] };

/** A secret and an application that reads it, as a test makes them. */
class Kept {
  readonly clock = new JumpingClock();
  readonly payloads: SecretText[] = [];
  versions: SecretVersionStatus[] = [this.#version('1')];
  /** What a rollout is; `updated` short of three is one that goes on. */
  rollout: { restartedFor: string | undefined; updated: number; version: string; paused: boolean } = {
    restartedFor: undefined,
    updated: 3,
    version: '7',
    paused: false,
  };
  acknowledged = new Map<string, string>();
  restarted = 'done';
  intentAt: Instant | undefined;

  #version(version: string, state: SecretVersionStatus['state'] = 'enabled'): SecretVersionStatus {
    return { version, state, createdAt: this.clock.now(), etag: `e${version}` };
  }

  /** Somebody adds a version. */
  add(state: SecretVersionStatus['state'] = 'enabled'): void {
    this.versions = [this.#version(String(this.versions.length + 1), state), ...this.versions];
  }

  context(): ActionContext {
    return contextOf({
      clock: this.clock,
      chance: countingChance(),
      system: SYSTEM,
      intentAt: this.intentAt,
      state: { id: 'inc-a' },
      run: {
        plan: { steps: [{ id: 'ask', action: 'await-issued-secret', input: ISSUED }] },
        steps: new Map([['restart-api-gke', { kind: this.restarted }]]),
        acknowledged: this.acknowledged,
      },
      world: {
        secrets: {
          versions: async () => this.versions,
          latest: async () => ({ version: this.versions[0]?.version, enabled: this.versions[0]?.state === 'enabled' }),
          add: async (_secret: string, payload: SecretText) => {
            this.payloads.push(payload);
            this.add();
            return this.versions[0]?.version;
          },
          disable: async (_secret: string, version: string) => {
            this.versions = this.versions.map((one) => (one.version === version ? { ...one, state: 'disabled' } : one));
          },
        },
        rollouts: {
          inspect: async () => ({ ...this.rollout, observed: true, replicas: 3, total: 3, available: 3 }),
          restart: async (_application: string, _version: string, { incident }: { incident: string }) => {
            this.rollout = { ...this.rollout, restartedFor: incident, updated: 1, version: '8' };
          },
        },
        applications: { deepHealth: async () => ({ kind: 'serving', detail: 'http 200' }) },
      },
    });
  }
}

describe('a secret that is rotated', () => {
  it('gets as many random bytes as asked for, in base64, which no detail shows', async () => {
    const kept = new Kept();
    const done = await rotateSecret.start(ROTATION, '1', kept.context());

    const [payload] = kept.payloads.map((text) => text.reveal());
    expect(Buffer.from(payload ?? '', 'base64')).toHaveLength(48);
    expect(done).toEqual({ kind: 'done', detail: 'jwt-key has version 2', output: { version: '2' } });
    expect(await rotateSecret.verify(ROTATION, kept.context())).toMatchObject({ ok: true });
  });

  it('is not rotated a second time when the reply of the first was lost', async () => {
    const kept = new Kept();
    kept.intentAt = kept.clock.now();
    kept.clock.advance(seconds(2));
    kept.add();

    expect(await rotateSecret.observe(ROTATION, kept.context())).toMatchObject({ kind: 'already' });
  });

  it('voids the plan when somebody else has changed it since people were asked', async () => {
    const kept = new Kept();
    kept.add();
    kept.clock.advance(minutes(5));
    for (const intentAt of [undefined, kept.clock.now()]) {
      kept.intentAt = intentAt;
      expect(await rotateSecret.observe(ROTATION, kept.context())).toMatchObject({
        kind: 'refused',
        failure: { kind: 'voided', code: 'secretChanged' },
      });
    }
  });

  it('is not verified while its newest version is disabled', async () => {
    const kept = new Kept();
    kept.add('disabled');

    expect(await rotateSecret.verify(ROTATION, kept.context())).toMatchObject({ ok: false });
  });
});

describe('a secret that somebody has to fetch', () => {
  it('is asked for by name, with what to do and how to say that it is done', async () => {
    expect(await awaitIssuedSecret.start(ISSUED, null, new Kept().context())).toMatchObject({
      kind: 'running',
      detail: 'jwt-key: waiting for a version newer than 1 and the word of ann',
      ask: {
        subject: 'ann: a new jwt-key from the bank',
        text: expect.stringMatching(/Ask the bank\.[\s\S]*\.\/dr acknowledge inc-a ask/),
      },
    });
  });

  it.each([
    ['the word alone', (kept: Kept) => void kept.acknowledged.set('ask', 'ann@x')],
    ['a version alone', (kept: Kept) => kept.add()],
    [
      'a version that is disabled',
      (kept: Kept) => {
        kept.acknowledged.set('ask', 'ann@x');
        kept.add('disabled');
      },
    ],
  ])('is still waited for after %s', async (_, happens) => {
    const kept = new Kept();
    happens(kept);

    expect(await awaitIssuedSecret.poll({ seen: null }, ISSUED, kept.context())).toMatchObject({ kind: 'running' });
  });

  it('is there when it is there and the person says so', async () => {
    const kept = new Kept();
    kept.add();
    kept.acknowledged.set('ask', 'ann@x');

    expect(await awaitIssuedSecret.poll({ seen: null }, ISSUED, kept.context())).toMatchObject({
      kind: 'done',
      output: { version: '2' },
    });
  });
});

describe('a former version', () => {
  const restarted = (): Kept => {
    const kept = new Kept();
    kept.add();
    kept.rollout = { ...kept.rollout, restartedFor: 'inc-a/restart-api-gke' };
    return kept;
  };

  it('is disabled once its readers have been restarted', async () => {
    const kept = restarted();

    expect(await disableSecretVersion.observe(OLD, kept.context())).toEqual({ kind: 'toDo', version: 'e1' });
    await disableSecretVersion.start(OLD, 'e1', kept.context());
    expect(kept.versions.map(({ version, state }) => `${version} ${state}`)).toEqual(['2 enabled', '1 disabled']);
    expect(await disableSecretVersion.verify(OLD, kept.context())).toMatchObject({ ok: true });
    expect(await disableSecretVersion.observe(OLD, kept.context())).toMatchObject({ kind: 'already' });
  });

  it.each([
    ['it is the only one', (kept: Kept) => void (kept.versions = kept.versions.slice(1)), 'noNewerVersion'],
    ['the newer one is disabled', (kept: Kept) => kept.add('disabled'), 'noNewerVersion'],
    ['a reader’s restart did not end well', (kept: Kept) => void (kept.restarted = 'failed'), 'readerNotRestarted'],
    [
      'a reader runs something else by now',
      (kept: Kept) => void (kept.rollout = { ...kept.rollout, restartedFor: undefined }),
      'readerNotRestarted',
    ],
  ])('stays when %s', async (_, happens, code) => {
    const kept = restarted();
    happens(kept);

    expect(await disableSecretVersion.observe(OLD, kept.context())).toMatchObject({
      kind: 'refused',
      failure: { code },
    });
  });

  it('waits for a reader that is rolling out', async () => {
    const kept = restarted();
    kept.rollout = { ...kept.rollout, updated: 1 };

    await expect(disableSecretVersion.observe(OLD, kept.context())).rejects.toMatchObject({ kind: 'retryable' });
  });

  it('stays enabled for its grace', async () => {
    const kept = new Kept();
    const input = { secret: SECRET, graceMs: minutes(10) };
    const begun = await passGrace.start(input, null, kept.context());
    const handle = begun.kind === 'running' ? begun.handle : null;

    expect(handle).toEqual({ untilMs: after(kept.clock.now(), minutes(10)) });
    kept.clock.advance(minutes(9));
    expect(await passGrace.poll(handle, input, kept.context())).toMatchObject({ kind: 'running' });
    kept.clock.advance(minutes(1));
    expect(await passGrace.poll(handle, input, kept.context())).toMatchObject({ kind: 'done' });
  });
});

describe('a reader that is restarted', () => {
  it('is restarted once under its stamp, and done when every copy is new and it serves', async () => {
    const kept = new Kept();
    kept.add();

    expect(await restartApplication.observe(RESTART, kept.context())).toEqual({ kind: 'toDo', version: '7' });
    await restartApplication.start(RESTART, '7', kept.context());
    expect(await restartApplication.observe(RESTART, kept.context())).toMatchObject({ kind: 'inProgress' });
    expect(await restartApplication.poll(null, RESTART, kept.context())).toMatchObject({ kind: 'running' });
    kept.rollout = { ...kept.rollout, updated: 3 };
    expect(await restartApplication.poll(null, RESTART, kept.context())).toMatchObject({ kind: 'done' });
    expect(await restartApplication.verify(RESTART, kept.context())).toMatchObject({ ok: true });
  });

  it('is left alone while there is nothing new to read', async () => {
    const refused = { kind: 'refused', failure: { code: 'nothingNew' } };
    const disabled = new Kept();
    disabled.add('disabled');

    expect(await restartApplication.observe(RESTART, new Kept().context())).toMatchObject(refused);
    expect(await restartApplication.observe(RESTART, disabled.context())).toMatchObject(refused);
  });

  it('is left to whoever has paused its rollout', async () => {
    const kept = new Kept();
    kept.add();
    kept.rollout = { ...kept.rollout, paused: true };

    expect(await restartApplication.observe(RESTART, kept.context())).toMatchObject({
      kind: 'refused',
      failure: { code: 'notNow', detail: expect.stringContaining('paused') },
    });
  });

  it('is not verified when something else was rolled out meanwhile', async () => {
    const kept = new Kept();
    kept.rollout = { ...kept.rollout, restartedFor: 'inc-b/restart' };

    expect(await restartApplication.verify(RESTART, kept.context())).toMatchObject({ ok: false });
  });
});

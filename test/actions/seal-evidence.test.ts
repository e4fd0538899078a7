import { describe, expect, it } from '@jest/globals';
import { captureLogs } from '../../shared/actions/capture-logs.ts';
import { lackOf, sealEvidence } from '../../shared/actions/seal-evidence.ts';
import { sha256 } from '../../shared/core/digest.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import type { ActionContext, Progress } from '../../shared/engine/action.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const INPUT = { bucket: 'evidence', leastMs: 90 * 86_400_000 };

/** A bucket that gives generations in the order in which pieces come. */
class Vault {
  readonly objects = new Map<string, { readonly generation: string; readonly text: string }>();
  readonly store = new Map<string, string>();
  retention = { seconds: 365 * 86_400, locked: true };
  lease = true;

  constructor(pieces: number) {
    for (let piece = 0; piece < pieces; piece += 1) {
      const text = `piece ${piece}`;
      this.store.set(sha256(text), text);
    }
  }

  context(): ActionContext {
    const evidence = [...this.store.keys()].map((digest, index) => ({ what: `what ${index}`, digest }));
    return contextOf({
      kept: async (digest) => this.store.get(digest),
      stillOurs: async () => {
        if (!this.lease) throw new Error('the lease is lost');
      },
      state: { id: 'inc-a', evidence: [...evidence, ...evidence.slice(0, 1)] },
      world: {
        vault: {
          retention: async () => this.retention,
          seal: async (_bucket: string, name: string, text: string) => {
            if (!this.objects.has(name)) this.objects.set(name, { generation: String(this.objects.size + 1), text });
          },
          sealed: async (_bucket: string, prefix: string) =>
            [...this.objects]
              .filter(([name]) => name.startsWith(prefix))
              .map(([name, { generation, text }]) => ({ name, generation, bytes: text.length, crc32c: 'c' })),
        },
      },
    });
  }

  async seal(): Promise<Progress> {
    let progress = await sealEvidence.start(INPUT, null, this.context());
    while (progress.kind === 'running') progress = await sealEvidence.poll(progress.handle, INPUT, this.context());
    return progress;
  }
}

describe('evidence that is sealed', () => {
  it('lies in the bucket under the digest of each piece, with a manifest whose digest and generation are told', async () => {
    const vault = new Vault(23);
    const progress = await vault.seal();

    expect(vault.objects.size).toBe(24);
    for (const [digest, text] of vault.store) expect(vault.objects.get(`inc-a/${digest}.txt`)?.text).toBe(text);
    const [name, manifest] = [...vault.objects].at(-1) ?? ['', undefined];
    expect(progress).toMatchObject({
      kind: 'done',
      detail: expect.stringContaining('23 pieces are in evidence'),
      output: { pieces: 23, manifest: name, generation: '24', sha256: sha256(manifest?.text ?? ''), locked: true },
    });
    expect(JSON.parse(manifest?.text ?? '')).toMatchObject({ incident: 'inc-a', pieces: { length: 23 } });
  });

  it('is there once, however often it is done', async () => {
    const vault = new Vault(12);
    const first = await vault.seal();

    expect(await vault.seal()).toEqual(first);
    expect(vault.objects.size).toBe(13);
  });

  it('is not called sealed where a piece is missing in the bucket', async () => {
    const vault = new Vault(1);
    const context = vault.context();
    context.world.vault.seal = async () => undefined;

    expect(await sealEvidence.poll({ sealed: 0 }, INPUT, context)).toMatchObject({
      kind: 'failed',
      failure: { code: 'notSealed' },
    });
  });

  it('goes into the bucket by nobody whose lease is lost', async () => {
    const vault = new Vault(1);
    vault.lease = false;

    await expect(vault.seal()).rejects.toThrow('lease');
    expect(vault.objects.size).toBe(0);
  });

  it('is kept by the bucket only if its policy is locked and long enough', () => {
    expect(lackOf({ seconds: 90 * 86_400, locked: true }, INPUT.leastMs)).toBeUndefined();
    expect(lackOf({ seconds: 90 * 86_400 - 1, locked: true }, INPUT.leastMs)).toContain('89 days only');
    expect(lackOf({ seconds: 90 * 86_400, locked: false }, INPUT.leastMs)).toContain('not locked');
    expect(lackOf({ seconds: null, locked: false }, INPUT.leastMs)).toContain('no retention policy');
  });
});

describe('logs that are kept', () => {
  it('go back from the report as far as wanted, redacted, in pieces that a store takes', async () => {
    const clock = new JumpingClock();
    const kept: string[] = [];
    const asked: unknown[] = [];
    const line = {
      at: instant(clock.now()),
      severity: 'INFO',
      source: 'api',
      text: `password=hunter2 ${'x'.repeat(99)}`,
    };
    const openedAt = instant(clock.now() - 60_000);
    const context = contextOf({
      clock,
      keep: async (_what, text) => void kept.push(text),
      state: { openedAt },
      world: {
        logArchive: {
          entries: async (...all: readonly unknown[]) => {
            asked.push(...all);
            return { entries: Array.from({ length: 5_000 }, () => line), more: true };
          },
        },
      },
    });

    const progress = await captureLogs.start({ application: 'api-run', backMs: minutes(60) }, null, context);
    expect(asked.slice(0, 3)).toEqual(['api-run', openedAt - minutes(60), clock.now()]);
    expect(progress).toMatchObject({ detail: expect.stringContaining('there are more than 10000') });
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.every((piece) => piece.length <= 300_000 && !piece.includes('hunter2'))).toBe(true);
    expect(kept.join('').split('\n')).toHaveLength(5_000);
  });
});

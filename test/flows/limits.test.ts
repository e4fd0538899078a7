import { describe, expect, it } from '@jest/globals';
import { PortError } from '../../shared/ports/port-error.ts';
import { onSignal } from '../../shared/flows/on-signal.ts';
import type { FlowHome } from '../../shared/flows/flow-home.ts';
import type { Store } from '../../shared/ports/store.ts';
import { tick } from '../../shared/flows/tick.ts';
import { alertWith, push, silentStage } from './silent-world.ts';
import { incidentsOf } from './stage.ts';

const refusals = async (home: FlowHome) =>
  (await home.store.documents.list('refused/', 10)).map(({ value }) => value as { readonly because: string });

/** The most that Pub/Sub carries (facts.md 2.1). */
const TEN_MB = 10_000_000;

describe('a message of the most that Pub/Sub carries', () => {
  it('is taken when it is an alert, its texts cut to what people read', async () => {
    const { home } = silentStage();
    await onSignal(push(alertWith({ summary: '🔥'.repeat(TEN_MB / 10), documentation: 'x'.repeat(TEN_MB / 2) })), home);

    const [incident] = await incidentsOf(home);
    expect(incident?.signals).toBe(1);
    expect(incident?.headline.length).toBeLessThanOrEqual(1_000);
  });

  it('is recorded with a short preview when it is not', async () => {
    const { home } = silentStage();
    await onSignal(push(Buffer.alloc(TEN_MB, 'x')), home);
    await onSignal(push(`${'['.repeat(TEN_MB / 2)}${']'.repeat(TEN_MB / 2)}`, 'm2'), home);

    const kept = await home.store.documents.list('refused/', 10);
    expect(kept).toHaveLength(2);
    for (const { value } of kept) expect(JSON.stringify(value).length).toBeLessThan(1_000);
  });
});

describe('a poison message', () => {
  it('under an id that no store takes is recorded all the same, once', async () => {
    const { home } = silentStage();
    const poison = push('no JSON', 'id\u0000\ud800');
    await onSignal(poison, home);
    await onSignal(poison, home);

    expect(await refusals(home)).toMatchObject([{ because: 'data is no JSON' }]);
  });

  it('that no store takes for its size is shown to people and acknowledged', async () => {
    const { home } = silentStage();
    const receive = async (): Promise<never> => {
      throw new PortError('permanent', 'too large', 'receiving signal x');
    };
    await onSignal(push(alertWith({})), { ...home, store: { ...home.store, log: { ...home.store.log, receive } } });

    expect(await refusals(home)).toMatchObject([{ because: 'it is larger than the store takes' }]);
  });
});

describe('a message that is days old', () => {
  it('only causes a look: an alert is never evidence', async () => {
    const { home, clock } = silentStage();
    const old = Math.floor(clock.now() / 1_000) - 7 * 86_400;
    await onSignal(push(alertWith({ started_at: old, state: 'open' })), home);

    const incidents = await incidentsOf(home);
    expect(incidents.map(({ approvals, run }) => [approvals.length, run])).toEqual([[0, undefined]]);
  });
});

/** A store that nobody reaches. */
function absent(store: Store): Store {
  const gone = async (): Promise<never> => {
    throw new PortError('retryable', 'unavailable', 'asking the store');
  };
  const part = <T extends object>(target: T): T => new Proxy(target, { get: () => gone });
  return {
    ...store,
    log: part(store.log),
    leases: part(store.leases),
    documents: part(store.documents),
    evidence: part(store.evidence),
    now: gone,
  };
}

describe('an absent store', () => {
  it('sends every message back, is named in the error, and lets nobody look or act', async () => {
    const { home, asked } = silentStage();
    const cut = { ...home, store: absent(home.store) };

    await expect(onSignal(push(alertWith({})), cut)).rejects.toThrow('asking the store: retryable (unavailable)');
    await expect(onSignal(push('no JSON'), cut)).rejects.toThrow('retryable (unavailable)');
    expect(asked()).toBe(0);
    await expect(tick(cut)).rejects.toThrow('retryable (unavailable)');
  });

  it('is none any more when it is back: the message that comes again is taken', async () => {
    const { home } = silentStage();
    await expect(onSignal(push(alertWith({})), { ...home, store: absent(home.store) })).rejects.toThrow();

    await onSignal(push(alertWith({})), home);
    expect(await incidentsOf(home)).toHaveLength(1);
  });
});

import { describe, expect, it } from '@jest/globals';
import { after, minutes, seconds } from '../../shared/core/time.ts';
import { performed } from './revivable.ts';

// Whether a remedy helped: consumers write and read, and stay well. What does not help is given up soon.

const watched = (lastWrittenAtMs: number) => ({ 'watch/coditect-dms-db': { lastWrittenAtMs } });

describe('A primary after a remedy', () => {
  it('serves when every consumer writes and reads on it, and has lost nothing of our heartbeats', async () => {
    const { progress } = await performed('verify-primary-serves', (primary, clock) => {
      primary.serves = true;
      return { documents: watched(clock.now() - 20_000) };
    });

    expect(progress).toMatchObject({ kind: 'done', output: { measuredLossMs: 0 } });
  });

  it('is given up after a minute without any sign of life', async () => {
    const { progress, took } = await performed('verify-primary-serves');

    expect(progress).toMatchObject({ kind: 'failed', failure: { kind: 'notVerified', code: 'didNotHelp' } });
    expect(took).toBeLessThan(minutes(2));
  });

  it('is waited for as long as something shows that it lives', async () => {
    const { progress, took } = await performed('verify-primary-serves', (primary, clock) => {
      primary.serves = true;
      primary.consumersFrom = after(clock.now(), minutes(3));
    });

    expect(progress?.kind).toBe('done');
    expect(took).toBeGreaterThan(minutes(3));
  });

  it('is not said to serve by a consumer that is on another instance', async () => {
    const { progress } = await performed('verify-primary-serves', (primary) => {
      primary.serves = true;
      return { input: { host: '10.20.0.99' } };
    });

    expect(progress).toMatchObject({ kind: 'failed', failure: { kind: 'timeLimit' } });
  });

  it('stays well when nothing falls ill for the hold time', async () => {
    const { progress, took } = await performed('primary-stays-well', (primary) => void (primary.serves = true));

    expect(progress?.kind).toBe('done');
    expect(took).toBeGreaterThanOrEqual(minutes(2));
  });

  it('is given up a minute after it has fallen ill again', async () => {
    const { progress, took } = await performed('primary-stays-well', (primary, clock) => {
      primary.serves = true;
      primary.relapsesAt = after(clock.now(), seconds(90));
    });

    expect(progress).toMatchObject({ kind: 'failed', failure: { code: 'relapsed' } });
    expect(took).toBeLessThan(minutes(3));
  });
});

describe('The last look after a remedy', () => {
  const reading = (refusedSinceMs: number | null, lastLookAtMs: number) => ({
    'watch/coditect-dms-db': {
      version: 1,
      instance: 'coditect-dms-db',
      lastWrittenAtMs: null,
      lastSequence: 0,
      notWrittenSinceMs: refusedSinceMs,
      refusedSinceMs,
      lastLookAtMs,
      vantages: {},
    },
  });

  it('goes on when everybody has been refused since the moment that was approved', async () => {
    const { progress } = await performed('confirm-database-failed', (_primary, clock) => ({
      looks: false,
      input: { endedAtMs: clock.now() - 300_000 },
      documents: reading(clock.now() - 300_000, clock.now() - 5_000),
    }));

    expect(progress?.kind).toBe('done');
  });

  it.each([
    { what: 'somebody was not refused meanwhile', since: -60_000, looked: -5_000 },
    { what: 'somebody is not refused now', since: null, looked: -5_000 },
    { what: 'the watch has stopped', since: -300_000, looked: -60_000 },
  ])('voids the plan when $what: more may be lost than was approved', async ({ since, looked }) => {
    const { progress } = await performed('confirm-database-failed', (_primary, clock) => ({
      looks: false,
      input: { endedAtMs: clock.now() - 300_000 },
      documents: reading(since === null ? null : clock.now() + since, clock.now() + looked),
    }));

    expect(progress).toMatchObject({ kind: 'failed', failure: { kind: 'voided', code: 'refusalsInterrupted' } });
  });

  it('asks nothing of the watch when no moment was approved', async () => {
    const { progress } = await performed('confirm-database-failed', () => ({ looks: false }));

    expect(progress?.kind).toBe('done');
  });
});

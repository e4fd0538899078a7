import { describe, expect, it } from '@jest/globals';
import { after, minutes, seconds } from '../../shared/core/time.ts';
import { instance, replica } from '../classify/looks.ts';
import { performed } from './revivable.ts';

// Restart and HA failover: asked for once, whatever becomes of the reply, and never of a primary that serves.

describe.each([
  { action: 'restart-instance', verb: 'RESTART' },
  { action: 'failover-instance', verb: 'FAILOVER' },
])('$action', ({ action, verb }) => {
  const regional = instance({ availability: 'regional' });

  it('is asked for once and done when its operation is', async () => {
    const { primary, progress } = await performed(action, (known) => void (known.status = regional));

    expect(primary.requests).toMatchObject([{ verb }]);
    expect(progress).toMatchObject({ kind: 'done', detail: `${verb} op-1 is done` });
  });

  it('has failed when its operation is DONE with an error', async () => {
    const { progress } = await performed(action, (known) => {
      known.status = regional;
      known.isCurable = false;
    });

    expect(progress).toMatchObject({ kind: 'failed', failure: { kind: 'permanent', code: 'operationFailed' } });
  });

  it.each(['lostAfter', 'late'] as const)('is found among the operations and not repeated (%s)', async (reply) => {
    const { primary, progress } = await performed(action, (known) => {
      known.status = regional;
      known.replies.push(reply);
    });

    expect(primary.requests).toHaveLength(1);
    expect(progress?.kind).toBe('done');
  });

  it('is known by its operation to have failed, and not repeated, although the reply was lost', async () => {
    const { primary, progress } = await performed(action, (known) => {
      known.status = regional;
      known.isCurable = false;
      known.replies.push('lostAfter');
    });

    expect(primary.requests).toHaveLength(1);
    expect(progress).toMatchObject({ kind: 'failed', failure: { code: 'operationFailed' } });
  });

  it('is repeated only after the late-arrival time when no operation came of it', async () => {
    const { primary, progress } = await performed(action, (known) => {
      known.status = regional;
      known.replies.push('lostBefore');
    });

    const [first, second] = primary.requests.map(({ at }) => at);
    expect(primary.requests).toHaveLength(2);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(minutes(5));
    expect(progress?.kind).toBe('done');
  });

  it('is not asked of a primary that serves: the plan is void', async () => {
    const { primary, progress } = await performed(action, (known) => {
      known.status = regional;
      known.serves = true;
    });

    expect(primary.requests).toEqual([]);
    expect(progress).toMatchObject({ kind: 'failed', failure: { kind: 'voided', code: 'primaryRecovered' } });
  });

  it('is not repeated for a primary that has come back while its outcome was not known', async () => {
    const { primary, progress } = await performed(action, (known, clock) => {
      known.status = regional;
      known.replies.push('lostBefore');
      const from = after(clock.now(), seconds(60));
      known.recoversAt = from;
    });

    expect(primary.requests).toHaveLength(1);
    expect(progress?.kind).toBe('done');
  });

  it.each([
    { what: 'stopped', status: instance({ availability: 'regional', activation: 'never' }), code: 'stopped' },
    { what: 'no primary', status: replica({ availability: 'regional' }), code: 'noPrimary' },
  ])('is not asked of an instance that is $what', async ({ status, code }) => {
    const { primary, progress } = await performed(action, (known) => void (known.status = status));

    expect(primary.requests).toEqual([]);
    expect(progress).toMatchObject({ kind: 'failed', failure: { code } });
  });

  it('is not begun so late that the promotion would miss the objective', async () => {
    const { primary, progress } = await performed(action, (known, clock) => {
      known.status = regional;
      return { input: { latestStartMs: clock.now() - 1 } };
    });

    expect(primary.requests).toEqual([]);
    expect(progress).toMatchObject({ kind: 'failed', failure: { code: 'tooLate' } });
  });

  it('is not begun by a plan that does not look first', async () => {
    const { primary, progress } = await performed(action, (known) => {
      known.status = regional;
      return { looks: false };
    });

    expect(primary.requests).toEqual([]);
    expect(progress).toMatchObject({ kind: 'failed', failure: { code: 'noLook' } });
  });
});

describe('An HA failover', () => {
  it('is not asked of an instance without a standby', async () => {
    const { primary, progress } = await performed('failover-instance');

    expect(primary.requests).toEqual([]);
    expect(progress).toMatchObject({ kind: 'failed', failure: { code: 'noStandby' } });
  });

  it('is decided anew when the settings have changed', async () => {
    const { primary, progress } = await performed('failover-instance', (known) => {
      known.status = instance({ availability: 'regional' });
      known.replies.push('stale');
    });

    expect(primary.requests).toHaveLength(2);
    expect(progress?.kind).toBe('done');
  });
});

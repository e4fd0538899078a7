import { describe, expect, it } from '@jest/globals';
import { isolateApplication, liftIsolation } from '../../shared/actions/isolate-application.ts';
import { seconds } from '../../shared/core/time.ts';
import type { Progress } from '../../shared/engine/action.ts';
import type { IsolationStatus } from '../../shared/ports/isolation.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { SYSTEM } from '../classify/looks.ts';
import { contextOf } from './context.ts';

const INPUT = { application: 'api-gke' };
type Policy = NonNullable<Extract<IsolationStatus, { kind: 'gke' }>['policy']>;
const OURS: Policy = { uid: 'u-1', version: '7', incident: 'inc-a', deniesAll: true };

/** A cluster whose policy works after so many seconds, or never. */
class Cluster {
  readonly clock = new JumpingClock();
  readonly calls: unknown[] = [];
  policy: Policy | null = null;
  worksAfter: number | undefined = 6;
  serves = true;

  context() {
    const since = this.clock.now();
    return contextOf({
      clock: this.clock,
      system: SYSTEM,
      state: { id: 'inc-a' },
      world: {
        isolation: {
          inspect: async () => ({ kind: 'gke', policy: this.policy }),
          deny: async (...all: readonly unknown[]) => {
            this.calls.push(all);
            this.policy = OURS;
          },
          admit: async (...all: readonly unknown[]) => {
            this.calls.push(all);
            this.policy = null;
          },
        },
        applications: {
          deepHealth: async () => {
            const works = this.worksAfter !== undefined && this.clock.now() - since >= this.worksAfter * 1_000;
            const cut = this.policy !== null && works;
            return cut || !this.serves
              ? { kind: 'silent', detail: 'http 503' }
              : { kind: 'serving', detail: 'http 200' };
          },
        },
      },
    });
  }

  async cutOff(): Promise<Progress> {
    const context = this.context();
    const seen = await isolateApplication.observe(INPUT, context);
    if (seen.kind !== 'toDo') throw new Error(`it is ${seen.kind}`);
    let progress = await isolateApplication.start(INPUT, seen.version, context);
    while (progress.kind === 'running') {
      await this.clock.sleep(progress.again ?? seconds(3));
      progress = await isolateApplication.poll(progress.handle, INPUT, context);
    }
    return progress;
  }
}

describe('an application that is cut off', () => {
  it('counts as cut off once it is not heard any more, several times in a row', async () => {
    const cluster = new Cluster();

    expect(await cluster.cutOff()).toMatchObject({
      kind: 'done',
      detail: 'api-gke is cut off, and its copies stay; it answers nobody (http 503), as it did before',
    });
    expect(cluster.calls).toEqual([['api-gke', 'inc-a']]);
  });

  it('is not believed to be where it answers all the same: nothing enforces the policy', async () => {
    const cluster = new Cluster();
    cluster.worksAfter = undefined;

    expect(await cluster.cutOff()).toMatchObject({
      kind: 'failed',
      failure: { kind: 'notVerified', code: 'notEnforced', detail: expect.stringContaining('nothing enforces it') },
    });
  });

  it('is said to prove nothing by its silence where it was silent before', async () => {
    const cluster = new Cluster();
    cluster.serves = false;

    expect(await cluster.cutOff()).toMatchObject({
      kind: 'done',
      detail: expect.stringContaining('nothing shows that this is enforced'),
    });
  });

  it('is asked for anew where a worker died after the policy was there, and never given a second one', async () => {
    const cluster = new Cluster();
    cluster.policy = OURS;

    expect(await isolateApplication.observe(INPUT, cluster.context())).toMatchObject({ kind: 'inProgress' });
    expect(cluster.calls).toEqual([]);
  });

  it('is left alone where somebody else has put a policy of that name there', async () => {
    const cluster = new Cluster();
    cluster.policy = { ...OURS, incident: 'inc-b' };

    expect(await isolateApplication.observe(INPUT, cluster.context())).toMatchObject({
      kind: 'refused',
      failure: { code: 'foreignPolicy' },
    });
  });
});

describe('an isolation that is lifted', () => {
  const LIFT = { ...INPUT, uid: 'u-1', ingress: null };

  it('is the one that was approved, in the version that it has now', async () => {
    const cluster = new Cluster();
    cluster.policy = OURS;
    const seen = await liftIsolation.observe(LIFT, cluster.context());
    expect(seen).toEqual({ kind: 'toDo', version: '7' });
    await liftIsolation.start(LIFT, '7', cluster.context());

    expect(cluster.calls).toEqual([['api-gke', { uid: 'u-1', version: '7' }]]);
    expect(await liftIsolation.observe(LIFT, cluster.context())).toMatchObject({ kind: 'already' });
  });

  it.each([
    ['another one', { ...OURS, uid: 'u-2' }],
    ['one that somebody has changed', { ...OURS, deniesAll: false }],
  ])('is not %s', async (_what, policy) => {
    const cluster = new Cluster();
    cluster.policy = policy;

    expect(await liftIsolation.observe(LIFT, cluster.context())).toMatchObject({
      kind: 'refused',
      failure: { kind: 'voided', code: 'isolationChanged' },
    });
  });
});

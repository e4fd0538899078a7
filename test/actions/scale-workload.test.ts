import { describe, expect, it } from '@jest/globals';
import { watchMax } from '../../shared/actions/await-relief.ts';
import { raiseWorkload, restoreFloor, watchCrowd } from '../../shared/actions/scale-workload.ts';
import { minutes } from '../../shared/core/time.ts';
import type { ActionContext, Progress } from '../../shared/engine/action.ts';
import { SYSTEM } from '../classify/looks.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const INPUT = { application: 'api-gke', before: 3, wanted: 6, autoscaled: true };
const ALONE = { ...INPUT, autoscaled: false };
const WATCH = { application: 'api-gke', before: 3, holdMs: minutes(2) };

/** A Deployment and its load, as a test makes them. */
class Crowded {
  readonly clock = new JumpingClock();
  floor: number | undefined = 3;
  replicas = 3;
  busy = 6;
  refused = 50;
  databaseFails = false;
  readonly written: string[] = [];

  context(): ActionContext {
    const point = (value: number) => [{ at: this.clock.now(), value }];
    const health = () =>
      this.databaseFails
        ? { kind: 'failing', detail: 'http 503', database: { writable: false } }
        : { kind: 'serving', detail: 'http 200' };
    const { floor } = this;
    return contextOf({
      clock: this.clock,
      chance: countingChance(),
      system: SYSTEM,
      world: {
        workloads: {
          inspect: async () => ({
            replicas: this.replicas,
            ready: this.replicas,
            version: '7',
            autoscaler: floor === undefined ? undefined : { min: floor, max: 10 },
          }),
          raise: async (_id: string, to: number, version: string) =>
            void this.written.push(`raise ${to} at ${version}`),
          restoreFloor: async (_id: string, to: number, version: string) =>
            void this.written.push(`restore ${to} at ${version}`),
        },
        metrics: {
          series: async (filter: string) =>
            filter.includes('request_utilization')
              ? Array.from({ length: 6 }, (_, pod) => ({
                  resource: { pod_name: `coditect-dms-api-5f7c9-aaaa${pod}` },
                  metric: {},
                  points: point(this.busy / 6),
                }))
              : [
                  { resource: {}, metric: { response_code_class: '200' }, points: point(100 - this.refused) },
                  { resource: {}, metric: { response_code_class: '500' }, points: point(this.refused) },
                ],
        },
        applications: { deepHealth: async () => health() },
      },
    });
  }

  /** Watches until it ends; `during` makes what happens meanwhile. */
  async watched(during: (sinceMs: number) => void = () => undefined): Promise<Progress> {
    const context = this.context();
    const began = this.clock.now();
    let progress = await watchCrowd.start(WATCH, null, context);
    while (progress.kind === 'running') {
      await this.clock.sleep(progress.again ?? minutes(0.1));
      during(this.clock.now() - began);
      progress = await watchCrowd.poll(progress.handle, WATCH, context);
    }
    return progress;
  }
}

describe('raising the replicas of a Deployment', () => {
  it('writes at the version that was looked at, and is done when its autoscaler has acted', async () => {
    const deployment = new Crowded();
    expect(await raiseWorkload.observe(INPUT, deployment.context())).toEqual({ kind: 'toDo', version: '7' });
    await raiseWorkload.start(INPUT, '7', deployment.context());
    expect(deployment.written).toEqual(['raise 6 at 7']);

    deployment.floor = 6;
    expect(await raiseWorkload.observe(INPUT, deployment.context())).toMatchObject({ kind: 'inProgress' });
    deployment.replicas = 6;
    expect(await raiseWorkload.observe(INPUT, deployment.context())).toMatchObject({ kind: 'already' });
  });

  it.each<[string, typeof INPUT, (deployment: Crowded) => void]>([
    ['the floor is another', INPUT, (deployment) => (deployment.floor = 4)],
    ['the autoscaler is gone', INPUT, (deployment) => (deployment.floor = undefined)],
    ['there is an autoscaler now', ALONE, () => undefined],
  ])('is void, since somebody else is at it, when %s', async (_, input, arrange) => {
    const deployment = new Crowded();
    arrange(deployment);

    expect(await raiseWorkload.observe(input, deployment.context())).toMatchObject({
      kind: 'refused',
      failure: { kind: 'voided', code: 'scalingChanged' },
    });
  });

  it('goes to the Deployment itself where it has no autoscaler', async () => {
    const deployment = new Crowded();
    deployment.floor = undefined;

    expect(await raiseWorkload.observe(ALONE, deployment.context())).toMatchObject({ kind: 'toDo' });
  });
});

describe('watching a crowded Deployment', () => {
  it('is done after the hold time of answers for which the former replicas would do', async () => {
    const progress = await new Crowded().watched();
    const deployment = new Crowded();
    const relieved = await deployment.watched((since) => {
      if (since > minutes(3)) [deployment.refused, deployment.busy] = [0, 1.6];
    });

    expect(progress).toMatchObject({ output: { finding: { code: 'moreReplicasDidNotHelp' } } });
    expect(relieved).toMatchObject({ kind: 'done' });
    expect(relieved).not.toHaveProperty('output');
  });

  it.each<[string, string, (deployment: Crowded, since: number) => void]>([
    ['that it helps, and is still needed at the end', 'stillNeeded', (deployment) => (deployment.refused = 0)],
    [
      'that its database fails',
      'databaseFails',
      (deployment, since) => (deployment.databaseFails = since > minutes(1)),
    ],
  ])('finds %s', async (_, code, during) => {
    const deployment = new Crowded();
    const progress = await deployment.watched((since) => during(deployment, since));

    expect(progress).toMatchObject({ kind: 'done', output: { finding: { code } } });
    expect(deployment.clock.now() - new JumpingClock().now()).toBeLessThanOrEqual(watchMax(WATCH.holdMs) + minutes(1));
  });
});

describe('giving the floor back', () => {
  it.each<[string, (deployment: Crowded) => void, Record<string, unknown>]>([
    ['happens when it is not needed', (one) => ([one.refused, one.busy] = [0, 1.6]), { kind: 'toDo' }],
    ['happens when it does not help', () => undefined, { kind: 'toDo' }],
    [
      'is left to people while it helps and is in use',
      (one) => (one.refused = 0),
      { kind: 'refused', failure: { code: 'stillNeeded' } },
    ],
    [
      'is left out when somebody else has changed it',
      (one) => (one.floor = 5),
      { kind: 'already', detail: expect.stringMatching(/somebody else/) },
    ],
    ['is done already when it is what it was', (one) => (one.floor = 3), { kind: 'already' }],
  ])('%s', async (_, arrange, seen) => {
    const deployment = new Crowded();
    deployment.floor = 6;
    arrange(deployment);

    expect(await restoreFloor.observe(INPUT, deployment.context())).toMatchObject(seen);
  });
});

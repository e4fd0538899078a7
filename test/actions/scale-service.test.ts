import { describe, expect, it } from '@jest/globals';
import { confirmRelief, watchMax } from '../../shared/actions/await-relief.ts';
import { raiseService, restoreService, watchRelief } from '../../shared/actions/scale-service.ts';
import { minutes } from '../../shared/core/time.ts';
import type { ActionContext, Progress } from '../../shared/engine/action.ts';
import type { ServiceScaling } from '../../shared/ports/services.ts';
import { SYSTEM } from '../classify/looks.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const BEFORE = { min: 1, max: 4 };
const WANTED = { min: 4, max: 8 };
const INPUT = { application: 'api-run', before: BEFORE, wanted: WANTED };
const WATCH = { application: 'api-run', before: BEFORE, holdMs: minutes(2) };
const automatic = (limits: typeof BEFORE): ServiceScaling => ({ kind: 'automatic', ...limits });

/** A service and its load, as a test makes them. */
class Pressed {
  readonly clock = new JumpingClock();
  scaling: ServiceScaling = automatic(BEFORE);
  etag = 1;
  active = 4;
  refused = 50;
  databaseFails = false;

  context(output: unknown = null): ActionContext {
    const point = (value: number) => [{ at: this.clock.now(), value }];
    const health = () =>
      this.databaseFails
        ? { kind: 'failing', detail: 'http 503', database: { writable: false } }
        : { kind: 'serving', detail: 'http 200' };
    return contextOf({
      clock: this.clock,
      chance: countingChance(),
      system: SYSTEM,
      run: {
        plan: { steps: [{ id: 'watch', action: 'watch-relief' }] },
        steps: new Map([['watch', { kind: 'done', output }]]),
      },
      world: {
        services: {
          inspect: async () => ({ scaling: this.scaling, ready: true, settled: true, etag: String(this.etag) }),
          setScaling: async (_id: string, scaling: ServiceScaling, etag: string) => {
            if (etag !== String(this.etag)) throw new Error('stale');
            this.etag += 1;
            this.scaling = scaling;
            return 'operation';
          },
          operation: async () => ({ done: true, error: undefined }),
        },
        metrics: {
          series: async (filter: string) =>
            filter.includes('instance_count')
              ? [{ resource: {}, metric: {}, points: point(this.active) }]
              : [
                  { resource: {}, metric: { response_code_class: '2xx' }, points: point(100 - this.refused) },
                  { resource: {}, metric: { response_code_class: '5xx' }, points: point(this.refused) },
                ],
        },
        applications: { deepHealth: async () => health() },
      },
    });
  }

  /** Watches until it ends; `during` makes what happens meanwhile. */
  async watched(during: (sinceMs: number) => void = () => undefined, holdMs = WATCH.holdMs): Promise<Progress> {
    const context = this.context();
    const began = this.clock.now();
    const watch = { ...WATCH, holdMs };
    let progress = await watchRelief.start(watch, null, context);
    while (progress.kind === 'running') {
      await this.clock.sleep(progress.again ?? minutes(0.1));
      during(this.clock.now() - began);
      progress = await watchRelief.poll(progress.handle, watch, context);
    }
    return progress;
  }
}

describe('raising the limits of a service', () => {
  it('writes the new limits under the etag that was looked at', async () => {
    const service = new Pressed();
    const seen = await raiseService.observe(INPUT, service.context());
    expect(seen).toEqual({ kind: 'toDo', version: '1' });

    await raiseService.start(INPUT, '1', service.context());

    expect(service.scaling).toEqual(automatic(WANTED));
    expect(await raiseService.observe(INPUT, service.context())).toMatchObject({ kind: 'already' });
  });

  it('is refused, and the plan void, when somebody else has changed them', async () => {
    const service = new Pressed();
    service.scaling = automatic({ min: 0, max: 6 });

    expect(await raiseService.observe(INPUT, service.context())).toMatchObject({
      kind: 'refused',
      failure: { kind: 'voided', code: 'scalingChanged' },
    });
  });
});

describe('watching a service with raised limits', () => {
  it('is done after the hold time of answers with no more instances than before', async () => {
    const service = new Pressed();
    const progress = await service.watched((since) => {
      if (since > minutes(3)) [service.refused, service.active] = [0, 2];
    });

    expect(progress).toMatchObject({ kind: 'done' });
    expect(progress).not.toHaveProperty('output');
  });

  it('holds as long as the team says, however long that is', async () => {
    const service = new Pressed();
    const relieved = (since: number): void => {
      if (since > minutes(3)) [service.refused, service.active] = [0, 2];
    };

    expect(await service.watched(relieved, minutes(45))).not.toHaveProperty('output');
  });

  it.each<[string, string, (service: Pressed, since: number) => void]>([
    ['that it does not help', 'moreInstancesDidNotHelp', () => undefined],
    [
      'that it helps, and is still needed at the end',
      'stillNeeded',
      (service) => ([service.refused, service.active] = [0, 8]),
    ],
    ['that its database fails', 'databaseFails', (service, since) => (service.databaseFails = since > minutes(1))],
    [
      'that it helped and then did not any more',
      'moreInstancesDidNotHelp',
      (service, since) => ([service.refused, service.active] = since < minutes(5) ? [0, 8] : [50, 8]),
    ],
  ])('finds %s', async (_, code, during) => {
    const service = new Pressed();
    const progress = await service.watched((since) => during(service, since));

    expect(progress).toMatchObject({ kind: 'done', output: { finding: { code } } });
    expect(service.clock.now() - new JumpingClock().now()).toBeLessThanOrEqual(watchMax(WATCH.holdMs) + minutes(1));
  });
});

describe('taking the limits back', () => {
  it.each<[string, (service: Pressed) => void, Record<string, unknown>]>([
    ['happens when they are not needed', (service) => ([service.refused, service.active] = [0, 3]), { kind: 'toDo' }],
    ['happens when they do not help', () => undefined, { kind: 'toDo' }],
    [
      'is left to people while they help and are in use',
      (service) => ([service.refused, service.active] = [0, 8]),
      { kind: 'refused', failure: { code: 'stillNeeded' } },
    ],
    [
      'is left out when somebody else has changed them',
      (service) => (service.scaling = { kind: 'manual', instances: 0 }),
      { kind: 'already', detail: expect.stringMatching(/somebody else/) },
    ],
    [
      'is done already when they are what they were',
      (service) => (service.scaling = automatic(BEFORE)),
      { kind: 'already' },
    ],
  ])('%s', async (_, arrange, seen) => {
    const service = new Pressed();
    service.scaling = automatic(WANTED);
    arrange(service);

    expect(await restoreService.observe(INPUT, service.context())).toMatchObject(seen);
  });
});

describe('the last step', () => {
  it('passes what the watch found on to people', async () => {
    const finding = { code: 'moreInstancesDidNotHelp', detail: 'no' };
    const context = new Pressed().context({ finding });

    expect(await confirmRelief.observe({ application: 'api-run' }, context)).toMatchObject({
      kind: 'refused',
      failure: { kind: 'notVerified', ...finding },
    });
  });

  it('is done when the watch found relief', async () => {
    expect(await confirmRelief.observe({ application: 'api-run' }, new Pressed().context())).toMatchObject({
      kind: 'already',
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import { createRunApi } from '../../sandbox/world/run-api.ts';
import { allocation } from '../../sandbox/world/run-allocation.ts';
import type { ServiceSpec } from '../../sandbox/world/run-spec.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { API, createRunWorld, SECRET, SPEC } from './run-world.ts';

type World = ReturnType<typeof createRunWorld>;

const HELD: ServiceSpec['scaling'] = { mode: 'MANUAL', min: undefined, max: undefined, manual: 0 };

function update({ run }: World, change: Partial<ServiceSpec>, etag = run.service(API).etag) {
  const edit = (spec: ServiceSpec): ServiceSpec => ({ ...spec, ...change });
  return run.update({ ref: API, etag, validateOnly: false, edit });
}

const template = (change: Partial<ServiceSpec['template']>): Partial<ServiceSpec> => ({
  template: { ...SPEC.template, ...change },
});

const refusal = (status: number, reason: string) => expect.objectContaining({ status, reason });

describe('service-level scaling', () => {
  it('starts instances without a new revision', () => {
    const world = createRunWorld();

    const { name } = update(world, { scaling: { mode: 'AUTOMATIC', min: 3, max: 10, manual: undefined } });

    expect(world.run.operation(name).state.kind).toBe('running');
    world.clock.advanceBy(seconds(20));
    expect(world.run.operation(name).state.kind).toBe('done');
    expect(world.running().map(({ state }) => state)).toEqual(['serving', 'serving', 'serving']);
    expect(world.run.service(API).revisions).toHaveLength(1);
  });

  it('gives new instances the secret of today, and leaves running ones with what they have read', () => {
    const world = createRunWorld();
    world.secrets.addVersion(SECRET, Buffer.from('new address'));

    update(world, { scaling: { mode: 'AUTOMATIC', min: 2, max: 10, manual: undefined } });
    world.clock.advanceBy(seconds(20));

    expect(world.running().map(({ read }) => read)).toEqual(['old address', 'new address']);
  });

  it('holds the service with a manual count of 0: no instance, and none for a request', () => {
    const world = createRunWorld();

    const { name } = update(world, { scaling: HELD });
    world.clock.advanceBy(seconds(20));

    expect(world.run.operation(name).state.kind).toBe('done');
    expect(world.run.service(API).spec.scaling).toEqual(HELD);
    expect(world.run.route(API)).toEqual({ kind: 'disabled' });
    world.clock.advanceBy(minutes(5));
    expect(world.running()).toEqual([]);
  });

  it('is done before the last instance is gone', () => {
    const stillThere = [1, 2, 3, 4, 5, 6].map((seed) => {
      const world = createRunWorld({ seed });
      const { name } = update(world, { scaling: HELD });
      while (world.run.operation(name).state.kind === 'running') world.clock.runNext();
      return world.running().length;
    });

    expect(stillThere).toContain(1);
  });

  it('lets a held service wake for a request where the assumption does not hold', () => {
    const world = createRunWorld({ assumptions: { ...BELIEVED, manualZeroHoldsService: false } });
    update(world, { scaling: HELD });
    world.clock.advanceBy(minutes(1));
    expect(world.running()).toEqual([]);

    expect(world.run.route(API)).toEqual({ kind: 'starting' });
    world.clock.advanceBy(seconds(10));

    expect(world.run.route(API)).toMatchObject({ kind: 'instance' });
  });

  it('forgets minimum and maximum while it is manual, so that a release must say them again', () => {
    const world = createRunWorld();
    update(world, { scaling: { ...SPEC.scaling, mode: 'MANUAL' } });
    expect(world.run.service(API).spec.scaling).toEqual({ mode: 'MANUAL', min: undefined, max: undefined, manual: 1 });

    update(world, { scaling: { mode: 'AUTOMATIC', min: undefined, max: undefined, manual: 4 } });

    expect(world.run.service(API).spec.scaling).toEqual({
      mode: 'AUTOMATIC',
      min: undefined,
      max: undefined,
      manual: undefined,
    });
  });

  it('starts one instance for a request when the minimum is 0, and ends it when nobody asks any more', () => {
    const scaling = { mode: 'AUTOMATIC', min: 0, max: 10, manual: undefined } as const;
    const world = createRunWorld({ spec: { ...SPEC, scaling } });
    expect(world.running()).toEqual([]);

    expect(world.run.route(API).kind).toBe('starting');
    world.clock.advanceBy(seconds(10));
    expect(world.run.route(API).kind).toBe('instance');
    world.clock.advanceBy(minutes(14));
    expect(world.running()).toHaveLength(1);
    world.clock.advanceBy(minutes(2));

    expect(world.running()).toEqual([]);
  });
});

describe('a changed template', () => {
  it('makes a revision that reads the secret anew, and serves only when it is ready', () => {
    const world = createRunWorld();
    world.secrets.addVersion(SECRET, Buffer.from('new address'));

    const { name } = update(world, template({ annotations: { restarted: 'now' } }));
    world.clock.advanceBy(seconds(7));
    expect(world.run.service(API)).toMatchObject({ settled: false, generation: 2, servingGeneration: 1 });
    expect(world.run.route(API)).toMatchObject({ kind: 'instance', id: expect.stringContaining('-00001-') });
    world.clock.advanceBy(seconds(50));

    expect(world.run.operation(name).state.kind).toBe('done');
    expect(world.run.service(API)).toMatchObject({ settled: true, generation: 2, servingGeneration: 2 });
    expect(world.running().map(({ read }) => read)).toEqual(['new address']);
  });

  it('warms the minimum before it takes the traffic', () => {
    const scaling = { mode: 'AUTOMATIC', min: 3, max: 10, manual: undefined } as const;
    const world = createRunWorld({ spec: { ...SPEC, scaling } });

    const { name } = update(world, template({ image: 'gcr.io/coditect-prod/api:2' }));
    while (world.run.operation(name).state.kind === 'running') world.clock.runNext();

    const fresh = world.run.instances(API).filter(({ id }) => id.includes('-00002-'));
    expect(fresh.map(({ application }) => application.ready())).toEqual([true, true, true]);
  });

  it('leaves the old revision serving when it fails, and the operation says why', () => {
    const world = createRunWorld();
    world.run.failNextRevision(API);

    const { name } = update(world, template({ image: 'gcr.io/coditect-prod/api:2' }));
    world.clock.advanceBy(minutes(5));

    expect(world.run.operation(name).state).toMatchObject({ kind: 'failed', message: expect.stringContaining('PORT') });
    expect(world.run.service(API)).toMatchObject({ settled: true, servingGeneration: 1 });
    expect(world.run.route(API)).toMatchObject({ kind: 'instance', id: expect.stringContaining('-00001-') });
  });

  it('fails when its secret can’t be read', () => {
    const world = createRunWorld();
    world.secrets.setState(SECRET, '1', 'DISABLED');

    update(world, template({ image: 'gcr.io/coditect-prod/api:2' }));
    world.clock.advanceBy(minutes(1));

    expect(world.run.service(API).failure?.reason).toBe('SECRETS_ACCESS_CHECK_FAILED');
  });

  it('fails after four minutes when the region has no machines left', () => {
    const world = createRunWorld();
    world.run.withholdCapacity(true);

    const { name } = update(world, template({ image: 'gcr.io/coditect-prod/api:2' }));
    world.clock.advanceBy(minutes(3));
    expect(world.run.operation(name).state.kind).toBe('running');
    world.clock.advanceBy(minutes(2));

    expect(world.run.operation(name).state.kind).toBe('failed');
    expect(world.running()).toHaveLength(1);
  });

  it('is refused under the name of a revision that differs from it', () => {
    const named = { ...SPEC, template: { ...SPEC.template, revision: 'coditect-dms-api-blue' } };
    const world = createRunWorld({ spec: named });
    const change = { template: { ...named.template, image: 'gcr.io/coditect-prod/api:2' } };

    expect(() => update(world, change)).toThrow(refusal(409, 'alreadyExists'));
  });
});

describe('an update', () => {
  it('with a stale etag is refused and changes nothing', () => {
    const world = createRunWorld();
    const { etag } = world.run.service(API);
    update(world, { scaling: { ...SPEC.scaling, min: 2 } });

    expect(() => update(world, { scaling: HELD }, etag)).toThrow(refusal(409, 'aborted'));

    expect(world.run.service(API)).toMatchObject({ generation: 2, spec: { scaling: { min: 2 } } });
  });

  it('with a stale etag is carried out where the assumption does not hold', () => {
    const world = createRunWorld({ assumptions: { ...BELIEVED, runEtagChecked: false } });

    update(world, { scaling: HELD }, '"stale"');

    expect(world.run.service(API).spec.scaling).toEqual(HELD);
  });

  it('that was read before the last one settled is stale too', () => {
    const world = createRunWorld();
    update(world, { scaling: { ...SPEC.scaling, min: 2 } });
    const { etag } = world.run.service(API);
    world.clock.advanceBy(seconds(20));

    expect(() => update(world, { scaling: HELD }, etag)).toThrow(refusal(409, 'aborted'));
  });

  it.each<[string, Partial<ServiceSpec>]>([
    ['a minimum above the maximum', { scaling: { ...SPEC.scaling, min: 11 } }],
    ['a negative count', { scaling: { ...HELD, manual: -1 } }],
    ['traffic that is not 100 %', { traffic: [{ revision: undefined, percent: 90 }] }],
    ['traffic to a revision that does not exist', { traffic: [{ revision: 'coditect-dms-api-x', percent: 100 }] }],
  ])('with %s is refused', (_, change) => {
    expect(() => update(createRunWorld(), change)).toThrow(refusal(400, 'badRequest'));
  });

  it('never changes what it came to, whatever comes later', () => {
    const step = fc.oneof(
      fc.record({ min: fc.integer({ min: 0, max: 4 }) }),
      fc.record({ image: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }),
      fc.record({ wait: fc.integer({ min: 0, max: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const world = createRunWorld();
        const ended = new Map<string, string>();
        const names: string[] = [];
        for (const what of steps) {
          if ('wait' in what) world.clock.advanceBy(seconds(what.wait));
          else if ('min' in what) names.push(update(world, { scaling: { ...SPEC.scaling, min: what.min } }).name);
          else {
            if (what.fails) world.run.failNextRevision(API);
            names.push(update(world, template({ image: what.image })).name);
          }
          for (const name of names) {
            const { kind } = world.run.operation(name).state;
            expect(ended.get(name) ?? kind).toBe(kind);
            if (kind !== 'running') ended.set(name, kind);
          }
        }
        world.clock.advanceBy(minutes(10));
        expect(names.map((name) => world.run.operation(name).state.kind)).not.toContain('running');
      }),
      { numRuns: 60 },
    );
  });

  it('passes the door: who may look may not update', () => {
    const { kernel, run } = createRunWorld();
    const api = createRunApi(kernel.door, run);
    const classify = { principal: 'dr-classify@coditect-prod.iam.gserviceaccount.com', from: 'functions' };
    kernel.iam.grant(classify.principal, ['run.services.get']);
    const change = {
      ref: API,
      etag: undefined,
      validateOnly: false,
      edit: (spec: ServiceSpec) => ({ ...spec, scaling: HELD }),
    };

    expect(api.getService(classify, API).kind).toBe('answer');
    expect(api.updateService(classify, change)).toMatchObject({ kind: 'error', error: { status: 403 } });
    expect(run.service(API).generation).toBe(1);
  });
});

describe('instances', () => {
  it('are replaced when they crash, and not when they hang', () => {
    const world = createRunWorld();
    const [first] = world.running();

    if (first) first.state = 'hung';
    world.clock.advanceBy(minutes(2));
    expect(world.run.route(API)).toMatchObject({ id: first?.id });
    if (first) first.state = 'crashed';
    world.clock.advanceBy(seconds(30));

    expect(world.run.route(API)).toMatchObject({ kind: 'instance', id: expect.not.stringMatching(first?.id ?? '') });
  });

  it('write to the log of their revision, each line once', () => {
    const world = createRunWorld();
    update(world, { scaling: HELD });
    world.clock.advanceBy(minutes(1));

    expect(world.logs.entries()).toEqual([
      expect.objectContaining({
        severity: 'INFO',
        text: expect.stringMatching(/^coditect-dms-api-00001-\w{3}-1 INFO connecting to old address$/),
        resource: { type: 'cloud_run_revision', labels: expect.objectContaining({ service_name: API.service }) },
      }),
    ]);
  });

  it('are always as many as the manual count, however traffic divides them', () => {
    const percents = fc.integer({ min: 0, max: 100 }).map((first) => [first, 100 - first]);
    fc.assert(
      fc.property(percents, fc.nat({ max: 50 }), fc.boolean(), (shares, manual, asked) => {
        const revisions = shares.map((percent) => ({ percent, routed: true, template: { min: 7, max: 1 } }));
        const scaling = { ...HELD, manual };
        const counts = allocation(revisions, { scaling, asked, needed: 1, manualZeroHolds: true });
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(manual);
      }),
    );
  });
});

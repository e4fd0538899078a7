import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { minutes } from '../../shared/core/time.ts';
import { atEach, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// An application that a breach response cuts off, and that is reached again. Judged by what the applications let a thief in to, by the pods
// that were there, and by what users get.

const LEAK: Happening = later(0, { kind: 'break', fault: 'leaked-secret' });
const REPORT = (...isolate: readonly string[]): Happening =>
  later(minutes(1), {
    kind: 'operate',
    operation: { by: 'command', verb: 'start', runbook: 'breach-response', isolate },
  });
const LIFT = (target: string): Happening =>
  later(minutes(16), {
    kind: 'operate',
    operation: { by: 'command', verb: 'start', runbook: 'lift-isolation', target },
  });

const HABITS = { habits: { 'security-pager': 'quick' as const }, endsAtMs: minutes(90) };

async function played(happenings: readonly Happening[], more: Partial<Plot> = {}): Promise<Run> {
  const run = await simulate(1, { ...calm([], { ...HABITS, ...more }), happenings });
  expect(violations(run)).toEqual([]);
  return run;
}

let cut: Promise<Run> | undefined;

/** The run in which the Deployment is cut off and nothing else happens: those who only look at it share one. */
const cutOff = (): Promise<Run> => (cut ??= played([LEAK, REPORT('api-gke')]));

const podsOf = ({ stage }: Run): readonly string[] =>
  stage.world.kubernetes.store
    .list('Pod', REFERENCE.namespace)
    .filter(({ metadata }) => metadata.labels?.['app'] === REFERENCE.api)
    .map(({ metadata }) => metadata.name)
    .toSorted();

const met = ({ stage }: Run, service: string) =>
  stage.world.intruder.report().find((intrusion) => intrusion.service === service);

const stateOf = (run: Run, runbook: string) =>
  run.incidents.find(({ state }) => state.run?.plan.runbook === runbook)?.state;

const ended = (run: Run, runbook: string, step: string) => stateOf(run, runbook)?.run?.steps.get(step as never)?.kind;

const policies = ({ stage }: Run) => stage.world.kubernetes.store.list('NetworkPolicy', REFERENCE.namespace);

describe('A Deployment that is cut off', () => {
  it('lets nobody in any more, and keeps every pod that it had', async () => {
    const before = podsOf(await played([]));
    const run = await cutOff();

    expect(podsOf(run)).toEqual(before);
    expect(met(run, SERVICES.apiGke)?.lastAdmittedAt).toBeLessThan(run.brokenAt + minutes(5));
    expect(policies(run).map(({ metadata }) => metadata.labels)).toEqual([
      { 'dr-incident': stateOf(run, 'breach-response')?.id },
    ]);
    expect(ended(run, 'breach-response', 'isolate-api-gke')).toBe('done');
    expect(ended(run, 'breach-response', 'restart-api-gke')).toBeUndefined();
  });

  it('keeps no key from being replaced and disabled, which its standby reads anew', async () => {
    const run = await cutOff();

    const { secrets } = run.stage.world;
    expect(secrets.versions(REFERENCE.signingSecret).map(({ number, state }) => `${number} ${state}`)).toEqual([
      '2 ENABLED',
      '1 DISABLED',
    ]);
    expect(ended(run, 'breach-response', 'restart-api-run')).toBe('done');
    expect([...run.stage.world.redis.keys]).toEqual(['queue:thumbnails', 'lock:billing-run']);
  });

  it('is healed by nobody: its silence is no failure', async () => {
    const run = await cutOff();

    const others = run.incidents.filter(({ state }) => state.diagnosis?.scenario !== 'security-breach');
    expect(others.flatMap(({ state }) => state.run?.plan.runbook ?? [])).toEqual([]);
    expect(others.map(({ state }) => [state.diagnosis?.scenario, state.phase.kind])).toEqual([
      ['isolation-in-force', 'needsPerson'],
    ]);
  });

  it('is restarted instead where its cluster enforces no policy, which is found by asking it', async () => {
    const ignored = later(0, { kind: 'break', fault: 'policies-not-enforced' });
    const run = await played([LEAK, ignored, REPORT('api-gke')]);

    expect(stateOf(run, 'breach-response')?.run?.steps.get('isolate-api-gke' as never)).toMatchObject({
      kind: 'failed',
      failure: { code: 'notEnforced' },
    });
    expect(ended(run, 'breach-response', 'restart-api-gke')).toBe('done');
    const { admitted = 0, lastAdmittedAt = 0 } = met(run, SERVICES.apiGke) ?? {};
    expect(admitted).toBeGreaterThan(0);
    expect(lastAdmittedAt).toBeLessThan(run.brokenAt + minutes(12));
  });

  it('is reached again by new pods alone, once people have approved that', async () => {
    const before = podsOf(await cutOff());
    const run = await played([LEAK, REPORT('api-gke'), LIFT('api-gke')]);

    expect(stateOf(run, 'lift-isolation')?.phase.kind).toBe('resolved');
    expect(policies(run)).toEqual([]);
    expect(podsOf(run).filter((pod) => before.includes(pod))).toEqual([]);
    expect(podsOf(run)).toHaveLength(before.length);
    expect(ended(run, 'lift-isolation', 'arrive-dms-api')).toBe('done');
    for (const { outages } of run.stage.load.report())
      expect(outages.every(({ until }) => until !== undefined)).toBe(true);
    expect(met(run, SERVICES.apiGke)?.lastAdmittedAt).toBeLessThan(run.brokenAt + minutes(5));
  });

  it.each(troubles('recover'))('is cut off once and reached again once when at each step %s', async (_what, deed) => {
    const run = await played([
      LEAK,
      REPORT('api-gke'),
      LIFT('api-gke'),
      ...atEach(['isolate-application', 'lift-isolation'], deed),
    ]);

    expect(stateOf(run, 'lift-isolation')?.phase.kind).toBe('resolved');
    expect(policies(run)).toEqual([]);
  });
});

describe('A Cloud Run service that is cut off', () => {
  const ingress = ({ stage }: Run) =>
    stage.world.run.service({ location: REFERENCE.region, service: REFERENCE.api }).spec.ingress;

  it('lets nobody in, and goes back to exactly what it was', async () => {
    const cut = await played([LEAK, REPORT('api-run')]);
    expect(ingress(cut)).toBe('INGRESS_TRAFFIC_INTERNAL_ONLY');
    expect(met(cut, SERVICES.apiRun)?.lastAdmittedAt).toBeLessThan(cut.brokenAt + minutes(5));
    expect(ended(cut, 'breach-response', 'restart-api-run')).toBeUndefined();

    const run = await played([LEAK, REPORT('api-run'), LIFT('api-run')]);
    expect(stateOf(run, 'lift-isolation')?.phase.kind).toBe('resolved');
    expect(ingress(run)).toBe('INGRESS_TRAFFIC_ALL');
    const { min, max, mode } = run.stage.world.run.service({
      location: REFERENCE.region,
      service: REFERENCE.api,
    }).spec.scaling;
    expect({ min, max, mode }).toEqual({ min: 1, max: 4, mode: 'AUTOMATIC' });
  });

  it('is reached again in a new revision alone, also where zero instances do not end every copy', async () => {
    const { assumptions } = calm([]);
    const leaky = { assumptions: { ...assumptions, manualZeroHoldsService: false } };
    const run = await played([LEAK, REPORT('api-run'), LIFT('api-run')], leaky);
    expect(stateOf(run, 'lift-isolation')?.phase.kind).toBe('resolved');
    expect(met(run, SERVICES.apiRun)?.lastAdmittedAt).toBeLessThan(run.brokenAt + minutes(5));
  });
});

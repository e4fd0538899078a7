import { describe, expect, it } from '@jest/globals';
import type { Inquiry } from '../../shared/classify/evidence.ts';
import { type ApplicationFacts, type Facts, factsText } from '../../shared/classify/facts.ts';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import type { DeepHealth } from '../../shared/ports/applications.ts';
import type { WorkloadStatus } from '../../shared/ports/workloads.ts';
import { ABOUT_API, ask, at, deadDatabase, deadLook, every20, gke, look, run, wellDatabase } from './looks.ts';

interface Seen {
  readonly busy?: number;
  readonly refused?: number;
  readonly health?: DeepHealth['kind'];
  readonly status?: Partial<WorkloadStatus>;
}

/** The API with three pods, as Monitoring shows it at `seconds`. */
function api(seconds: number, { busy = 3, refused = 50, health = 'serving', status = {} }: Seen): ApplicationFacts {
  const facts = gke(health);
  if (facts.workload === undefined || 'unreadable' in facts.workload) throw new Error('the Deployment is readable');
  return {
    ...facts,
    workload: { ...facts.workload, ...status },
    workloadLoad: {
      minutes: [60, 120, 180].map((before) => ({ at: at(seconds - before), requests: 100, refused })),
      cpu: [{ at: at(seconds - 60), pods: 3, busy }],
    },
  };
}

const crowded = (seconds: number, seen: Seen = {}): Facts =>
  look(seconds, [wellDatabase(seconds)], [api(seconds, seen), run('serving')]);

const asked = (seen: Seen = {}, more: Partial<Inquiry> = {}) =>
  ask(
    every20(20, 80, (seconds) => crowded(seconds, seen)),
    ABOUT_API,
    more,
  );

describe('a Deployment whose pods are all busy', () => {
  it('gets more replicas when requests have failed for the whole window', () => {
    expect(asked()).toMatchObject({
      scenario: 'deployment-under-pressure',
      confidence: 'confirmed',
      conclusion: 'act',
      runbook: 'deployment-scale-up',
      subject: { application: 'api-gke' },
    });
    expect(ask(every20(20, 60, crowded), ABOUT_API)).toMatchObject({ conclusion: 'wait' });
  });

  it('goes to people at the most replicas that dr.yaml or its autoscaler allows', () => {
    const full = { replicas: 10, ready: 10, updated: 10, available: 10 };
    const low = { autoscaler: { min: 3, max: 3 } };

    for (const status of [full, low]) {
      const { conclusion, reasons } = asked({ status });
      expect(conclusion).toBe('person');
      expect(reasons[0]?.text).toMatch(/may have no more than (10|3) replicas/);
    }
  });

  it('goes to people when its replicas have been raised before', () => {
    expect(asked({}, { raisedInVain: true })).toMatchObject({ conclusion: 'person', runbook: null });
  });

  it.each<[string, Seen]>([
    ['a pod is free', { busy: 2.6 }],
    ['everybody is answered', { refused: 0 }],
    ['a rollout is under way', { status: { settled: false } }],
    ['a pod is not ready', { status: { ready: 2 } }],
  ])('is none while %s', (_, seen) => {
    expect(asked(seen).runbook).toBeNull();
  });

  it('is the database’s incident while that is in doubt, and that of what shares its database while that fails', () => {
    const ill = (seconds: number) =>
      look(seconds, [deadDatabase(seconds)], [api(seconds, { health: 'failing' }), run('failing')]);
    const shared = (seconds: number) => look(seconds, [wellDatabase(seconds)], [api(seconds, {}), run('failing')]);

    expect(ask(every20(20, 80, ill)).scenario).toBe('database-primary-failure');
    expect(ask(every20(20, 80, shared), ABOUT_API).runbook).toBeNull();
  });

  it('is read back from the evidence as it was seen', () => {
    expect(parseFacts(factsText(crowded(20)))).toEqual(crowded(20));
  });
});

describe('a Deployment whose requests fail while its pods are well and not busy', () => {
  const idle = (seconds: number, seen: Seen = {}) => crowded(seconds, { busy: 1, ...seen });

  /** Looks every 20 s, in which we are served from `servedFrom` on. */
  const servedSince = (servedFrom: number, last: number, seen: Seen = {}) =>
    every20(20, last, (seconds) => idle(seconds, { ...seen, health: seconds < servedFrom ? 'failing' : 'serving' }));

  const NOW_AND_THEN = every20(20, 80, (seconds) => idle(seconds, { health: seconds === 40 ? 'serving' : 'failing' }));

  it('goes to people when it has lasted for minutes, and we are turned away again after we were served', () => {
    const diagnosis = ask(NOW_AND_THEN, ABOUT_API);

    expect(diagnosis).toMatchObject({ scenario: 'application-failure', conclusion: 'person' });
    expect(diagnosis.reasons[0]?.text).toMatch(/neither more of them nor a restart is known to help/);
  });

  it('is neither over nor a failure while only figures say so that may be from before', () => {
    const named = { ...ABOUT_API, diagnosis: ask(every20(20, 80, deadLook)) };
    for (const last of [40, 100, 140]) {
      expect(ask(servedSince(40, last), ABOUT_API)).toMatchObject({ scenario: 'unknown', conclusion: 'wait' });
      expect(ask(servedSince(40, last), named)).toMatchObject({ scenario: 'recovered', conclusion: 'wait' });
    }
  });

  it('goes to people when others are turned away in a minute in which we are served all along', () => {
    expect(ask(servedSince(0, 120), ABOUT_API)).toMatchObject({ conclusion: 'wait' });
    expect(ask(servedSince(0, 140), ABOUT_API)).toMatchObject({
      scenario: 'application-failure',
      conclusion: 'person',
    });
  });

  it('is over when a minute is counted in which requests were answered, and that stays so for the window', () => {
    const rounds = every20(20, 200, (seconds) => idle(seconds, { refused: seconds < 140 ? 50 : 0 }));

    expect(ask(rounds.slice(0, -1), ABOUT_API)).toMatchObject({ scenario: 'recovered', conclusion: 'wait' });
    expect(ask(rounds, ABOUT_API)).toMatchObject({ scenario: 'recovered', conclusion: 'nothing' });
  });

  it('waits on, however old the incident is, while late figures are all that is left of it', () => {
    const diagnosis = ask(servedSince(40, 100), { openedAt: at(-3_600), diagnosis: ask(every20(20, 80, deadLook)) });

    expect(diagnosis).toMatchObject({ scenario: 'recovered', conclusion: 'wait' });
  });

  it('is no news to people who know of it, though we happen to be served', () => {
    const told = ask(NOW_AND_THEN, ABOUT_API);
    const diagnosis = ask([...NOW_AND_THEN, idle(100)], { ...ABOUT_API, diagnosis: told });

    expect(diagnosis).toMatchObject({ scenario: 'application-failure', target: told.target, conclusion: 'wait' });
  });
});

import { describe, expect, it } from '@jest/globals';
import {
  type ApplicationFacts,
  type DatabaseFacts,
  type EntranceFacts,
  type Facts,
  factsText,
  type RegionFacts,
} from '../../shared/classify/facts.ts';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import type { ContactOutcome } from '../../shared/ports/data-plane.ts';
import { ABOUT_API, ask, at, deadDatabase, EAST, east, every20, gke, look, replica, run, word } from './looks.ts';

// A region is lost when nothing in it answers and two observers outside of it say so; anything less is something else.

const SILENT = { instance: undefined, database: undefined };
const TIMED_OUT: ContactOutcome = { kind: 'unknown', detail: 'no answer' };

const darkGke: Partial<ApplicationFacts> = {
  health: { kind: 'silent', detail: 'http 502', ...SILENT },
  workload: { unreadable: 'timeout' },
  pods: { unreadable: 'timeout' },
};
const darkRun: Partial<ApplicationFacts> = {
  health: { kind: 'silent', detail: 'http 503', ...SILENT },
  service: { unreadable: 'http 503' },
};

/** The API in the second region: it reads its replica, and says that it can't write. */
const waiting: ApplicationFacts = {
  ...run('failing'),
  application: 'api-east',
  health: {
    kind: 'failing',
    detail: 'http 503',
    instance: 'api-east-1',
    database: { address: '10.20.0.5:5432', epoch: undefined, inRecovery: true, writable: false },
  },
};

const entrance = (seconds: number, failing: number, passing: number): EntranceFacts => ({
  entrance: 'dms-api',
  status: { leadsTo: 'api-gke', detail: 'leads', version: 'v' },
  answer: { kind: 'silent', detail: 'http 502', application: undefined },
  uptime: Array.from({ length: failing + passing }, (_, index) => ({
    checker: `c${index}`,
    at: at(seconds - 10),
    passed: index >= failing,
  })),
});

interface Seen {
  readonly gke?: Partial<ApplicationFacts>;
  readonly run?: Partial<ApplicationFacts>;
  readonly standby?: ApplicationFacts;
  readonly database?: Partial<DatabaseFacts>;
  readonly contact?: ContactOutcome;
  readonly passing?: number;
  readonly region?: Partial<RegionFacts>;
}

/** One look at a region that is lost, with what makes it special. */
function lookOf(seconds: number, seen: Seen): Facts {
  const database = deadDatabase(seconds, {
    replicas: [replica(), east()],
    replication: [
      { instance: replica().instance, status: undefined, lagMetricSeconds: undefined },
      word(EAST, false, at(-20)),
    ],
    contact: { vantage: 'us', at: at(seconds), outcome: TIMED_OUT, control: 'ok' },
    up: [],
    watch: undefined,
    ...seen.database,
  });
  const contact = { vantage: 'api-east', at: at(seconds), outcome: seen.contact ?? TIMED_OUT, control: 'ok' as const };
  return {
    ...look(
      seconds,
      [database],
      [gke('silent', { ...darkGke, ...seen.gke }), run('silent', { ...darkRun, ...seen.run })],
    ),
    entrances: [entrance(seconds, 4, seen.passing ?? 0)],
    regions: [{ region: 'us-central1', standby: seen.standby ?? waiting, contact, record: undefined, ...seen.region }],
  };
}

const asked = (seen: Seen = {}, last = 100) =>
  ask(
    every20(20, last, (seconds) => lookOf(seconds, seen)),
    ABOUT_API,
  );

describe('A region in which nothing answers', () => {
  it('is lost once two observers outside have said so for the whole confirmation window', () => {
    expect(asked({}, 60)).toMatchObject({ scenario: 'region-failure', conclusion: 'wait', confidence: 'likely' });
    expect(asked()).toMatchObject({
      scenario: 'region-failure',
      target: 'region/us-central1',
      conclusion: 'act',
      runbook: 'region-failover',
      subject: { region: 'us-central1', secondary: 'us-east1', replica: EAST },
    });
  });

  it.each<readonly [string, Seen]>([
    ['a host that says that nobody listens', { contact: { kind: 'connectionRefused' } }],
    ['the primary, to somebody in the second region', { contact: { kind: 'written' } }],
    [
      'the replica beside the primary',
      { database: { replication: [word(replica().instance, false, at(-20)), word(EAST, false, at(-20))] } },
    ],
    ['an application, even if it can not write', { run: { health: { ...waiting.health, kind: 'failing' } } }],
    ['a control plane', { gke: { workload: gke('serving').workload } }],
  ])('is not lost when something in it answers: %s', (_, seen) => {
    expect(asked(seen).scenario).not.toBe('region-failure');
  });

  it.each<readonly [string, Seen]>([
    ['users of one place still get through', { passing: 1 }],
    ['its replica elsewhere still receives from it', { database: { replication: [word(EAST, true, at(90))] } }],
    [
      'nobody outside answers us either',
      { database: { contact: { vantage: 'us', at: at(0), outcome: TIMED_OUT, control: 'failed' } } },
    ],
  ])('is not lost as long as %s', (_, seen) => {
    expect(asked(seen).scenario).not.toBe('region-failure');
  });

  it('is for people where nothing could take over', () => {
    const held = { ...waiting, service: { ...run('serving').service, scaling: { kind: 'manual', instances: 0 } } };
    const cases: readonly Seen[] = [
      { standby: held as ApplicationFacts }, // the reference's service with another scaling
      { standby: { ...waiting, service: { unreadable: 'http 503' } } },
      { database: { replicas: [replica(), east({ state: 'maintenance' })] } },
      { database: { operations: { unreadable: 'http 503' } } },
    ];
    for (const seen of cases) expect(asked(seen)).toMatchObject({ scenario: 'region-failure', conclusion: 'person' });
  });

  it('is read back from the evidence as it was', () => {
    const facts = lookOf(40, {});
    expect(parseFacts(factsText(facts)).regions).toEqual(JSON.parse(JSON.stringify(facts.regions)));
  });
});

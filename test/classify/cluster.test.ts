import { describe, expect, it } from '@jest/globals';
import type { ApplicationFacts, EntranceFacts, Facts } from '../../shared/classify/facts.ts';
import { factsText } from '../../shared/classify/facts.ts';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import type { StandbyRecord } from '../../shared/ports/standby-record.ts';
import { ABOUT_API, ask, at, deadDatabase, every20, gke, look, run, wellDatabase } from './looks.ts';

const GONE: Partial<ApplicationFacts> = { workload: { unreadable: 'timeout' }, pods: { unreadable: 'timeout' } };

/** Nobody serves behind the load balancer, which says so. */
const refused: Partial<ApplicationFacts> = {
  health: { kind: 'silent', detail: 'http 502', instance: undefined, database: undefined },
};

function entrance(seconds: number, { leadsTo = 'api-gke', failing = 3, passing = 0, late = 0 } = {}): EntranceFacts {
  const point = (passed: boolean) => (_: unknown, index: number) => ({
    checker: `${passed ? 'p' : 'f'}${index}`,
    at: at(seconds - 10 - late),
    passed,
  });
  return {
    entrance: 'dms-api',
    status: { leadsTo, detail: 'leads', version: 'v' },
    answer: { kind: 'silent', detail: 'http 502', application: undefined },
    uptime: [...Array.from({ length: failing }, point(false)), ...Array.from({ length: passing }, point(true))],
  };
}

interface Seen {
  readonly api?: ApplicationFacts;
  readonly standby?: ApplicationFacts;
  readonly way?: Parameters<typeof entrance>[1];
  readonly database?: Facts['databases'][number];
}

const lookOf = (seconds: number, { api, standby, way, database }: Seen): Facts => ({
  ...look(
    seconds,
    [database ?? wellDatabase(seconds)],
    [api ?? gke('silent', { ...refused, ...GONE }), standby ?? run('serving')],
  ),
  entrances: [entrance(seconds, way)],
});

const asked = (seen: Seen = {}) =>
  ask(
    every20(20, 100, (seconds) => lookOf(seconds, seen)),
    ABOUT_API,
  );

const RECORD: StandbyRecord = {
  version: 1,
  incident: 'inc-aaaaaaaaaa',
  home: 'api-gke',
  standby: 'api-run',
  before: { min: 1, max: 4 },
  wanted: { min: 3, max: 4 },
  recordedAtMs: 0,
};

describe('a cluster', () => {
  it('has failed when users are turned away by two voices, its control plane is gone, and the standby is well', () => {
    expect(asked()).toMatchObject({
      scenario: 'cluster-failure',
      confidence: 'confirmed',
      conclusion: 'act',
      runbook: 'cluster-failover',
      target: 'application/api-gke',
    });
  });

  it('has failed only after the whole confirmation window', () => {
    const rounds = every20(20, 60, (seconds) => lookOf(seconds, {}));
    expect(ask(rounds, ABOUT_API)).toMatchObject({ scenario: 'cluster-failure', conclusion: 'wait' });
  });

  it.each<[string, Seen]>([
    ['uptime checks pass somewhere', { way: { failing: 2, passing: 1 } }],
    ['only one place fails', { way: { failing: 1 } }],
    ['the checks are too old', { way: { late: 200 } }],
    ['nobody says 502: the silence may be ours', { api: gke('silent', GONE) }],
    ['the control plane answers: then it may be the application', { api: gke('silent', refused) }],
    [
      'the control plane refuses us, which is an answer',
      { api: gke('silent', { ...refused, workload: { unreadable: 'forbidden' } }) },
    ],
  ])('has not failed when %s', (_, seen) => {
    expect(asked(seen)).not.toMatchObject({ scenario: 'cluster-failure' });
  });

  it.each<[string, Seen, RegExp]>([
    ['does not serve', { standby: run('silent') }, /api-run does not serve either/],
    ['can not be read', { standby: run('serving', { service: { unreadable: 'timeout' } }) }, /can't be read/],
  ])('goes to people when its standby %s', (_, seen, why) => {
    const found = asked(seen);
    expect(found).toMatchObject({ scenario: 'cluster-failure', conclusion: 'person' });
    expect(found.reasons[0]?.text).toMatch(why);
  });

  it('is no cause while the database is ill: that is the incident', () => {
    const rounds = every20(20, 100, (seconds) =>
      lookOf(seconds, { database: deadDatabase(seconds), standby: run('failing') }),
    );
    expect(ask(rounds, ABOUT_API).scenario).not.toMatch(/^cluster/);
  });

  it('whose pods serve while only its control plane is gone is told, and nobody is moved', () => {
    expect(asked({ api: gke('serving', GONE), way: { failing: 0, passing: 3 } })).toMatchObject({
      scenario: 'cluster-unreachable-but-serving',
      runbook: null,
    });
  });
});

describe('the way back', () => {
  it('is offered when users are on the standby and the cluster is well', () => {
    expect(asked({ api: gke('serving', { standby: RECORD }), way: { leadsTo: 'api-run' } })).toMatchObject({
      scenario: 'running-on-standby',
      conclusion: 'act',
      runbook: 'cluster-failback',
    });
  });

  it('waits for people while the cluster is not well', () => {
    expect(asked({ way: { leadsTo: 'api-run' } })).toMatchObject({
      scenario: 'running-on-standby',
      conclusion: 'person',
      runbook: null,
    });
  });

  it('is the scaling alone when no user was moved', () => {
    expect(asked({ api: gke('serving', { standby: RECORD }) })).toMatchObject({
      scenario: 'standby-left-raised',
      conclusion: 'act',
      runbook: 'cluster-failback',
    });
  });

  it('goes to people while the standby says, if only in one look, that it can’t serve', () => {
    const rounds = every20(20, 100, (seconds) =>
      lookOf(seconds, {
        api: gke('serving', { standby: RECORD }),
        ...(seconds === 80 ? { standby: run('failing') } : {}),
      }),
    );
    expect(ask(rounds, ABOUT_API)).toMatchObject({ scenario: 'standby-left-raised', conclusion: 'person' });
  });

  it('is nothing where nothing was lent', () => {
    expect(asked({ api: gke('serving') })).toMatchObject({ conclusion: 'nothing' });
  });
});

it('facts about entrances and standbys are what they were when they are read back', () => {
  const facts = lookOf(20, { api: gke('serving', { standby: RECORD }) });
  expect(parseFacts(factsText(facts))).toEqual(JSON.parse(JSON.stringify(facts)));
});

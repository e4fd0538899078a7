import { describe, expect, it } from '@jest/globals';
import type { ApplicationFacts, DatabaseFacts, Facts } from '../../shared/classify/facts.ts';
import type { Inquiry } from '../../shared/classify/evidence.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { instanceName, targetId } from '../../shared/system/names.ts';
import {
  ask,
  at,
  EAST,
  east,
  every20,
  gke,
  instance,
  look,
  PRIMARY,
  replica,
  run,
  wellDatabase,
  WENT_ELSEWHERE,
  word,
} from './looks.ts';

// A region that was lost takes everything back only when everything is well, and first gets a replica again.

const HOME = instanceName('coditect-dms-db-2');
const EAST2 = instanceName('coditect-dms-db-east-2');

const there: ApplicationFacts = { ...run('serving'), application: 'api-east' };
const stopped = instance({ activation: 'never', replicas: [replica().instance] });
const now = east({ upstream: undefined, role: 'primary' });
const home = (change: Partial<InstanceStatus> = {}): InstanceStatus =>
  instance({ instance: HOME, upstream: EAST, address: '10.20.0.7', ...change });

interface Seen {
  readonly primary?: InstanceStatus;
  readonly others?: readonly InstanceStatus[];
  readonly database?: Partial<DatabaseFacts>;
  readonly api?: ApplicationFacts;
  readonly leadsTo?: string;
  readonly record?: typeof WENT_ELSEWHERE | undefined;
}

function lookOf(seconds: number, seen: Seen): Facts {
  const primary = seen.primary ?? now;
  const others = seen.others ?? [stopped, replica()];
  const database = wellDatabase(seconds, {
    primaryName: primary.instance,
    primary,
    replicas: others,
    replication: others.map((status) => word(status.instance, status.upstream === primary.instance, at(seconds - 2))),
    ...seen.database,
  });
  return {
    ...look(seconds, [database], [seen.api ?? gke('serving'), run('serving'), there]),
    entrances: [
      {
        entrance: 'dms-api',
        status: { leadsTo: seen.leadsTo ?? 'api-east', detail: 'leads', version: 'v' },
        answer: { kind: 'serving', detail: 'ok', application: 'api-east' },
        uptime: [],
      },
    ],
    regions: [
      {
        region: 'us-central1',
        standby: there,
        contact: undefined,
        record: 'record' in seen ? seen.record : WENT_ELSEWHERE,
      },
    ],
  };
}

const named = (target: string, seen: Seen, more: Partial<Inquiry['state']> = {}, last = 100) =>
  ask(
    every20(20, last, (seconds) => lookOf(seconds, seen)),
    { target: targetId(target), targets: [targetId(target)], ...more },
  );

const FIT: Seen = { others: [stopped, replica(), home()] };

describe('A region that has no replica of the present primary', () => {
  it('gets one under the first name that is free there', () => {
    expect(named('rebuild/us-central1', {})).toMatchObject({
      scenario: 'region-without-replica',
      conclusion: 'act',
      runbook: 'region-rebuild',
      subject: { instance: EAST, replica: HOME },
    });
    // Whoever deletes the former primary gives its name back.
    expect(named('rebuild/us-central1', { others: [instance({ instance: HOME, activation: 'never' })] })).toMatchObject(
      {
        subject: { replica: PRIMARY },
      },
    );
  });

  it('goes on with the one that was begun', () => {
    const begun = home({ state: 'pendingCreate' });
    expect(named('rebuild/us-central1', { others: [stopped, begun] })).toMatchObject({
      conclusion: 'act',
      subject: { replica: HOME },
    });
  });

  it('is for people where no name is free', () => {
    const taken = home({ upstream: PRIMARY });
    expect(named('rebuild/us-central1', { others: [stopped, replica(), taken] })).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'replicaMissing', text: expect.stringContaining('no free name') }],
    });
  });

  it.each<readonly [string, Seen]>([
    ['it has one that follows', FIT],
    ['it has the primary itself', { primary: instance(), others: [east()] }],
    ['its former primary is not stopped: that comes first', { others: [instance()] }],
    ['no former primary of ours is there', { others: [] }],
  ])('needs none where %s', (_, seen) => {
    expect(named('rebuild/us-central1', seen)).toMatchObject({
      scenario: 'region-without-replica',
      conclusion: 'nothing',
    });
  });

  it('waits while the primary takes no row of ours', () => {
    const contact = { vantage: 'us', at: at(20), outcome: { kind: 'connectionRefused' }, control: 'ok' } as const;
    expect(named('rebuild/us-central1', { database: { contact } })).toMatchObject({ conclusion: 'wait' });
  });

  it('is a secondary as well, once everything is back home, and what waits there reads it again', () => {
    const back: Seen = {
      primary: home({ upstream: undefined, role: 'primary' }),
      others: [stopped, east({ upstream: undefined, role: 'primary', activation: 'never' })],
    };
    expect(named('rebuild/us-east1', back)).toMatchObject({ runbook: 'region-rebuild', subject: { replica: EAST2 } });
    const made = east({ instance: EAST2, upstream: HOME });
    const again: Seen = { ...back, others: [...(back.others ?? []), made] };
    expect(named('rebuild/us-east1', again)).toMatchObject({ conclusion: 'act', subject: { replica: EAST2 } });
    expect(named('rebuild/us-east1', { ...again, record: undefined })).toMatchObject({ conclusion: 'nothing' });
  });

  it('is none where a failover was written down and never promoted anything', () => {
    const calm: Seen = { primary: instance(), others: [replica(), east()] };
    expect(named('rebuild/us-east1', calm)).toMatchObject({ conclusion: 'nothing' });
  });
});

describe('A region whose database and users are in its secondary', () => {
  it('takes them back once everything has been well for the confirmation window', () => {
    expect(named('region/us-central1', FIT, {}, 60)).toMatchObject({ conclusion: 'wait' });
    expect(named('region/us-central1', FIT)).toMatchObject({
      scenario: 'running-in-secondary',
      conclusion: 'act',
      runbook: 'region-failback',
      subject: { instance: EAST, replica: HOME },
    });
  });

  it('tells whoever asks for it that it lacks a replica, and how to get one', () => {
    expect(named('region/us-central1', {}, { requested: 'region-failback' })).toMatchObject({
      scenario: 'running-in-secondary',
      conclusion: 'person',
      reasons: expect.arrayContaining([
        expect.objectContaining({ text: expect.stringContaining('./dr trigger region-rebuild --target us-central1') }),
      ]),
    });
  });

  it('is for people when its replica does not keep up, though somebody was asked about it before', () => {
    const late = every20(20, 100, (seconds) => {
      const replication = [word(HOME, true, at(seconds - 60))];
      return lookOf(seconds, { ...FIT, database: { replication } });
    });
    const about = { target: targetId('region/us-central1'), targets: [targetId('region/us-central1')] };
    expect(ask(late, { ...about, requested: 'region-failback' })).toMatchObject({
      conclusion: 'person',
      reasons: expect.arrayContaining([
        expect.objectContaining({
          text: expect.stringContaining('does not keep up: its newest heartbeat is one of 1m'),
        }),
      ]),
    });
  });

  it.each<readonly [string, Seen]>([
    ['something in it is not well', { ...FIT, api: gke('failing') }],
    ['its users are at home', { ...FIT, leadsTo: 'api-gke' }],
    ['nothing is written down', { ...FIT, record: undefined }],
    ['the primary is at home', { primary: instance(), others: [east()] }],
    ['nobody asked, and it has no replica', {}],
  ])('is left where it is while %s', (_, seen) => {
    expect(named('region/us-central1', seen).scenario).not.toBe('running-in-secondary');
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '../../shared/core/json.ts';
import { after, millis, minutes, toIso } from '../../shared/core/time.ts';
import { absorb } from '../../shared/flows/absorb.ts';
import { journalOf } from '../../shared/flows/flow-home.ts';
import { receiveAlert, receiveCommand } from '../../shared/flows/intake.ts';
import { type Conclusion, decideLook } from '../../shared/incident/decide.ts';
import { event } from '../../shared/incident/events.ts';
import { flowStage, incidentsOf } from './stage.ts';

const sample = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`test/fixtures/alerts/${name}.json`, 'utf8')) as Record<string, unknown>;

/** The same alert as another incident of Monitoring. */
function alertNumber(name: string, id: string): unknown {
  const alert = sample(name) as { incident: Record<string, unknown> };
  return { ...alert, incident: { ...alert.incident, incident_id: id } };
}

/** The end of an alert. */
function endOf(name: string): unknown {
  const alert = sample(name) as { incident: Record<string, unknown> };
  return { ...alert, incident: { ...alert.incident, state: 'closed' } };
}

/** What a look says that found everything well. */
const FOUND_NOTHING: Conclusion = {
  round: 1,
  facts: 'facts',
  summary: [],
  diagnosis: {
    scenario: 'not-failed',
    target: 'database/coditect-dms-db',
    subject: {},
    confidence: 'confirmed',
    conclusion: 'nothing',
    runbook: null,
    lookAgainInMs: null,
    reasons: [],
    wouldChangeMind: [],
    evidence: 'facts',
    failedSinceMs: null,
  },
  plan: undefined,
  mode: 'approve',
  brakes: [],
  walls: [],
  policy: undefined,
  approval: 'apr-1',
};

const command = (changes: Record<string, unknown>, now: number) => ({
  kind: 'dr.command',
  version: 1,
  reason: 'a drill of the team',
  requestedBy: 'ann',
  requestId: '5f0e6f8e-6f1c-4a63-9a52-0d0f5f0f7f01',
  expiresAt: new Date(now + 600_000).toISOString(),
  ...changes,
});

describe('a signal', () => {
  it('opens an incident that is named after it', async () => {
    const { home } = flowStage();
    await receiveAlert(sample('01-cloudsql-down-open'), 'm1', home);

    const touched = await absorb(home);

    const [incident] = await incidentsOf(home);
    expect(touched).toEqual([incident?.id]);
    expect(incident).toMatchObject({ target: 'database/coditect-dms-db', phase: { kind: 'suspected' }, signals: 1 });
  });

  it('that arrives twice counts once', async () => {
    const { home } = flowStage();
    await receiveAlert(sample('01-cloudsql-down-open'), 'm1', home);
    await absorb(home);

    const again = await receiveAlert(sample('01-cloudsql-down-open'), 'm2', home);
    await absorb(home);

    expect(again).toEqual({ kind: 'duplicate' });
    expect((await incidentsOf(home))[0]?.signals).toBe(1);
  });

  it('on another consumer of the same database joins the first one’s incident: both may be its symptoms', async () => {
    const { home } = flowStage();
    await receiveAlert(sample('03-uptime-check-failed-open'), 'm1', home);
    await absorb(home);
    await receiveAlert(sample('05-cloudrun-5xx-open'), 'm2', home);
    await absorb(home);

    const incidents = await incidentsOf(home);
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.targets.map(String)).toEqual(['application/api-gke', 'application/api-run']);
  });

  it('on a dependent of an open incident’s target joins it as a symptom', async () => {
    const { home } = flowStage();
    await receiveAlert(sample('01-cloudsql-down-open'), 'm1', home);
    await absorb(home);
    await receiveAlert(sample('05-cloudrun-5xx-open'), 'm2', home);
    await absorb(home);

    const incidents = await incidentsOf(home);
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.targets).toContain('application/api-run');
  });

  it('that an alert has ended goes into the incident that the alert opened, also when that is over', async () => {
    const { home, clock } = flowStage();
    await receiveAlert(sample('01-cloudsql-down-open'), 'm1', home);
    const [id] = await absorb(home);
    if (id === undefined) throw new Error('the alert opens an incident');
    await (await journalOf(id, home))?.append(() => [event('dismissed', { because: 'it was nothing' })]);
    clock.advance(minutes(5));

    await receiveAlert(endOf('01-cloudsql-down-open'), 'm2', home);
    await absorb(home);

    const [incident, ...others] = await incidentsOf(home);
    expect(others).toEqual([]);
    expect(incident).toMatchObject({ id, signals: 2, phase: { kind: 'dismissed' } });
    expect(await home.store.log.heads('open', 10)).toEqual([]);
  });

  it.each([
    ['that an alert has ended is told to nobody', endOf('01-cloudsql-down-open'), []],
    ['that an alert has begun is told', sample('01-cloudsql-down-open'), ['dismissed']],
  ])('%s when a look finds nothing wrong', async (_, data, told) => {
    const { home, clock } = flowStage();
    await receiveAlert(data, 'm1', home);
    await absorb(home);
    const [incident] = await incidentsOf(home);
    if (incident === undefined) throw new Error('a signal opens an incident');

    const events = decideLook(incident, FOUND_NOTHING, clock.now());

    expect(events.flatMap(({ kind, data }) => (kind === 'noticeDue' ? [data.notice.kind] : []))).toEqual(told);
    expect(events.some(({ kind }) => kind === 'dismissed')).toBe(true);
  });

  it('that can’t be read is recorded, shown and never asked for again', async () => {
    const { home } = flowStage();

    const answer = await receiveAlert({ version: '1.2', incident: 'what' }, 'm1', home);

    expect(answer.kind).toBe('refused');
    expect(await home.store.documents.list('refused/', 10)).toHaveLength(1);
    expect(await absorb(home)).toEqual([]);
  });

  it('of a test notification is noted and starts nothing', async () => {
    const { home } = flowStage();
    await receiveAlert(sample('08-test-notification'), 'm1', home);
    await absorb(home);

    const [incident] = await incidentsOf(home);
    expect(incident?.phase.kind).toBe('dismissed');
    expect([...(incident?.notices.values() ?? [])].map(({ notice }) => notice.kind)).toEqual(['test']);
  });
});

describe('a storm', () => {
  it('of 200 notifications of one failure, shuffled and with duplicates, gives one incident and loses no signal', async () => {
    const names = [
      '01-cloudsql-down-open',
      '05-cloudrun-5xx-open',
      '03-uptime-check-failed-open',
      '04-gke-crashloop-open',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 49 })), {
          minLength: 200,
          maxLength: 200,
        }),
        async (drawn) => {
          const { home } = flowStage();
          await Promise.all(
            drawn.map(async ([name, id], index) => {
              await receiveAlert(alertNumber(name, `0.${name}-${id}`), `m${index}`, home);
              await absorb(home);
            }),
          );
          await absorb(home);

          const incidents = await incidentsOf(home);
          expect(incidents).toHaveLength(1);
          expect(incidents[0]?.signals).toBe(new Set(drawn.map(([name, id]) => `${name}-${id}`)).size);
          expect(await home.store.log.waiting('unassigned', 1)).toEqual([]);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('writes an incident’s head at most once a second', async () => {
    const { home, clock } = flowStage();
    for (let number = 0; number < 60; number += 1) {
      await receiveAlert(alertNumber('05-cloudrun-5xx-open', `0.${number}`), `m${number}`, home);
      if (number % 3 === 0) await absorb(home);
      clock.advance(millis(50));
    }
    await absorb(home);

    const [incident] = await incidentsOf(home);
    const records = incident === undefined ? [] : await home.store.log.read(incident.id, 0, 1_000);
    const moments = records.filter(({ kind }) => kind === 'signalsAbsorbed').map(({ at }) => Date.parse(at));
    expect(incident?.signals).toBe(60);
    expect(moments.length).toBeGreaterThan(2);
    for (const [index, moment] of moments.slice(1).entries())
      expect(moment - (moments[index] ?? 0)).toBeGreaterThanOrEqual(1_000);
  });
});

describe('a command from the topic', () => {
  it('opens an incident that has to pass the same looks', async () => {
    const { home, clock } = flowStage();
    await receiveCommand(command({ command: 'start', runbook: 'database-failover' }, clock.now()), 'm1', home);
    await absorb(home);

    expect((await incidentsOf(home))[0]).toMatchObject({
      requested: 'database-failover',
      phase: { kind: 'suspected' },
    });
  });

  it('switches the kill switch on at once', async () => {
    const { home, clock } = flowStage();
    await receiveCommand(command({ command: 'stop' }, clock.now()), 'm1', home);

    expect((await home.store.documents.get('control/stop'))?.value).toMatchObject({ on: true, by: 'ann' });
  });

  it('switches it on though somebody else writes the switch at that moment', async () => {
    const { home, clock } = flowStage();
    const { documents } = home.store;
    let races = 2;
    const raced = {
      ...documents,
      put: async (key: string, value: Json, expected: number) => {
        const isRace = key === 'control/stop' && races-- > 0;
        if (isRace) await documents.put(key, { on: false, by: 'bob', reason: 'all is well', atMs: 1 }, expected);
        return await documents.put(key, value, expected);
      },
    };
    await receiveCommand(command({ command: 'stop' }, clock.now()), 'm1', {
      ...home,
      store: { ...home.store, documents: raced },
    });

    expect((await documents.get('control/stop'))?.value).toMatchObject({ on: true, by: 'ann' });
  });

  it('that comes twice presses the switch once, so that a release in between stands', async () => {
    const { home, clock } = flowStage();
    const { documents } = home.store;
    await receiveCommand(command({ command: 'stop' }, clock.now()), 'm1', home);
    await documents.put('control/stop', { on: false, by: 'bob', reason: 'all is well', atMs: 2 }, 1);

    expect(await receiveCommand(command({ command: 'stop' }, clock.now()), 'm2', home)).toEqual({ kind: 'duplicate' });
    expect((await documents.get('control/stop'))?.value).toMatchObject({ on: false });
  });

  it('can’t cancel, since a message is not an identity', async () => {
    const { home, clock } = flowStage();
    expect(
      await receiveCommand(command({ command: 'cancel', incident: 'inc-aaaaaaaaaa' }, clock.now()), 'm1', home),
    ).toMatchObject({ kind: 'refused' });
  });

  it('counts for nothing after its expiry', async () => {
    const { home, clock } = flowStage();
    const late = command(
      { command: 'start', runbook: 'database-failover', expiresAt: toIso(after(clock.now(), -minutes(1))) },
      clock.now(),
    );

    expect(await receiveCommand(late, 'm1', home)).toMatchObject({ kind: 'refused' });
  });
});

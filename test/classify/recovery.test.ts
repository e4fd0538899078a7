import { describe, expect, it } from '@jest/globals';
import type { CloneFacts, RecoveryFacts } from '../../shared/classify/facts.ts';
import { toIso } from '../../shared/core/time.ts';
import { LABELS } from '../../shared/ports/copy-labels.ts';
import { DELETE_CLONES } from '../../shared/ports/recovery-words.ts';
import { incidentId, instanceName, targetId } from '../../shared/system/names.ts';
import { ask, at, deadLook, instance, PRIMARY, wellLook } from './looks.ts';

const [FIRST, SECOND] = ['coditect-dms-db-recovery', 'coditect-dms-db-recovery-2'].map(instanceName);
const INCIDENT = incidentId('inc-aaaaaaaaaa');

const free = (name: CloneFacts['instance'] | undefined): CloneFacts => ({
  instance: name ?? PRIMARY,
  found: undefined,
  record: undefined,
  clonedAt: undefined,
});

/** An instance under the first name, as somebody left it. */
const cloneOf = (labels: Readonly<Record<string, string>>, more: Partial<CloneFacts> = {}): CloneFacts => ({
  ...free(FIRST),
  found: { status: instance({ instance: FIRST ?? PRIMARY, address: '10.20.0.9' }), labels },
  clonedAt: at(-60),
  ...more,
});

const marked = (momentMs: number) =>
  cloneOf({ [LABELS.incident]: INCIDENT, [LABELS.takenAt]: String(momentMs), [LABELS.source]: PRIMARY });

/** What a job does that changes twenty rows at a time, and the application beside it. */
const change = (
  application: string,
  seconds: number,
  did: { inserted?: number; updated?: number; deleted?: number },
) => ({
  minute: at(seconds),
  table: 'documents',
  user: 'dms',
  application,
  inserted: 0,
  updated: 0,
  deleted: 0,
  firstAt: at(seconds),
  lastAt: at(seconds + 50),
  ...did,
});

const asked: RecoveryFacts = {
  source: PRIMARY,
  askedAt: at(0),
  named: undefined,
  window: { earliest: at(-7 * 86_400), latest: at(-30) },
  history: {
    since: at(-3_600),
    changes: [
      change('dms-api', -400, { inserted: 60 }),
      change('bulk-import', -300, { updated: 240 }),
      change('psql', -200, { deleted: 3 }),
    ],
  },
  clones: [free(FIRST), free(SECOND)],
  writers: [],
};

/** What a look amounts to while a person wants rows back. */
function named(differs: Partial<RecoveryFacts>, verbs: readonly string[] = []) {
  const target = targetId('recovery/coditect-dms-db');
  const state = { requested: 'point-in-time-recovery', target, targets: [target] };
  return ask([{ ...wellLook(40), recoveries: [{ ...asked, ...differs }] }], state, { verbs, incident: INCIDENT });
}

const texts = (diagnosis: ReturnType<typeof named>, code: string): readonly string[] =>
  diagnosis.reasons.filter((reason) => reason.code === code).map(({ text }) => text);

describe('an alert that many rows change', () => {
  const told = (differs: Partial<RecoveryFacts>, more: object = {}) => {
    const target = targetId('recovery/coditect-dms-db');
    const state = { requested: null, target, targets: [target], firstSignalAt: at(0), ...more };
    return ask([{ ...wellLook(40), recoveries: [{ ...asked, ...differs }] }], state, { incident: INCIDENT });
  };

  it('gives people who changes them, minute by minute, and what to say if it is damage', () => {
    const diagnosis = told({});
    expect(diagnosis).toMatchObject({ scenario: 'data-damage', conclusion: 'person', runbook: null });
    expect(diagnosis.reasons[0]?.text).toContain('most by bulk-import (dms)');
    expect(texts(diagnosis, 'suspect')).toHaveLength(2);
    expect(diagnosis.wouldChangeMind[0]).toContain('./dr trigger point-in-time-recovery --target coditect-dms-db');
    expect(diagnosis.target).toBe('recovery/coditect-dms-db');
  });

  it('ends where nobody but ourselves changed any, as after rows were brought back', () => {
    const history = { since: at(-3_600), changes: [change('dr-autopilot', -60, { updated: 900 })] };
    expect(told({ history })).toMatchObject({ conclusion: 'nothing' });
  });

  it('waits for whoever can tell, and then goes to people without', () => {
    const history = { unreadable: 'timeout' };
    expect(told({ history })).toMatchObject({ conclusion: 'wait' });
    expect(told({ history }, { openedAt: at(-3_600) })).toMatchObject({ conclusion: 'person' });
  });

  it('is a request as any other once a person says that it is damage', () => {
    expect(told({}, { requested: 'point-in-time-recovery' })).toMatchObject({ conclusion: 'act' });
  });

  it('is nothing to look for when only its end was heard', () => {
    expect(told({}, { firstSignalAt: undefined, signals: 1 }).reasons[0]?.code).not.toBe('manyChanges');
  });
});

describe('a recovery of rows that a person asks for', () => {
  it('is planned for just before the worst suspect’s first change, and names everybody who changed or deleted rows', () => {
    const diagnosis = named({});

    expect(diagnosis).toMatchObject({ scenario: 'data-damage', conclusion: 'act', runbook: 'point-in-time-recovery' });
    expect(diagnosis.reasons[0]?.text).toContain(`as of ${toIso(at(-300.001))}`);
    expect(texts(diagnosis, 'suspect')).toEqual([
      expect.stringContaining('bulk-import (dms) changed 240 rows'),
      expect.stringContaining('psql (dms) deleted 3 rows'),
    ]);
    expect(texts(diagnosis, 'timeline')).toHaveLength(2);
  });

  it('is planned for the moment that a person named, whoever changed what', () => {
    expect(named({ named: at(-1_000) }).reasons[0]?.text).toContain(`a person named ${toIso(at(-1_000))}`);
  });

  it('is planned for as far back as dr.yaml says where no writer changed or deleted anything', () => {
    const diagnosis = named({ history: { since: at(-3_600), changes: [change('dms-api', -400, { inserted: 60 })] } });

    expect(diagnosis.reasons[0]?.text).toContain(`as of ${toIso(at(-3_600))}`);
    expect(texts(diagnosis, 'noChange')).toHaveLength(1);
  });

  it('waits for a moment that is not archived yet, and goes to people for one that is no longer kept', () => {
    expect(named({ named: at(-10) })).toMatchObject({
      conclusion: 'wait',
      reasons: [{ code: 'momentUnreachable' }, {}, {}, {}, {}],
    });
    expect(named({ named: at(-8 * 86_400) })).toMatchObject({ conclusion: 'person' });
    expect(named({ window: { unreadable: 'timeout' } })).toMatchObject({ conclusion: 'wait' });
  });

  it('makes nothing while nobody can tell what is there', () => {
    const unreadable = { ...free(FIRST), found: { unreadable: 'http 503' } };

    expect(named({ clones: [unreadable, free(SECOND)] })).toMatchObject({
      conclusion: 'wait',
      reasons: [{ code: 'cloneUnknown' }],
    });
  });

  it('takes the next name where somebody else has the first, and asks people where none is free', () => {
    const others = cloneOf({ [LABELS.incident]: 'inc-bbbbbbbbbb' });

    expect(named({ clones: [others, free(SECOND)] })).toMatchObject({ conclusion: 'act' });
    expect(named({ clones: [others] })).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'cloneNameTaken' }, {}, {}, {}, {}],
    });
  });

  it('knows a clone that carries no label yet by what was written down before it was asked for, and by nothing else', () => {
    const record = { version: 1, incident: INCIDENT, source: PRIMARY, moment: at(-300), recordedAt: at(-70) } as const;

    expect(named({ clones: [cloneOf({}, { record })] })).toMatchObject({ conclusion: 'act' });
    expect(named({ clones: [cloneOf({}, { record: { ...record, recordedAt: at(-40) } })] })).toMatchObject({
      conclusion: 'person',
    });
    expect(named({ clones: [cloneOf({}, { record: { ...record, incident: 'inc-bbbbbbbbbb' } })] })).toMatchObject({
      conclusion: 'person',
    });
  });

  it('leaves a clone of its own to people, until they name another moment', () => {
    const clones = [marked(at(-300)), free(SECOND)];

    expect(named({ clones })).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'cloneWaits' }, {}, {}, {}, {}],
    });
    expect(named({ clones, named: at(-300) })).toMatchObject({ conclusion: 'person' });
    expect(named({ clones, named: at(-500) })).toMatchObject({ conclusion: 'act' });
  });

  it('ends on people’s word, and then only where there is something of its own to delete', () => {
    expect(named({ clones: [marked(at(-300))] }, [DELETE_CLONES])).toMatchObject({
      conclusion: 'act',
      reasons: [{ code: 'recoveryEnds' }],
    });
    expect(named({ clones: [cloneOf({})] }, [DELETE_CLONES])).toMatchObject({
      conclusion: 'person',
      reasons: [{ code: 'cloneNameTaken' }, {}, {}, {}, {}],
    });
  });
});

describe('a look that nobody asked to bring rows back for', () => {
  it('says nothing of recoveries', () => {
    expect(ask([deadLook(40)])).not.toMatchObject({ scenario: 'data-damage' });
  });
});

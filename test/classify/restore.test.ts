import { describe, expect, it } from '@jest/globals';
import type { RestoreFacts } from '../../shared/classify/facts.ts';
import { HAND_OVER, LABELS } from '../../shared/ports/copy-labels.ts';
import { incidentId, instanceName, targetId } from '../../shared/system/names.ts';
import { ask, at, deadLook, instance, PRIMARY, wellLook } from './looks.ts';

const COPY = instanceName('coditect-dms-db-restore');
const INCIDENT = incidentId('inc-aaaaaaaaaa');

const well: RestoreFacts = {
  source: PRIMARY,
  runs: [
    {
      id: '17',
      instance: PRIMARY,
      kind: 'automated',
      state: 'successful',
      startedAt: at(-7 * 3_600),
      endedAt: at(-7 * 3_600 + 120),
      databaseVersion: 'POSTGRES_15',
    },
  ],
  dumps: [],
  template: {
    databaseVersion: 'POSTGRES_15',
    tier: 'db-custom-4-16384',
    region: 'us-central1',
    edition: undefined,
    diskGb: undefined,
    privateNetwork: undefined,
    flags: [],
  },
  copy: undefined,
};

const DUMP = {
  bucket: 'coditect-dms-backups',
  name: 'daily/2026-01-05.sql.gz',
  generation: '17',
  bytes: 9_000,
  crc32c: 'r5sJTQ==',
  writtenAt: at(-7 * 3_600),
};

const copyOf = (incident: string | undefined): RestoreFacts['copy'] => ({
  status: instance({ instance: COPY, address: '10.20.0.9' }),
  labels: incident === undefined ? {} : { [LABELS.incident]: incident, [LABELS.takenAt]: String(at(-7 * 3_600)) },
});

/** What a look amounts to while a person wants a restore. */
function named(change: Partial<RestoreFacts>, verbs: readonly string[] = []) {
  const target = targetId('copy/coditect-dms-db');
  const state = { requested: 'backup-restore', target, targets: [target] };
  return ask([{ ...wellLook(40), restores: [{ ...well, ...change }] }], state, { verbs, incident: INCIDENT });
}

describe('a restore that a person asks for', () => {
  it('is planned from the newest backup that fits, whatever the observers say of the primary', () => {
    const diagnosis = named({});

    expect(diagnosis).toMatchObject({ scenario: 'data-loss', conclusion: 'act', runbook: 'backup-restore' });
    expect(diagnosis.reasons[0]).toMatchObject({ code: 'backupFits' });
  });

  it('is planned from the newest dump where the instance is gone, and its backups with it', () => {
    const gone = { unreadable: 'notFound' };
    const diagnosis = named({ runs: gone, template: gone, dumps: [DUMP] });

    expect(diagnosis).toMatchObject({ conclusion: 'act', runbook: 'backup-restore' });
    expect(diagnosis.reasons[0]?.text).toContain('the newest dump of dms does');
  });

  it('takes no dump that people should look at first, and none while a backup may be readable in a moment', () => {
    expect(named({ runs: [], dumps: [{ ...DUMP, bytes: 0 }] })).toMatchObject({ conclusion: 'person' });
    expect(named({ runs: { unreadable: 'http 503' }, dumps: [DUMP] })).toMatchObject({ conclusion: 'wait' });
  });

  it('goes to people where no backup fits', () => {
    expect(named({ runs: [] })).toMatchObject({ scenario: 'data-loss', conclusion: 'person' });
  });

  it('waits while the backups can’t be read', () => {
    expect(named({ runs: { unreadable: 'timeout' } })).toMatchObject({ conclusion: 'wait' });
  });

  it.each([
    ['another incident made', copyOf('inc-bbbbbbbbbb')],
    ['somebody made by hand', copyOf(undefined)],
  ])('writes nothing over an instance that %s', (_, copy) => {
    expect(named({ copy })).toMatchObject({ conclusion: 'person', reasons: [{ code: 'copyNameTaken' }] });
  });

  it('makes nothing while nobody can tell whether a copy is there', () => {
    expect(named({ copy: { unreadable: 'http 503' } })).toMatchObject({
      conclusion: 'wait',
      reasons: [{ code: 'copyUnknown' }],
    });
  });

  it('leaves a copy of its own to people, with what they can type', () => {
    const diagnosis = named({ copy: copyOf(INCIDENT) });

    expect(diagnosis).toMatchObject({ conclusion: 'person', reasons: [{ code: 'copyWaits' }] });
    expect(diagnosis.wouldChangeMind.join()).toContain(`./dr accept ${INCIDENT} ${HAND_OVER}`);
  });
});

describe('a look that nobody asked to restore anything for', () => {
  it('says nothing of restores', () => {
    expect(ask([deadLook(40)])).not.toMatchObject({ scenario: 'data-loss' });
  });
});

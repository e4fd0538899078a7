import { describe, expect, it } from '@jest/globals';
import type { ApplicationFacts, DatabaseFacts } from '../../shared/classify/facts.ts';
import { failedSince, observe } from '../../shared/classify/observers.ts';
import { at, deadDatabase, EAST, gke, instance, REPLICA, replica, run, T0, wellDatabase, word } from './looks.ts';

const NOW = 100;

function verdicts(
  facts: DatabaseFacts,
  options: { readonly consumers?: readonly ApplicationFacts[]; readonly earlier?: DatabaseFacts } = {},
) {
  const earlier = options.earlier === undefined ? undefined : { at: at(NOW - 20), facts: options.earlier };
  return observe(facts, {
    at: at(NOW),
    suspectedSince: T0,
    consumers: options.consumers ?? [gke('failing'), run('failing')],
    earlier,
  });
}

const monitoring = (change: Partial<DatabaseFacts>) => verdicts(wellDatabase(NOW, change)).monitoring.says;
const watch = {
  version: 1,
  instance: REPLICA,
  lastWrittenAtMs: null,
  lastSequence: 0,
  notWrittenSinceMs: at(50),
  refusedSinceMs: null,
  lastLookAtMs: at(90),
  vantages: {},
} as const;

describe('Monitoring', () => {
  it('says what the newest point says', () => {
    expect(
      monitoring({
        up: [
          { at: at(40), value: 0 },
          { at: at(-20), value: 1 },
        ],
      }),
    ).toBe('failed');
    expect(
      monitoring({
        up: [
          { at: at(40), value: 1 },
          { at: at(-20), value: 0 },
        ],
      }),
    ).toBe('serving');
  });

  it('says nothing with a point from before the suspected start', () => {
    expect(monitoring({ up: [{ at: at(-1), value: 0 }] })).toBe('unknown');
    expect(monitoring({ up: [{ at: at(-1), value: 1 }] })).toBe('unknown');
  });

  it('does not speak for a primary that we lost after its newest point', () => {
    expect(monitoring({ up: [{ at: at(40), value: 1 }], watch })).toBe('unknown');
    expect(monitoring({ up: [{ at: at(60), value: 1 }], watch })).toBe('serving');
  });

  it('says nothing when it is too old, missing or unreadable', () => {
    expect(
      observe(wellDatabase(600, { up: [{ at: at(300), value: 0 }] }), {
        at: at(600),
        suspectedSince: T0,
        consumers: [],
        earlier: undefined,
      }).monitoring.says,
    ).toBe('unknown');
    expect(monitoring({ up: [] })).toBe('unknown');
    expect(monitoring({ up: { unreadable: 'timeout' } })).toBe('unknown');
  });
});

describe('the applications', () => {
  const said = (consumers: readonly ApplicationFacts[], change: Partial<DatabaseFacts> = {}) =>
    verdicts(wellDatabase(NOW, change), { consumers }).applications.says;
  const elsewhere = gke('failing', {
    health: {
      ...gke('failing').health,
      database: { address: '10.20.0.99:5432', epoch: undefined, inRecovery: false, writable: false },
    },
  });

  it('must all say that their database takes no writes', () => {
    expect(said([gke('failing'), run('failing')])).toBe('failed');
    expect(said([gke('failing'), run('silent')])).toBe('unknown');
    expect(said([gke('failing'), run('serving')])).toBe('serving');
    expect(said([gke('silent'), run('silent')])).toBe('unknown');
    expect(said([])).toBe('unknown');
  });

  it('say nothing about a database by failing for another reason', () => {
    const broken = gke('failing', {
      health: {
        kind: 'failing',
        detail: 'disk full',
        instance: 'a',
        database: { address: '10.20.0.3', epoch: undefined, inRecovery: false, writable: true },
      },
    });
    const bare = gke('failing', {
      health: { kind: 'failing', detail: 'not serving', instance: undefined, database: undefined },
    });
    expect(said([broken, run('failing')])).toBe('unknown');
    expect(said([bare, run('failing')])).toBe('unknown');
  });

  it('say nothing about a database that they are not on', () => {
    expect(said([elsewhere, run('failing')])).toBe('unknown');
    const moved = gke('serving', {
      health: {
        ...gke('serving').health,
        database: { address: '10.20.0.4:5432', epoch: 'e', inRecovery: false, writable: true },
      },
    });
    expect(said([moved, run('failing')])).toBe('unknown');
  });
});

describe('the replicas', () => {
  const said = (change: Partial<DatabaseFacts>, earlier?: DatabaseFacts) =>
    verdicts(wellDatabase(NOW, change), earlier === undefined ? {} : { earlier }).replicas.says;

  it('say that it serves as long as one of them receives', () => {
    expect(said({ replication: [word(REPLICA, true, at(-100)), word(EAST, false, at(-100))] })).toBe('serving');
  });

  it('say that it failed when none receives and nothing new arrives', () => {
    expect(said({ replication: [word(REPLICA, false, at(-2)), word(EAST, false, at(-2))] }, deadDatabase(80))).toBe(
      'failed',
    );
  });

  it('count one that can be asked, and say nothing when none can', () => {
    const none = { instance: EAST, status: undefined, lagMetricSeconds: undefined };
    expect(said({ replication: [word(REPLICA, false, at(-2)), none] }, deadDatabase(80))).toBe('failed');
    expect(said({ replication: [{ ...none, instance: REPLICA }, none] })).toBe('unknown');
  });

  it('take a heartbeat that was written since the last look for a sign of life', () => {
    expect(said({ replication: [word(REPLICA, false, at(95))] }, deadDatabase(80))).toBe('serving');
  });

  it('do not take the replay of what was in the pipe for one', () => {
    expect(
      said(
        { replication: [word(REPLICA, false, at(-1))] },
        wellDatabase(80, { replication: [word(REPLICA, false, at(-60))] }),
      ),
    ).toBe('failed');
  });

  it('say nothing at a first look right after a heartbeat', () => {
    expect(said({ replication: [word(REPLICA, false, at(95))] })).toBe('unknown');
    expect(said({ replication: [word(REPLICA, false, at(60))] })).toBe('failed');
  });

  it('say nothing about a primary that they do not follow', () => {
    const other = { replicas: [replica({ upstream: EAST })], replication: [word(REPLICA, true, at(95))] };
    expect(said(other)).toBe('unknown');
  });
});

describe('our own contact', () => {
  it('is a sign of life when it writes, and silence says nothing', () => {
    const said = (outcome: DatabaseFacts['contact']['outcome']) =>
      verdicts(wellDatabase(NOW, { contact: { vantage: 'x', at: T0, outcome, control: 'ok' } })).direct.says;
    expect(said({ kind: 'written' })).toBe('serving');
    expect(said({ kind: 'unknown', detail: 'timeout' })).toBe('unknown');
    expect(said({ kind: 'loginRefused', detail: 'a wrong password' })).toBe('unknown');
    expect(said({ kind: 'connectionRefused' })).toBe('failed');
    expect(said({ kind: 'refusedByServer', detail: 'read only' })).toBe('failed');
  });
});

describe('the management API', () => {
  it('is no observer, whatever it says', () => {
    const said = (state: 'failed' | 'runnable') => verdicts(deadDatabase(NOW, { primary: instance({ state }) }));
    expect(said('failed')).toEqual(said('runnable'));
  });
});

describe('the beginning of a failure', () => {
  it('is the earliest point of the present stretch of zeros, or the first refusal', () => {
    expect(failedSince(deadDatabase(200))).toBe(T0);
    expect(failedSince(deadDatabase(200, { watch: { ...watch, refusedSinceMs: at(-3) } }))).toBe(at(-3));
    expect(failedSince(wellDatabase(100))).toBeUndefined();
    expect(
      failedSince(
        wellDatabase(100, {
          up: [
            { at: at(90), value: 1 },
            { at: at(30), value: 0 },
          ],
        }),
      ),
    ).toBeUndefined();
  });
});

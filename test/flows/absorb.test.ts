import { describe, expect, it } from '@jest/globals';
import { instant, millis, seconds } from '../../shared/core/time.ts';
import { absorb } from '../../shared/flows/absorb.ts';
import type { FlowHome } from '../../shared/flows/flow-home.ts';
import { receiveAlert } from '../../shared/flows/intake.ts';
import { event } from '../../shared/incident/events.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { Store } from '../../shared/ports/store.ts';
import { targetId } from '../../shared/system/names.ts';
import type { System } from '../../shared/system/system.ts';
import { reference } from '../system/reference.ts';
import { counted } from './counted-store.ts';
import { planted } from './planted.ts';
import { flowStage, incidentsOf } from './stage.ts';

const TARGETS = 230;
const service = (number: number): string => `mass-${String(number).padStart(3, '0')}`;

/** The reference with services of their own, which depend on nothing. */
function withServices(count: number): System {
  const system = reference();
  const model = system.applications.find((application) => application.kind === 'cloudRun');
  if (model === undefined) throw new Error('the reference has a Cloud Run service');
  const more = Array.from({ length: count }, (_, number) => ({
    ...model,
    id: service(number),
    service: service(number),
    dependsOn: [],
  }));
  return { ...system, applications: [...system.applications, ...more] };
}

const alertOf = (number: number, id: string, summary = 'storm'): unknown => ({
  version: '1.2',
  incident: {
    incident_id: id,
    state: 'open',
    summary,
    policy_name: 'storm',
    resource: { type: 'cloud_run_revision', labels: { service_name: service(number), location: 'us-central1' } },
  },
});

/** An incident of another time, or one that goes on, about a target of its own. */
async function plant(home: FlowHome, name: string, ended: boolean): Promise<void> {
  const journal = await planted(home, name);
  if (ended) await journal.append(() => [event('dismissed', { because: 'it was nothing' })]);
}

/** What fifty alerts of one target cost while so many incidents are in the store. */
async function costAmong(past: number, open: number) {
  const stage = flowStage(withServices(TARGETS));
  const { store, asked } = counted(stage.home.store);
  for (let number = 0; number < past; number += 1) await plant(stage.home, `past${number}`, true);
  for (let number = 0; number < open; number += 1) await plant(stage.home, `open${number}`, false);
  const home = { ...stage.home, store };
  for (let number = 0; number < 50; number += 1) {
    await receiveAlert(alertOf(number % 5, `0.${number}`), `m${number}`, home);
    await absorb(home);
    stage.clock.advance(seconds(2));
  }
  return asked;
}

describe('what an alert costs', () => {
  it('is the same among two thousand past and two hundred open incidents as in an empty store', async () => {
    const alone = await costAmong(0, 0);
    const among = await costAmong(2_000, 200);

    expect(among).toEqual(alone);
    expect(Object.values(alone.calls).reduce((sum, calls) => sum + calls, 0) / 50).toBeLessThanOrEqual(12);
  });
});

describe('a storm over many targets', () => {
  it('makes one incident for each of them, though more are open than anybody lists', async () => {
    const { home, clock } = flowStage(withServices(TARGETS));
    for (let number = 0; number < 2 * TARGETS; number += 1)
      await receiveAlert(alertOf(number % TARGETS, `0.${number}`), `m${number}`, home);
    await absorb(home);
    clock.advance(seconds(2));
    for (let number = 0; number < TARGETS; number += 1)
      await receiveAlert(alertOf(number, `1.${number}`), `n${number}`, home);
    await absorb(home);

    const incidents = await incidentsOf(home);
    expect(incidents).toHaveLength(TARGETS);
    expect(incidents.every(({ signals }) => signals === 3)).toBe(true);
    expect(await home.store.log.waiting('unassigned', 1)).toEqual([]);
  });

  it('is absorbed by one delivery of a process, while the others leave at once', async () => {
    const { home } = flowStage(withServices(TARGETS));
    const { store, asked } = counted(home.store);
    const one = { ...home, store };
    await Promise.all(
      Array.from({ length: 40 }, async (_, number) => {
        await receiveAlert(alertOf(number, `0.${number}`), `m${number}`, one);
        await absorb(one);
      }),
    );

    expect((await incidentsOf(home)).length).toBe(40);
    expect(asked.calls['leases.acquire']).toBeLessThan(40);
    expect(asked.calls['log.append']).toBe(40);
  });
});

describe('a signal that arrives while nobody absorbs', () => {
  it('is received while the absorber’s lease is asked for, so that both share one visit to the disk', async () => {
    const { home } = flowStage(withServices(1));
    const under: string[] = [];
    const store = { ...noting(home.store, under), pace: millis(0) };
    const one = { ...home, store };

    await absorb(one, undefined, receiveAlert(alertOf(0, '0.1'), 'm1', one));

    expect(under.slice(0, 2)).toEqual(['receive', 'acquire']);
    expect((await incidentsOf(home)).map(({ signals }) => signals)).toEqual([1]);
  });

  it('and is not taken by the store is told to whoever delivers it, and holds up nobody', async () => {
    const { home } = flowStage(withServices(1));
    const down = { ...home.store.log, receive: async () => Promise.reject(new PortError('retryable', 'busy', 'no')) };
    const one = { ...home, store: { ...home.store, pace: millis(0), log: down } };

    await expect(absorb(one, undefined, receiveAlert(alertOf(0, '0.1'), 'm1', one))).rejects.toThrow('no');

    expect(await home.store.leases.read('absorber')).toBeUndefined();
  });

  it('while others absorb is absorbed however late it gets into the inbox', async () => {
    const { home } = flowStage(withServices(3));
    const one = { ...home, store: { ...home.store, pace: millis(0) } };
    const late = Promise.withResolvers<undefined>();
    const arriving = (number: number) => receiveAlert(alertOf(number, `0.${number}`), 'm', one);
    const first = [0, 1].map((number) => absorb(one, undefined, arriving(number)));
    const last = absorb(
      one,
      undefined,
      late.promise.then(() => arriving(2)),
    );

    await Promise.all(first);
    late.resolve(undefined);
    await last;

    expect(await incidentsOf(home)).toHaveLength(3);
    expect(await home.store.log.waiting('unassigned', 1)).toEqual([]);
  });
});

/** A store that notes what is asked of it before anything is answered. */
function noting(store: Store, asked: string[]): Store {
  return {
    ...store,
    log: {
      ...store.log,
      receive: async (entry) => {
        asked.push('receive');
        await new Promise(setImmediate);
        const answer = await store.log.receive(entry);
        asked.push('received');
        return answer;
      },
    },
    leases: {
      ...store.leases,
      acquire: async (...claim) => {
        asked.push('acquire');
        return await store.leases.acquire(...claim);
      },
    },
  };
}

describe('what can’t be absorbed', () => {
  it('as one event, because its texts are too long, is absorbed in several', async () => {
    const { home } = flowStage(withServices(1));
    const long = '🔥'.repeat(500);
    for (let number = 0; number < 199; number += 1)
      await receiveAlert(alertOf(0, `0.${number}`, long), `m${number}`, home);

    await absorb(home);

    expect((await incidentsOf(home)).map(({ signals }) => signals)).toEqual([199]);
  });

  it('since nobody can read it any more, goes to people and holds up nothing else', async () => {
    const { home } = flowStage(withServices(1));
    await home.store.log.receive({
      key: 'alert/of-a-later-version',
      incident: 'unassigned',
      receivedAt: instant(1),
      signal: { record: 'what' },
    });
    await receiveAlert(alertOf(0, '0.1'), 'm1', home);

    await absorb(home);

    const incidents = await incidentsOf(home);
    expect(incidents.map(({ headline }) => headline).toSorted()).toEqual([
      'a signal that was stored and can no longer be read',
      'storm',
    ]);
  });

  it('since the log of its incident is damaged, begins an incident of its own', async () => {
    const { home, clock } = flowStage(withServices(1));
    await receiveAlert(alertOf(0, '0.1'), 'm1', home);
    const [broken] = await absorb(home);
    clock.advance(seconds(2));
    await receiveAlert(alertOf(0, '0.2'), 'm2', home);

    await absorb({ ...home, store: refusing(home.store, String(broken)) });

    expect((await incidentsOf(home)).map(({ signals }) => signals)).toEqual([1, 1]);
    expect(await home.store.log.waiting('unassigned', 1)).toEqual([]);
  });

  it('since the store fails for one incident, waits, and the others’ signals do not', async () => {
    const { home } = flowStage(withServices(2));
    await receiveAlert(alertOf(0, '0.1'), 'm1', home);
    await receiveAlert(alertOf(1, '0.2'), 'm2', home);
    const { log } = home.store;
    let failures = 100;
    const flaky: Store = {
      ...home.store,
      log: {
        ...home.store.log,
        append: async (id, ...rest) => {
          const isFirst = rest[1].some(
            ({ data }) => data['headline'] === 'storm' && data['dedupeKey'] === 'alert/0.1/open',
          );
          if (isFirst && failures-- > 0) throw new Error('no');
          return await log.append(id, ...rest);
        },
      },
    };

    await expect(absorb({ ...home, store: flaky })).rejects.toThrow('no');
    expect((await incidentsOf(home)).map(({ target }) => target)).toEqual([targetId('application/mass-001')]);

    await absorb(home);
    expect(await incidentsOf(home)).toHaveLength(2);
  });
});

/** A store in which one log takes nothing, as one whose chain somebody broke. */
function refusing(store: Store, incident: string): Store {
  const { log } = store;
  return {
    ...store,
    log: {
      ...store.log,
      append: async (id, ...rest) => {
        if (id === incident) throw new PortError('permanent', 'broken chain', `appending to ${id}`);
        return await log.append(id, ...rest);
      },
    },
  };
}

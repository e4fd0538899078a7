import { describe, expect, it } from '@jest/globals';
import { isDeadLetter, onDeadLetter } from '../../shared/flows/dead-letter.ts';
import type { SignalEvent } from '../../shared/flows/on-signal.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { alertWith, push, silentStage } from './silent-world.ts';
import { incidentsOf } from './stage.ts';

/** What Pub/Sub delivers of a topic's dead letters. */
const dead = (event: SignalEvent): SignalEvent => ({ ...event, source: `${event.source}-dead` });

const ALERT = dead(push(alertWith({ incident_id: '0.dead', state: 'open' }, { version: '1.2' }), 'd1'));

describe('a dead letter', () => {
  it('is known by its topic', () => {
    expect([ALERT, push('tick')].map(isDeadLetter)).toEqual([true, false]);
  });

  it('of an alert opens the incident that the alert would have opened, and once', async () => {
    const { home } = silentStage();
    await onDeadLetter(ALERT, home);
    await onDeadLetter(ALERT, home);

    expect((await incidentsOf(home)).map(({ signals }) => signals)).toEqual([1]);
  });

  it('of a command that has expired meanwhile is recorded as refused', async () => {
    const { home, clock } = silentStage();
    const command = {
      kind: 'dr.command',
      version: 1,
      command: 'takeover',
      incident: 'inc-aaaaaaaaaa',
      reason: 'it was long ago',
      requestedBy: 'ann',
      requestId: '5f0e6f8e-6f1c-4a63-9a52-0d0f5f0f7f01',
      expiresAt: new Date(clock.now() - 60_000).toISOString(),
    };
    const { data } = push(JSON.stringify(command));

    await onDeadLetter({ source: '//pubsub.googleapis.com/projects/p/topics/dr-commands-dead', data }, home);

    expect(await incidentsOf(home)).toEqual([]);
    expect(await home.store.documents.list('refused/dr-commands/', 10)).toHaveLength(1);
  });

  it('comes again while the store can’t be reached', async () => {
    const { home } = silentStage();
    const receive = async (): Promise<never> => {
      throw new PortError('retryable', 'unavailable', 'receiving a signal');
    };
    const away = { ...home, store: { ...home.store, log: { ...home.store.log, receive } } };

    await expect(onDeadLetter(ALERT, away)).rejects.toThrow('unavailable');
    expect(await incidentsOf(home)).toEqual([]);
  });

  it('that nobody can take in goes to people, with what was said', async () => {
    const { home } = silentStage();
    const { log } = home.store;
    const failing = {
      ...home,
      store: {
        ...home.store,
        log: {
          ...log,
          receive: async (entry: Parameters<typeof log.receive>[0]) => {
            if (entry.key.startsWith('alert/')) throw new TypeError('x is not a function');
            return await log.receive(entry);
          },
        },
      },
    };

    await onDeadLetter(ALERT, failing);
    await onDeadLetter(ALERT, failing);

    const incidents = await incidentsOf(home);
    expect(incidents.map(({ headline }) => headline)).toEqual([
      'a message of dr-alerts that could not be taken in (TypeError: x is not a function)',
    ]);
  });
});

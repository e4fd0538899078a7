import { describe, expect, it } from '@jest/globals';
import { tick } from '../../shared/flows/tick.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { silentStage } from './silent-world.ts';

/** A system in which nothing has to be watched. */
function quietStage() {
  const { home } = silentStage();
  return { home: { ...home, system: { ...home.system, databases: [] } } };
}

/** A party outside that counts how often it is told. */
function listening() {
  let beats = 0;
  return { heartbeat: { beat: async () => void (beats += 1) }, beats: () => beats };
}

describe('the party outside', () => {
  it('is told of every tick that did all it had to, and once', async () => {
    const { home } = quietStage();
    const { heartbeat, beats } = listening();
    await tick({ ...home, heartbeat });
    await tick({ ...home, heartbeat });

    expect(beats()).toBe(2);
  });

  it('hears nothing while the store is away', async () => {
    const { home } = quietStage();
    const { heartbeat, beats } = listening();
    const due = async (): Promise<never> => {
      throw new PortError('retryable', 'unavailable', 'asking what is due');
    };
    const away = { ...home, heartbeat, store: { ...home.store, log: { ...home.store.log, due } } };

    await expect(tick(away)).rejects.toThrow('unavailable');
    expect(beats()).toBe(0);
  });

  it('that can’t be told makes no tick fail, and is named in the log', async () => {
    const { home } = quietStage();
    const said: string[] = [];
    const heartbeat = {
      beat: async (): Promise<never> => {
        throw new PortError('retryable', 'timeout', 'telling the party outside that all is well');
      },
    };

    await tick({ ...home, heartbeat, note: (message) => void said.push(message) });

    expect(said).toContain('the party outside could not be told that all is well');
  });
});

import { describe, expect, it } from '@jest/globals';
import { logInStore } from '../../cli/found-log.ts';
import { instant } from '../../shared/core/time.ts';
import { verifyChain } from '../../shared/log/verify.ts';
import type { Store } from '../../shared/ports/store.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { append, endOf, FIRE, prepared } from '../contracts/store-arranged.ts';

/** A store in which somebody adds an event, some times: before each read, or after each read that came to the end. */
function written(store: Store, when: 'before' | 'after', times: number): Store {
  let left = times;
  const write = async () => {
    if (left === 0) return;
    left -= 1;
    await append(store.log, prepared({ after: await endOf(store, FIRE), ids: [`late-${left}`] }));
  };
  return {
    ...store,
    log: {
      ...store.log,
      async read(...range) {
        if (when === 'before') await write();
        const records = await store.log.read(...range);
        if (when === 'after' && records.length === 0) await write();
        return records;
      },
    },
  };
}

describe('a log that somebody writes while it is read', () => {
  it.each(['before', 'after'] as const)(
    'is found whole, with the head that fits it, when events come %s its end was read',
    async (when) => {
      const store = createMemoryStore({ now: () => instant(0) });
      await append(store.log, prepared({ ids: ['first'] }));

      const found = await logInStore(written(store, when, 5), FIRE);

      if (found.kind !== 'log') throw new Error(`found ${found.kind}`);
      expect(verifyChain(found.records, found.known)).toEqual({ kind: 'sound', upTo: 6, anchoredTo: 0 });
    },
  );
});

import { after, instant } from '../../shared/core/time.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { storeContract } from '../contracts/store.ts';

storeContract('the memory store', async () => {
  let now = instant(1_764_000_000_000);
  return {
    store: createMemoryStore({ now: () => now }),
    advance: (ms) => {
      now = after(now, ms);
    },
    close: () => undefined,
  };
});

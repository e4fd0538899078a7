import { describe, expect, it } from '@jest/globals';
import { instant } from '../../shared/core/time.ts';
import { overview, stopText } from '../../shared/flows/status.ts';
import type { Json } from '../../shared/core/json.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';

async function told(document: Json | undefined): Promise<string | undefined> {
  const store = createMemoryStore({ now: () => instant(0) });
  if (document !== undefined) await store.documents.put('control/stop', document, 0);
  return stopText((await overview(store)).killSwitch);
}

describe('the status page', () => {
  it('says who stopped everything and why', async () => {
    expect(await told({ on: true, by: 'ann', reason: 'storm', atMs: 1 })).toBe('ann: storm');
  });

  it('says nothing of it while nothing is stopped', async () => {
    expect(await told(undefined)).toBeUndefined();
    expect(await told({ on: false, by: 'ann', reason: 'over', atMs: 2 })).toBeUndefined();
  });

  it('says that nobody knows when the switch can’t be understood', async () => {
    expect(await told({ on: 'perhaps' })).toContain('nobody knows');
  });
});

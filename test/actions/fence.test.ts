import { describe, expect, it } from '@jest/globals';
import { type FenceEvidence, judgeFence } from '../../shared/actions/fence.ts';
import type { Contact, ContactOutcome } from '../../shared/ports/data-plane.ts';
import { instant } from '../../shared/core/time.ts';

const contact = (outcome: ContactOutcome): Contact => ({ vantage: 'api', at: instant(0), outcome, control: 'ok' });
const OURS = contact({ kind: 'unknown', detail: 'timeout' });
const evidence = (outcome: ContactOutcome, stopped: boolean): FenceEvidence => ({
  stopped,
  consumers: [{ application: 'api', contact: contact(outcome) }],
  own: OURS,
});

describe('a fence', () => {
  it('is proved by a server that refuses to write', () => {
    expect(judgeFence(evidence({ kind: 'refusedByServer', detail: 'read only' }, false))).toMatchObject({
      kind: 'proved',
    });
  });

  it.each([false, true])('is not proved by a login that is refused, where a stop is done: %s', (stopped) => {
    // Somebody has changed the password: whoever logged in before goes on writing.
    expect(judgeFence(evidence({ kind: 'loginRefused', detail: 'a wrong password' }, stopped))).toMatchObject({
      kind: 'unproved',
      missing: [expect.stringContaining('refuses the login alone')],
    });
  });
});

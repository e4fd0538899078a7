import { describe, expect, it } from '@jest/globals';
import type { ActionContext } from '../../shared/engine/action.ts';
import { drainReplica } from '../../shared/actions/drain-replica.ts';
import { proveFence } from '../../shared/actions/prove-fence.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

// Steps that only look: a recovery waits for them, so they ask when they begin, and wait only between two questions.

/** What they meet: an old primary that is stopped and silent, and paths that work. */
function stopped(): ActionContext {
  const contact = { vantage: 'here', at: 0, outcome: { kind: 'connectionRefused' }, control: 'ok' };
  return contextOf({
    clock: new JumpingClock(),
    chance: countingChance(),
    opens: [],
    world: {
      databases: { inspect: async () => ({ activation: 'never' }), operations: async () => [] },
      dataPlane: {
        canary: async () => ({ kind: 'connectionRefused' }),
        replication: async (instance: string) => (instance === 'replica' ? { position: 7 } : undefined),
      },
      applications: { contactFrom: async () => contact },
    },
  });
}

describe('a step that only looks', () => {
  it('asks a primary for its final position at once, and is done when it does not answer', async () => {
    const progress = await drainReplica.start({ primary: 'primary', replica: 'replica' }, null, stopped());

    expect(progress).toMatchObject({ kind: 'done', output: { answered: false } });
  });

  it('proves a fence by two rounds, the first of them at once', async () => {
    const input = { instance: 'primary', address: '10.0.0.3:5432', consumers: ['api'], control: 'replica' };
    const context = stopped();

    const first = await proveFence.start(input, null, context);
    if (first.kind !== 'running') throw new Error(`the first round is ${first.kind}`);
    const second = await proveFence.poll(first.handle, input, context);

    expect(first).toMatchObject({ handle: { agreed: 1 }, again: 2_000 });
    expect(second).toMatchObject({ kind: 'done', output: { proved: true } });
  });
});

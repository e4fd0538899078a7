import { describe, expect, it } from '@jest/globals';
import { endSessions } from '../../shared/actions/end-sessions.ts';
import type { ActionContext } from '../../shared/engine/action.ts';
import { contextOf } from './context.ts';

const INPUT = { store: 'sessions' };

/** A store that gives up two sessions a call. */
class Kept {
  sessions: string[] = ['a', 'b', 'c', 'd', 'e'];
  others: number | undefined = 3;
  isOurs = true;

  context(): ActionContext {
    return contextOf({
      stillOurs: async () => {
        if (!this.isOurs) throw new Error('the lease is lost');
      },
      run: {
        plan: { steps: [{ id: 'end', action: 'end-sessions', input: INPUT }] },
        steps: new Map([['end', { kind: 'started', version: { sessions: 5, others: 3 } }]]),
      },
      world: {
        sessions: {
          count: async () => ({ sessions: this.sessions.length, others: this.others }),
          end: async (_store: string, cursor: string) => {
            const removed = this.sessions.splice(0, 2).length;
            return { cursor: this.sessions.length === 0 ? '0' : String(Number(cursor) + 1), removed };
          },
        },
      },
    });
  }
}

describe('sessions that are ended', () => {
  it('go call by call until the store has been gone through once, with counts before and after', async () => {
    const kept = new Kept();
    expect(await endSessions.observe(INPUT, kept.context())).toEqual({
      kind: 'toDo',
      version: { sessions: 5, others: 3 },
    });
    let progress = await endSessions.start(INPUT, { sessions: 5, others: 3 }, kept.context());
    const told = [progress.kind === 'failed' ? '' : progress.detail];
    while (progress.kind === 'running') {
      progress = await endSessions.poll(progress.handle, INPUT, kept.context());
      told.push(progress.kind === 'failed' ? '' : progress.detail);
    }

    expect(told).toEqual(['2 of 5 sessions are ended', '4 of 5 sessions are ended', '5 of 5 sessions are ended']);
    expect(progress).toMatchObject({ kind: 'done', output: { before: 5, ended: 5 } });
    kept.sessions.push('new');
    expect(await endSessions.verify(INPUT, kept.context())).toEqual({
      ok: true,
      detail: 'sessions: every session of before (5) is ended; it holds 1 new ones and 3 other keys',
    });
  });

  it('are none where none is, unless there were too many keys to tell', async () => {
    const kept = new Kept();
    kept.sessions = [];
    expect(await endSessions.observe(INPUT, kept.context())).toMatchObject({ kind: 'already' });
    kept.others = undefined;
    expect(await endSessions.observe(INPUT, kept.context())).toMatchObject({ kind: 'toDo' });
  });

  it('are not touched by a worker whose lease is lost', async () => {
    const kept = new Kept();
    const begun = await endSessions.start(INPUT, { sessions: 5, others: 3 }, kept.context());
    kept.isOurs = false;
    const handle = begun.kind === 'running' ? begun.handle : null;

    await expect(endSessions.poll(handle, INPUT, kept.context())).rejects.toThrow('lease');
    expect(kept.sessions).toHaveLength(3);
  });
});

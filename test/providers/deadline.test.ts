import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { millis } from '../../shared/core/time.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { callWithin } from '../../shared/providers/deadline.ts';

const never = new Promise<never>(() => undefined);
const limit = millis(20);

describe('a call that gets no answer', () => {
  it('is abandoned at its limit, and its signal fires', async () => {
    let abandoned = false;
    const call = callWithin(
      { doing: 'reading', effect: 'reads', limit },
      () => undefined,
      (_, signal) => {
        signal.addEventListener('abort', () => {
          abandoned = true;
        });
        return never;
      },
    );
    await expect(call).rejects.toMatchObject({ kind: 'retryable', code: 'timeout' });
    expect(abandoned).toBe(true);
  });

  it('leaves a write in doubt once it was sent', async () => {
    const call = callWithin(
      { doing: 'writing', effect: 'writes', limit },
      () => undefined,
      () => never,
    );
    await expect(call).rejects.toMatchObject({ kind: 'ambiguous', code: 'timeout' });
  });

  it('leaves nothing in doubt while it was being prepared, and sends nothing afterwards', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let sent = false;
    const call = callWithin(
      { doing: 'writing', effect: 'writes', limit },
      () => promise,
      () => {
        sent = true;
        return never;
      },
    );
    await expect(call).rejects.toMatchObject({ kind: 'retryable', code: 'timeout' });
    resolve();
    await new Promise(setImmediate);
    expect(sent).toBe(false);
  });

  it('ends no process when it is rejected after all', async () => {
    const deadline = new URL('../../shared/providers/deadline.ts', import.meta.url).href;
    const script = `
      const { callWithin } = await import(${JSON.stringify(deadline)});
      const late = Promise.withResolvers();
      const call = { doing: 'x', effect: 'writes', limit: 5 };
      await callWithin(call, () => undefined, () => late.promise).catch((error) => console.log(error.kind));
      late.reject(new Error('late'));
      await new Promise(setImmediate);
      console.log('alive');`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    expect(stdout).toBe('ambiguous\nalive\n');
  });
});

describe('a call that fails', () => {
  const broken = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

  it('in its preparation is retryable, for a write too', async () => {
    const call = callWithin(
      { doing: 'writing', effect: 'writes' },
      () => Promise.reject(broken),
      () => never,
    );
    await expect(call).rejects.toMatchObject({ kind: 'retryable', code: 'connectionLost' });
  });

  it('after it was sent leaves a write in doubt', async () => {
    const call = callWithin(
      { doing: 'writing', effect: 'writes' },
      () => undefined,
      () => Promise.reject(broken),
    );
    await expect(call).rejects.toMatchObject({ kind: 'ambiguous', code: 'connectionLost' });
  });

  it('says what we were doing, and passes an error of ours as it is', async () => {
    const ours = new PortError('conflict', 'stale', 'scaling api');
    await expect(
      callWithin(
        { doing: 'x', effect: 'writes' },
        () => undefined,
        () => Promise.reject(ours),
      ),
    ).rejects.toBe(ours);
    await expect(
      callWithin(
        { doing: 'stopping db', effect: 'writes' },
        () => undefined,
        () => Promise.reject(broken),
      ),
    ).rejects.toThrow('stopping db: ambiguous (connectionLost)');
  });
});

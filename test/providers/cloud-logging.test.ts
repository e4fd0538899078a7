import { describe, expect, it } from '@jest/globals';
import { SecretText } from '../../shared/core/redact.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { createCloudLog, traceFields } from '../../shared/providers/cloud-logging.ts';
import type { Log } from '../../shared/providers/cloud-logging.ts';

function logOf(act: (log: Log) => void): string {
  let written = '';
  act(createCloudLog({ service: 'recover', stream: { write: (line: string) => void (written += line) } }));
  return written;
}
const lineOf = (act: (log: Log) => void): Record<string, unknown> => JSON.parse(logOf(act));

describe('a line of the log', () => {
  it('is one JSON object in the words of Cloud Logging', () => {
    const line = lineOf((log) => log.with({ incident: 'inc-1' }).warning('lease lost', { holder: 'other' }));
    expect(line).toEqual({
      severity: 'WARNING',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      service: 'recover',
      incident: 'inc-1',
      holder: 'other',
      message: 'lease lost',
    });
    expect(logOf((log) => log.debug('not asked for'))).toBe('');
  });

  it('carries the trace of its request', () => {
    const trace = traceFields('p', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    expect(lineOf((log) => log.info('x', trace))).toMatchObject({
      'logging.googleapis.com/trace': 'projects/p/traces/0af7651916cd43dd8448eb211c80319c',
    });
    expect(traceFields('p', undefined)).toEqual({});
    expect(traceFields('p', 'anything')).toEqual({});
  });

  it('of an error has its causes and none of their properties', () => {
    const vendor = Object.assign(new Error('failed for postgresql://dms:hunter2@db/dms'), {
      config: { body: 'hunter2' },
    });
    const text = logOf((log) =>
      log.error('step failed', { error: new PortError('ambiguous', 'timeout', 'promoting db', vendor) }),
    );
    expect(JSON.parse(text)).toMatchObject({
      severity: 'ERROR',
      error: {
        message: 'promoting db: ambiguous (timeout)',
        cause: { message: 'failed for postgresql://dms:[redacted]@db/dms' },
      },
    });
    expect(text).not.toContain('hunter2');
  });

  it('never shows a secret, by its looks or by its name', () => {
    const text = logOf((log) =>
      log.info('went to postgresql://dms:hunter2@db/dms', {
        password: 'hunter2 and more',
        nested: { apiKey: 'hunter2', list: ['Bearer hunter2hunter2'] },
        token: { value: 'hunter2' },
        payload: new SecretText('hunter2'),
        call: () => 'hunter2',
      }),
    );
    expect(text).not.toContain('hunter2');
  });

  it('ends, whatever it was given', () => {
    const loop: Record<string, unknown> = { at: 1n };
    loop['self'] = loop;
    expect(lineOf((log) => log.info('x', loop))).toMatchObject({ at: '1' });
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { after, instant, minutes } from '../../shared/core/time.ts';
import { type Command, parseCommand, refusalOf } from '../../shared/signals/command.ts';

const NOW = instant(Date.parse('2026-01-05T10:00:00.000Z'));

const start = {
  kind: 'dr.command',
  version: 1,
  command: 'start',
  runbook: 'database-failover',
  target: 'coditect-dms-db',
  reason: 'the primary answers nobody',
  requestedBy: 'oncall@coditect.ai',
  requestId: '0b6f2a3e-58c3-4f3c-9d39-3a3c0e0f2f11',
  expiresAt: '2026-01-05T10:15:00Z',
};
const { runbook: _, target: __, ...bare } = start;

const read = (payload: unknown): Command => {
  const result = parseCommand(payload);
  if (!result.ok) throw new Error(result.error.because);
  return result.value;
};

describe('a command', () => {
  it('asks for a runbook on a target', () => {
    expect(read(start)).toMatchObject({
      command: 'start',
      runbook: 'database-failover',
      target: 'coditect-dms-db',
      dedupeKey: `command/${start.requestId}`,
    });
  });

  it('is the same command whatever the case of its id', () => {
    expect(read({ ...start, requestId: start.requestId.toUpperCase() }).dedupeKey).toBe(read(start).dedupeKey);
  });

  it('can take an incident over, or stop everything', () => {
    expect(read({ ...bare, command: 'takeover', incident: 'inc-abcdefgh23' })).toMatchObject({
      command: 'takeover',
      incident: 'inc-abcdefgh23',
    });
    expect(read({ ...bare, command: 'stop' })).toMatchObject({ command: 'stop' });
  });

  it.each([
    ['an unknown key', { ...start, force: true }],
    ['an unknown runbook', { ...start, runbook: 'rm-rf' }],
    ['a start without a runbook', { ...bare, command: 'start' }],
    ['a cancel without an incident', { ...bare, command: 'cancel' }],
    ['a stop with a target', { ...bare, command: 'stop', target: 'x' }],
    ['an id that is none', { ...bare, command: 'resume', incident: '../../etc' }],
    ['a target that is none', { ...start, target: '"; drop' }],
    ['no reason', { ...start, reason: '' }],
    ['a reason without end', { ...start, reason: 'x'.repeat(501) }],
    ['no moment of expiry', { ...start, expiresAt: 'tomorrow' }],
    ['another version', { ...start, version: 2 }],
  ])('is refused with %s', (_what, payload) => {
    expect(parseCommand(payload)).toMatchObject({ ok: false });
  });

  it('counts up to its expiry and not after it', () => {
    const command = read(start);
    expect(refusalOf(command, NOW)).toBeUndefined();
    expect(refusalOf(command, command.expiresAt)).toBeUndefined();
    expect(refusalOf(command, after(command.expiresAt, 1))).toMatch(/expired/);
  });

  it('is not kept for a world that is gone', () => {
    const command = read({ ...start, expiresAt: '2026-01-07T10:00:00+00:00' });
    expect(refusalOf(command, NOW)).toMatch(/24 hours/);
    expect(refusalOf(command, after(NOW, minutes(25 * 60)))).toBeUndefined();
  });

  it('never throws, whatever arrives', () => {
    const key = fc.constantFrom(...Object.keys(start), 'incident', 'extra');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.dictionary(key, fc.jsonValue()).map((changes) => ({ ...start, ...changes })),
        ),
        (payload) => {
          const result = parseCommand(payload);
          if (result.ok) expect(result.value.dedupeKey).toMatch(/^command\/[0-9a-f-]{36}$/);
        },
      ),
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAlert } from '../../shared/signals/alert.ts';
import { parsePush, type PushMessage } from '../../shared/signals/push-envelope.ts';
import { encoded, fixture } from './alerts.ts';

const read = (body: unknown): PushMessage => {
  const result = parsePush(body);
  if (!result.ok) throw new Error(result.error.because);
  return result.value;
};

describe('a push of Pub/Sub', () => {
  it('is the same message as a push body, as a CloudEvent and as its data', () => {
    const event = fixture('10-cloudevent-as-seen-by-function') as { readonly data: unknown };
    const push = read(fixture('09-pubsub-push-envelope'));
    expect(read(event)).toEqual(push);
    expect(read(event.data)).toEqual(push);
    expect(push).toMatchObject({
      messageId: '13905764231234567',
      publishTime: Date.parse('2026-01-05T10:01:05.123Z'),
      attributes: {},
    });
  });

  it('carries what the publisher sent', () => {
    const { data } = read(fixture('09-pubsub-push-envelope'));
    expect(parseAlert(data.kind === 'json' ? data.value : undefined)).toMatchObject({
      ok: true,
      value: { incidentId: '0.n8x2k4q7r1ab' },
    });
  });

  it('keeps attributes when there are any', () => {
    expect(read({ message: { data: encoded(1), message_id: '7', attributes: { a: 'b' } } })).toMatchObject({
      messageId: '7',
      attributes: { a: 'b' },
    });
  });

  it('has a name of its own when Pub/Sub gave it none, the same each time', () => {
    const body = { message: { data: encoded({ a: 1 }) } };
    expect(read(body).messageId).toBe(read(structuredClone(body)).messageId);
  });

  it.each([
    ['no data', undefined, 'the message has no data'],
    ['no base64', '%%%', 'data is no base64'],
    ['no UTF-8', Buffer.from([0xff, 0xfe]).toString('base64'), 'data is no UTF-8'],
    ['no JSON', Buffer.from('{"open":').toString('base64'), 'data is no JSON'],
  ])('says why its data can not be read: %s', (_, data, because) => {
    expect(read({ message: { messageId: '1', data } }).data).toMatchObject({
      kind: 'malformed',
      malformed: { because },
    });
  });

  it('is refused when there is no message in it', () => {
    expect(parsePush({ hello: 'world' })).toMatchObject({ ok: false, error: { preview: '{"hello":"world"}' } });
  });

  it('never throws, whatever arrives', () => {
    const shaped = fc.record({
      message: fc.record({
        data: fc.oneof(fc.base64String(), fc.string(), fc.anything()),
        messageId: fc.anything(),
        attributes: fc.anything(),
      }),
    });
    fc.assert(
      fc.property(fc.oneof(fc.anything(), shaped), (body) => {
        const result = parsePush(body);
        if (result.ok) expect(result.value.messageId.length).toBeGreaterThan(0);
      }),
    );
  });

  it('survives JSON that is nested a hundred thousand deep', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const { data } = read({ message: { messageId: '1', data: Buffer.from(deep).toString('base64') } });
    expect(parseAlert(data.kind === 'json' ? data.value : undefined)).toMatchObject({ ok: false });
  });
});

import { describe, expect, it } from '@jest/globals';
import { decode, DecodeError } from '../../sandbox/world/kubernetes-decode.ts';
import { FIELDS } from '../../sandbox/world/kubernetes-fields.ts';
import { modelLines } from './kubernetes-model.ts';

describe('the table of fields', () => {
  it("agrees with the model in Kubernetes' own client", () => {
    const lines = [...FIELDS].map(([type, fields]) =>
      [type, ...[...fields].map(([name, code]) => `${name}:${code}`)].join(' '),
    );
    expect(lines).toEqual(modelLines());
  });
});

describe('decoding', () => {
  it('keeps known fields, names unknown ones by their path, and takes null for absent', () => {
    const body = {
      spec: { template: { spec: { containers: [{ name: 'a', image: null, imagee: 'b' }] } }, replicas: 1 },
      extra: true,
      metadata: { labels: { 'any.name/is': 'fine' } },
    };
    expect(decode('Deployment', body)).toEqual({
      value: {
        spec: { template: { spec: { containers: [{ name: 'a' }] } }, replicas: 1 },
        metadata: { labels: { 'any.name/is': 'fine' } },
      },
      unknown: ['spec.template.spec.containers[0].imagee', 'extra'],
    });
  });

  it.each([
    ['a number in quotes', { spec: { replicas: '3' } }, 'spec.replicas of type int64'],
    ['half a replica', { spec: { replicas: 1.5 } }, 'spec.replicas of type int64'],
    ['a list for a map', { metadata: { labels: [] } }, 'metadata.labels of type map[string]string'],
    ['a map for a list', { spec: { template: { spec: { containers: {} } } } }, 'containers of type []v1.Container'],
    ['a text for an object', { spec: 'all' }, 'spec of type v1.DeploymentSpec'],
    ['a number in a label', { metadata: { labels: { a: 1 } } }, 'metadata.labels.a of type string'],
    ['nothing at all', undefined, 'field . of type'],
  ])('refuses %s', (_what, body, message) => {
    expect(() => decode('Deployment', body)).toThrow(DecodeError);
    expect(() => decode('Deployment', body)).toThrow(message);
  });

  it('reaches no prototype', () => {
    const body: unknown = JSON.parse(
      '{"__proto__": {"a": 1}, "constructor": {}, "metadata": {"labels": {"__proto__": "x"}}}',
    );
    const { value, unknown } = decode('Pod', body);
    expect(unknown).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value['metadata'])).toBe(Object.prototype);
  });
});

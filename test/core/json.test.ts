import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../shared/core/json.ts';

/** The same value with the members of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, shuffled(member)]),
  );
}

describe('Canonical JSON', () => {
  it('is the same text in whatever order the members stand, and reads as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([
    [
      'keys in UTF-16 order, also those that look like numbers',
      { b: 1, 10: 2, 9: 3, a: 4 },
      '{"10":2,"9":3,"a":4,"b":1}',
    ],
    [
      'keys in order below keys that are, whatever their names',
      JSON.parse('{"a":{"d":1,"c":2},"b":[{"z":0,"9":1,"10":2}],"c":{"b":0,"__proto__":1}}'),
      '{"a":{"c":2,"d":1},"b":[{"10":2,"9":1,"z":0}],"c":{"__proto__":1,"b":0}}',
    ],
    ['members without a value left out', { b: 1, a: undefined }, '{"b":1}'],
    ['items without a value as null', [1, undefined], '[1,null]'],
    ['minus zero as zero', [-0], '[0]'],
    ['an object’s own member toJSON as any other', { a: 1, toJSON: 'no function' }, '{"a":1,"toJSON":"no function"}'],
  ])('writes %s', (_, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d wherever it stands', (value) => {
    expect(() => canonicalJson({ a: [value] })).toThrow(TypeError);
  });

  it('refuses a function', () => {
    expect(() => canonicalJson({ a: () => 1 })).toThrow(TypeError);
  });
});

import fc from 'fast-check';

/** Numbers of halves of UTF-16's pairs, which are no characters. */
const [FIRST_HALF, HALVES] = [0xd800, 0x800];

const characterAt = (place: number): string => String.fromCodePoint(place < FIRST_HALF ? place : place + HALVES);

/**
 * Any one character of Unicode, the unit of strings that may hold anything. fast-check's own unit `binary` is the same, and lists all
 * 1.1 million of them first: half a second or more in every test file that asks for one.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat({ max: 0x10ffff - HALVES }).map(characterAt, (character) => {
  const point = typeof character === 'string' ? (character.codePointAt(0) ?? 0) : 0;
  const place = point < FIRST_HALF ? point : point - HALVES;
  if (characterAt(place) !== character) throw new Error('not one character');
  return place;
});

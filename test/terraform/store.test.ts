import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

it('the store module has the field overrides that the documentation has', () => {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  expect(read('terraform/modules/store/firestore.indexes.json')).toEqual(read('docs/firestore.indexes.json'));
});

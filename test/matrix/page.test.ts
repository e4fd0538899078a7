import { describe, expect, it } from '@jest/globals';
import { formerTables } from './page.ts';

const SECTION = `Commit 1a2b3c4 and 5d6e7f8, 2026-11-27, 2 cores, some processor: 3 of 7 cells played, 3 right.

| pod-heal | before the intent | between intent and effect | between effect and outcome | after the outcome |
|---|---|---|---|---|
| evict * | resolved | resolved, step repeated (conditional) | not played yet | resolved |
| hold | not played yet | – | not played yet | not played yet |

Not played yet: 0 of 8 cells played, 0 right.

| region-rebuild rebuild/us-east1 | before the intent | between intent and effect | between effect and outcome | after the outcome |
|---|---|---|---|---|
| create * | not played yet | not played yet | not played yet | not played yet |`.split('\n');

describe('the tables of the crash matrix', () => {
  it('are read as they stand on the page, so that what is not played again keeps its cell and its commit', () => {
    const tables = formerTables(SECTION);

    expect([...tables.keys()]).toEqual(['pod-heal', 'region-rebuild rebuild/us-east1']);
    expect(tables.get('pod-heal')?.commits).toEqual(['1a2b3c4', '5d6e7f8']);
    expect(tables.get('pod-heal')?.cells.get('evict/intent-effect')).toBe('resolved, step repeated (conditional)');
    expect(tables.get('pod-heal')?.cells.get('hold/intent-effect')).toBe('–');
    expect(tables.get('region-rebuild rebuild/us-east1')?.commits).toEqual([]);
    expect(tables.get('region-rebuild rebuild/us-east1')?.lines).toHaveLength(5);
  });
});

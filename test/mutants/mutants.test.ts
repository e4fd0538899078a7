import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { readMutants } from './read-mutants.ts';

// That each is caught is a command of its own (`npm run mutants`). Here: that none has been left behind by the source.

describe('The mutants', () => {
  it('say what their fault is and which invariants must see it', () => {
    expect(readMutants().length).toBeGreaterThanOrEqual(20);
  });

  it('apply to the source as it is', () => {
    const stale = readMutants().flatMap(({ name, patch }) => {
      const { status, stderr } = spawnSync('git', ['apply', '--check', patch], { encoding: 'utf8' });
      return status === 0 ? [] : [`${name}: ${stderr}`];
    });
    expect(stale).toEqual([]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { contradictions } from '../../shared/system/contradictions.ts';
import { ADDRESSES, PEOPLE, policy } from './contradiction-cases.ts';
import { GUARDS } from './guard-cases.ts';
import type { Change } from './reference.ts';
import { changed, problemsOf, reference } from './reference.ts';
import { REGIONS } from './region-cases.ts';
import { TARGETS } from './target-cases.ts';

const CASES = [...PEOPLE, ...TARGETS, ...REGIONS, ...GUARDS, ...ADDRESSES];

describe('a configuration that contradicts itself', () => {
  it.each(CASES.map(([what, changes, ...said]) => [what, changes, said] as const))(
    'is refused for %s, and for nothing else',
    (_, changes, said) => {
      expect(problemsOf(changed(...changes))).toEqual(said);
    },
  );
});

describe('a configuration at its limits', () => {
  it.each<readonly [string, readonly Change[]]>([
    ['a lease just longer than a call and the skew', [[['guards', 'lease'], '41s']]],
    ['a late arrival of exactly a lease and the skew', [[['guards', 'lateArrival'], '65s']]],
    ['a loss budget of exactly the objective', [[['databases', 0, 'lossBudget'], '1h']]],
    [
      'a single run a day with a long cooldown',
      [
        [['guards', 'budgets'], ['1/1h']],
        [['guards', 'cooldown'], '1h'],
      ],
    ],
    [
      'one control region among the protected ones',
      [
        [
          ['system', 'controlRegions'],
          ['us-east1', 'us-west1'],
        ],
      ],
    ],
    [
      'plain HTTP on loopback',
      [[['endpoints'], { google: { run: 'http://127.0.0.1:8080' }, approve: ['http://localhost:1'] }]],
    ],
    [
      'no approval policy where nothing is done',
      [
        [['mode'], { default: 'observe' }],
        [policy, undefined],
      ],
    ],
    [
      'two distinct approvers behind an identity',
      [
        [[...policy, 'quorum'], 2],
        [['approvals', 'identity'], 'iap'],
        [['notifications', 0, 'person'], undefined],
      ],
    ],
  ])('may have %s', (_, changes) => {
    expect(problemsOf(changed(...changes))).toEqual([]);
  });

  it('has nothing against the reference', () => {
    expect(contradictions(reference())).toEqual([]);
  });
});

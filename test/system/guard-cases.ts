import type { Case } from './contradiction-cases.ts';
import { at, policy } from './contradiction-cases.ts';

/** About objectives and guards. */
export const GUARDS: readonly Case[] = [
  [
    'an rto beyond the maximum downtime',
    [[['objectives', 'rto'], '5h']],
    'objectives.rto: is above the maximum downtime of 4h: the objective would be met too late',
  ],
  [
    'a lease that ends during a call',
    [[['guards', 'lease'], '40s']],
    'guards.lease: can end while a call is under way, which may take 30s on clocks 5s apart',
  ],
  [
    'a late request that outlives its successor',
    [[['guards', 'lateArrival'], '64s']],
    'guards.lateArrival: is shorter than a lease: a request of a former holder could arrive after its repetition',
  ],
  [
    'clocks that agree perfectly',
    [[['guards', 'clockSkew'], '0s']],
    'guards.clockSkew: is zero, but no two clocks agree: leases and loss bounds would be too good to be true',
  ],
  [
    'a confirmation within a blip',
    [[['guards', 'confirmationWindow'], '29s']],
    'guards.confirmationWindow: is shorter than a normal blip of the network, so blips would be cured as failures',
  ],
  [
    'success at once',
    [[['guards', 'holdTime'], '0s']],
    'guards.holdTime: is zero: a restart would count as a success before anybody could see it fail again',
  ],
  [
    'success before a failure could be confirmed',
    [[['guards', 'holdTime'], '59s']],
    'guards.holdTime: is shorter than the confirmation window: the next failure could not be confirmed before success is declared',
  ],
  ['no budget', [[['guards', 'budgets'], []]], 'guards.budgets: is empty, so a loop of recoveries would have no end'],
  [
    'a budget of no runs',
    [[['guards', 'budgets'], ['0/1h']]],
    'guards.budgets[0]: allows no run, so nothing could ever heal',
  ],
  [
    'budgets out of order',
    [
      [
        ['guards', 'budgets'],
        ['7/1d', '3/1h'],
      ],
    ],
    'guards.budgets[1]: has a window that is not longer than the one before it',
  ],
  [
    'a budget that can never be what stops a run',
    [
      [
        ['guards', 'budgets'],
        ['3/1h', '3/1d'],
      ],
    ],
    'guards.budgets[1]: allows no more runs than the shorter window before it, which could then never be what stops a run',
  ],
  [
    'no cooldown',
    [[['guards', 'cooldown'], '0s']],
    'guards.cooldown: is zero: a run could begin on what the last one has just changed',
  ],
  [
    'a cooldown that swallows a budget',
    [[['guards', 'cooldown'], '1h']],
    'guards.cooldown: is not shorter than the window of the budget 3/1h, which could then never be used up',
  ],
  [
    'a mass failure of one',
    [[['guards', 'massFailure'], '1 targets/2m']],
    'guards.massFailure: would freeze everything whenever a target and something that depends on it fail',
  ],
  [
    'a recovery that ends after the maximum downtime',
    [[[...policy, 'expiresIn'], '4h']],
    `${at('expiresIn')}: allows a recovery that ends after the maximum downtime of 4h: 1m to confirm, 4h to decide, 10m to start, 30m to recover`,
  ],
  [
    'an approval that lapses while a worker is replaced',
    [[[...policy, 'startWithin'], '2m']],
    `${at('startWithin')}: can pass while another worker takes over from one that died (a lease and a tick), and the approval with it`,
  ],
];

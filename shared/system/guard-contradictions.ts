import type { Millis } from '../core/time.ts';
import { millis, seconds } from '../core/time.ts';
import type { Contradiction } from './config-fault.ts';
import { CALL_DEADLINE_MAX, RUNBOOK_ESTIMATE, TICK_PERIOD } from './limits.ts';
import { policies } from './people-contradictions.ts';
import type { System } from './system.ts';
import { writeDuration } from './write-duration.ts';

/** Blips of 15 to 60 s are normal (failover-rules 2); a window of less than this acts on the short half of them. */
const CONFIRMATION_MIN = seconds(30);

/** What objectives and guards can't be together. */
export function guardContradictions(system: System): readonly Contradiction[] {
  return [
    ...objectives(system),
    ...leases(system),
    ...confirmation(system),
    ...budgets(system),
    ...massFailure(system),
    ...decisionInTime(system),
  ];
}

const sum = (...lengths: readonly Millis[]): Millis => millis(lengths.reduce((total, length) => total + length, 0));
const guard = (key: string): readonly string[] => ['guards', key];

function objectives(system: System): readonly Contradiction[] {
  const { rto, maximumDowntime } = system.objectives;
  const found: Contradiction[] = (['rto', 'rpo', 'maximumDowntime'] as const)
    .filter((key) => system.objectives[key] === 0)
    .map((key) => ({
      path: ['objectives', key],
      problem: 'is zero, which no recovery can meet',
      wanted: 'more than 0s',
    }));
  if (rto <= maximumDowntime) return found;
  const problem = `is above the maximum downtime of ${writeDuration(maximumDowntime)}: the objective would be met too late`;
  const wanted = `at most ${writeDuration(maximumDowntime)}`;
  return [...found, { path: ['objectives', 'rto'], problem, wanted, involves: [['objectives', 'maximumDowntime']] }];
}

/** Expiry, execution and clock skew must fit into the lock's life (failover-rules 16). */
function leases(system: System): readonly Contradiction[] {
  const { lease, clockSkew, lateArrival } = system.guards;
  const found: Contradiction[] = [];
  const leaseMin = sum(CALL_DEADLINE_MAX, clockSkew, clockSkew);
  if (lease <= leaseMin) {
    found.push({
      path: guard('lease'),
      problem: `can end while a call is under way, which may take ${writeDuration(CALL_DEADLINE_MAX)} on clocks ${writeDuration(clockSkew)} apart`,
      wanted: `more than ${writeDuration(leaseMin)}`,
      involves: [guard('clockSkew')],
    });
  }
  if (lateArrival < sum(lease, clockSkew)) {
    found.push({
      path: guard('lateArrival'),
      problem: 'is shorter than a lease: a request of a former holder could arrive after its repetition',
      wanted: `at least ${writeDuration(sum(lease, clockSkew))}`,
      involves: [guard('lease'), guard('clockSkew')],
    });
  }
  if (clockSkew === 0) {
    const problem = 'is zero, but no two clocks agree: leases and loss bounds would be too good to be true';
    found.push({ path: guard('clockSkew'), problem, wanted: 'more than 0s, such as 5s' });
  }
  return found;
}

function confirmation(system: System): readonly Contradiction[] {
  const { confirmationWindow, holdTime } = system.guards;
  const found: Contradiction[] = [];
  if (confirmationWindow < CONFIRMATION_MIN) {
    const problem = 'is shorter than a normal blip of the network, so blips would be cured as failures';
    found.push({
      path: guard('confirmationWindow'),
      problem,
      wanted: `${writeDuration(CONFIRMATION_MIN)} or more, best 60s`,
    });
  }
  if (holdTime === 0) {
    const problem = 'is zero: a restart would count as a success before anybody could see it fail again';
    found.push({ path: guard('holdTime'), problem, wanted: 'more than 0s, such as 2m' });
  } else if (holdTime < confirmationWindow) {
    const problem = `is shorter than the confirmation window: the next failure could not be confirmed before success is declared`;
    const wanted = `at least ${writeDuration(confirmationWindow)}`;
    found.push({ path: guard('holdTime'), problem, wanted, involves: [guard('confirmationWindow')] });
  }
  return found;
}

function budgets(system: System): readonly Contradiction[] {
  const { cooldown } = system.guards;
  const listed = system.guards.budgets;
  if (listed.length === 0) {
    const problem = 'is empty, so a loop of recoveries would have no end';
    return [{ path: guard('budgets'), problem, wanted: 'at least one, such as [3/1h, 7/1d]' }];
  }
  const found: Contradiction[] = [];
  listed.forEach(({ runs, window }, index) => {
    const path = [...guard('budgets'), index];
    const before = listed[index - 1];
    if (runs === 0)
      found.push({ path, problem: 'allows no run, so nothing could ever heal', wanted: 'mode observe, or 1 or more' });
    if (window === 0) found.push({ path, problem: 'has no time to count in', wanted: 'a window such as 1h' });
    if (before === undefined) return;
    if (window <= before.window) {
      found.push({
        path,
        problem: 'has a window that is not longer than the one before it',
        wanted: 'the shortest window first',
      });
    } else if (runs <= before.runs) {
      const problem = `allows no more runs than the shorter window before it, which could then never be what stops a run`;
      found.push({ path, problem, wanted: `more than ${before.runs} runs, or only one of the two` });
    }
  });
  if (cooldown === 0) {
    const problem = 'is zero: a run could begin on what the last one has just changed';
    found.push({ path: guard('cooldown'), problem, wanted: 'more than 0s, such as 10m' });
  }
  const idle = listed.find(({ runs, window }) => runs > 1 && window > 0 && cooldown >= window);
  if (idle !== undefined) {
    const window = writeDuration(idle.window);
    const problem = `is not shorter than the window of the budget ${idle.runs}/${window}, which could then never be used up`;
    found.push({ path: guard('cooldown'), problem, wanted: `less than ${window}`, involves: [guard('budgets')] });
  }
  return found;
}

function massFailure(system: System): readonly Contradiction[] {
  const { targets, window } = system.guards.massFailure;
  const path = guard('massFailure');
  if (targets < 2) {
    const problem = 'would freeze everything whenever a target and something that depends on it fail';
    return [{ path, problem, wanted: '2 targets or more' }];
  }
  return window === 0 ? [{ path, problem: 'has no time to count in', wanted: 'a window such as 2m' }] : [];
}

/** From the failure to the end of the recovery, if everybody takes the time that the file allows. */
function decisionInTime(system: System): readonly Contradiction[] {
  const { maximumDowntime } = system.objectives;
  const { confirmationWindow, lease } = system.guards;
  return policies(system).flatMap(({ runbook, policy, path }) => {
    const found: Contradiction[] = [];
    const estimate = RUNBOOK_ESTIMATE[runbook];
    const total = sum(confirmationWindow, policy.expiresIn, policy.startWithin, estimate);
    if (total > maximumDowntime) {
      found.push({
        path: [...path, 'expiresIn'],
        problem:
          `allows a recovery that ends after the maximum downtime of ${writeDuration(maximumDowntime)}: ` +
          `${writeDuration(confirmationWindow)} to confirm, ${writeDuration(policy.expiresIn)} to decide, ` +
          `${writeDuration(policy.startWithin)} to start, ${writeDuration(estimate)} to recover`,
        wanted: `together at most ${writeDuration(maximumDowntime)}`,
        involves: [['objectives', 'maximumDowntime'], [...path, 'startWithin'], guard('confirmationWindow')],
      });
    }
    const resume = sum(lease, TICK_PERIOD);
    if (policy.startWithin <= resume) {
      found.push({
        path: [...path, 'startWithin'],
        problem:
          'can pass while another worker takes over from one that died (a lease and a tick), and the approval with it',
        wanted: `more than ${writeDuration(resume)}`,
        involves: [guard('lease')],
      });
    }
    return found;
  });
}

import { after, minutes, showDuration } from '../core/time.ts';
import { APPLICATION_RULES } from './application-rules.ts';
import { backupsFailing } from './backup-rules.ts';
import { alertedBreach, reportedBreach } from './breach-rules.ts';
import { CLUSTER_RULES } from './cluster-rules.ts';
import { DATABASE_RULES } from './database-rules.ts';
import type { Evidence } from './evidence.ts';
import { ISOLATION_RULES } from './isolation-rules.ts';
import { LEFT_RAISED_RULES } from './left-raised-rules.ts';
import { LOAD_UNKNOWN_RULES } from './load-unknown-rules.ts';
import { PRESSURE_RULES } from './pressure-rules.ts';
import { RECOVERY_RULES } from './recovery-rules.ts';
import { REGION_HOME_RULES } from './region-home-rules.ts';
import { REGION_RULES } from './region-rules.ts';
import { RESTORE_RULES } from './restore-rules.ts';
import { ROLLOUT_RULES } from './rollout-rules.ts';
import { STUCK_POD_RULES } from './stuck-pod-rules.ts';
import { type Match, nextLook, observerReasons, type Rule } from './rule.ts';

// Every way in which the evidence can be read, in the order in which they are asked. The last rule always matches.

/** How long anything may stay undecided, however often it changes: then people are told, or the incident ends. */
const WAIT_MAX = minutes(15);

/** Whether this incident has waited for evidence long enough. */
export function hasWaitedLongEnough(evidence: Evidence): boolean {
  const { state, now } = evidence.inquiry;
  return now >= after(state.openedAt, Math.max(WAIT_MAX, 10 * evidence.window));
}

const common = (evidence: Evidence): Pick<Match, 'target' | 'subject' | 'reasons' | 'failedSince'> => ({
  target: evidence.inquiry.state.target,
  subject: {},
  reasons: evidence.databases.flatMap(observerReasons),
  failedSince: undefined,
});

const testNotification: Rule = {
  scenario: 'test-notification',
  code: 'testReceived',
  describe: 'Somebody sent a test notification: say that it arrived.',
  when: (evidence) =>
    evidence.inquiry.isTest === true
      ? {
          ...common(evidence),
          confidence: 'confirmed',
          outcome: { kind: 'nothing' },
          text: 'a test notification was received; nothing was started',
          reasons: [],
          wouldChangeMind: [],
        }
      : undefined,
};

const noTarget: Rule = {
  scenario: 'unknown',
  code: 'noTarget',
  describe: 'The signal names nothing of dr.yaml: people.',
  when: (evidence) =>
    evidence.databases.length === 0 && evidence.applications.length === 0
      ? {
          ...common(evidence),
          confidence: 'unknown',
          outcome: { kind: 'person' },
          text: 'the signal names nothing that dr.yaml knows, so there is nothing to look at',
          wouldChangeMind: ['a target for this alert policy in dr.yaml'],
        }
      : undefined,
};

const alertClosed: Rule = {
  scenario: 'not-failed',
  code: 'alertClosed',
  describe: 'Only the end of an alert was signalled, and everything is well.',
  when: (evidence) => {
    const { signals, firstSignalAt } = evidence.inquiry.state;
    if (evidence.wellFor === undefined || signals === 0 || firstSignalAt !== undefined) return undefined;
    return {
      ...common(evidence),
      confidence: 'confirmed',
      outcome: { kind: 'nothing' },
      text: 'an alert closed, and everything that it may be about is well',
      wouldChangeMind: ['a new signal'],
    };
  },
};

/** Everything is well, for as long as a failure would have had to last. */
function well(evidence: Evidence, text: string): Match | undefined {
  const { wellFor, window } = evidence;
  if (wellFor === undefined) return undefined;
  const isSteady = wellFor >= window || hasWaitedLongEnough(evidence);
  const { requested } = evidence.inquiry.state;
  const asked = { code: 'requested', text: `${requested ?? ''} was asked for by hand, and there is nothing to do` };
  const match = common(evidence);
  return {
    ...match,
    reasons: requested === null ? match.reasons : [asked, ...match.reasons],
    confidence: isSteady ? 'confirmed' : 'likely',
    outcome: isSteady ? { kind: 'nothing' } : nextLook(evidence),
    text: `${text}, and has been well for ${showDuration(wellFor)} of ${showDuration(window)}`,
    wouldChangeMind: ['a look that finds a failure', 'a new signal'],
  };
}

/** All is well but for what a load balancer counted in the newest minute that it shows. */
const counted = (evidence: Evidence, text: string): Match => ({
  ...common(evidence),
  confidence: 'likely',
  outcome: nextLook(evidence),
  text: `${text}, but ${evidence.stillCounted ?? ''}, which is minutes late: the next of them decide`,
  wouldChangeMind: [
    'a minute in which requests are answered',
    'we are turned away ourselves',
    'a minute in which others were turned away and we were served all the time',
  ],
});

const figuresLate: Rule = {
  scenario: 'recovered',
  code: 'figuresLate',
  describe:
    'A failure was named and is gone, but for what a load balancer shows minutes late: wait for its next figures.',
  when: (evidence) => {
    const before = evidence.inquiry.state.diagnosis;
    const wasNamed =
      before?.scenario === 'recovered' || before?.conclusion === 'act' || before?.conclusion === 'person';
    return evidence.stillCounted === undefined || !wasNamed ? undefined : counted(evidence, 'all is well now');
  },
};

const onlyCounted: Rule = {
  scenario: 'unknown',
  code: 'onlyCounted',
  describe: 'Only what a load balancer shows minutes late speaks of a failure: wait for its next figures.',
  when: (evidence) =>
    evidence.stillCounted === undefined ? undefined : counted(evidence, 'nobody else finds a failure'),
};

const recovered: Rule = {
  scenario: 'recovered',
  code: 'recovered',
  describe: 'A failure was seen and is gone: end the incident once it has stayed away for the confirmation window.',
  when: (evidence) => (evidence.sawFailure ? well(evidence, 'it has recovered by itself') : undefined),
};

const notFailed: Rule = {
  scenario: 'not-failed',
  code: 'notFailed',
  describe: 'No look finds a failure: end the incident after the confirmation window.',
  when: (evidence) => well(evidence, 'no observer finds a failure'),
};

const undecided: Rule = {
  scenario: 'unknown',
  code: 'noRuleApplies',
  describe: 'The evidence fits nothing that we know: people.',
  when: (evidence) => ({
    ...common(evidence),
    confidence: 'unknown',
    outcome: hasWaitedLongEnough(evidence) ? { kind: 'person' } : nextLook(evidence),
    text: 'something is not well, and it fits nothing that we know',
    wouldChangeMind: ['evidence for one of the known failures', 'everything is well for the confirmation window'],
  }),
};

/** All rules, in their order. */
export const RULES: readonly Rule[] = [
  testNotification,
  reportedBreach,
  alertedBreach,
  backupsFailing,
  noTarget,
  ...RESTORE_RULES,
  ...RECOVERY_RULES,
  ...REGION_RULES,
  ...REGION_HOME_RULES,
  ...DATABASE_RULES,
  ...ISOLATION_RULES,
  ...CLUSTER_RULES,
  ...PRESSURE_RULES,
  ...ROLLOUT_RULES,
  ...APPLICATION_RULES,
  ...STUCK_POD_RULES,
  ...LEFT_RAISED_RULES,
  ...LOAD_UNKNOWN_RULES,
  figuresLate,
  onlyCounted,
  alertClosed,
  recovered,
  notFailed,
  undecided,
];

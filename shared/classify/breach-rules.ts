import { isSystemTarget } from '../system/topology.ts';
import type { Rule } from './rule.ts';

// A breach is nothing that we could see: whoever broke in looks like a user. People say that there is one, and people decide.

/** People say so. It is asked before anything else: what else is wrong belongs to incidents of its own. */
export const reportedBreach: Rule = {
  scenario: 'security-breach',
  code: 'reported',
  describe: 'A person reports a breach: what was stolen is made worthless, once people have approved it.',
  when: ({ inquiry: { state } }) =>
    state.requested === 'breach-response' && isSystemTarget(state.target)
      ? {
          target: state.target,
          subject: {},
          // The word of one person, whom a message does not prove.
          confidence: 'likely',
          outcome: { kind: 'act', runbook: 'breach-response' },
          text: 'a person reports a breach; nothing that we can look at could say so or deny it',
          reasons: [],
          wouldChangeMind: ['the approvers deny it, or an authenticated person cancels it'],
          failedSince: undefined,
        }
      : undefined,
};

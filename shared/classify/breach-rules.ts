import { choices } from '../incident/breach-pages.ts';
import { isSystemTarget } from '../system/topology.ts';
import type { Rule } from './rule.ts';

// A breach is nothing that we could see: whoever broke in looks like a user. People say that there is one, and people decide. An audit log
// tells only that somebody did what a thief would do; that is told, and what it means is for people to say.

/** People say so. It is asked before anything else: what else is wrong belongs to incidents of its own. */
export const reportedBreach: Rule = {
  scenario: 'security-breach',
  code: 'reported',
  describe: 'A person reports a breach: what was stolen is made worthless, once people have approved it.',
  when: ({ inquiry: { state, alerted } }) =>
    state.requested === 'breach-response' && isSystemTarget(state.target)
      ? {
          target: state.target,
          subject: {},
          // The word of one person, whom a message does not prove.
          confidence: 'likely',
          outcome: { kind: 'act', runbook: 'breach-response' },
          text: 'a person reports a breach; nothing that we can look at could say so or deny it',
          reasons:
            alerted === undefined
              ? []
              : [{ code: 'auditLog', text: 'an audit log tells of what a thief would do, in this incident’s signals' }],
          wouldChangeMind: ['the approvers deny it, or an authenticated person cancels it'],
          failedSince: undefined,
        }
      : undefined,
};

/** An alert of an audit log, of which nobody has said that it is a breach. It never plans anything. */
export const alertedBreach: Rule = {
  scenario: 'security-breach',
  code: 'auditLog',
  describe: 'An audit log tells of what a thief would do: people, who alone know whether it is a breach.',
  when: ({ inquiry: { state, incident, alerted } }) => {
    if (state.requested !== null || !isSystemTarget(state.target)) return undefined;
    const isOver = state.firstSignalAt === undefined;
    return {
      target: state.target,
      subject: {},
      confidence: 'unknown',
      // The end of an alert that nobody took in tells of nothing.
      outcome: isOver ? { kind: 'nothing' } : { kind: 'person' },
      text: isOver ? 'an alert about an audit log closed' : (alerted ?? 'an audit log tells of what a thief would do'),
      reasons: [],
      wouldChangeMind: choices(incident ?? 'INCIDENT'),
      failedSince: undefined,
    };
  },
};

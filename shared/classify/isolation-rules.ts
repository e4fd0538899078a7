import { about, forApplication } from './application-rules.ts';
import { isReadable } from './facts.ts';
import type { Rule } from './rule.ts';

// An application that we have cut off is not ill, and nothing heals it: its copies are evidence, and its silence is what people wanted.

const liftRequested: Rule = {
  scenario: 'isolation-in-force',
  code: 'liftRequested',
  describe: 'A person wants an isolation lifted: a plan for it, which people decide on.',
  when: forApplication((application, evidence) => {
    if (evidence.inquiry.state.requested !== 'lift-isolation' || !application.isTarget) return undefined;
    return about(application, evidence, {
      confidence: 'confirmed',
      outcome: { kind: 'act', runbook: 'lift-isolation' },
      text: 'a person wants its isolation lifted',
      wouldChangeMind: ['the approvers deny it'],
    });
  }),
};

const cutOff: Rule = {
  scenario: 'isolation-in-force',
  code: 'cutOff',
  describe:
    'Its users are turned away because a breach response has cut it off: nothing is healed, and people are told why.',
  when: forApplication((application, evidence) => {
    const { isolated } = application.facts;
    if (isolated === undefined || !isReadable(isolated) || !application.isTarget) return undefined;
    if (evidence.inquiry.state.requested !== null) return undefined;
    return about(application, evidence, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `it is cut off by ${isolated.incident}, and its users are turned away; nothing is healed until people approve that this is lifted (./dr trigger lift-isolation --target ${application.application.id})`,
      wouldChangeMind: ['its isolation is lifted', 'its users are led elsewhere (./dr trigger cluster-failover)'],
    });
  }),
};

/** In their order. */
export const ISOLATION_RULES: readonly Rule[] = [liftRequested, cutOff];

import type { Instant } from '../core/time.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { requestVerdict } from '../ports/service-load.ts';
import { about, forApplication } from './application-rules.ts';
import { type ApplicationFacts, isReadable } from './facts.ts';
import { nextLook, type Rule, waitOrPerson } from './rule.ts';

// What was named by the figures of a load is not over because they can't be read any more, however often our own few questions are
// answered meanwhile; and what a signal is about is not well as long as they can't be read.

const isUnreadable = ({ load, workloadLoad }: ApplicationFacts): boolean =>
  (load !== undefined && !isReadable(load)) || (workloadLoad !== undefined && !isReadable(workloadLoad));

/** Whether a diagnosis rests on the figures of a load. */
function restsOnLoad({ scenario, reasons }: Diagnosis): boolean {
  if (scenario !== 'application-failure') return true;
  return reasons.some(
    ({ code }) => code === 'requestsFail' || code === 'requestsStillCounted' || code === 'requestsUnread',
  );
}

const ruleFor = (names: Pick<Rule, 'scenario' | 'code' | 'describe'>): Rule => ({
  ...names,
  when: forApplication((application, evidence) => {
    const before = evidence.inquiry.state.diagnosis;
    if (before?.scenario !== names.scenario || before.target !== application.target) return undefined;
    if (!restsOnLoad(before) || !isUnreadable(application.facts)) return undefined;
    return about(application, evidence, {
      confidence: 'unknown',
      outcome: nextLook(evidence),
      text: `${application.application.id} turned requests away, and whether it still does can't be read from Monitoring`,
      wouldChangeMind: ['Monitoring can be read again'],
    });
  }),
});

const DESCRIBED =
  'What was named by figures that can not be read any more is neither over nor known to go on: wait for them.';

/** Whether a look leaves open if users are turned away: nobody can tell, or nobody can tell why. */
function isOpen(facts: ApplicationFacts, at: Instant): boolean {
  const { load, service } = facts;
  if (isUnreadable(facts)) return true;
  if (load === undefined || !isReadable(load) || service === undefined || isReadable(service)) return false;
  return requestVerdict(load, at).says === 'refusing';
}

const neverRead: Rule = {
  scenario: 'unknown',
  code: 'loadUnread',
  describe:
    'A signal is about an application, and whether its users are turned away can not be told: wait, then people.',
  when: forApplication((application, evidence) => {
    if (!application.isTarget || !isOpen(application.facts, evidence.facts.at)) return undefined;
    return about(application, evidence, {
      confidence: 'unknown',
      outcome: waitOrPerson(evidence),
      text: `${application.application.id} answers us, and whether it turns others away can't be told: ${unreadOf(application.facts)} can't be read`,
      wouldChangeMind: ['Monitoring and the management API can be read'],
    });
  }),
};

const unreadOf = (facts: ApplicationFacts): string =>
  isUnreadable(facts) ? 'the figures of its load' : 'the limits of its service';

/** In the order in which they are asked. */
export const LOAD_UNKNOWN_RULES: readonly Rule[] = [
  ruleFor({ scenario: 'service-under-pressure', code: 'serviceLoadUnread', describe: DESCRIBED }),
  ruleFor({ scenario: 'deployment-under-pressure', code: 'deploymentLoadUnread', describe: DESCRIBED }),
  ruleFor({ scenario: 'application-failure', code: 'requestsUnread', describe: DESCRIBED }),
  neverRead,
];

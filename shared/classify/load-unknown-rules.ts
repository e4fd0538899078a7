import type { Diagnosis } from '../incident/diagnosis.ts';
import { about, forApplication } from './application-rules.ts';
import { type ApplicationFacts, isReadable } from './facts.ts';
import { nextLook, type Rule } from './rule.ts';

// What was named by the figures of a load is not over because they can't be read any more, however often our own few questions are
// answered meanwhile.

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

/** In the order in which they are asked. */
export const LOAD_UNKNOWN_RULES: readonly Rule[] = [
  ruleFor({ scenario: 'service-under-pressure', code: 'serviceLoadUnread', describe: DESCRIBED }),
  ruleFor({ scenario: 'deployment-under-pressure', code: 'deploymentLoadUnread', describe: DESCRIBED }),
  ruleFor({ scenario: 'application-failure', code: 'requestsUnread', describe: DESCRIBED }),
];

import { canonicalJson } from '../core/json.ts';
import { type LeftRaised, showRaised } from '../incident/left-raised.ts';
import { activeInstances, requestVerdict } from '../ports/service-load.ts';
import { podsNow, wouldDo } from '../ports/workload-load.ts';
import { about } from './application-rules.ts';
import type { ApplicationEvidence, Evidence } from './evidence.ts';
import { isReadable } from './facts.ts';
import { type Match, nextLook, type Rule } from './rule.ts';

// What this incident raised, and left raised because it was in use: it does not end as recovered before that has been taken back. People
// have been told of it, so that waiting for the crowd to go is no news.

const ruleFor = (kind: LeftRaised['kind'], names: Pick<Rule, 'scenario' | 'code' | 'describe'>): Rule => ({
  ...names,
  isPatient: true,
  when: (evidence) => {
    if (evidence.wellFor === undefined) return undefined;
    const ofKind = (evidence.inquiry.leftRaised ?? []).filter((raised) => raised.kind === kind);
    const matches = ofKind.flatMap((raised) => {
      const found = evidence.applications.find(({ application }) => application.id === raised.application);
      return found === undefined || !isStillRaised(found, raised) ? [] : [matchOf(raised, found, evidence)];
    });
    return matches.find(({ outcome }) => outcome.kind === 'act') ?? matches[0];
  },
});

function matchOf(raised: LeftRaised, found: ApplicationEvidence, evidence: Evidence): Match {
  const runbook = raised.kind === 'floor' ? 'deployment-scale-up' : 'service-scale-up';
  const isCalm = wouldFormerDo(found, raised, evidence);
  const isOver = isCalm && (evidence.wellFor ?? 0) >= evidence.window;
  const match = about(found, evidence, {
    confidence: isOver ? 'confirmed' : 'likely',
    outcome: isOver ? { kind: 'act', runbook } : nextLook(evidence),
    text: `${raised.application} answers, and ${showRaised(raised)}${isCalm ? ', which it no longer needs' : ''}`,
    wouldChangeMind: ['it needs what it was given', 'somebody changes it'],
  });
  return { ...match, subject: { ...match.subject, raised: canonicalJson({ ...raised }) } };
}

/** Whether it is as we left it: what somebody else has changed is theirs. */
function isStillRaised({ facts: { service, workload } }: ApplicationEvidence, raised: LeftRaised): boolean {
  if (raised.kind === 'floor')
    return workload !== undefined && isReadable(workload) && workload.autoscaler?.min === raised.wanted;
  if (service === undefined || !isReadable(service) || service.scaling.kind !== 'automatic') return false;
  const { min, max } = service.scaling;
  return min === raised.wanted.min && (max ?? null) === raised.wanted.max;
}

/** Whether what there was before would do for what is asked now. What can't be read says no. */
function wouldFormerDo(
  { facts: { load, workloadLoad } }: ApplicationEvidence,
  raised: LeftRaised,
  { facts: { at } }: Evidence,
): boolean {
  if (raised.kind === 'floor') {
    const pods = workloadLoad !== undefined && isReadable(workloadLoad) ? podsNow(workloadLoad, at) : undefined;
    return pods !== undefined && wouldDo(raised.before, pods);
  }
  if (load === undefined || !isReadable(load) || requestVerdict(load, at).says === 'refusing') return false;
  const active = activeInstances(load, at);
  return active !== undefined && active <= (raised.before.max ?? Number.POSITIVE_INFINITY);
}

/** In the order in which they are asked. */
export const LEFT_RAISED_RULES: readonly Rule[] = [
  ruleFor('service', {
    scenario: 'service-under-pressure',
    code: 'limitsLeftRaised',
    describe: 'Limits that this incident raised are still raised: take them back once they are no longer needed.',
  }),
  ruleFor('floor', {
    scenario: 'deployment-under-pressure',
    code: 'floorLeftRaised',
    describe: 'A floor that this incident raised is still raised: give it back once it is no longer needed.',
  }),
];

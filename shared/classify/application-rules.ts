import { showDuration } from '../core/time.ts';
import type { PodStatus } from '../ports/workloads.ts';
import { type ApplicationEvidence, type Evidence, isDownstream, type PodEvidence } from './evidence.ts';
import { isReadable } from './facts.ts';
import { isCurable } from './pod-condition.ts';
import { type Match, nextLook, type Reason, type Rule, symptomReasons, waitOrPerson } from './rule.ts';

// What can be wrong with an application whose dependencies are well. Only a single pod is healed, since only that is known to
// be cured by a new one; everything else is for people.

/** The first application, upstream first, for which a rule matches; one whose dependencies are ill has none of its own. */
export function forApplication(
  match: (application: ApplicationEvidence, evidence: Evidence) => Match | undefined,
): Rule['when'] {
  return (evidence) => {
    for (const application of evidence.applications) {
      if (isDownstream(evidence, application)) continue;
      const found = match(application, evidence);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** What a rule says of an application, with what is seen elsewhere as its symptom. */
export function about(
  { target, application }: ApplicationEvidence,
  evidence: Evidence,
  match: Pick<Match, 'confidence' | 'outcome' | 'text' | 'wouldChangeMind'>,
  more: readonly Reason[] = [],
): Match {
  return {
    ...match,
    target,
    subject: { application: application.id },
    reasons: [...more, ...symptomReasons(evidence, target)],
    failedSince: evidence.inquiry.state.firstSignalAt,
  };
}

const showPod = ({ pod, condition, steadyFor }: PodEvidence): string => {
  const why = pod.container.kind === 'waiting' ? pod.container.reason : condition;
  const ended = pod.lastTermination === undefined ? '' : `, last ended by ${pod.lastTermination}`;
  return `pod ${pod.name} is ${condition} (${why}, ${pod.restarts} restarts${ended}) for ${showDuration(steadyFor)}`;
};

/** Each pod with what it is like, one reason each. */
export const podReasons = (pods: readonly PodEvidence[]): readonly Reason[] =>
  pods.map((pod) => ({ code: `pod.${pod.condition}`, text: showPod(pod) }));

const isCurablePod = ({ condition }: PodEvidence): boolean => isCurable(condition);

const noRestartHelps: Rule = {
  scenario: 'application-failure',
  code: 'restartDoesNotHelp',
  describe: 'Pods that can not start as they are described, or only those of a new revision fail: people.',
  when: forApplication((application, evidence) => {
    const { illPods } = application;
    const stuck = illPods.filter(({ condition }) => condition === 'cannotStart');
    const fresh = illPods.filter((ill) => isCurablePod(ill) && isOfNewRevision(ill.pod, application));
    const found = stuck.length > 0 ? stuck : fresh;
    if (found.length === 0) return undefined;
    const what = stuck.length > 0 ? 'its image or configuration is wrong' : 'only pods of its new revision fail';
    const isSteady = found.some((pod) => pod.isSteady || pod.condition === 'crashLooping');
    return about(
      application,
      evidence,
      {
        confidence: isSteady ? 'confirmed' : 'likely',
        outcome: isSteady ? { kind: 'person' } : nextLook(evidence),
        text: `${application.application.id}: ${what}, so a restart does not help`,
        wouldChangeMind: ['a rollout or a rollback replaces the revision', 'the pods become ready'],
      },
      podReasons(found),
    );
  }),
};

/** Whether the pods that serve are of another revision than this one. */
function isOfNewRevision(pod: PodStatus, { readyPods, facts }: ApplicationEvidence): boolean {
  const settled = facts.workload !== undefined && isReadable(facts.workload) && facts.workload.settled;
  return (
    !settled &&
    pod.template !== undefined &&
    readyPods.length > 0 &&
    readyPods.every(({ template }) => template !== undefined && template !== pod.template)
  );
}

const severalPods: Rule = {
  scenario: 'application-failure',
  code: 'severalPods',
  describe: 'More than one pod fails, or the only one: that is no single pod: people.',
  when: forApplication((application, evidence) => {
    const found = application.illPods.filter(isCurablePod);
    const { length } = found;
    if (length === 0 || (length === 1 && application.readyPods.length > 0)) return undefined;
    const isSteady = found.every((pod) => pod.isSteady || pod.condition === 'crashLooping');
    const all = application.readyPods.length === 0;
    return about(
      application,
      evidence,
      {
        confidence: isSteady ? 'confirmed' : 'likely',
        outcome: isSteady ? { kind: 'person' } : nextLook(evidence),
        text: `${all ? 'all' : `${length} of ${length + application.readyPods.length}`} pods of ${application.application.id} fail, ${whatHelps(found)}`,
        wouldChangeMind: ['only one of them still fails while others are ready'],
      },
      podReasons(found),
    );
  }),
};

/** What helps several pods, by how they fail. */
function whatHelps(failing: readonly PodEvidence[]): string {
  if (failing.some(({ condition }) => condition === 'crashLooping')) {
    const isMemory = failing.every(
      ({ pod }) => pod.lastTermination === 'OOMKilled' || pod.container.kind === 'running',
    );
    return isMemory && failing.some(({ pod }) => pod.lastTermination === 'OOMKilled')
      ? 'ended for their memory (OOMKilled), so a restart does not help: their limit is too low, or they leak'
      : 'so a restart does not help';
  }
  return 'so no single one is replaced; a rolling restart can be asked for by hand (rollout-restart)';
}

const singlePod: Rule = {
  scenario: 'single-pod-failure',
  code: 'singlePodFailed',
  describe: 'One pod fails while the others serve and nothing upstream is ill: replace it.',
  when: forApplication((application, evidence) => {
    const found = application.illPods.filter(isCurablePod);
    const [ill] = found;
    if (ill === undefined || found.length > 1 || application.readyPods.length === 0) return undefined;
    if (application.facts.health.kind === 'failing') return undefined;
    // Kubernetes counts a crash loop over minutes before it says so; a pod that is only not ready gets the whole window.
    const isSteady = ill.isSteady || ill.condition === 'crashLooping';
    const match = about(
      application,
      evidence,
      {
        confidence: isSteady ? 'confirmed' : 'likely',
        outcome: isSteady ? { kind: 'act', runbook: 'pod-heal' } : nextLook(evidence),
        text: `${showPod(ill)}, while ${application.readyPods.length} others are ready`,
        wouldChangeMind: [
          'the pod becomes ready or is replaced',
          'another pod fails too',
          'a dependency of it turns out to be ill',
        ],
      },
      podReasons(found),
    );
    return { ...match, subject: { application: application.application.id, pod: ill.pod.name, uid: ill.pod.uid } };
  }),
};

const unscheduled: Rule = {
  scenario: 'application-failure',
  code: 'noNodeTakesIt',
  describe: 'A pod finds no node for a long time: people, since capacity or quota is missing.',
  when: forApplication((application, evidence) => {
    const found = application.illPods.filter(({ condition }) => condition === 'unscheduled');
    if (found.length === 0) return undefined;
    return about(
      application,
      evidence,
      {
        confidence: 'likely',
        outcome: waitOrPerson(evidence),
        text: `no node takes ${found.length} pods of ${application.application.id}, so a restart does not help`,
        wouldChangeMind: ['a node takes them'],
      },
      podReasons(found),
    );
  }),
};

const applicationFailing: Rule = {
  scenario: 'application-failure',
  code: 'applicationFails',
  describe: 'An application does not serve and nothing upstream of it is ill: people.',
  when: forApplication((application, evidence) => {
    if (application.failing === undefined) return undefined;
    return about(application, evidence, {
      confidence: application.isSteady ? 'confirmed' : 'likely',
      outcome: application.isSteady ? { kind: 'person' } : nextLook(evidence),
      text: `${application.failing}, and everything that it depends on is well`,
      wouldChangeMind: ['it serves', 'a dependency of it turns out to be ill'],
    });
  }),
};

const applicationSilent: Rule = {
  scenario: 'unknown',
  code: 'applicationSilent',
  describe: 'An application that a signal names does not answer, and nothing says why.',
  when: forApplication((application, evidence) => {
    if (!application.isTarget || application.facts.health.kind !== 'silent') return undefined;
    return about(application, evidence, {
      confidence: 'unknown',
      outcome: waitOrPerson(evidence),
      text: `${application.application.id} does not answer us (${application.facts.health.detail}), which says nothing`,
      wouldChangeMind: ['it answers', 'its platform says what is wrong'],
    });
  }),
};

const requestsFail: Rule = {
  scenario: 'application-failure',
  code: 'requestsFail',
  describe: 'The front end turns users away for minutes, and neither pods nor dependencies say why: people.',
  when: forApplication((application, evidence) => {
    const { turnedAway: seen, readyPods } = application;
    if (seen?.goesOn !== true || readyPods.length === 0) return undefined;
    return about(application, evidence, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `${application.application.id}: ${seen.text}, while its pods are neither busy nor ill, so that neither more of them nor a restart is known to help`,
      wouldChangeMind: ['requests are answered again', 'what its requests wait for is found'],
    });
  }),
};

const requestsCounted: Rule = {
  scenario: 'application-failure',
  code: 'requestsStillCounted',
  describe: 'People have been told of it, and we happen to be served while it is counted further: no news to them.',
  when: forApplication((application, evidence) => {
    const { turnedAway: seen, target } = application;
    const told = evidence.inquiry.state.diagnosis;
    const isTold = told?.scenario === 'application-failure' && told.target === target && told.conclusion === 'person';
    if (seen === undefined || !isTold || evidence.stillCounted === undefined) return undefined;
    return about(application, evidence, {
      confidence: 'likely',
      outcome: nextLook(evidence),
      text: `${application.application.id}: ${seen.text}, though we are served now`,
      wouldChangeMind: ['a minute in which requests are answered'],
    });
  }),
};

/** In the order in which they are asked. */
export const APPLICATION_RULES: readonly Rule[] = [
  noRestartHelps,
  severalPods,
  singlePod,
  unscheduled,
  requestsFail,
  applicationFailing,
  requestsCounted,
  applicationSilent,
];

import { after, type Instant, minutes } from '../core/time.ts';
import { currentRevision, type Revision, type Rollout } from '../ports/rollouts.ts';
import { about, forApplication, podReasons } from './application-rules.ts';
import type { ApplicationEvidence, Evidence, PodEvidence } from './evidence.ts';
import { isReadable } from './facts.ts';
import type { PodCondition } from './pod-condition.ts';
import { nextLook, type Rule } from './rule.ts';

// Failures that came with a new revision of a Deployment. No restart helps there: every pod of it runs the same template.

/** How a pod of a revision that is no good fails. One that no node takes says nothing of its revision. */
const FAILS: ReadonlySet<PodCondition> = new Set(['cannotStart', 'crashLooping', 'notReady']);

/** How long before the first signal a rollout may have begun and still be what the failure came with. */
const CAME_WITH = minutes(60);

/** How long a revision must have been in use to count as one that was healthy: a rollout gives up after as long. */
const PROVED_BY = minutes(10);

/** What a Deployment could go back to, and why we think that it was healthy. */
interface Former {
  readonly revision: Revision;
  readonly text: string;
}

const newRevisionFails: Rule = {
  scenario: 'new-revision-failure',
  code: 'newRevisionFails',
  describe: 'Every pod of the newest revision fails, and those of an older one did not: undo the rollout, by approval.',
  when: forApplication((application, evidence) => {
    const { rollout } = application.facts;
    if (rollout === undefined || !isReadable(rollout)) return undefined;
    const current = currentRevision(rollout);
    const failing = current === undefined ? [] : failingOf(current, application);
    const former = current === undefined ? undefined : formerOf(rollout, current, evidence);
    if (current === undefined || failing.length === 0 || former === undefined) return undefined;
    const isSteady = failing.some((pod) => pod.isSteady || pod.condition === 'crashLooping');
    const paused = rollout.paused ? '; its rollout is paused by somebody, who has to decide' : '';
    const match = about(
      application,
      evidence,
      {
        confidence: isSteady ? 'confirmed' : 'likely',
        outcome: !isSteady
          ? nextLook(evidence)
          : rollout.paused
            ? { kind: 'person' }
            : { kind: 'act', runbook: 'rollout-undo' },
        text: `${application.application.id}: every pod of its new revision ${show(current)} fails, so a restart does not help; ${former.text}${paused}`,
        wouldChangeMind: [
          'a pod of the new revision becomes ready',
          'somebody deploys another revision',
          'a dependency of it turns out to be ill',
        ],
      },
      podReasons(failing),
    );
    return { ...match, subject: { ...match.subject, from: current.uid, to: former.revision.uid } };
  }),
};

/** The failing pods of the newest revision, if they are all that fails and none of that revision is ready. */
function failingOf({ template }: Revision, { illPods, readyPods }: ApplicationEvidence): readonly PodEvidence[] {
  const failing = illPods.filter(({ condition }) => FAILS.has(condition));
  const isAlone = failing.every(({ pod }) => pod.template === template);
  return isAlone && readyPods.every((pod) => pod.template !== template) ? failing : [];
}

/**
 * The revision to go back to: one whose pods are ready now, or else the one before the newest, if the failure came with the rollout.
 * Nothing else says that an old revision was healthy: a ReplicaSet remembers no health.
 */
function formerOf({ revisions }: Rollout, current: Revision, { inquiry: { state } }: Evidence): Former | undefined {
  const older = revisions.filter(({ revision }) => revision < current.revision);
  const serving = older.find(({ ready }) => ready > 0);
  if (serving !== undefined)
    return { revision: serving, text: `revision ${show(serving)} has ${serving.ready} ready pods` };
  const [before] = older;
  if (before === undefined) return undefined;
  const since = state.firstSignalAt ?? state.openedAt;
  const cameWithIt = current.createdAt <= since && after(current.createdAt, CAME_WITH) >= since;
  if (!cameWithIt || !wasInUse(before, current.createdAt)) return undefined;
  return {
    revision: before,
    text: `revision ${show(before)} was in use until it was replaced, and the failure came after that`,
  };
}

const wasInUse = ({ createdAt }: Revision, until: Instant): boolean => after(createdAt, PROVED_BY) <= until;

const show = ({ revision, image }: Revision): string =>
  image === undefined ? String(revision) : `${revision} (${image})`;

/** What a Deployment runs, once its controller has seen it. */
function runningNow({ facts: { rollout } }: ApplicationEvidence) {
  if (rollout === undefined || !isReadable(rollout)) return undefined;
  const current = currentRevision(rollout);
  return current === undefined ? undefined : { rollout, current };
}

/** Whether a run of this incident has started what runs now. */
const isRestarted = ({ restartedFor }: Rollout, { inquiry }: Evidence): boolean =>
  restartedFor !== undefined && restartedFor === inquiry.incident;

const restartedInVain: Rule = {
  scenario: 'pods-not-serving',
  code: 'restartedBefore',
  describe: 'No pod serves though this incident has restarted them all: people, and no further restart.',
  when: forApplication((application, evidence) => {
    const running = runningNow(application);
    const hung = hungPods(application);
    if (running === undefined || hung.length === 0 || !isRestarted(running.rollout, evidence)) return undefined;
    return about(
      application,
      evidence,
      {
        confidence: 'confirmed',
        outcome: { kind: 'person' },
        text: `no pod of ${application.application.id} is ready, though this incident has restarted them all once already`,
        wouldChangeMind: ['what its pods wait for is mended'],
      },
      podReasons(hung),
    );
  }),
};

const noPodServes: Rule = {
  scenario: 'pods-not-serving',
  code: 'everyPodHangs',
  describe: 'Every pod runs and none is ready, and nothing upstream is ill: a rolling restart, by approval.',
  when: forApplication((application, evidence) => {
    const running = runningNow(application);
    const hung = hungPods(application);
    if (running === undefined || hung.length === 0) return undefined;
    const isSteady = hung.every((pod) => pod.isSteady);
    const match = about(
      application,
      evidence,
      {
        confidence: isSteady ? 'confirmed' : 'likely',
        outcome: !isSteady
          ? nextLook(evidence)
          : running.rollout.paused
            ? { kind: 'person' }
            : { kind: 'act', runbook: 'rollout-restart' },
        text:
          `${application.application.id}: its ${hung.length} pods run and none is ready, and what it depends on is well; ` +
          'a restart helps if their processes hang, and nothing else does',
        wouldChangeMind: [
          'a pod becomes ready',
          'a dependency of it turns out to be ill',
          'its pods end by themselves',
        ],
      },
      podReasons(hung),
    );
    return { ...match, subject: { ...match.subject, from: running.current.uid } };
  }),
};

/** The pods, if all of them run and none is ready. Those that end and start again have been restarted already. */
function hungPods({ illPods, readyPods }: ApplicationEvidence): readonly PodEvidence[] {
  const isHung = ({ pod, condition }: PodEvidence): boolean =>
    condition === 'notReady' && pod.container.kind === 'running';
  return readyPods.length === 0 && illPods.every(isHung) ? illPods : [];
}

const restartRequested: Rule = {
  scenario: 'restart-requested',
  code: 'restartRequested',
  describe: 'Somebody asks for a rolling restart, and nothing says that it could not help: ask for its approval.',
  when: forApplication((application, evidence) => {
    const { requested } = evidence.inquiry.state;
    const running = runningNow(application);
    if (requested !== 'rollout-restart' || !application.isTarget || running === undefined) return undefined;
    if (isRestarted(running.rollout, evidence) || running.rollout.paused) return undefined;
    const isHelpless = application.illPods.some(
      ({ condition }) => condition === 'cannotStart' || condition === 'crashLooping' || condition === 'unscheduled',
    );
    if (isHelpless) return undefined;
    const match = about(application, evidence, {
      confidence: 'confirmed',
      outcome: { kind: 'act', runbook: 'rollout-restart' },
      text: `a rolling restart of ${application.application.id} was asked for by hand; ${application.readyPods.length} of its pods are ready`,
      wouldChangeMind: ['somebody deploys another revision', 'a dependency of it turns out to be ill'],
    });
    return { ...match, subject: { ...match.subject, from: running.current.uid } };
  }),
};

/** In the order in which they are asked. */
export const ROLLOUT_RULES: readonly Rule[] = [newRevisionFails, restartedInVain, noPodServes, restartRequested];

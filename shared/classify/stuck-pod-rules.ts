import { showDuration } from '../core/time.ts';
import { about, forApplication, podReasons } from './application-rules.ts';
import type { PodEvidence } from './evidence.ts';
import { nextLook, type Rule } from './rule.ts';

// Pods that were deleted and don't go. Their ReplicaSet has replaced them already; what they keep is a name, a place on a node, and
// perhaps a volume.

/** Why a stuck pod must not be taken out of the API by force; `undefined` when it may, if people agree. */
function whyNot({ pod }: PodEvidence): string | undefined {
  const { finalizers, ownVolume } = pod;
  if (finalizers === undefined || ownVolume === undefined) return 'what keeps it is not known';
  if (finalizers.length > 0)
    return `the finalizer ${finalizers.join(', ')} keeps it, which whoever put it there has to take away`;
  return ownVolume
    ? 'its node may still run it with a volume of its own, which a second writer would damage'
    : undefined;
}

const stuckPod: Rule = {
  scenario: 'pod-stuck-ending',
  code: 'podStuckEnding',
  describe:
    'A deleted pod is still there long after its grace: take it out of the API, by approval, if that can hurt nothing.',
  when: forApplication((application, evidence) => {
    const stuck = application.illPods.filter(({ condition }) => condition === 'stuckEnding');
    const [first] = stuck;
    if (first === undefined) return undefined;
    const { pod } = first;
    const because = whyNot(first);
    const match = about(
      application,
      evidence,
      {
        confidence: first.isSteady ? 'confirmed' : 'likely',
        outcome: !first.isSteady
          ? nextLook(evidence)
          : because === undefined
            ? { kind: 'act', runbook: 'pod-force-delete' }
            : { kind: 'person' },
        text:
          `pod ${pod.name} was to end on ${pod.node ?? 'no node'}, and is still there ${showDuration(first.steadyFor)} after we first saw it so` +
          (because === undefined ? '; its node does not end it' : `; ${because}`),
        wouldChangeMind: ['it is gone'],
      },
      podReasons(stuck),
    );
    return { ...match, subject: { application: application.application.id, pod: pod.name, uid: pod.uid } };
  }),
};

/** In the order in which they are asked. */
export const STUCK_POD_RULES: readonly Rule[] = [stuckPod];

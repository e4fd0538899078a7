import type { Instant } from '../../shared/core/time.ts';
import { type ContainerRecord, newContainer, statusOf } from './kubernetes-container.ts';
import { type Condition, type Pod, type PodStatus, stamp, withCondition } from './kubernetes-objects.ts';
import { TEMPLATE_HASH } from './kubernetes-rollout.ts';

/** A pod as the kubelet of its node knows it: more than the API shows, and still there when the API has forgotten it. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly ip: string;
  readonly startTime: string;
  readonly containers: readonly ContainerRecord[];
  /** The Deployment and template that it comes from, as its names and labels tell. */
  readonly deployment: string | undefined;
  readonly template: string | undefined;
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  /** Set from the first sign of its deletion on. */
  ending: { at: Instant; cancel: () => void } | undefined;
  /** Its process accepts connections and answers none of them: the fault `hangPod`. */
  hung: boolean;
  /** Its node doesn't end it: the fault `holdTermination`. */
  held: boolean;
  /** Its containers have ended for good. */
  over: boolean;
}

/** A pod that its node has just taken over. */
export function newPodRecord(pod: Pod, place: { readonly node: string; readonly ip: string }, now: Instant): PodRecord {
  const { uid, namespace = '', name, labels, ownerReferences } = pod.metadata;
  const template = labels?.[TEMPLATE_HASH];
  const owner = ownerReferences?.find(({ kind }) => kind === 'ReplicaSet')?.name;
  const own = template !== undefined && owner?.endsWith(`-${template}`) === true;
  return {
    uid,
    namespace,
    name,
    ...place,
    startTime: stamp(now),
    containers: pod.spec.containers.map((spec) => newContainer(spec, now)),
    deployment: own ? owner.slice(0, -template.length - 1) : undefined,
    template,
    restartPolicy: pod.spec.restartPolicy ?? 'Always',
    ending: undefined,
    hung: false,
    held: false,
    over: false,
  };
}

/** A process of it answers nobody: by a fault, or of its own accord. */
export const isHung = ({ hung, containers }: PodRecord): boolean =>
  hung || containers.some(({ phase }) => phase.kind === 'running' && phase.process.state() === 'hung');

/** The pod's status by its containers. */
export function podStatus(pod: Pod, record: PodRecord, hostIP: string, now: Instant): PodStatus {
  const { containers } = record;
  const unready = containers.filter(({ ready }) => !ready).map(({ spec }) => spec.name);
  const ready = unready.length === 0;
  const created = containers.some(({ phase }) => phase.kind !== 'waiting');
  const flag = (type: string, yes: boolean): Condition => {
    const why = { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
    const base = { type, lastTransitionTime: stamp(now) };
    return yes ? { ...base, status: 'True' } : { ...base, status: 'False', ...why };
  };
  const flags = [
    flag('PodReadyToStartContainers', true),
    flag('Initialized', true),
    flag('Ready', ready),
    flag('ContainersReady', ready),
  ];
  const conditions = flags.reduce<readonly Condition[]>(withCondition, pod.status.conditions ?? []);
  const { ip, startTime } = record;
  return {
    ...pod.status,
    phase: phaseOf(pod, record),
    conditions,
    hostIP,
    hostIPs: [{ ip: hostIP }],
    startTime,
    ...(created || pod.status.podIP !== undefined ? { podIP: ip, podIPs: [{ ip }] } : {}),
    containerStatuses: containers.map(statusOf),
  };
}

function phaseOf(pod: Pod, { containers, restartPolicy }: PodRecord): PodStatus['phase'] {
  const ends = containers.map(({ phase }) => (phase.kind === 'terminated' ? phase.how.exitCode : undefined));
  const finished = restartPolicy !== 'Always' && ends.every((code) => code !== undefined);
  if (finished && ends.some((code) => code !== 0)) return restartPolicy === 'Never' ? 'Failed' : 'Running';
  if (finished) return 'Succeeded';
  const started = containers.every(({ phase, last }) => phase.kind !== 'waiting' || last !== undefined);
  return started || pod.status.phase === 'Running' ? 'Running' : 'Pending';
}

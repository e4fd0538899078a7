import { type Millis, after, instant, millis, seconds } from '../../shared/core/time.ts';
import type { ApplicationLauncher } from './kernel.ts';
import { type ContainerRecord, type LogLine, type Process, begin, longerWait } from './kubernetes-container.ts';
import type { PodFaults } from './kubernetes-faults.ts';
import type { Container } from './kubernetes-objects.ts';
import type { ClusterParts } from './kubernetes-parts.ts';
import type { PodRecord } from './kubernetes-pod-record.ts';

// From the wish for a container until its process runs: configuration, image, creation. Messages are the kubelet's and
// containerd's, since people and rules read them.

/** What runs inside of containers. */
export interface Workloads {
  readonly launcher?: ApplicationLauncher;
  /** Containers, by name, whose process the launcher makes, with the Secret Manager secret that it reads. Others are inert. */
  readonly applications?: Readonly<Record<string, { readonly secret: string }>>;
  /** Whether the registry has an image; every image exists unless said otherwise. */
  readonly imageExists?: (image: string) => boolean;
}

/** What starting needs of the kubelet around it. */
export interface Kubelet {
  /** Writes the pod's status into the API. */
  publish(record: PodRecord): void;
  /** Tells an Event about the pod. */
  tell(record: PodRecord, told: Pick<Told, 'type' | 'reason' | 'message'> & { readonly container?: string }): void;
  /** Whether the pod is still to run. */
  wanted(record: PodRecord): boolean;
}

type Told = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

const CONFIG_RETRY = seconds(12);
/** Milliseconds: a pull, a start from an image that is there, and an inert process until it serves. */
const PULL_MS = [2_000, 6_000] as const;
const PRESENT_MS = [200, 600] as const;
const INERT_READY = seconds(2);

/** Returns the function that starts a container, or starts it again. */
export function createStarter(
  parts: ClusterParts,
  workloads: Workloads,
  faults: PodFaults,
  kubelet: Kubelet,
): (record: PodRecord, container: ContainerRecord) => void {
  const { clock, chance, store } = parts;
  const pulled = new Set<string>();

  const later = (wait: Millis | number, record: PodRecord, what: () => void): void => {
    clock.schedule(after(clock.now(), wait), () => {
      if (kubelet.wanted(record)) what();
    });
  };

  const wait = (record: PodRecord, container: ContainerRecord, reason: string, message: string): void => {
    // A container that crashed before keeps what it was as its last state.
    if (container.phase.kind === 'terminated') container.last = container.phase.how;
    container.phase = { kind: 'waiting', reason, message };
    kubelet.publish(record);
  };

  const start = (record: PodRecord, container: ContainerRecord): void => {
    const missing = missingConfig(record, container.spec);
    if (missing === undefined) return pull(record, container);
    wait(record, container, 'CreateContainerConfigError', missing);
    const told = { type: 'Warning', reason: 'Failed', message: `Error: ${missing}` } as const;
    kubelet.tell(record, { ...told, container: container.spec.name });
    later(CONFIG_RETRY, record, () => start(record, container));
  };

  /** The first Secret or ConfigMap that the container needs and the namespace lacks, in the kubelet's words. */
  const missingConfig = ({ namespace }: PodRecord, { env = [], envFrom = [] }: Container): string | undefined => {
    const lacks = (kind: 'Secret' | 'ConfigMap', ref: Reference | undefined): string | undefined => {
      if (ref === undefined || ref.optional === true) return undefined;
      const { name = '', key } = ref;
      const found = store.get(kind, namespace, name);
      if (found === undefined) return `${kind.toLowerCase()} "${name}" not found`;
      const has = key === undefined || Object.hasOwn(found.data ?? {}, key);
      return has ? undefined : `couldn't find key ${key} in ${kind} ${namespace}/${name}`;
    };
    const faults = [
      ...env.map(
        ({ valueFrom }) => lacks('Secret', valueFrom?.secretKeyRef) ?? lacks('ConfigMap', valueFrom?.configMapKeyRef),
      ),
      ...envFrom.map(({ secretRef, configMapRef }) => lacks('Secret', secretRef) ?? lacks('ConfigMap', configMapRef)),
    ];
    return faults.find((fault) => fault !== undefined);
  };

  const pull = (record: PodRecord, container: ContainerRecord): void => {
    const { name, image, imagePullPolicy } = container.spec;
    const onNode = `${record.node} ${image}`;
    const say = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
      kubelet.tell(record, { type, reason, message, container: name });
    if (pulled.has(onNode) && imagePullPolicy !== 'Always') {
      say('Normal', 'Pulled', `Container image "${image}" already present on machine`);
      return later(chance.between(...PRESENT_MS), record, () => create(record, container));
    }
    say('Normal', 'Pulling', `Pulling image "${image}"`);
    const exists = workloads.imageExists?.(image) !== false && !faults.imageBroken(image);
    const took = chance.between(...PULL_MS);
    later(took, record, () => {
      if (!exists) return refusePull(record, container, say);
      pulled.add(onNode);
      const time = `${(took / 1_000).toFixed(3)}s`;
      say(
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${time} (${time} including waiting). Image size: 84213456 bytes.`,
      );
      create(record, container);
    });
  };

  const refusePull = (
    record: PodRecord,
    container: ContainerRecord,
    say: (type: 'Normal' | 'Warning', reason: string, message: string) => void,
  ): void => {
    const { image } = container.spec;
    const why = `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
    const error = `rpc error: code = NotFound desc = ${why}`;
    say('Warning', 'Failed', `Failed to pull image "${image}": ${error}`);
    say('Warning', 'Failed', 'Error: ErrImagePull');
    wait(record, container, 'ErrImagePull', error);
    const backOff = container.pullBackOff;
    container.pullBackOff = longerWait(backOff);
    later(seconds(1), record, () => {
      say('Normal', 'BackOff', `Back-off pulling image "${image}"`);
      say('Warning', 'Failed', 'Error: ImagePullBackOff');
      wait(record, container, 'ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${error}`);
      later(backOff, record, () => pull(record, container));
    });
  };

  const create = (record: PodRecord, container: ContainerRecord): void => {
    const { name } = container.spec;
    const id = `containerd://${Array.from({ length: 64 }, () => chance.between(0, 15).toString(16)).join('')}`;
    kubelet.tell(record, { type: 'Normal', reason: 'Created', message: `Created container: ${name}`, container: name });
    record.hung = false;
    begin(container, processOf(record, container), id, clock.now());
    kubelet.tell(record, { type: 'Normal', reason: 'Started', message: `Started container ${name}`, container: name });
    kubelet.publish(record);
  };

  const processOf = (record: PodRecord, { spec }: ContainerRecord): Process => {
    const application = workloads.applications?.[spec.name];
    if (application === undefined || workloads.launcher === undefined) return inertProcess(clock);
    return workloads.launcher.launch({ id: record.name, place: 'pods', secret: application.secret });
  };

  return start;
}

type Reference = { readonly name?: string; readonly key?: string; readonly optional?: boolean };

/** A process that serves two seconds after its start and does nothing else. */
function inertProcess(clock: ClusterParts['clock']): Process {
  const since = clock.now();
  const serves = (): boolean => clock.now() >= after(since, INERT_READY);
  const lines: readonly LogLine[] = [
    { at: since, text: 'starting' },
    { at: instant(after(since, INERT_READY)), text: 'serving' },
  ];
  return {
    state: () => (serves() ? 'serving' : 'starting'),
    ready: serves,
    log: () => lines.filter(({ at }) => at <= clock.now()),
    stop: () => undefined,
  };
}

/** The wait before a container that just ended is looked at again. */
export const LOOK_AGAIN = millis(1_000);

/** Whether the pod's policy starts a container again that ended with that code. */
export function restarts({ restartPolicy }: Pick<PodRecord, 'restartPolicy'>, exitCode: number): boolean {
  return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0);
}

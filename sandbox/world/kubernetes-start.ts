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

/** One thing that a kubelet tells about a pod. */
export interface KubeletEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly container?: string;
}

/** What starting needs of the kubelet around it. */
export interface Kubelet {
  /** Writes the pod's status into the API. */
  publish(record: PodRecord): void;
  /** Tells an Event about the pod. */
  tell(record: PodRecord, told: KubeletEvent): void;
  /** Whether the pod is still to run. */
  wanted(record: PodRecord): boolean;
}

const CONFIG_RETRY = seconds(12);
/** Milliseconds: a pull, a start from an image that is there, and an inert process until it serves. */
const PULL_MS = [2_000, 6_000] as const;
const PRESENT_MS = [200, 600] as const;
const INERT_READY = seconds(2);

/** Starts containers, and starts them again. */
export class ContainerStarter {
  readonly #parts: ClusterParts;
  readonly #workloads: Workloads & { readonly faults: PodFaults };
  readonly #kubelet: Kubelet;
  /** Images that are on a node: `<node> <image>`. */
  readonly #pulled = new Set<string>();

  constructor(parts: ClusterParts, workloads: Workloads & { readonly faults: PodFaults }, kubelet: Kubelet) {
    this.#parts = parts;
    this.#workloads = workloads;
    this.#kubelet = kubelet;
  }

  start(record: PodRecord, container: ContainerRecord): void {
    const missing = this.#missingConfig(record, container.spec);
    if (missing === undefined) return this.#pull(record, container);
    this.#wait(record, container, 'CreateContainerConfigError', missing);
    this.#say(record, container, 'Warning', 'Failed', `Error: ${missing}`);
    this.#later(CONFIG_RETRY, record, () => this.start(record, container));
  }

  #later(wait: Millis | number, record: PodRecord, what: () => void): void {
    const { clock } = this.#parts;
    clock.schedule(after(clock.now(), wait), () => {
      if (this.#kubelet.wanted(record)) what();
    });
  }

  #say(
    record: PodRecord,
    { spec }: ContainerRecord,
    type: KubeletEvent['type'],
    reason: string,
    message: string,
  ): void {
    this.#kubelet.tell(record, { type, reason, message, container: spec.name });
  }

  #wait(record: PodRecord, container: ContainerRecord, reason: string, message: string): void {
    // A container that crashed before keeps what it was as its last state.
    if (container.phase.kind === 'terminated') container.last = container.phase.how;
    container.phase = { kind: 'waiting', reason, message };
    this.#kubelet.publish(record);
  }

  /** The first Secret or ConfigMap that the container needs and the namespace lacks, in the kubelet's words. */
  #missingConfig({ namespace }: PodRecord, { env = [], envFrom = [] }: Container): string | undefined {
    const lacks = (kind: 'Secret' | 'ConfigMap', ref: Reference | undefined): string | undefined => {
      if (ref === undefined || ref.optional === true) return undefined;
      const { name = '', key } = ref;
      const found = this.#parts.store.get(kind, namespace, name);
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
  }

  #pull(record: PodRecord, container: ContainerRecord): void {
    const { image, imagePullPolicy } = container.spec;
    const { chance } = this.#parts;
    const onNode = `${record.node} ${image}`;
    if (this.#pulled.has(onNode) && imagePullPolicy !== 'Always') {
      this.#say(record, container, 'Normal', 'Pulled', `Container image "${image}" already present on machine`);
      return this.#later(chance.between(...PRESENT_MS), record, () => this.#create(record, container));
    }
    this.#say(record, container, 'Normal', 'Pulling', `Pulling image "${image}"`);
    const exists = this.#workloads.imageExists?.(image) !== false && !this.#workloads.faults.imageBroken(image);
    const took = chance.between(...PULL_MS);
    this.#later(took, record, () => {
      if (!exists) return this.#refusePull(record, container);
      this.#pulled.add(onNode);
      const time = `${(took / 1_000).toFixed(3)}s`;
      const text = `Successfully pulled image "${image}" in ${time} (${time} including waiting). Image size: 84213456 bytes.`;
      this.#say(record, container, 'Normal', 'Pulled', text);
      this.#create(record, container);
    });
  }

  #refusePull(record: PodRecord, container: ContainerRecord): void {
    const { image } = container.spec;
    const why = `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
    const error = `rpc error: code = NotFound desc = ${why}`;
    this.#say(record, container, 'Warning', 'Failed', `Failed to pull image "${image}": ${error}`);
    this.#say(record, container, 'Warning', 'Failed', 'Error: ErrImagePull');
    this.#wait(record, container, 'ErrImagePull', error);
    const backOff = container.pullBackOff;
    container.pullBackOff = longerWait(backOff);
    this.#later(LOOK_AGAIN, record, () => {
      this.#say(record, container, 'Normal', 'BackOff', `Back-off pulling image "${image}"`);
      this.#say(record, container, 'Warning', 'Failed', 'Error: ImagePullBackOff');
      this.#wait(record, container, 'ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${error}`);
      this.#later(backOff, record, () => this.#pull(record, container));
    });
  }

  #create(record: PodRecord, container: ContainerRecord): void {
    const { chance, clock } = this.#parts;
    const { name } = container.spec;
    const id = `containerd://${Array.from({ length: 64 }, () => chance.between(0, 15).toString(16)).join('')}`;
    this.#say(record, container, 'Normal', 'Created', `Created container: ${name}`);
    record.hung = false;
    begin(container, this.#processOf(record, container), id, clock.now());
    this.#say(record, container, 'Normal', 'Started', `Started container ${name}`);
    this.#kubelet.publish(record);
  }

  #processOf(record: PodRecord, { spec }: ContainerRecord): Process {
    const { applications, launcher } = this.#workloads;
    const application = applications?.[spec.name];
    if (application === undefined || launcher === undefined) return inertProcess(this.#parts.clock);
    return launcher.launch({ id: record.name, place: 'pods', secret: application.secret });
  }
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

import { type Instant, after, millis, parseInstant, seconds } from '../../shared/core/time.ts';
import type { ApplicationInstance } from './kernel.ts';
import { type ContainerRecord, end, holdBack, probed } from './kubernetes-container.ts';
import { finalize } from './kubernetes-deletion.ts';
import type { PodFaults, Struck } from './kubernetes-faults.ts';
import type { Pod } from './kubernetes-objects.ts';
import type { ClusterParts } from './kubernetes-parts.ts';
import { type PodRecord, isHung, newPodRecord, podStatus } from './kubernetes-pod-record.ts';
import { ContainerStarter, type Kubelet, type KubeletEvent, LOOK_AGAIN, type Workloads } from './kubernetes-start.ts';
import type { Change } from './kubernetes-store.ts';

// Runs the pods that are bound to nodes: starts, probes, restarts and ends their containers, and writes what comes of it.
//
// L1. The API's word and the node's deed are apart: a pod is deleted when its containers have ended, and a forced deletion
//     hides a pod from the API whose process may still run.
// L2. A hung process ignores the polite signal to end: it has the whole grace period, then it is killed.
// L3. What the store tells is acted upon later, never inside of the telling (S4).

/** What the kubelets are made with. `hang` is told when a pod's application is to hang, or to serve again. */
export interface KubeletOptions extends Workloads {
  readonly faults: PodFaults;
  readonly hang?: (instance: ApplicationInstance, hung: boolean) => void;
}

/** How often containers are looked at: the kubelet's relist, and the grain of its probes. */
const LOOK_EVERY = seconds(1);
/** A crash by a fault comes that long after the start of the process. */
const CRASH_AFTER = seconds(2);
/** Milliseconds: until the kubelet sees a pod, until its sandbox stands, a polite end, and the API's last word on a pod. */
const SEEN_MS = [50, 300] as const;
const SANDBOX_MS = [600, 1_800] as const;
const POLITE_MS = [500, 3_000] as const;
const REPORTED_MS = [100, 500] as const;

/** Exit codes: ended when asked to, and killed. */
const ENDED = 0;
const KILLED = 137;

/** The kubelets of all nodes. */
export class Kubelets implements Kubelet, Struck {
  readonly #parts: ClusterParts;
  readonly #options: KubeletOptions;
  readonly #starter: ContainerStarter;
  readonly #records = new Map<string, PodRecord>();
  readonly #seen = new Set<string>();
  #addresses = 0;

  constructor(parts: ClusterParts, options: KubeletOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#starter = new ContainerStarter(parts, options, this);
    parts.store.subscribe((change) => this.#hear(change));
    this.#later(LOOK_EVERY, () => this.#look());
  }

  records(): readonly PodRecord[] {
    return [...this.#records.values()];
  }

  /** The record behind a pod of the API. */
  recordOf(pod: Pod): PodRecord | undefined {
    return this.#records.get(pod.metadata.uid);
  }

  publish(record: PodRecord): void {
    const { store, clock } = this.#parts;
    const pod = this.#podOf(record);
    if (pod === undefined) return;
    const address = store.get('Node', '', record.node)?.status?.addresses?.[0]?.address ?? '';
    store.replace('Pod', { ...pod, status: podStatus(pod, record, address, clock.now()) });
  }

  tell(record: PodRecord, told: KubeletEvent): void {
    const about = this.#podOf(record);
    if (about !== undefined) this.#parts.events.tell({ about, ...told, from: 'kubelet', host: record.node });
  }

  wanted(record: PodRecord): boolean {
    return record.ending === undefined && this.#records.has(record.uid);
  }

  hang(record: PodRecord): void {
    this.#setHung(record, true);
  }

  unhang(record: PodRecord): void {
    this.#setHung(record, false);
  }

  crash(record: PodRecord, exitCode: number): void {
    for (const container of record.containers) {
      if (container.phase.kind === 'running') this.#crash(record, container, exitCode);
    }
  }

  release(record: PodRecord): void {
    if (record.ending !== undefined && record.ending.at <= this.#parts.clock.now()) this.#finish(record);
  }

  #later(wait: number, what: () => void): void {
    const { clock } = this.#parts;
    clock.schedule(after(clock.now(), wait), what);
  }

  #drawn(range: readonly [number, number]): number {
    return this.#parts.chance.between(...range);
  }

  /** The pod in the API, unless it is gone or another has its name. */
  #podOf({ uid, namespace, name }: PodRecord): Pod | undefined {
    const pod = this.#parts.store.get('Pod', namespace, name);
    return pod?.metadata.uid === uid ? pod : undefined;
  }

  #hear({ type, object }: Change): void {
    if (object.kind !== 'Pod') return;
    const { uid, namespace = '', name, deletionTimestamp } = object.metadata;
    if (type === 'DELETED') this.#seen.delete(uid);
    else if (object.spec.nodeName !== undefined && !this.#seen.has(uid)) {
      this.#seen.add(uid);
      this.#later(this.#drawn(SEEN_MS), () => this.#take(uid, namespace, name));
    }
    const record = this.#records.get(uid);
    if (record === undefined || record.over) return;
    const deadline = type === 'DELETED' ? this.#parts.clock.now() : parseInstant(deletionTimestamp ?? '');
    if (deadline !== undefined) this.#later(millis(0), () => this.#endAt(record, deadline));
  }

  #take(uid: string, namespace: string, name: string): void {
    const { clock, store } = this.#parts;
    const pod = store.get('Pod', namespace, name);
    if (pod?.metadata.uid !== uid || pod.spec.nodeName === undefined) return;
    if (pod.metadata.deletionTimestamp !== undefined) return void finalize(this.#parts, 'Pod', pod);
    this.#addresses += 1;
    const ip = `10.8.${Math.floor(this.#addresses / 250) % 250}.${(this.#addresses % 250) + 2}`;
    const record = newPodRecord(pod, { node: pod.spec.nodeName, ip }, clock.now());
    this.#records.set(uid, record);
    this.publish(record);
    this.#later(this.#drawn(SANDBOX_MS), () => {
      if (this.wanted(record)) for (const container of record.containers) this.#starter.start(record, container);
    });
  }

  #look(): void {
    for (const record of this.records()) if (record.ending === undefined) this.#lookAt(record);
    this.#later(LOOK_EVERY, () => this.#look());
  }

  #lookAt(record: PodRecord): void {
    const now = this.#parts.clock.now();
    for (const container of record.containers) {
      const { phase } = container;
      if (phase.kind !== 'running') continue;
      const ready = now >= container.probeAt && container.spec.readinessProbe !== undefined;
      if (phase.process.state() === 'crashed') this.#exited(record, container, 1);
      else if (this.#options.faults.crashes(record) && now >= after(phase.since, CRASH_AFTER))
        this.#crash(record, container, 1);
      else if (ready) this.#probe(record, container, phase.process);
    }
  }

  #probe(record: PodRecord, container: ContainerRecord, process: Pick<ApplicationInstance, 'state' | 'ready'>): void {
    const hung = isHung(record);
    const passed = !hung && process.state() === 'serving' && process.ready();
    const change = probed(container, passed, this.#parts.clock.now());
    if (!passed) {
      const { name, readinessProbe } = container.spec;
      const { port = 8080, path = '/' } = readinessProbe?.httpGet ?? {};
      const url = `http://${record.ip}:${port}${path}`;
      const why = hung
        ? `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
        : process.state() === 'starting'
          ? `Get "${url}": dial tcp ${record.ip}: connect: connection refused`
          : 'HTTP probe failed with statuscode: 503';
      this.tell(record, {
        type: 'Warning',
        reason: 'Unhealthy',
        message: `Readiness probe failed: ${why}`,
        container: name,
      });
    }
    if (change !== undefined) this.publish(record);
  }

  #crash(record: PodRecord, container: ContainerRecord, exitCode: number): void {
    const at = this.#parts.clock.now();
    container.extraLog.push({ at, text: `fatal: the process ended with exit code ${exitCode}` });
    this.#exited(record, container, exitCode);
  }

  #exited(record: PodRecord, container: ContainerRecord, exitCode: number): void {
    const wait = end(container, exitCode, this.#parts.clock.now());
    this.publish(record);
    if (record.restartPolicy === 'Never' || (record.restartPolicy === 'OnFailure' && exitCode === 0)) return;
    if (wait > 0) this.#later(LOOK_AGAIN, () => this.#holdBack(record, container, wait));
    this.#later(Math.max(wait, LOOK_AGAIN), () => {
      if (this.wanted(record)) this.#starter.start(record, container);
    });
  }

  #holdBack(record: PodRecord, container: ContainerRecord, wait: number): void {
    if (!this.wanted(record)) return;
    const { name } = container.spec;
    const pod = `${record.name}_${record.namespace}(${record.uid})`;
    holdBack(container, `back-off ${wait / 1_000}s restarting failed container=${name} pod=${pod}`);
    const message = `Back-off restarting failed container ${name} in pod ${pod}`;
    this.tell(record, { type: 'Warning', reason: 'BackOff', message, container: name });
    this.publish(record);
  }

  /** The pod is to end by `deadline`; what hangs needs all of that time (L2). An earlier end that is planned stays. */
  #endAt(record: PodRecord, deadline: Instant): void {
    const { clock } = this.#parts;
    const polite = after(clock.now(), this.#drawn(POLITE_MS));
    const at = isHung(record) || deadline < polite ? deadline : polite;
    if (record.ending !== undefined && record.ending.at <= at) return;
    const first = record.ending === undefined;
    record.ending?.cancel();
    record.ending = { at, cancel: clock.schedule(at, () => this.#finish(record)) };
    if (!first) return;
    for (const { spec, phase } of record.containers) {
      if (phase.kind !== 'running') continue;
      const message = `Stopping container ${spec.name}`;
      this.tell(record, { type: 'Normal', reason: 'Killing', message, container: spec.name });
    }
  }

  #finish(record: PodRecord): void {
    if (record.held || record.over) return;
    record.over = true;
    const exitCode = isHung(record) ? KILLED : ENDED;
    for (const container of record.containers) end(container, exitCode, this.#parts.clock.now());
    this.publish(record);
    this.#later(this.#drawn(REPORTED_MS), () => {
      this.#records.delete(record.uid);
      const pod = this.#podOf(record);
      if (pod !== undefined) finalize(this.#parts, 'Pod', pod);
    });
  }

  #setHung(record: PodRecord, hung: boolean): void {
    record.hung = hung;
    for (const { phase, spec } of record.containers) {
      const launched = phase.kind === 'running' && this.#options.applications?.[spec.name] !== undefined;
      // What the launcher made is an application's instance; inert processes can't be told to hang.
      if (launched) this.#options.hang?.(phase.process as ApplicationInstance, hung);
    }
  }
}

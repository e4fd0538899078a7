import { type Instant, after, millis, parseInstant, seconds } from '../../shared/core/time.ts';
import type { ApplicationInstance } from './kernel.ts';
import { type ContainerRecord, end, holdBack, probed } from './kubernetes-container.ts';
import { finalize } from './kubernetes-deletion.ts';
import type { PodFaults, Struck } from './kubernetes-faults.ts';
import type { Pod } from './kubernetes-objects.ts';
import type { ClusterParts } from './kubernetes-parts.ts';
import { type PodRecord, newPodRecord, podStatus } from './kubernetes-pod-record.ts';
import { type Kubelet, LOOK_AGAIN, type Workloads, createStarter, restarts } from './kubernetes-start.ts';

// Runs the pods that are bound to nodes: starts, probes, restarts and ends their containers, and writes what comes of it.
//
// L1. The API's word and the node's deed are apart: a pod is deleted when its containers have ended, and a forced deletion
//     hides a pod from the API whose process may still run.
// L2. A hung process ignores the polite signal to end: it has the whole grace period, then it is killed.
// L3. What the store tells is acted upon later, never inside of the telling (S4).

/** The kubelets of all nodes. */
export interface Kubelets {
  records(): readonly PodRecord[];
  /** The record behind a pod of the API. */
  recordOf(pod: Pod): PodRecord | undefined;
  readonly struck: Struck;
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

/** Starts the kubelets. `hang` is told when a pod's application is to hang, or to serve again. */
export function runKubelets(
  parts: ClusterParts,
  options: Workloads & {
    readonly faults: PodFaults;
    readonly hang?: (instance: ApplicationInstance, hung: boolean) => void;
  },
): Kubelets {
  const { clock, chance, store, events } = parts;
  const records = new Map<string, PodRecord>();
  const seen = new Set<string>();
  let addresses = 0;

  const later = (wait: number, what: () => void): (() => void) => clock.schedule(after(clock.now(), wait), what);
  const drawn = (range: readonly [number, number]): number => chance.between(...range);

  const podOf = ({ uid, namespace, name }: PodRecord): Pod | undefined => {
    const pod = store.get('Pod', namespace, name);
    return pod?.metadata.uid === uid ? pod : undefined;
  };

  const kubelet: Kubelet = {
    publish(record) {
      const pod = podOf(record);
      if (pod === undefined) return;
      const address = store.get('Node', '', record.node)?.status?.addresses?.[0]?.address ?? '';
      store.replace('Pod', { ...pod, status: podStatus(pod, record, address, clock.now()) });
    },
    tell(record, told) {
      const about = podOf(record);
      if (about !== undefined) events.tell({ about, ...told, from: 'kubelet', host: record.node });
    },
    wanted: (record) => record.ending === undefined && records.has(record.uid),
  };
  const start = createStarter(parts, options, options.faults, kubelet);

  const take = (uid: string, namespace: string, name: string): void => {
    const pod = store.get('Pod', namespace, name);
    if (pod?.metadata.uid !== uid || pod.spec.nodeName === undefined) return;
    if (pod.metadata.deletionTimestamp !== undefined) return void finalize(parts, 'Pod', pod);
    addresses += 1;
    const ip = `10.8.${Math.floor(addresses / 250) % 250}.${(addresses % 250) + 2}`;
    const record = newPodRecord(pod, { node: pod.spec.nodeName, ip }, clock.now());
    records.set(uid, record);
    kubelet.publish(record);
    later(drawn(SANDBOX_MS), () => {
      if (kubelet.wanted(record)) for (const container of record.containers) start(record, container);
    });
  };

  const exited = (record: PodRecord, container: ContainerRecord, exitCode: number): void => {
    const wait = end(container, exitCode, clock.now());
    kubelet.publish(record);
    if (!restarts(record, exitCode)) return;
    const { name } = container.spec;
    if (wait > 0) {
      later(LOOK_AGAIN, () => {
        if (!kubelet.wanted(record)) return;
        const pod = `${record.name}_${record.namespace}(${record.uid})`;
        holdBack(container, `back-off ${wait / 1_000}s restarting failed container=${name} pod=${pod}`);
        const message = `Back-off restarting failed container ${name} in pod ${pod}`;
        kubelet.tell(record, { type: 'Warning', reason: 'BackOff', message, container: name });
        kubelet.publish(record);
      });
    }
    later(Math.max(wait, LOOK_AGAIN), () => {
      if (kubelet.wanted(record)) start(record, container);
    });
  };

  const crash = (record: PodRecord, container: ContainerRecord, exitCode: number): void => {
    container.extraLog.push({ at: clock.now(), text: `fatal: the process ended with exit code ${exitCode}` });
    exited(record, container, exitCode);
  };

  const probe = (
    record: PodRecord,
    container: ContainerRecord,
    process: Pick<ApplicationInstance, 'state' | 'ready'>,
  ): void => {
    const hung = record.hung || process.state() === 'hung';
    const change = probed(container, !hung && process.state() === 'serving' && process.ready(), clock.now());
    const { name, readinessProbe } = container.spec;
    if (container.failures > 0) {
      const url = `http://${record.ip}:${readinessProbe?.httpGet?.port ?? 8080}${readinessProbe?.httpGet?.path ?? '/'}`;
      const why = hung
        ? `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
        : process.state() === 'starting'
          ? `Get "${url}": dial tcp ${record.ip}: connect: connection refused`
          : 'HTTP probe failed with statuscode: 503';
      kubelet.tell(record, {
        type: 'Warning',
        reason: 'Unhealthy',
        message: `Readiness probe failed: ${why}`,
        container: name,
      });
    }
    if (change !== undefined) kubelet.publish(record);
  };

  const lookAt = (record: PodRecord): void => {
    const now = clock.now();
    for (const container of record.containers) {
      const { phase } = container;
      if (phase.kind !== 'running') continue;
      if (phase.process.state() === 'crashed') exited(record, container, 1);
      else if (options.faults.crashes(record) && now >= after(phase.since, CRASH_AFTER)) crash(record, container, 1);
      else if (container.spec.readinessProbe !== undefined && now >= container.probeAt)
        probe(record, container, phase.process);
    }
  };

  const look = (): void => {
    for (const record of Array.from(records.values())) if (record.ending === undefined) lookAt(record);
    later(LOOK_EVERY, look);
  };
  later(LOOK_EVERY, look);

  const isHung = ({ hung, containers }: PodRecord): boolean =>
    hung || containers.some(({ phase }) => phase.kind === 'running' && phase.process.state() === 'hung');

  const finish = (record: PodRecord): void => {
    if (record.held || record.over) return;
    record.over = true;
    const killed = isHung(record);
    for (const container of record.containers) end(container, killed ? 137 : 0, clock.now());
    kubelet.publish(record);
    later(drawn(REPORTED_MS), () => {
      records.delete(record.uid);
      const pod = podOf(record);
      if (pod !== undefined) finalize(parts, 'Pod', pod);
    });
  };

  const endAt = (record: PodRecord, deadline: Instant): void => {
    const polite = after(clock.now(), drawn(POLITE_MS));
    const at = isHung(record) || deadline < polite ? deadline : polite;
    if (record.ending !== undefined && record.ending.at <= at) return;
    const first = record.ending === undefined;
    record.ending?.cancel();
    record.ending = { at, cancel: clock.schedule(at, () => finish(record)) };
    if (!first) return;
    for (const { spec, phase } of record.containers) {
      if (phase.kind !== 'running') continue;
      const told = { type: 'Normal', reason: 'Killing', message: `Stopping container ${spec.name}` } as const;
      kubelet.tell(record, { ...told, container: spec.name });
    }
  };

  store.subscribe(({ type, object }) => {
    if (object.kind !== 'Pod') return;
    const { uid, namespace = '', name, deletionTimestamp } = object.metadata;
    if (type !== 'DELETED' && object.spec.nodeName !== undefined && !seen.has(uid)) {
      seen.add(uid);
      later(drawn(SEEN_MS), () => take(uid, namespace, name));
    }
    const record = records.get(uid);
    if (type === 'DELETED') seen.delete(uid);
    if (record === undefined || record.over) return;
    const deadline = type === 'DELETED' ? clock.now() : parseInstant(deletionTimestamp ?? '');
    if (deadline !== undefined) later(millis(0), () => endAt(record, deadline));
  });

  const setHung = (record: PodRecord, hung: boolean): void => {
    record.hung = hung;
    for (const { phase, spec } of record.containers) {
      const launched = phase.kind === 'running' && options.applications?.[spec.name] !== undefined;
      // What the launcher made is an application's instance; inert processes can't be told to hang.
      if (launched) options.hang?.(phase.process as ApplicationInstance, hung);
    }
  };

  return {
    records: () => [...records.values()],
    recordOf: (pod) => records.get(pod.metadata.uid),
    struck: {
      records: () => [...records.values()],
      hang: (record) => setHung(record, true),
      unhang: (record) => setHung(record, false),
      crash(record, exitCode) {
        for (const container of record.containers)
          if (container.phase.kind === 'running') crash(record, container, exitCode);
      },
      release(record) {
        if (record.ending !== undefined && record.ending.at <= clock.now()) finish(record);
      },
    },
  };
}

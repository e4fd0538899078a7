import { unreachable } from '../../shared/core/assert.ts';
import { type Instant, type Millis, after, between, millis, minutes, seconds } from '../../shared/core/time.ts';
import type { ApplicationInstance } from './kernel.ts';
import {
  type Container,
  type ContainerState,
  type ContainerStatus,
  type Terminated,
  stamp,
} from './kubernetes-objects.ts';

// One container of a pod as its kubelet knows it.
//
// C1. A container that ended is started again at once the first time, then after 10 s, 20 s, … 300 s; ten quiet minutes
//     forget that (kubelet `MaxContainerBackOff`).
// C2. Its readiness is what the probe last found over its thresholds, never the application's own view.
// C3. The log of the present run and of the one before are kept, older ones are not.

/** One line of a container's log. */
export interface LogLine {
  readonly at: Instant;
  readonly text: string;
}

/** A container's process. The application's own, or an inert one for containers that the world doesn't know. */
export type Process = Pick<ApplicationInstance, 'state' | 'ready' | 'log' | 'run' | 'stop'>;

/** Where a container stands. */
export type ContainerPhase =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly kind: 'running'; readonly since: Instant; readonly id: string; readonly process: Process }
  | { readonly kind: 'terminated'; readonly how: Terminated };

/** A container and its history. The kubelet alone changes it. */
export interface ContainerRecord {
  readonly spec: Container;
  phase: ContainerPhase;
  last: Terminated | undefined;
  restarts: number;
  ready: boolean;
  /** Consecutive results of the readiness probe. */
  passes: number;
  failures: number;
  probeAt: Instant;
  /** How long the next restart waits, and the next pull of the image. */
  backOff: Millis;
  pullBackOff: Millis;
  /** What the kubelet added to the present run's log. */
  extraLog: LogLine[];
  endedLog: readonly LogLine[];
  previousLog: readonly LogLine[] | undefined;
}

const BACK_OFF_FIRST = seconds(10);
const BACK_OFF_MAX = seconds(300);
const BACK_OFF_FORGOTTEN = minutes(10);

/** A container that was not started yet. */
export function newContainer(spec: Container, now: Instant): ContainerRecord {
  return {
    spec,
    phase: { kind: 'waiting', reason: 'ContainerCreating' },
    last: undefined,
    restarts: 0,
    ready: false,
    passes: 0,
    failures: 0,
    probeAt: now,
    backOff: millis(0),
    pullBackOff: BACK_OFF_FIRST,
    extraLog: [],
    endedLog: [],
    previousLog: undefined,
  };
}

/** The wait after this one, up to five minutes. */
export const longerWait = (wait: Millis): Millis =>
  millis(Math.min(wait === 0 ? BACK_OFF_FIRST : wait * 2, BACK_OFF_MAX));

/** Records that the process runs. */
export function begin(record: ContainerRecord, process: Process, id: string, now: Instant): void {
  if (record.phase.kind === 'terminated' || record.last !== undefined) record.restarts += 1;
  if (record.phase.kind === 'terminated') record.last = record.phase.how;
  record.previousLog = record.last === undefined ? undefined : record.endedLog;
  record.phase = { kind: 'running', since: now, id, process };
  record.extraLog = [];
  const probe = record.spec.readinessProbe;
  Object.assign(record, { ready: probe === undefined, passes: 0, failures: 0 });
  record.probeAt = after(now, (probe?.initialDelaySeconds ?? 0) * 1_000);
}

/** Records that the process ended, and stops it if it hasn't. Returns how long a restart has to wait (C1). */
export function end(record: ContainerRecord, exitCode: number, now: Instant): Millis {
  if (record.phase.kind !== 'running') return millis(0);
  const { process, since, id } = record.phase;
  process.stop();
  record.endedLog = logOf(record);
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  const containerID = id;
  const how = { exitCode, reason, startedAt: stamp(since), finishedAt: stamp(now), containerID };
  record.phase = { kind: 'terminated', how };
  record.ready = false;
  if (between(since, now) >= BACK_OFF_FORGOTTEN) record.backOff = millis(0);
  const wait = record.backOff;
  record.backOff = longerWait(wait);
  return wait;
}

/** Records that a restart has to wait. */
export function holdBack(record: ContainerRecord, message: string): void {
  if (record.phase.kind === 'terminated') record.last = record.phase.how;
  record.phase = { kind: 'waiting', reason: 'CrashLoopBackOff', message };
}

/** What one readiness probe changed: `undefined` when it changed nothing. */
export function probed(record: ContainerRecord, passed: boolean, now: Instant): 'ready' | 'unready' | undefined {
  const { periodSeconds = 10, failureThreshold = 3, successThreshold = 1 } = record.spec.readinessProbe ?? {};
  record.passes = passed ? record.passes + 1 : 0;
  record.failures = passed ? 0 : record.failures + 1;
  record.probeAt = after(now, periodSeconds * 1_000);
  const ready = record.ready ? record.failures < failureThreshold : record.passes >= successThreshold;
  if (ready === record.ready) return undefined;
  record.ready = ready;
  return ready ? 'ready' : 'unready';
}

/** The log of the present run, or of the last one when none is running, oldest line first. */
export function logOf(record: ContainerRecord): readonly LogLine[] {
  if (record.phase.kind !== 'running') return record.endedLog;
  return [...record.phase.process.log(), ...record.extraLog].sort((a, b) => a.at - b.at);
}

/** The container's part of the pod's status. */
export function statusOf(record: ContainerRecord): ContainerStatus {
  const { name, image } = record.spec;
  const id = runId(record);
  const pulled = id !== undefined;
  return {
    name,
    image,
    imageID: pulled ? `${image.replace(/[:@][^/]*$/, '')}@sha256:${digestOf(image)}` : '',
    ...(id === undefined ? {} : { containerID: id }),
    ready: record.ready,
    started: record.phase.kind === 'running',
    restartCount: record.restarts,
    state: stateOf(record.phase),
    lastState: record.last === undefined ? {} : { terminated: record.last },
  };
}

function runId({ phase, last }: ContainerRecord): string | undefined {
  if (phase.kind === 'running') return phase.id;
  return phase.kind === 'terminated' ? phase.how.containerID : last?.containerID;
}

function stateOf(phase: ContainerPhase): ContainerState {
  switch (phase.kind) {
    case 'waiting':
      return { waiting: { reason: phase.reason, ...(phase.message === undefined ? {} : { message: phase.message }) } };
    case 'running':
      return { running: { startedAt: stamp(phase.since) } };
    case 'terminated':
      return { terminated: phase.how };
    default:
      return unreachable(phase);
  }
}

/** A stand-in for an image's digest: the same for the same name. */
function digestOf(image: string): string {
  let hash = 7;
  return Array.from({ length: 64 }, (_, index) => {
    hash = (Math.imul(hash, 31) + image.charCodeAt(index % image.length) + index) >>> 0;
    return (hash % 16).toString(16);
  }).join('');
}

import { type Instant, after, instant, seconds, toIso } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import type { ApiOutcome } from './kernel.ts';
import { ask } from './kubernetes-calls.ts';
import { type ContainerRecord, type LogLine, logOf } from './kubernetes-container.ts';
import type { ClusterContext } from './kubernetes-context.ts';
import { badRequest } from './kubernetes-errors.ts';
import type { Kubelets } from './kubernetes-kubelet.ts';
import type { Pod } from './kubernetes-objects.ts';

/** Which part of a container's log. */
export interface LogOptions {
  /** May be left out when the pod has one container. */
  readonly container?: string;
  /** The run before the present one. */
  readonly previous?: boolean;
  readonly tailLines?: number;
  /** At most that many bytes, from the beginning of what was selected. */
  readonly limitBytes?: number;
  readonly since?: Instant;
  readonly timestamps?: boolean;
}

/** The log subresource. */
export interface Logs {
  /** The text. 400 when the container isn't named, hasn't started, or had no previous run. */
  log(caller: Caller, namespace: string, name: string, options?: LogOptions): ApiOutcome<string>;
  /** The text so far and then each new line, until the container ends (`onEnd`) or the returned function is called. */
  followLog(
    caller: Caller,
    namespace: string,
    name: string,
    options: LogOptions,
    listener: { readonly onText: (text: string) => void; readonly onEnd: () => void },
  ): ApiOutcome<() => void>;
}

/** How often a followed log is looked at. */
const LOOK_EVERY = seconds(1);

/** The log subresource of one cluster's API. */
export function createLogs(
  { kernel, parts }: Pick<ClusterContext, 'kernel' | 'parts'>,
  kubelets: Pick<Kubelets, 'recordOf'>,
): Logs {
  const { clock } = kernel;

  const find = (namespace: string, name: string, options: LogOptions): ContainerRecord => {
    const pod = parts.store.read('Pod', namespace, name);
    const container = containerOf(pod, options.container);
    const record = kubelets.recordOf(pod)?.containers.find(({ spec }) => spec.name === container);
    if (pod.spec.nodeName === undefined) throw badRequest(`pod ${name} does not have a host assigned`);
    const about = `container "${container}" in pod "${name}"`;
    if (record === undefined) throw badRequest(`${about} is waiting to start: ContainerCreating`);
    checkHasLog(record, options.previous === true, container, name);
    return record;
  };

  return {
    log: (caller, namespace, name, options = {}) => {
      const request = { verb: 'get', kind: 'Pod', subresource: 'log', namespace, name, writes: false } as const;
      return ask(kernel, caller, request, () => {
        const record = find(namespace, name, options);
        return render(options.previous === true ? (record.previousLog ?? []) : logOf(record), options);
      });
    },
    followLog: (caller, namespace, name, options, { onText, onEnd }) => {
      const request = { verb: 'get', kind: 'Pod', subresource: 'log', namespace, name, writes: false } as const;
      return ask(kernel, caller, request, () => {
        const record = find(namespace, name, options);
        const run = record.phase;
        let told = logOf(record).length;
        const look = (): void => {
          const same = record.phase === run;
          const lines = same || record.phase.kind !== 'running' ? logOf(record) : [];
          if (lines.length > told) onText(render(lines.slice(told), { timestamps: options.timestamps === true }));
          told = Math.max(told, lines.length);
          if (same && run.kind === 'running') cancel = clock.schedule(after(clock.now(), LOOK_EVERY), look);
          else onEnd();
        };
        const first = render(logOf(record), options);
        let cancel = clock.schedule(clock.now(), () => {
          if (first !== '') onText(first);
          look();
        });
        return () => cancel();
      });
    },
  };
}

/** The container that is meant: the one named, or the only one. Throws 400. */
export function containerOf(pod: Pod, asked: string | undefined): string {
  const { name } = pod.metadata;
  const names = pod.spec.containers.map((container) => container.name);
  if (asked !== undefined && asked !== '') {
    if (!names.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${name}`);
    return asked;
  }
  const [only = '', ...others] = names;
  if (others.length === 0) return only;
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`);
}

/** The refusals of the kubelet (pkg/kubelet/kubelet_pods.go, `validateContainerLogStatus`). */
function checkHasLog({ phase, last }: ContainerRecord, previous: boolean, container: string, pod: string): void {
  const about = `container "${container}" in pod "${pod}"`;
  if (previous && last === undefined) throw badRequest(`previous terminated ${about} not found`);
  if (previous || phase.kind !== 'waiting' || last !== undefined) return;
  const why =
    phase.reason === 'ErrImagePull'
      ? "image can't be pulled"
      : phase.reason === 'ImagePullBackOff'
        ? 'trying and failing to pull image'
        : phase.reason;
  throw badRequest(`${about} is waiting to start: ${why}`);
}

/** RFC 3339 with nanoseconds, as container runtimes stamp lines. */
const nanoStamp = (at: Instant): string => toIso(at).replace('Z', '000000Z');

function render(
  lines: readonly LogLine[],
  { tailLines, limitBytes, since = instant(0), timestamps = false }: LogOptions,
): string {
  const recent = lines.filter(({ at }) => at >= since);
  const tail = tailLines === undefined ? recent : recent.slice(Math.max(0, recent.length - tailLines));
  const text = tail.map(({ at, text: line }) => `${timestamps ? `${nanoStamp(at)} ` : ''}${line}\n`).join('');
  if (limitBytes === undefined) return text;
  return Buffer.from(text).subarray(0, limitBytes).toString('utf8');
}

import type { Caller } from './caller.ts';
import type { ApiOutcome, CommandEnd } from './kernel.ts';
import { ask } from './kubernetes-calls.ts';
import type { ClusterContext } from './kubernetes-context.ts';
import { badRequest, notFound } from './kubernetes-errors.ts';
import type { Kubelets } from './kubernetes-kubelet.ts';
import { containerOf } from './kubernetes-logs.ts';
import { resourceOf } from './kubernetes-resources.ts';

/** The exec subresource. */
export interface Exec {
  /** Runs a command in a container. 400 when the container isn't named, 404 when it doesn't run. */
  exec(
    caller: Caller,
    namespace: string,
    name: string,
    wish: { readonly container?: string; readonly command: readonly string[] },
  ): ApiOutcome<CommandEnd>;
}

/** The exec subresource of one cluster's API. Who may run commands may `create` it, by whichever method. */
export function createExec(
  { kernel, parts }: Pick<ClusterContext, 'kernel' | 'parts'>,
  kubelets: Pick<Kubelets, 'recordOf'>,
): Exec {
  return {
    exec: (caller, namespace, name, { container, command }) => {
      const request = { verb: 'create', kind: 'Pod', subresource: 'exec', namespace, name, writes: true } as const;
      return ask(kernel, caller, request, () => {
        const pod = parts.store.read('Pod', namespace, name);
        const wanted = containerOf(pod, container);
        if (command.length === 0) throw badRequest('you must specify at least one command for the container');
        const phase = kubelets.recordOf(pod)?.containers.find(({ spec }) => spec.name === wanted)?.phase;
        if (phase?.kind !== 'running') throw notFound(resourceOf('Pod'), `container not found ("${wanted}")`);
        return phase.process.run?.(command) ?? notInImage(command[0] ?? '');
      });
    },
  };
}

/** What the container runtime says of a program that is not in the image. */
const notInImage = (program: string): CommandEnd => ({
  code: 126,
  stdout: '',
  stderr: `OCI runtime exec failed: exec failed: unable to start container process: exec: "${program}": executable file not found in $PATH: unknown\n`,
});

import type { RunbookName } from '../shared/system/names.ts';
import type { Application } from '../shared/system/system.ts';
import { applicationOf } from '../shared/system/topology.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import { publishCommand } from './commands.ts';
import type { Ending } from './config.ts';
import { type Facts, Refusal } from './sandbox-facts.ts';

// `./dr scale APPLICATION` and `./dr restart APPLICATION`: what the runbook's `kubectl scale` and `kubectl rollout restart` are for, as
// `./dr trigger` with the runbook that fits where the application runs. They publish a wish and change nothing by themselves.

/** What is wished for an application. */
export type Wished = 'scale' | 'restart';

/** Publishes the wish. Ends with 2 for an application that dr.yaml does not have, or that has no such runbook. */
export async function askFor(
  facts: Facts,
  wished: Wished,
  { application: name, reason }: { readonly application: string; readonly reason: string },
  options: { readonly json: boolean },
): Promise<Ending> {
  const system = loadSystem(facts.config);
  const application = applicationOf(system, name);
  if (application === undefined)
    throw new Refusal(
      2,
      `dr.yaml has no application ${name}; it has ${system.applications.map(({ id }) => id).join(', ')}`,
    );
  const runbook = runbookFor(wished, application);
  if (runbook === undefined)
    throw new Refusal(
      2,
      `${name} runs on Cloud Run, which replaces instances by itself: there is no restart of it; a new revision is the way`,
    );
  return await publishCommand(facts, { command: 'start', runbook, target: name, reason }, options);
}

/** The runbook by which a wish is fulfilled where the application runs; `undefined` where there is none. */
export function runbookFor(wished: Wished, { kind }: Pick<Application, 'kind'>): RunbookName | undefined {
  if (wished === 'scale') return kind === 'gke' ? 'deployment-scale-up' : 'service-scale-up';
  return kind === 'gke' ? 'rollout-restart' : undefined;
}

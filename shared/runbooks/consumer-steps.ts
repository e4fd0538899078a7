import { minutes, seconds } from '../core/time.ts';
import type { ServiceStatus } from '../ports/services.ts';
import type { WorkloadStatus } from '../ports/workloads.ts';
import { targetId } from '../system/names.ts';
import type { CloudRunApplication, GkeApplication } from '../system/system.ts';
import type { StepDraft } from './steps.ts';

// How consumers are taken away from a database and given back as they were (design.md section 8, steps 3 and 7).

/** A consumer with what it looked like, so that it can be given back as it was. */
export type Consumer =
  | { readonly kind: 'gke'; readonly application: GkeApplication; readonly status: WorkloadStatus }
  | { readonly kind: 'cloudRun'; readonly application: CloudRunApplication; readonly status: ServiceStatus };

/** Takes one consumer away, reversibly. */
export function holdStep(consumer: Consumer): StepDraft {
  const { id } = consumer.application;
  const undo = releaseStep(consumer);
  return {
    id: `hold-${id}`,
    action: consumer.kind === 'gke' ? 'hold-workload' : 'hold-service',
    input: undo.input,
    title: `Take ${id} away from the database (${consumer.kind === 'gke' ? 'zero replicas' : 'zero instances'}, reversible)`,
    target: targetId(`application/${id}`),
    needs: [],
    stage: 'execute',
    estimate: seconds(20),
    limit: minutes(5),
    undo: { kind: 'action', action: undo.action, input: undo.input, title: undo.title },
  };
}

/** Gives one consumer back; its new copies read the database's address anew. */
export function releaseStep(consumer: Consumer): StepDraft {
  const { id } = consumer.application;
  const target = targetId(`application/${id}`);
  const base = {
    id: `release-${id}`,
    target,
    needs: [],
    stage: 'propagate' as const,
    estimate: seconds(30),
    limit: minutes(10),
  };
  if (consumer.kind === 'gke') {
    const replicas = Math.max(1, consumer.status.replicas);
    return {
      ...base,
      action: 'release-workload',
      input: { application: id, replicas },
      title: `Give ${id} its ${replicas} replicas back`,
    };
  }
  const { scaling } = consumer.status;
  const before =
    scaling.kind === 'manual'
      ? { kind: 'manual', instances: Math.max(1, scaling.instances) }
      : { kind: 'automatic', min: scaling.min, max: scaling.max ?? null };
  return {
    ...base,
    action: 'release-service',
    input: { application: id, scaling: before },
    title: `Put ${id} back into service`,
  };
}

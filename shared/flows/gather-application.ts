import type { ApplicationFacts } from '../classify/facts.ts';
import { isReadable } from '../classify/facts.ts';
import type { DeepHealth } from '../ports/applications.ts';
import type { Chance, Clock } from '../ports/clock.ts';
import type { World } from '../ports/ports.ts';
import type { DocumentStore } from '../ports/store.ts';
import { readServiceLoad } from '../ports/service-load.ts';
import { readWorkloadLoad } from '../ports/workload-load.ts';
import { previewOf } from '../signals/malformed.ts';
import type { Application, GkeApplication, System } from '../system/system.ts';
import { attempt } from './attempt.ts';

// What a look finds out about one application (G1 and G2 of gather.ts).

/** What a look is done with. */
export interface GatherHome {
  readonly system: System;
  readonly world: World;
  readonly clock: Pick<Clock, 'now'>;
  readonly documents: Pick<DocumentStore, 'get'>;
  readonly chance: Pick<Chance, 'uuid'>;
}

/** Pods that are kept: the facts are evidence, not an inventory. */
const PODS_MAX = 100;

/** An application from outside, and as its platform describes it. Never rejects for the world's sake. */
export async function applicationFacts(application: Application, home: GatherHome): Promise<ApplicationFacts> {
  const { workloads, rollouts, services } = home.world;
  const { id } = application;
  const isGke = application.kind === 'gke';
  const [health, workload, pods, rollout, service, load, workloadLoad] = await Promise.all([
    deepHealth(id, home),
    isGke ? attempt(() => workloads.inspect(id)) : undefined,
    isGke ? attempt(async () => (await workloads.pods(id)).slice(0, PODS_MAX)) : undefined,
    isGke ? attempt(() => rollouts.inspect(id)) : undefined,
    isGke ? undefined : attempt(() => services.inspect(id)),
    isGke
      ? undefined
      : attempt(() => readServiceLoad(home.world.metrics, home.system.project, application, home.clock.now())),
    isGke && application.urlMap !== undefined
      ? workloadLoadOf({ ...application, urlMap: application.urlMap }, home)
      : undefined,
  ]);
  return { application: id, health, workload, pods, rollout, service, load, workloadLoad };
}

const workloadLoadOf = (application: GkeApplication & { readonly urlMap: string }, home: GatherHome) =>
  attempt(() => readWorkloadLoad(home.world.metrics, home.system.project, application, home.clock.now()));

async function deepHealth(application: string, home: GatherHome): Promise<DeepHealth> {
  const health = await attempt(() => home.world.applications.deepHealth(application));
  if (!isReadable(health)) {
    return { kind: 'silent', detail: health.unreadable, instance: undefined, database: undefined };
  }
  return { ...health, detail: previewOf(health.detail) };
}

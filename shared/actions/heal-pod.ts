import { z } from 'zod';
import { redact } from '../core/redact.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { isPortError } from '../ports/port-error.ts';
import type { EvictionOutcome } from '../ports/workloads.ts';
import { define, verifiedByPolling } from './define.ts';
import { beneath, databaseFailsSince, heard, silentSince } from './give-way.ts';

// Heals one pod: keeps what it knew, evicts it under its PodDisruptionBudget, and lets its ReplicaSet replace it (runbook 4.2,
// corrected: the HPA replaces nothing, and a plain delete would ignore the budget).

const pod = z.strictObject({ application: z.string(), pod: z.string(), uid: z.string() });

/** Lines of a container's log that are kept. */
const LOG_LINES = 200;

/** Keeps describe output, events and the previous and present container's logs, redacted. */
export const capturePodEvidence = define({
  kind: 'capture-pod-evidence',
  risk: 'observe',
  repeat: 'terminal',
  input: pod,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ application, pod: name }, _version, context) => ({
    kind: 'done',
    detail: await keepPod(application, name, context),
  }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'keeping evidence' }),
  verify: verifiedByPolling,
});

async function keepPod(application: string, name: string, context: ActionContext): Promise<string> {
  const { world } = context;
  const [described, previous, present] = await Promise.all([
    world.workloads.describePod(application, name),
    world.workloads.podLog(application, name, { previous: true, lines: LOG_LINES }),
    world.workloads.podLog(application, name, { previous: false, lines: LOG_LINES }),
  ]);
  await context.keep(`describe of pod ${name}`, redact(described));
  if (previous !== undefined) await context.keep(`log of the previous container of ${name}`, redact(previous));
  if (present !== undefined) await context.keep(`log of ${name}`, redact(present));
  return `kept describe output, events${previous === undefined ? '' : ', the previous container’s log'} and log of ${name}`;
}

/** Pods of one revision that are kept: they fail alike. */
const PODS_KEPT = 2;

/** Keeps what the failing pods of one revision know, whichever they are by then. */
export const captureRevisionEvidence = define({
  kind: 'capture-revision-evidence',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ application: z.string(), template: z.string() }),
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ application, template }, _version, context) => {
    const failing = (await context.world.workloads.pods(application)).filter(
      (known) => known.template === template && !known.ready,
    );
    const kept: string[] = [];
    for (const { name } of failing.slice(0, PODS_KEPT)) {
      try {
        kept.push(await keepPod(application, name, context));
      } catch (error) {
        // Its controller may have replaced it meanwhile; another one fails as it did.
        if (!isPortError(error) || error.code !== 'notFound') throw error;
      }
    }
    return { kind: 'done', detail: kept.length === 0 ? 'no pod of it is left to keep anything of' : kept.join('; ') };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'keeping evidence' }),
  verify: verifiedByPolling,
});

/** Evicts the pod with that uid and waits until it is gone. A budget that would break holds it back until the time limit. */
export const evictPod = define({
  kind: 'evict-pod',
  risk: 'safe',
  repeat: 'conditional',
  input: pod,
  version: z.null(),
  handle: z.strictObject({ evicted: z.boolean() }),
  observe: async ({ application, pod: name, uid }, { world }) => {
    const known = (await world.workloads.pods(application)).find((other) => other.uid === uid);
    if (known === undefined) return { kind: 'already', detail: `${name} is gone` };
    if (known.terminating) return { kind: 'inProgress', handle: { evicted: true }, detail: `${name} is ending` };
    return { kind: 'toDo', version: null };
  },
  start: async ({ application, pod: name, uid }, _version, { world }) =>
    afterEviction(name, await world.workloads.evict(application, name, uid)),
  poll: async ({ evicted }, { application, pod: name, uid }, { world }) => {
    const known = (await world.workloads.pods(application)).find((other) => other.uid === uid);
    if (known === undefined) return { kind: 'done', detail: `${name} is gone` };
    if (evicted || known.terminating)
      return { kind: 'running', handle: { evicted: true }, detail: `${name} is ending` };
    return afterEviction(name, await world.workloads.evict(application, name, uid));
  },
  verify: verifiedByPolling,
});

function afterEviction(name: string, outcome: EvictionOutcome) {
  switch (outcome.kind) {
    case 'evicted':
      return { kind: 'running' as const, handle: { evicted: true }, detail: `${name} is being evicted` };
    case 'gone':
      return { kind: 'done' as const, detail: `${name} is gone` };
    case 'budgetWouldBreak':
      return {
        kind: 'running' as const,
        handle: { evicted: false },
        detail: `the PodDisruptionBudget allows no eviction now: ${outcome.detail}`,
      };
  }
}

const healthy = z.strictObject({ application: z.string(), kind: z.enum(['gke', 'cloudRun']), holdMs: z.number() });

/** A restart counts only when the target stays healthy for its hold time (design.md section 5). */
export const stayHealthy = define({
  kind: 'stay-healthy',
  risk: 'observe',
  repeat: 'terminal',
  input: healthy,
  version: z.null(),
  handle: z.strictObject({
    sinceMs: z.number().nullable(),
    relapses: z.number().int(),
    databaseFailsSinceMs: databaseFailsSince,
    silentSinceMs: silentSince,
  }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async () => ({
    kind: 'running',
    handle: { sinceMs: null, relapses: 0, databaseFailsSinceMs: null, silentSinceMs: null },
    detail: 'watching',
  }),
  poll: async ({ sinceMs, relapses, databaseFailsSinceMs, silentSinceMs }, { application, kind, holdMs }, context) => {
    const { world, clock } = context;
    const now = clock.now();
    const health = await world.applications.deepHealth(application);
    const below = beneath(application, health, databaseFailsSinceMs, context);
    if (below.failure !== undefined) return { kind: 'failed', failure: below.failure };
    // Who has never been well is waited for; who was, and then answers nobody, is not.
    const wasWell = sinceMs !== null || relapses > 0;
    const above = heard(application, wasWell && health.kind === 'silent', silentSinceMs, context);
    if (above.failure !== undefined) return { kind: 'failed', failure: above.failure };
    const running = (since: number | null, fallen: number, detail: string): Progress => ({
      kind: 'running',
      handle: {
        sinceMs: since,
        relapses: fallen,
        databaseFailsSinceMs: below.failsSinceMs,
        silentSinceMs: above.silentSinceMs,
      },
      detail,
    });
    const workload = kind === 'gke' ? await world.workloads.inspect(application) : undefined;
    const ready = workload === undefined || (workload.ready >= workload.replicas && workload.replicas > 0);
    if (health.kind === 'serving' && ready) {
      const since = sinceMs ?? now;
      if (now - since >= holdMs)
        return { kind: 'done', detail: `${application} has stayed well for ${Math.round((now - since) / 1_000)} s` };
      return running(since, relapses, `${application} is well since ${new Date(since).toISOString()}`);
    }
    const detail = ready ? health.detail : `${workload?.ready ?? 0} of ${workload?.replicas ?? 0} replicas are ready`;
    // A first wait for the replacement is no relapse; being well and falling ill again is, and twice is not chance.
    const fell = relapses + (sinceMs === null ? 0 : 1);
    if (fell >= 2)
      return {
        kind: 'failed',
        failure: failure('notVerified', 'relapsed', `${application} fell ill again: ${detail}`),
      };
    return running(null, fell, detail);
  },
  verify: verifiedByPolling,
});

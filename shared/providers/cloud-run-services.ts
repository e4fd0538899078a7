import type { ServicesClient, protos } from '@google-cloud/run';
import { z } from 'zod';
import { assert } from '../core/assert.ts';
import type { Services, ServiceScaling, ServiceStatus } from '../ports/services.ts';
import type { CloudRunApplication } from '../system/system.ts';
import { callGoogle, lazyClient } from './google-call.ts';
import type { CallOptions, GoogleAccess } from './google-call.ts';
import type { Effect } from './normalize-error.ts';

// Cloud Run through `@google-cloud/run`, Admin v2, REST (facts.md 4).
//
// R1. Only service-level scaling is written, under an update mask that names it: no new revision, nothing else touched.
// R2. Every write carries the etag that was read; a stale one is a conflict.

const Int = z.coerce.number().int();

/** What the client hands out: enums as names, `''` and 0 where nothing is set. */
const wire = z.object({
  etag: z.string().min(1),
  uri: z.string().nullish(),
  reconciling: z.boolean(),
  generation: z.coerce.string(),
  observedGeneration: z.coerce.string(),
  latestReadyRevision: z.string().nullish(),
  latestCreatedRevision: z.string().nullish(),
  terminalCondition: z.object({ type: z.string(), state: z.string() }).nullish(),
  scaling: z
    .object({
      scalingMode: z.string(),
      minInstanceCount: Int,
      maxInstanceCount: Int.nullish(),
      manualInstanceCount: Int.nullish(),
    })
    .nullish(),
  template: z.object({ scaling: z.object({ maxInstanceCount: Int.nullish() }).nullish() }).nullish(),
});

/** A service as the client returns it. Throws `z.ZodError` on anything else. */
export function parseService(answer: unknown): ServiceStatus {
  const service = wire.parse(answer);
  const condition = service.terminalCondition;
  const current =
    service.generation === service.observedGeneration && service.latestReadyRevision === service.latestCreatedRevision;
  return {
    scaling: scalingOf(service.scaling ?? undefined),
    revisionMax: limitOf(service.template?.scaling?.maxInstanceCount),
    ready: condition?.type === 'Ready' && condition.state === 'CONDITION_SUCCEEDED' && current,
    settled: !service.reconciling && service.generation === service.observedGeneration,
    etag: service.etag,
    revision: lastPart(service.latestReadyRevision),
    url: service.uri === '' || service.uri === null ? undefined : service.uri,
  };
}

function scalingOf(scaling: z.infer<typeof wire>['scaling']): ServiceScaling {
  if (scaling?.scalingMode === 'MANUAL') return { kind: 'manual', instances: scaling.manualInstanceCount ?? 0 };
  return {
    kind: 'automatic',
    min: scaling?.minInstanceCount ?? 0,
    max: limitOf(scaling?.maxInstanceCount),
  };
}

/** 0: no limit of its own. */
const limitOf = (max: number | null | undefined): number | undefined => (max === 0 || max === null ? undefined : max);

const operationWire = z.object({
  name: z.string().min(1),
  done: z.boolean(),
  error: z.object({ code: z.number(), message: z.string() }).nullish(),
});
const started = z.object({ name: z.string().min(1) });

/** The Cloud Run applications of the system, by their id. */
export function createCloudRunServices(
  access: GoogleAccess,
  applications: readonly Pick<CloudRunApplication, 'id' | 'region' | 'service'>[],
): Services {
  const clients = lazyClient(access, 'run', async (options): Promise<ServicesClient> => {
    const run = await import('./run-client.ts');
    return new run.ServicesClient(options);
  });
  const call = <T>(
    doing: string,
    effect: Effect,
    send: (client: Awaited<ReturnType<typeof clients>>, options: CallOptions) => Promise<T>,
  ): Promise<T> => callGoogle(access, { doing, effect }, clients, send);
  const nameOf = (id: string): string => {
    const application = applications.find((candidate) => candidate.id === id);
    assert(application !== undefined, `${id} is no Cloud Run application of this system`);
    return `projects/${access.project}/locations/${application.region}/services/${application.service}`;
  };

  return {
    inspect: (id) =>
      call(`inspecting ${id}`, 'reads', async (services, options) =>
        parseService((await services.getService({ name: nameOf(id) }, options))[0]),
      ),
    setScaling: (id, scaling, etag) =>
      call(`scaling ${id}`, 'writesIfUnchanged', async (services, options) => {
        const { fields, paths } = change(scaling);
        const service = { name: nameOf(id), etag, scaling: fields };
        const [operation] = await services.updateService({ service, updateMask: { paths } }, options);
        return started.parse(operation).name;
      }),
    operation: (name) =>
      call(`reading the operation ${name}`, 'reads', async (services, options) => {
        // Sent as any other request; its class, which the type asks for, would cost a start a megabyte of code.
        const request = { name } as protos.google.longrunning.GetOperationRequest;
        const [answer] = await services.getOperation(request, options);
        const { done, error } = operationWire.parse(answer);
        return { done, error: error === null || error === undefined ? undefined : `${error.code}: ${error.message}` };
      }),
  };
}

/** What is sent and the mask over it (R1). A maximum that was never set stays unset. */
function change(scaling: ServiceScaling): {
  readonly fields: protos.google.cloud.run.v2.IServiceScaling;
  readonly paths: string[];
} {
  if (scaling.kind === 'manual') {
    return {
      fields: { scalingMode: 'MANUAL', manualInstanceCount: scaling.instances },
      paths: ['scaling.scaling_mode', 'scaling.manual_instance_count'],
    };
  }
  const { min, max } = scaling;
  return {
    fields: {
      scalingMode: 'AUTOMATIC',
      minInstanceCount: min,
      ...(max === undefined ? {} : { maxInstanceCount: max }),
    },
    paths: [
      'scaling.scaling_mode',
      'scaling.min_instance_count',
      ...(max === undefined ? [] : ['scaling.max_instance_count']),
    ],
  };
}

function lastPart(name: string | null | undefined): string | undefined {
  if (name === undefined || name === null || name === '') return undefined;
  return name.slice(name.lastIndexOf('/') + 1);
}

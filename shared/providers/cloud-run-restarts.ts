import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { RESTARTED_FOR, type ServiceRestart, type ServiceRestarts } from '../ports/service-restarts.ts';
import type { CloudRunApplication } from '../system/system.ts';
import { callGoogle, type GoogleAccess, lazyClient } from './google-call.ts';

// Restarts a Cloud Run service by a change of its template that changes nothing but an annotation, which makes a new revision.
//
// T1. The change carries the etag that was looked at.
// T2. Nothing but annotations of the template is sent, and a revision's chosen name is taken away: under the same name a changed
//     template is refused.

const list = <T extends z.ZodType>(of: T) =>
  z
    .array(of)
    .nullish()
    .transform((items) => items ?? []);
const reference = z.object({ secret: z.string(), version: z.string().nullish() });

const wire = z.object({
  etag: z.string().min(1),
  reconciling: z.boolean(),
  generation: z.coerce.string(),
  observedGeneration: z.coerce.string(),
  latestReadyRevision: z.string().nullish(),
  latestCreatedRevision: z.string().nullish(),
  terminalCondition: z.object({ type: z.string(), state: z.string() }).nullish(),
  // The latest revision is no name (run.googleapis.com v2, TrafficTarget).
  traffic: list(z.object({ revision: z.string().nullish(), percent: z.number().nullish() })),
  template: z.object({
    annotations: z.record(z.string(), z.string()).nullish(),
    containers: list(
      z.object({ env: list(z.object({ valueSource: z.object({ secretKeyRef: reference.nullish() }).nullish() })) }),
    ),
    volumes: list(
      z.object({
        secret: z.object({ secret: z.string(), items: list(z.object({ version: z.string().nullish() })) }).nullish(),
      }),
    ),
  }),
});
const started = z.object({ name: z.string().min(1) });

/** The Cloud Run applications of the system, by their id. */
export function createCloudRunRestarts(
  access: GoogleAccess,
  applications: readonly CloudRunApplication[],
): ServiceRestarts {
  const client = lazyClient(access, 'run', async (options) => {
    const { ServicesClient } = await import('./run-client.ts');
    return new ServicesClient(options);
  });
  const nameOf = (id: string): string => {
    const application = applications.find((known) => known.id === id);
    assert(application !== undefined, `${id} is no Cloud Run application of this system`);
    return `projects/${access.project}/locations/${application.region}/services/${application.service}`;
  };
  return {
    inspect: (id) =>
      callGoogle(access, { doing: `reading the revisions of ${id}`, effect: 'reads' }, client, async (ready, options) =>
        restartOf((await ready.getService({ name: nameOf(id) }, options))[0]),
      ),
    restart: async (id, why, etag) => {
      const name = nameOf(id);
      await callGoogle(
        access,
        { doing: `restarting ${id}`, effect: 'writesIfUnchanged' },
        async (options) => {
          const ready = await client();
          // A map under the mask is replaced as a whole; that it is still the one that was read is for the etag to say.
          const { template } = wire.parse((await ready.getService({ name }, options))[0]);
          return { ready, annotations: { ...template.annotations, [RESTARTED_FOR]: why } };
        },
        async ({ ready, annotations }, options) => {
          const service = { name, etag, template: { annotations } };
          const paths = ['template.annotations', 'template.revision'];
          const [operation] = await ready.updateService({ service, updateMask: { paths } }, options);
          started.parse(operation);
        },
      );
    },
  };
}

function restartOf(answer: unknown): ServiceRestart {
  const service = wire.parse(answer);
  const { latestReadyRevision: ready, latestCreatedRevision: created, terminalCondition: condition } = service;
  const settled = !service.reconciling && service.generation === service.observedGeneration && ready === created;
  return {
    restartedFor: service.template.annotations?.[RESTARTED_FOR],
    complete: settled && condition?.type === 'Ready' && condition.state === 'CONDITION_SUCCEEDED',
    pinnedTo: service.traffic.flatMap(({ revision, percent }) =>
      revision && (percent ?? 0) > 0 ? [lastOf(revision)] : [],
    ),
    fixedSecrets: fixedSecrets(service.template),
    etag: service.etag,
  };
}

function fixedSecrets({ containers, volumes }: z.output<typeof wire>['template']): ServiceRestart['fixedSecrets'] {
  const references = [
    ...containers.flatMap(({ env }) => env.flatMap(({ valueSource }) => valueSource?.secretKeyRef ?? [])),
    ...volumes.flatMap(({ secret }) =>
      (secret?.items ?? []).map(({ version }) => ({ secret: secret?.secret ?? '', version })),
    ),
  ];
  return references.flatMap(({ secret, version }) =>
    version && version !== 'latest' ? [{ secret: lastOf(secret), version }] : [],
  );
}

/** A name without the path before it, which Google may write or not. */
const lastOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

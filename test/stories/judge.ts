import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { passwordOf } from '../../cli/story.ts';
import type { Loss } from '../../sandbox/load/load.ts';
import { balances } from '../../sandbox/world/broker-delivery.ts';
import type { Instant } from '../../shared/core/time.ts';
import type { AuditEntry } from '../../sandbox/world/kernel.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import type { Stage } from './story.ts';

// What happened, from outside (decisions.md 24): the world's audit of requests, the broker's ledger, what users saw, what the
// pagers showed, and bytes on the disk. Nothing here believes the product's log.

/** Effects of a permission, whoever asked. */
export const effects = (stage: Stage, permission: string): readonly AuditEntry[] =>
  stage.sandbox.world.kernel.audit.effects(permission);

/** Effects of promotions. */
export const promotions = (stage: Stage): readonly AuditEntry[] => effects(stage, 'cloudsql.instances.promoteReplica');

/**
 * What our own functions changed in the protected system, oldest first, as `permission resource`. Heartbeat and canary rows go to
 * a table of their own over the data plane (`login`); messages are ours.
 */
export const changes = (stage: Stage): readonly string[] =>
  stage.sandbox.world.kernel.audit
    .entries()
    .filter(
      ({ call, result }) =>
        call.writes &&
        result === 'effect' &&
        call.principal.startsWith('dr-') &&
        !call.permission.startsWith('pubsub.') &&
        call.permission !== 'cloudsql.instances.login',
    )
    .map(({ call }) => `${call.permission} ${call.resource}`);

/** Subscriptions whose accepted messages are not all accounted for. */
export const unbalanced = (stage: Stage): readonly string[] =>
  stage.sandbox.messaging.courier
    .ledger()
    .filter((row) => !balances(row))
    .map((row) => JSON.stringify(row));

/** What a database failover changes, in its order, and nothing else. */
export const FAILOVER = [
  /^k8s\.apps\.deployments\/scale\.patch .*coditect-dms-api/,
  /^run\.services\.update services\/coditect-dms-api$/,
  /^cloudsql\.instances\.update instances\/coditect-dms-db$/,
  /^cloudsql\.instances\.promoteReplica instances\/coditect-dms-db-replica:promoteReplica$/,
  /^secretmanager\.versions\.add secrets\/coditect-dms-database-url:addVersion$/,
  /^k8s\.apps\.deployments\/scale\.patch .*coditect-dms-api/,
  /^run\.services\.update services\/coditect-dms-api$/,
  /^cloudsql\.backupRuns\.create instances\/coditect-dms-db-replica\/backupRuns$/,
  /^cloudsql\.instances\.update instances\/coditect-dms-db-replica$/,
  /^cloudsql\.instances\.create instances\/coditect-dms-db-replica-/,
] as const;

/** Messages that were given up. */
export const deadLetters = (stage: Stage): number =>
  stage.sandbox.messaging.courier.ledger().reduce((sum, row) => sum + row.deadLettered, 0);

/** What users' acknowledged writes, of those until a moment, are missing on the database that the application is told to use now. */
export function loss(stage: Stage, until?: Instant): Loss {
  const { world, load } = stage.sandbox;
  const primary = world.primaryInUse();
  return load.loss(
    (id) => world.sql.fleet.servers.server(primary)?.history.hasApplicationRow(id) === true,
    stage.brokenAt,
    until,
  );
}

/** Services whose users can't write now. */
export const withoutService = (stage: Stage): readonly string[] =>
  stage.sandbox.load
    .report()
    .filter(({ outages }) => outages.some(({ until }) => until === undefined))
    .map(({ service }) => service);

/** When the last user was served again after the break; `undefined` while one is not. */
export function servedAgainAt(stage: Stage): number | undefined {
  const ends = stage.sandbox.load.report().flatMap(({ outages }) => outages.map(({ until }) => until));
  return ends.includes(undefined) ? undefined : Math.max(...ends.map((end) => end ?? 0));
}

/** Replicas that each Deployment and each Cloud Run service has: none is left at zero by a landing. */
export function running(stage: Stage): Readonly<Record<string, number>> {
  const { kubernetes, run } = stage.sandbox.world;
  const gke = kubernetes.readyPods(REFERENCE.namespace, REFERENCE.api).length;
  const cloudRun = run.instances({ location: REFERENCE.region, service: REFERENCE.api }).length;
  return { gke, cloudRun };
}

/** Where the password of this world can be read, of all places that are not the secret itself. Empty is right. */
export function leaks(stage: Stage): readonly string[] {
  const { world } = stage.sandbox;
  const password = passwordOf(stage.sandbox);
  const inStore = readdirSync(stage.folder)
    .filter((file) => file.startsWith('store.sqlite'))
    .filter((file) => readFileSync(join(stage.folder, file)).includes(password));
  const objects = (['Pod', 'Deployment', 'ReplicaSet', 'Event'] as const).filter((kind) =>
    JSON.stringify(world.kubernetes.store.list(kind)).includes(password),
  );
  const places: readonly (readonly [string, unknown])[] = [
    ['output of a function', stage.output.find((line) => line.includes(password))],
    ['a notice', stage.paged.find((notice) => JSON.stringify(notice).includes(password))],
    ['a Cloud Run service', JSON.stringify(world.run.services()).includes(password) ? 'its spec' : undefined],
    ['a request', world.kernel.audit.entries().find((entry) => JSON.stringify(entry).includes(password))],
  ];
  return [
    ...inStore,
    ...objects.map((kind) => `a ${kind}`),
    ...places.flatMap(([place, found]) =>
      found === undefined ? [] : [`${place}: ${JSON.stringify(found).slice(0, 200)}`],
    ),
  ];
}

import { SecretText } from '../../shared/core/redact.ts';
import { minutes } from '../../shared/core/time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Messages } from '../../shared/ports/messages.ts';
import type { World as Ports } from '../../shared/ports/ports.ts';
import { RESTARTED_FOR } from '../../shared/ports/service-restarts.ts';
import type { FunctionName } from '../../shared/system/names.ts';
import type { PubsubApi } from '../world/broker-api.ts';
import { dataOf } from '../world/broker-message.ts';
import { functionPrincipal, REFERENCE, SECONDARY } from '../world/reference-system.ts';
import type { RunServiceRef } from '../world/run-spec.ts';
import type { World } from '../world/world.ts';
import { inProcessBackups, inProcessContents } from './backups.ts';
import { inProcessApplications, inProcessDataPlane } from './contacts.ts';
import { type Crossing, cross } from './crossing.ts';
import { inProcessDatabases, inProcessDatabaseUsers } from './databases.ts';
import { inProcessLogArchive, inProcessVault } from './evidence.ts';
import { inProcessIsolation } from './isolation.ts';
import { inProcessRowFiles } from './row-files.ts';
import { inProcessRows } from './rows.ts';
import { inProcessRollouts } from './rollouts.ts';
import { inProcessSessions } from './sessions.ts';
import { inProcessTraffic } from './traffic.ts';
import { inProcessWorkloads } from './workloads.ts';

/** The Cloud Run service behind an application of dr.yaml. */
const refOf = (application: string): RunServiceRef =>
  application === 'api-east'
    ? { location: SECONDARY.region, service: SECONDARY.api }
    : { location: REFERENCE.region, service: REFERENCE.api };

const P95 = { period: minutes(1), aligner: 'ALIGN_PERCENTILE_95', reducer: 'REDUCE_NONE', groupBy: [] } as const;

const STATES = { ENABLED: 'enabled', DISABLED: 'disabled', DESTROYED: 'destroyed' } as const;

/** The product's ports onto a simulated cloud, for the identity of one function. `chance` says how long messages take. */
export function inProcessPorts(world: World, name: FunctionName, clock: Clock, chance: Crossing['chance']): Ports {
  const crossing: Crossing = { caller: { principal: functionPrincipal(name), from: 'functions' }, clock, chance };
  const { caller } = crossing;
  const sql = inProcessDatabases(world, crossing);
  const backups = inProcessBackups(world, crossing);
  return {
    databases: sql,
    remedies: sql,
    redundancy: sql,
    databaseUsers: inProcessDatabaseUsers(world, crossing),
    backups,
    copies: backups,
    contents: inProcessContents(world, crossing),
    rows: inProcessRows(world, crossing),
    rowFiles: inProcessRowFiles(world, crossing),
    dataPlane: inProcessDataPlane(world, crossing),
    applications: inProcessApplications(world, crossing),
    workloads: inProcessWorkloads(world, crossing),
    rollouts: inProcessRollouts(world, crossing),
    services: {
      inspect: async (application) => {
        const ref = refOf(application);
        const view = await cross(crossing, 'reading the service', 'reads', () => world.runApi.getService(caller, ref));
        const { mode, min, max, manual } = view.spec.scaling;
        return {
          scaling:
            mode === 'MANUAL' ? { kind: 'manual', instances: manual ?? 0 } : { kind: 'automatic', min: min ?? 0, max },
          revisionMax: view.spec.template.max,
          ready: view.settled && view.failure === undefined,
          settled: view.settled,
          etag: view.etag,
          revision: view.latestReady,
          url: view.url,
        };
      },
      setScaling: async (application, scaling, etag) => {
        const ref = refOf(application);
        const wanted =
          scaling.kind === 'manual'
            ? { mode: 'MANUAL' as const, min: undefined, max: undefined, manual: scaling.instances }
            : { mode: 'AUTOMATIC' as const, min: scaling.min, max: scaling.max, manual: undefined };
        const { operation } = await cross(crossing, 'scaling the service', 'writesIfUnchanged', () =>
          world.runApi.updateService(caller, {
            ref,
            etag,
            validateOnly: false,
            edit: (present) => ({ ...present, scaling: wanted }),
          }),
        );
        return operation.name;
      },
      operation: async (operation) => {
        const { state } = (
          await cross(crossing, `polling ${operation}`, 'reads', () => world.runApi.getOperation(caller, operation))
        ).operation;
        return { done: state.kind !== 'running', error: state.kind === 'failed' ? state.message : undefined };
      },
    },
    serviceRestarts: {
      inspect: async (application) => {
        const view = await cross(crossing, 'reading the revisions', 'reads', () =>
          world.runApi.getService(caller, refOf(application)),
        );
        return {
          restartedFor: view.spec.template.annotations[RESTARTED_FOR],
          complete: view.settled && view.failure === undefined,
          pinnedTo: view.spec.traffic.flatMap(({ revision, percent }) =>
            revision !== undefined && percent > 0 ? [revision] : [],
          ),
          // The sandbox has no service that reads anything but the latest.
          fixedSecrets: [],
          etag: view.etag,
        };
      },
      restart: async (service, why, etag) => {
        await cross(crossing, `restarting ${service}`, 'writesIfUnchanged', () =>
          world.runApi.updateService(caller, {
            ref: refOf(service),
            etag,
            validateOnly: false,
            edit: ({ template, ...rest }) => {
              const annotations = { ...template.annotations, [RESTARTED_FOR]: why };
              return { ...rest, template: { ...template, revision: undefined, annotations } };
            },
          }),
        );
      },
    },
    traffic: inProcessTraffic(world, crossing),
    sessions: inProcessSessions(world, crossing),
    isolation: inProcessIsolation(world, crossing),
    logArchive: inProcessLogArchive(world, crossing),
    vault: inProcessVault(world, crossing),
    secrets: {
      latest: async (secret) => {
        const version = await cross(crossing, `reading the newest version of ${secret}`, 'reads', () =>
          world.secretsApi.getVersion(caller, secret, 'latest'),
        );
        return { version: String(version.number), enabled: version.state === 'ENABLED' };
      },
      versions: async (secret) =>
        (
          await cross(crossing, `listing the versions of ${secret}`, 'reads', () =>
            world.secretsApi.listVersions(caller, secret),
          )
        ).map(({ number, state, createdAt, etag }) => ({
          version: String(number),
          state: STATES[state],
          createdAt,
          etag,
        })),
      disable: async (secret, version, etag) => {
        await cross(crossing, `disabling version ${version} of ${secret}`, 'writesIfUnchanged', () =>
          world.secretsApi.setState(caller, { secret, version, state: 'DISABLED', etag }),
        );
      },
      read: async (secret, version) => {
        const { data } = await cross(crossing, `reading ${secret}`, 'reads', () =>
          world.secretsApi.access(caller, secret, version),
        );
        return new SecretText(Buffer.from(data).toString());
      },
      add: async (secret, payload) =>
        String(
          (
            await cross(crossing, `adding a version to ${secret}`, 'writes', () =>
              world.secretsApi.addVersion(caller, secret, Buffer.from(payload.reveal())),
            )
          ).number,
        ),
    },
    metrics: {
      series: async (filter, from, to, of) =>
        (
          await cross(crossing, 'reading series', 'reads', () =>
            world.monitoring.listTimeSeries(caller, {
              filter,
              from,
              to,
              ...(of === undefined ? {} : { aggregation: P95 }),
            }),
          )
        ).map(({ resource, metric, points }) => ({
          resource: resource.labels,
          metric: metric.labels,
          points: points.map(({ at, value }) => ({ at, value })).toSorted((a, b) => b.at - a.at),
        })),
    },
  };
}

/** Publishing for the identity of one function. */
export function inProcessMessages(
  pubsub: PubsubApi,
  name: FunctionName,
  clock: Clock,
  chance: Crossing['chance'],
): Messages {
  const crossing: Crossing = { caller: { principal: functionPrincipal(name), from: 'functions' }, clock, chance };
  return {
    publish: async (topic, data, attributes = {}) => {
      await cross(crossing, `publishing on ${topic}`, 'writes', () =>
        pubsub.publish(crossing.caller, topic, [{ data: dataOf(JSON.stringify(data)), attributes }]),
      );
    },
  };
}

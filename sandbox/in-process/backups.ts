import type { BackupRun, Backups, Copies } from '../../shared/ports/backups.ts';
import type { Contents } from '../../shared/ports/contents.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { instanceName } from '../../shared/system/names.ts';
import type { BackupRun as WorldRun } from '../world/sql-instance.ts';
import type { Binding, BucketPolicy } from '../world/storage-policy.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross, travel } from './crossing.ts';

/** Backups, dumps and copies for one identity. */
export function inProcessBackups(world: World, crossing: Crossing): Backups & Copies {
  const { admin } = world.sql;
  const { caller } = crossing;
  const read = (name: string, doing: string) => cross(crossing, doing, 'reads', () => admin.get(caller, name));
  const memberOf = async (copy: string): Promise<string> =>
    `serviceAccount:${(await read(copy, `reading the account of ${copy}`)).instance.serviceAccount}`;
  const policyOf = (bucket: string): Promise<BucketPolicy> =>
    cross(crossing, `reading who may use ${bucket}`, 'reads', () => world.storageApi.policy(caller, bucket));
  const write = (bucket: string, bindings: readonly Binding[], etag: string): Promise<unknown> =>
    cross(crossing, `changing who may use ${bucket}`, 'writesIfUnchanged', () =>
      world.storageApi.setPolicy(caller, bucket, bindings, etag),
    );
  return {
    runs: async (instance) =>
      (await cross(crossing, `listing the backups of ${instance}`, 'reads', () => admin.backups(caller, instance))).map(
        runOf,
      ),
    dumps: async (place) => {
      const doing = `listing the dumps in ${place}`;
      const [, bucket = '', prefix = ''] = /^gs:\/\/([^/]+)\/(.*)$/.exec(place) ?? [];
      const found = await cross(crossing, doing, 'reads', () => world.storageApi.list(caller, bucket, { prefix }));
      return found
        .map(({ name, generation, content, crc32c, createdAt }) => ({
          bucket,
          name,
          generation: String(generation),
          bytes: content.length,
          crc32c,
          writtenAt: createdAt,
        }))
        .toSorted((a, b) => b.writtenAt - a.writtenAt);
    },
    template: async (name) => {
      const { instance } = await read(name, `reading what ${name} is made of`);
      const { region, databaseVersion, settings } = instance;
      return {
        databaseVersion,
        region,
        tier: settings.tier,
        edition: 'ENTERPRISE',
        diskGb: 100,
        privateNetwork: 'projects/coditect-prod/global/networks/default',
        flags: [],
      };
    },
    labels: async (name) => {
      try {
        return (await read(name, `reading the labels of ${name}`)).instance.settings.userLabels;
      } catch (error) {
        if (error instanceof PortError && error.code === 'notFound') return undefined;
        throw error;
      }
    },
    create: async (copy, { databaseVersion, region, tier }, labels) =>
      (
        await cross(crossing, `creating ${copy}`, 'writes', () =>
          admin.insert(caller, { name: copy, region, databaseVersion, settings: { tier, userLabels: labels } }),
        )
      ).name,
    remove: async (copy) =>
      (await cross(crossing, `deleting ${copy}`, 'writes', () => admin.delete(caller, copy))).name,
    createDatabase: async (copy, database) =>
      (
        await cross(crossing, `creating ${database} in ${copy}`, 'writes', () =>
          admin.createDatabase(caller, copy, database),
        )
      ).name,
    databases: (copy) =>
      cross(crossing, `listing the databases of ${copy}`, 'reads', () => admin.databases(caller, copy)),
    importDump: async (copy, { bucket, name }, database) =>
      (
        await cross(crossing, `reading gs://${bucket}/${name} into ${copy}`, 'writes', () =>
          admin.import(caller, copy, {
            uri: `gs://${bucket}/${name}`,
            database,
            fileType: 'SQL',
            table: undefined,
            columns: [],
          }),
        )
      ).name,
    isAdmitted: async (copy, bucket) => {
      const member = await memberOf(copy);
      return (await policyOf(bucket)).bindings.some(({ role, members }) => role === READER && members.includes(member));
    },
    admit: async (copy, bucket) => {
      const member = await memberOf(copy);
      const { etag, bindings } = await policyOf(bucket);
      await write(bucket, [...bindings, { role: READER, members: [member] }], etag);
    },
    dismiss: async (copy, bucket) => {
      const member = await memberOf(copy);
      const { etag, bindings } = await policyOf(bucket);
      const kept = bindings.map(({ role, members }) => ({
        role,
        members: role === READER ? members.filter((name) => name !== member) : members,
      }));
      await write(bucket, kept, etag);
    },
    recoveryWindow: (instance) =>
      cross(crossing, `asking to which moments ${instance} can be recovered`, 'reads', () =>
        admin.recoveryWindow(caller, instance),
      ),
    clone: async (source, copy, moment) =>
      (await cross(crossing, `cloning ${source} as ${copy}`, 'writes', () => admin.clone(caller, source, copy, moment)))
        .name,
    keep: async (copy, labels, version) => {
      const { instance } = await read(copy, `reading the labels of ${copy}`);
      const patch = {
        settingsVersion: Number(version),
        userLabels: { ...instance.settings.userLabels, ...labels },
        deletionProtectionEnabled: true,
        activationPolicy: 'NEVER' as const,
      };
      return (
        await cross(crossing, `stopping and protecting ${copy}`, 'writesIfUnchanged', () =>
          admin.patch(caller, copy, patch),
        )
      ).name;
    },
    mark: async (copy, labels, isProtected, version) =>
      (
        await cross(crossing, `writing down whose ${copy} is`, 'writesIfUnchanged', () =>
          admin.patch(caller, copy, {
            settingsVersion: Number(version),
            userLabels: labels,
            deletionProtectionEnabled: isProtected,
          }),
        )
      ).name,
    restore: async (copy, { id, instance }) =>
      (
        await cross(crossing, `restoring backup ${id} of ${instance} into ${copy}`, 'writes', () =>
          admin.restoreBackup(caller, copy, { backup: id, source: instance }),
        )
      ).name,
  };
}

/** What lets an account read objects, and no more. */
const READER = 'roles/storage.objectViewer';

const STATES = { SUCCESSFUL: 'successful', FAILED: 'failed', ENQUEUED: 'pending', RUNNING: 'pending' } as const;

const runOf = ({ id, instance, status, type, startedAt, endedAt, databaseVersion }: WorldRun): BackupRun => ({
  id,
  instance: instanceName(instance),
  kind: type === 'AUTOMATED' ? 'automated' : 'onDemand',
  state: STATES[status],
  startedAt,
  endedAt,
  databaseVersion,
});

/** What is in the databases, for one identity. */
export function inProcessContents(world: World, { caller, clock, chance }: Crossing): Contents {
  const { inventory } = world.sql;
  return {
    inventory: async (instance, since) => {
      await clock.sleep(travel(chance));
      const answer = inventory.inventory(caller, instance, since);
      return answer.kind === 'answer' ? answer.value : undefined;
    },
    changes: async (instance, since) => {
      await clock.sleep(travel(chance));
      const answer = inventory.changes(caller, instance, since);
      return answer.kind === 'answer' ? answer.value : undefined;
    },
    ask: async (instance, query) => {
      await clock.sleep(travel(chance));
      const answer = inventory.query(caller, instance, query);
      switch (answer.kind) {
        case 'answer':
          return { kind: 'value', value: answer.value };
        case 'refusedByServer':
          return { kind: 'refused', detail: answer.message };
        case 'forbidden':
        case 'connectionRefused':
        case 'timeout':
          return { kind: 'unanswered', detail: answer.kind };
      }
    },
  };
}

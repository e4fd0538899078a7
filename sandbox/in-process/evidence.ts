import type { EvidenceVault } from '../../shared/ports/evidence-vault.ts';
import type { LogArchive } from '../../shared/ports/log-archive.ts';
import { isPortError, PortError } from '../../shared/ports/port-error.ts';
import { REFERENCE } from '../world/reference-system.ts';
import { crc32cOf } from '../world/storage.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross } from './crossing.ts';

/** Evidence in a bucket, for one identity. */
export function inProcessVault({ storageApi }: World, crossing: Crossing): EvidenceVault {
  const { caller } = crossing;
  const list = async (bucket: string, prefix: string) =>
    await cross(crossing, `listing what is sealed in ${bucket}`, 'reads', () =>
      storageApi.list(caller, bucket, { prefix }),
    );
  return {
    retention: async (bucket) => {
      const { retention } = await cross(crossing, `reading how ${bucket} keeps`, 'reads', () =>
        storageApi.bucket(caller, bucket),
      );
      return { seconds: retention?.seconds ?? null, locked: retention?.locked ?? false };
    },
    seal: async (bucket, name, text) => {
      const doing = `sealing ${name} in ${bucket}`;
      const content = Buffer.from(text);
      const draft = { name, content, description: { contentType: 'text/plain; charset=utf-8', metadata: {} } };
      try {
        await cross(crossing, doing, 'writesIfUnchanged', () =>
          storageApi.insert(caller, bucket, draft, { ifGenerationMatch: 0 }),
        );
      } catch (error) {
        if (!isPortError(error) || error.kind !== 'conflict') throw error;
        const there = (await list(bucket, name)).find((object) => object.name === name);
        if (there?.crc32c !== crc32cOf(content)) throw new PortError('permanent', 'otherContent', doing, error);
      }
    },
    sealed: async (bucket, prefix) =>
      (await list(bucket, prefix)).map(({ name, generation, content, crc32c }) => ({
        name,
        generation: String(generation),
        bytes: content.length,
        crc32c,
      })),
  };
}

/** Cloud Logging, for one identity. */
export function inProcessLogArchive({ logs }: World, crossing: Crossing): LogArchive {
  return {
    entries: async (application, from, to, limit) => {
      const isOurs = ({
        type,
        labels,
      }: {
        readonly type: string;
        readonly labels: Readonly<Record<string, string>>;
      }) =>
        application === 'api-gke'
          ? type === 'k8s_container' && labels['pod_name']?.startsWith(REFERENCE.api) === true
          : type === 'cloud_run_revision' && labels['service_name'] === REFERENCE.api;
      const found = await cross(crossing, `reading the logs of ${application}`, 'reads', () =>
        logs.api.list(crossing.caller, ({ at, resource }) => at >= from && at <= to && isOurs(resource)),
      );
      const entries = found.map(({ at, severity, text, resource: { labels, type } }) => ({
        at,
        severity,
        source: labels['pod_name'] ?? labels['revision_name'] ?? type,
        text,
      }));
      return { entries: entries.slice(-limit), more: entries.length > limit };
    },
  };
}

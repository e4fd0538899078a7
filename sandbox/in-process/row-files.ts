import { PortError } from '../../shared/ports/port-error.ts';
import type { RowFile, RowFiles } from '../../shared/ports/row-files.ts';
import type { StoredObject } from '../world/storage-bucket.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross } from './crossing.ts';

/** Files with rows, for one identity. */
export function inProcessRowFiles(world: World, crossing: Crossing): RowFiles {
  const { caller } = crossing;
  return {
    create: async (place, name, content) => {
      const { bucket, prefix } = placeOf(place);
      const doing = `writing ${place}${name}`;
      const draft = {
        name: `${prefix}${name}`,
        content,
        description: { contentType: 'application/jsonl', metadata: {} },
      };
      try {
        return fileOf(
          await cross(crossing, doing, 'writesIfUnchanged', () =>
            world.storageApi.insert(caller, bucket, draft, { ifGenerationMatch: 0 }),
          ),
        );
      } catch (error) {
        if (!(error instanceof PortError) || error.kind !== 'conflict') throw error;
        throw new PortError('conflict', 'exists', doing, error);
      }
    },
    newest: async (place, name) => {
      const { bucket, prefix } = placeOf(place);
      const at = { bucket, name: `${prefix}${name}` };
      try {
        return fileOf(
          await cross(crossing, `looking up ${place}${name}`, 'reads', () =>
            world.storageApi.object(caller, at, undefined, {}),
          ),
        );
      } catch (error) {
        if (error instanceof PortError && error.code === 'notFound') return undefined;
        throw error;
      }
    },
    read: async ({ bucket, name, generation, bytes }, bytesMax) => {
      const doing = `reading gs://${bucket}/${name}, generation ${generation}`;
      if (bytes > bytesMax) throw new PortError('permanent', 'tooLarge', doing);
      const found = await cross(crossing, doing, 'reads', () =>
        world.storageApi.object(caller, { bucket, name }, Number(generation), {}),
      );
      return found.content;
    },
  };
}

const fileOf = ({ bucket, name, generation, content }: StoredObject): RowFile => ({
  bucket,
  name,
  generation: String(generation),
  bytes: content.length,
});

function placeOf(place: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket = '', prefix = ''] = /^gs:\/\/([^/]+)\/(.*)$/.exec(place) ?? [];
  return { bucket, prefix };
}

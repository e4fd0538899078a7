import { z } from 'zod';
import { PortError } from '../ports/port-error.ts';
import type { storageClient } from './cloud-storage-client.ts';
import { callGoogle, type GoogleAccess } from './google-call.ts';

/** Objects of one page, and pages: a place with more than 10,000 objects is not one of ours. */
const PAGE = 1_000;
const PAGES_MAX = 10;

const nextWire = z.object({ pageToken: z.string() }).nullish();

/**
 * Every object of a bucket below a prefix, page by page, each call with a limit of its own. `parse` reads an object's metadata. Rejects
 * with `PortError`: `tooManyPages` beyond 10,000 objects.
 */
export async function listObjects<T>(
  access: GoogleAccess,
  client: ReturnType<typeof storageClient>,
  { bucket, prefix, doing }: { readonly bucket: string; readonly prefix: string; readonly doing: string },
  parse: (metadata: unknown) => T,
): Promise<readonly T[]> {
  const found: T[] = [];
  let pageToken: string | undefined;
  for (let count = 0; count < PAGES_MAX; count += 1) {
    const page = await callGoogle(access, { doing, effect: 'reads' }, client, async (storage) => {
      const [files, next] = await storage.bucket(bucket).getFiles({
        prefix,
        autoPaginate: false,
        maxResults: PAGE,
        ...(pageToken === undefined ? {} : { pageToken }),
      });
      return { objects: files.map(({ metadata }) => parse(metadata)), next: nextWire.parse(next)?.pageToken };
    });
    found.push(...page.objects);
    if (page.next === undefined) return found;
    pageToken = page.next;
  }
  throw new PortError('permanent', 'tooManyPages', doing);
}

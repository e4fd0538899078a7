import { z } from 'zod';
import { parseInstant } from '../core/time.ts';
import type { LogEntry } from '../ports/lookout.ts';

const entryWire = z.object({
  timestamp: z.string(),
  severity: z.string().default('DEFAULT'),
  resource: z.object({ type: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  textPayload: z.string().optional(),
  jsonPayload: z.record(z.string(), z.unknown()).optional(),
  protoPayload: z.record(z.string(), z.unknown()).optional(),
});
const entriesWire = z.object({ entries: z.array(entryWire).default([]), nextPageToken: z.string().default('') });

/** A page of entries in the order in which they came; `next` is empty on the last one. Throws `z.ZodError` on anything else. */
export function parseEntries(answer: unknown): { readonly entries: readonly LogEntry[]; readonly next: string } {
  const { entries, nextPageToken } = entriesWire.parse(answer);
  return { entries: entries.flatMap((entry) => entryOf(entry) ?? []), next: nextPageToken };
}

/** An entry whatever its payload; what names no moment is left out by `undefined`. */
function entryOf({ timestamp, severity, resource, ...payload }: z.infer<typeof entryWire>): LogEntry | undefined {
  const at = parseInstant(timestamp);
  if (at === undefined) return undefined;
  const { labels } = resource;
  const message = payload.jsonPayload?.['message'];
  const text =
    payload.textPayload ??
    (typeof message === 'string' ? message : JSON.stringify(payload.jsonPayload ?? payload.protoPayload ?? {}));
  return { at, severity, source: labels['pod_name'] ?? labels['revision_name'] ?? resource.type, text };
}

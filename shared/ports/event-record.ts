import { z } from 'zod';
import type { Digest } from '../core/digest.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { parseInstant, toIso } from '../core/time.ts';
import { incidentId } from '../system/names.ts';
import type { EventRecord } from './store.ts';

// The one parser of stored events, used where a store reads its own disk and where somebody verifies a file offline.

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as Digest); // the pattern is what the brand promises

/** One spelling for one moment, so that a moment can't be respelled without changing the hash. */
const isUtc = (text: string): boolean => {
  const at = parseInstant(text);
  return at !== undefined && toIso(at) === text;
};

/** Version 1 (decisions.md 4). A member that we don't know is outside the hash, so it is refused. */
const wire = z.strictObject({
  version: z.literal(1),
  incident: z.string().min(1).transform(incidentId),
  sequence: z.int().min(1),
  id: z.string().min(1),
  at: z.string().refine(isUtc, 'not RFC 3339 in UTC with milliseconds'),
  kind: z.string().min(1),
  data: z.custom<JsonObject>(isJsonObject, 'not a JSON object'),
  prevHash: z.union([z.literal(''), digest]),
  hash: digest,
});

/** Reads one event of a log. Says nothing about its place in the chain. Throws `z.ZodError` on anything else. */
export function parseEventRecord(value: unknown): EventRecord {
  return wire.parse(value);
}

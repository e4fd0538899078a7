import { z } from 'zod';
import { parsePush } from '../shared/signals/push-envelope.ts';
import { type IncidentId, incidentId } from '../shared/system/names.ts';

const wire = z.object({ incident: z.string().regex(/^inc-[a-z2-7]{10}$/) });

/** The incident that a wake-up names; `undefined` for anything else, which is acknowledged: `tick` finds what is due. */
export function incidentOf(event: { readonly data?: unknown }): IncidentId | undefined {
  const push = parsePush({ data: event.data });
  if (!push.ok || push.value.data.kind === 'malformed') return undefined;
  const read = wire.safeParse(push.value.data.value);
  return read.success ? incidentId(read.data.incident) : undefined;
}

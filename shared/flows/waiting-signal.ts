import { z } from 'zod';
import { signalRecordWire } from '../incident/events.ts';
import type { InboxEntry } from '../ports/store.ts';
import { RUNBOOKS } from '../system/names.ts';

const wire = z.strictObject({
  record: signalRecordWire,
  nature: z.enum(['alert', 'test', 'closed', 'start', 'takeover', 'resume', 'cancel', 'suspicion']),
  runbook: z.enum(RUNBOOKS).nullable(),
  incident: z.string().nullable(),
  by: z.string().nullable(),
});

/** A signal between inbox and log: what the log will remember, and what it asks for. */
export type Signal = z.infer<typeof wire>;

/**
 * A signal as it waits. One that can't be read, because another version wrote it, or somebody else did, would hold up all that come
 * after it: it becomes a signal without a target, which goes to people.
 */
export function readWaiting({ key, receivedAt, signal }: InboxEntry): Signal {
  const read = wire.safeParse(signal);
  if (read.success && read.data.record.key === key) return read.data;
  return {
    record: {
      key,
      source: 'alert',
      relation: 'cause',
      target: null,
      subject: {},
      summary: 'a signal that was stored and can no longer be read',
      at: receivedAt,
      runbook: null,
    },
    nature: 'alert',
    runbook: null,
    incident: null,
    by: null,
  };
}

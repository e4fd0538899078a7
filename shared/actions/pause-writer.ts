import { z } from 'zod';
import { failure } from '../engine/action.ts';
import { PortError } from '../ports/port-error.ts';
import { pausedKey, pausedRecordWire } from '../ports/recovery-records.ts';
import { define, verifiedByPolling } from './define.ts';

// What a writer was before it is paused. Pausing and giving back are those of any Deployment (hold-consumers.ts).

const paused = z.strictObject({ writer: z.string(), replicas: z.int().min(1) });

/** Writes down how many replicas a writer has: whoever gives it back, and whenever, reads it there. */
export const rememberWriter = define({
  kind: 'remember-writer',
  risk: 'observe',
  repeat: 'conditional',
  input: paused,
  version: z.number(),
  handle: z.null(),
  observe: async ({ writer, replicas }, { documents, state }) => {
    const found = await documents.get(pausedKey(writer));
    const record = pausedRecordWire.safeParse(found?.value).data;
    if (record === undefined) return { kind: 'toDo', version: found?.version ?? 0 };
    if (record.incident === state.id && record.replicas === replicas)
      return { kind: 'already', detail: `it is written down that ${writer} has ${replicas} replicas` };
    const detail = `${writer} was paused for ${record.incident} with ${record.replicas} replicas, and has not been given back`;
    return { kind: 'refused', failure: failure('refused', 'pausedByOthers', detail) };
  },
  start: async ({ writer, replicas }, version, { documents, state }) => {
    if (!(await documents.put(pausedKey(writer), { version: 1, incident: state.id, replicas }, version)))
      throw new PortError('conflict', 'stale', `writing down what ${writer} was`);
    return { kind: 'done', detail: `written down: ${writer} has ${replicas} replicas` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'writing it down' }),
  verify: verifiedByPolling,
});

/** Forgets it, once the writer has been given back. */
export const forgetWriter = define({
  kind: 'forget-writer',
  risk: 'observe',
  repeat: 'conditional',
  input: z.strictObject({ writer: z.string() }),
  version: z.number(),
  handle: z.null(),
  observe: async ({ writer }, { documents, state }) => {
    const found = await documents.get(pausedKey(writer));
    return pausedRecordWire.safeParse(found?.value).data?.incident === state.id
      ? { kind: 'toDo', version: found?.version ?? 0 }
      : { kind: 'already', detail: `nothing is written down of ${writer}` };
  },
  start: async ({ writer }, version, { documents }) => {
    if (!(await documents.put(pausedKey(writer), null, version)))
      throw new PortError('conflict', 'stale', `forgetting what ${writer} was`);
    return { kind: 'done', detail: `nothing is written down of ${writer} any more` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'forgetting it' }),
  verify: verifiedByPolling,
});

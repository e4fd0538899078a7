import { z } from 'zod';
import type { Digest } from '../core/digest.ts';
import { failure } from '../engine/action.ts';
import { PortError } from '../ports/port-error.ts';
import { importedKey, importedRecordWire } from '../ports/recovery-records.ts';
import { DELETE_CLONES, RELEASE_WRITER } from '../ports/recovery-words.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { showResult } from './import-rows.ts';

// What stands around the import of reviewed rows: production must still be the primary, and what was imported is not asked for again.

/** Looks once more whether production is the primary: rows brought into another instance would be lost to everybody. */
export const confirmProduction = define({
  kind: 'confirm-production',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ production: z.string().transform(instanceName) }),
  version: z.null(),
  handle: z.null(),
  observe: async ({ production }, { world }) => {
    const { role, activation, state } = await world.databases.inspect(production);
    return role === 'primary' && activation === 'always' && state === 'runnable'
      ? { kind: 'already', detail: `${production} is a primary that runs` }
      : {
          kind: 'refused',
          failure: failure(
            'voided',
            'noPrimary',
            `${production} is ${role}, ${activation}, ${state}: nothing is imported`,
          ),
        };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: verifiedByPolling,
});

/** Writes down which set was imported. */
export const rememberImport = define({
  kind: 'remember-import',
  risk: 'observe',
  repeat: 'conditional',
  input: z.strictObject({ copy: z.string(), digest: z.string() }),
  version: z.number(),
  handle: z.null(),
  observe: async ({ copy, digest }, { documents, state }) => {
    const found = await documents.get(importedKey(copy));
    const record = importedRecordWire.safeParse(found?.value).data;
    return record?.incident === state.id && record.digest === digest
      ? { kind: 'already', detail: 'it is written down what was imported' }
      : { kind: 'toDo', version: found?.version ?? 0 };
  },
  start: async ({ copy, digest }, version, { documents, state }) => {
    if (!(await documents.put(importedKey(copy), { version: 1, incident: state.id, digest }, version)))
      throw new PortError('conflict', 'stale', 'writing down what was imported');
    return { kind: 'done', detail: `written down: ${digest.slice(0, 16)}… is imported` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'writing it down' }),
  verify: verifiedByPolling,
});

/** The end of an import: it waits for people, who look whether all is there. It only reads. */
export const awaitEnd = define({
  kind: 'await-end',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({
    copy: z.string(),
    production: z.string().transform(instanceName),
    database: z.string(),
    login: z.string(),
    digest: z.string().transform((text): Digest => text as Digest), // the plan's, which the import's schema has checked
  }),
  version: z.null(),
  handle: z.null(),
  observe: async ({ copy, production, database, login, digest }, { world, state }) => {
    const place = { instance: production, database, login };
    const record = await world.rows.reading(place, (reader) => reader.imported(digest));
    const came = record === undefined ? 'production has no record of it' : showResult(record.result);
    const detail = `the reviewed rows are in production: ${came}. ${copy} is kept until people end it: ./dr accept ${state.id} ${RELEASE_WRITER} (the writer is given back), ./dr accept ${state.id} ${DELETE_CLONES}`;
    return { kind: 'refused', failure: failure('notVerified', 'importAwaitsEnd', detail) };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  verify: verifiedByPolling,
});

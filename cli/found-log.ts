import { readFile } from 'node:fs/promises';
import type { ChainEnd } from '../shared/log/chain.ts';
import { anchorKey, anchorPrefix, parseAnchor, parseRecord, type Anchor } from '../shared/log/verify.ts';
import { isPortError } from '../shared/ports/port-error.ts';
import type { EventRecord, Store } from '../shared/ports/store.ts';
import { incidentId, type IncidentId } from '../shared/system/names.ts';
import { openNamedStore } from './read-incidents.ts';

// Finds all of one log, and all that is known of it, so that it can be judged. Reads, and changes nothing.
//
// A store may be written meanwhile: what is found is a moment at which the head stood still.

/** What there is to judge; a part that can't be read is a judgement already. */
export type FoundLog =
  | { readonly kind: 'missing'; readonly problem: string }
  | Unreadable
  | {
      readonly kind: 'log';
      readonly incident: IncidentId | undefined;
      readonly records: readonly EventRecord[];
      readonly known: { readonly incident?: IncidentId; readonly head?: ChainEnd; readonly anchors: readonly Anchor[] };
    };

/** A part of a log that can't be read, and the event at which that shows. */
export interface Unreadable {
  readonly kind: 'unreadable';
  readonly incident: IncidentId | undefined;
  readonly atSequence: number;
  readonly what: string;
}

/** The log of an incident in a store's file; the file is not created. */
export async function logInFileStore(source: {
  readonly incident: string;
  readonly storePath: string;
}): Promise<FoundLog> {
  const incident = incidentId(source.incident);
  try {
    const store = openNamedStore(source.storePath);
    try {
      return await logInStore(store, incident);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { kind: 'missing', problem: `the store could not be read (${error.message}).` };
  }
}

/** The log of an incident in an open store. Rejects with `PortError` when the store can't be read at all. */
export async function logInStore(store: Store, incident: IncidentId): Promise<FoundLog> {
  const records: EventRecord[] = [];
  try {
    const { anchors, spoiled } = await anchorsOf(store, incident);
    if (spoiled !== undefined)
      return { kind: 'unreadable', incident, atSequence: 1, what: `${spoiled} is no anchor, or was written twice` };
    let head = await store.log.head(incident);
    for (;;) {
      await readOn(store, incident, records);
      const headNow = await store.log.head(incident);
      const stoodStill = headNow?.sequence === head?.sequence && headNow?.hash === head?.hash;
      head = headNow;
      if (stoodStill || head?.sequence === records.length) break;
    }
    if (head === undefined && records.length === 0 && anchors.length === 0)
      return { kind: 'missing', problem: `there is no incident ${incident} in this store.` };
    const { sequence, hash } = head ?? { sequence: 0, hash: '' as const };
    return { kind: 'log', incident, records, known: { incident, head: { sequence, hash }, anchors } };
  } catch (error) {
    if (!isPortError(error) || error.code !== 'corrupt') throw error;
    return {
      kind: 'unreadable',
      incident,
      atSequence: records.length + 1,
      what: `it can't be read (${error.message})`,
    };
  }
}

/** Reads what follows the records, in pages; before one that can't be read, event by event up to it. */
async function readOn(store: Store, incident: IncidentId, records: EventRecord[]): Promise<void> {
  for (let limit = 500; ; ) {
    try {
      const page = await store.log.read(incident, records.at(-1)?.sequence ?? 0, limit);
      if (page.length === 0) return;
      records.push(...page);
    } catch (error) {
      if (!isPortError(error) || error.code !== 'corrupt' || limit === 1) throw error;
      limit = 1;
    }
  }
}

/** More anchors than a log will ever have; one is written for many events. */
const ANCHORS_MAX = 100_000;

interface Anchors {
  readonly anchors: readonly Anchor[];
  /** The key of one that can't be trusted. */
  readonly spoiled?: string;
}

async function anchorsOf(store: Store, incident: IncidentId): Promise<Anchors> {
  const anchors: Anchor[] = [];
  for (const { key, value, version } of await store.documents.list(anchorPrefix(incident), ANCHORS_MAX)) {
    const anchor = tryTo(() => parseAnchor(value));
    if (anchor === undefined || anchorKey(anchor) !== key || version !== 1) return { anchors, spoiled: key };
    anchors.push(anchor);
  }
  return { anchors };
}

/** For input that proves something only if it can be read at all. */
function tryTo<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

/** The log in a file of events, one JSON object in each line, with the anchors that stand beside them. */
export async function logInLines(path: string): Promise<FoundLog> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
    return { kind: 'missing', problem: `${path} can't be read (${code}).` };
  }
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const records: EventRecord[] = [];
  const anchors: Anchor[] = [];
  for (const { line, number } of lines.filter((each) => each.line !== '')) {
    const read = readLine(line);
    if (read === undefined) {
      const what = `line ${number} is neither an event nor an anchor`;
      return { kind: 'unreadable', incident: records[0]?.incident, atSequence: records.length + 1, what };
    }
    if ('record' in read) records.push(read.record);
    else anchors.push(read.anchor);
  }
  const incident = records[0]?.incident;
  if (incident === undefined) return { kind: 'missing', problem: `${path} holds no event.` };
  return { kind: 'log', incident, records, known: { anchors } };
}

function readLine(line: string): { readonly record: EventRecord } | { readonly anchor: Anchor } | undefined {
  return tryTo(() => {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === 'object' && value !== null && 'version' in value;
    return isRecord ? { record: parseRecord(value) } : { anchor: parseAnchor(value) };
  });
}

import type { z } from 'zod';
import {
  type CloneFacts,
  isReadable,
  type RecoveryFacts,
  type RestoredCopy,
  type Unreadable,
  type WriterFacts,
} from '../classify/facts.ts';
import { after, type Instant } from '../core/time.ts';
import type { ChangeHistory } from '../ports/contents.ts';
import type { World } from '../ports/ports.ts';
import {
  importedKey,
  importedRecordWire,
  cloneKey,
  cloneRecordWire,
  pausedKey,
  pausedRecordWire,
} from '../ports/recovery-records.ts';
import type { DocumentStore } from '../ports/store.ts';
import { previewOf } from '../signals/malformed.ts';
import { clonePlaceOf, findRowSet } from '../rows/find-row-set.ts';
import type { IncidentId, InstanceName } from '../system/names.ts';
import type { RecoverySettings, RowSettings } from '../system/system.ts';
import { attempt } from './attempt.ts';

// From where rows could be brought back, who changed what, and what has been made for it: the part of a look that a recovery rests on.

/** What is looked for. */
export interface RecoveryWish {
  readonly askedAt: Instant;
  readonly named: Instant | undefined;
  /** Whose sets of rows are looked at; a dry run has none. */
  readonly incident?: IncidentId | undefined;
}

interface Home {
  readonly world: World;
  readonly documents: Pick<DocumentStore, 'get'>;
}

/** Entries of the history that are kept: an hour of four tables and two writers is five hundred. */
const CHANGES_MAX = 1_500;

/** Looks at one database. */
export async function gatherRecovery(
  of: {
    readonly source: InstanceName;
    readonly settings: RecoverySettings | undefined;
    readonly rows: Pick<RowSettings, 'files'> | undefined;
    readonly wish: RecoveryWish;
  },
  home: Home,
): Promise<RecoveryFacts> {
  const { source, settings, wish } = of;
  const from = after(wish.askedAt, -(settings?.lookBack ?? 0));
  const since = wish.named !== undefined && wish.named < from ? wish.named : from;
  const [window, history, clones, writers] = await Promise.all([
    attempt(() => home.world.backups.recoveryWindow(source)),
    historySince(source, since, home),
    Promise.all((settings?.instances ?? []).map((instance) => cloneFacts(instance, of, home))),
    Promise.all((settings?.writers ?? []).map(({ name }) => writerFacts(name, home))),
  ]);
  return { source, askedAt: wish.askedAt, named: wish.named, window, history, clones, writers };
}

/** The newest entries of a history that is too long; it then says from where on it is complete. */
async function historySince(
  source: InstanceName,
  since: Instant,
  { world }: Home,
): Promise<ChangeHistory | Unreadable> {
  const found = await attempt(() => world.contents.changes(source, since));
  if (found === undefined) return { unreadable: 'silent' };
  if (!isReadable(found)) return found;
  const changes = found.changes.map((change) => ({
    ...change,
    table: previewOf(change.table),
    user: previewOf(change.user),
    application: previewOf(change.application),
  }));
  const kept = changes.slice(-CHANGES_MAX);
  return { since: kept.length < changes.length ? (kept[0]?.minute ?? found.since) : found.since, changes: kept };
}

async function cloneFacts(
  instance: InstanceName,
  { rows, wish }: { readonly rows: Pick<RowSettings, 'files'> | undefined; readonly wish: RecoveryWish },
  home: Home,
): Promise<CloneFacts> {
  const { backups, databases } = home.world;
  const [found, record] = await Promise.all([
    attempt(async (): Promise<RestoredCopy | undefined> => {
      const labels = await backups.labels(instance);
      return labels === undefined ? undefined : { status: await databases.inspect(instance), labels };
    }),
    recorded(cloneKey(instance), cloneRecordWire, home),
  ]);
  if (found === undefined) return { instance, found, record, clonedAt: undefined };
  const operations = await attempt(() => databases.operations(instance));
  const clonedAt = isReadable(operations)
    ? operations.find(({ type }) => type === 'CLONE')?.insertedAt
    : { unreadable: operations.unreadable };
  const set =
    rows === undefined || wish.incident === undefined
      ? undefined
      : await attempt(() => findRowSet(home.world.rowFiles, clonePlaceOf(rows, wish.incident ?? '', instance)));
  const imported = set === undefined ? undefined : await recorded(importedKey(instance), importedRecordWire, home);
  return {
    instance,
    found,
    record,
    clonedAt,
    ...(set === undefined ? {} : { set }),
    ...(imported === undefined ? {} : { imported }),
  };
}

async function writerFacts(name: string, home: Home): Promise<WriterFacts> {
  const [status, paused] = await Promise.all([
    attempt(() => home.world.workloads.inspect(name)),
    recorded(pausedKey(name), pausedRecordWire, home),
  ]);
  return { name, status, paused };
}

/** A record that can't be understood is unreadable: what it would have said is not guessed. */
async function recorded<T>(key: string, wire: z.ZodType<T>, { documents }: Home): Promise<T | Unreadable | undefined> {
  const found = await attempt(() => documents.get(key));
  if (found === undefined || !isReadable(found)) return found;
  if (found.value === null) return undefined;
  const read = wire.safeParse(found.value);
  return read.success ? read.data : { unreadable: 'malformed' };
}

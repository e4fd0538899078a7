import { z } from 'zod';
import type { Instant } from '../../shared/core/time.ts';
import { isSpoilt, textIn } from '../../sandbox/world/sql-schema.ts';
import type { RowChange } from '../../sandbox/world/row-change.ts';
import type { Invariant } from './judged.ts';
import type { Run } from './run.ts';

// Rows that we brought back: only what was spoilt or gone, and each once for each set that people reviewed.

/** Actions of a recovery, at whose beginning something can be made to happen. */
export const RECOVERY_ACTIONS = [
  'remember-clone',
  'clone-at',
  'remember-writer',
  'hold-workload',
  'mark-clone',
  'validate-copy',
  'compare-clone-rows',
  'import-rows',
  'delete-clone',
] as const;

/** What our own sessions changed in any database, oldest first, each once although replicas have it too. */
function broughtBack({ stage }: Run) {
  const { fleet } = stage.world.sql;
  const found = new Map<string, ReturnType<typeof importOf>>();
  for (const { name } of fleet.all()) {
    const { history } = fleet.server(name);
    for (let index = history.oldest(); index < history.count(); index += 1) {
      const row = history.row(index);
      if (row?.content.kind === 'transaction' && row.content.writer.application === 'dr-autopilot')
        found.set(`${row.timeline}/${row.position}`, importOf(row.content, row.committedAt));
    }
  }
  return [...found.values()];
}

const importOf = ({ changes }: { readonly changes: readonly RowChange[] }, committedAt: Instant) => ({
  changes,
  committedAt,
});

const resultWire = z.object({ undo: z.string().nullable() });

/** Where the record of an import says that its undo set is; `null` where it names none, `undefined` where there is no record. */
function undoIn(changes: readonly RowChange[]): string | null | undefined {
  const record = changes.find((change) => change.kind === 'insert' && change.table === 'dr_row_imports');
  if (record?.kind !== 'insert') return undefined;
  return resultWire.parse(JSON.parse(textIn(record.row, 'result'))).undo;
}

/** Why nobody could have taken an import back in the moment in which it was committed. */
function whyForGood(
  { changes, committedAt }: ReturnType<typeof importOf>,
  { stage: { world } }: Run,
): string | undefined {
  const undo = undoIn(changes);
  const isEmpty = changes.every((change) => 'table' in change && change.table === 'dr_row_imports');
  if (undo === undefined || isEmpty) return undefined;
  const [, bucket = '', name = '', generation] = /^gs:\/\/([^/]+)\/(.*)#(\d+)$/.exec(undo ?? '') ?? [];
  const kept =
    name === ''
      ? undefined
      : world.storage
          .list(bucket, { prefix: name, versions: true })
          .find((file) => String(file.generation) === generation);
  if (kept === undefined) return `an import has no undo set (${undo ?? 'none named'})`;
  return kept.createdAt <= committedAt ? undefined : `the undo set ${undo ?? ''} was kept after the import`;
}

export const RECOVERED: Readonly<Record<string, Invariant>> = {
  'S14 no good row is overwritten or deleted by what is brought back': (run) =>
    broughtBack(run).flatMap(({ changes }) =>
      changes.flatMap((change) => {
        if (change.kind === 'delete') return [`a row of ${change.table} was deleted`];
        if (change.kind !== 'update' || change.table !== 'documents') return [];
        const id = textIn(change.before, 'request_id');
        return isSpoilt(change.before) ? [] : [`${id} was good, and was written over`];
      }),
    ),
  'S14 what takes an import back is kept before it': (run) =>
    broughtBack(run).flatMap((one) => whyForGood(one, run) ?? []),
  'S14 a reviewed set is imported at most once': (run) => {
    const sets = broughtBack(run).flatMap(({ changes }) =>
      changes.flatMap((change) =>
        change.kind === 'insert' && change.table === 'dr_row_imports' ? [textIn(change.row, 'set_digest')] : [],
      ),
    );
    return sets.filter((set, index) => sets.indexOf(set) !== index).map((set) => `${set} was imported twice`);
  },
};

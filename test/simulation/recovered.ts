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
  const found = new Map<string, ReturnType<typeof changesOf>>();
  for (const { name } of fleet.all()) {
    const { history } = fleet.server(name);
    for (let index = history.oldest(); index < history.count(); index += 1) {
      const row = history.row(index);
      if (row?.content.kind === 'transaction' && row.content.writer.application === 'dr-autopilot')
        found.set(`${row.timeline}/${row.position}`, changesOf(row.content));
    }
  }
  return [...found.values()];
}

const changesOf = ({ changes }: { readonly changes: readonly RowChange[] }) => changes;

export const RECOVERED: Readonly<Record<string, Invariant>> = {
  'S14 no good row is overwritten or deleted by what is brought back': (run) =>
    broughtBack(run).flatMap((changes) =>
      changes.flatMap((change) => {
        if (change.kind === 'delete') return [`a row of ${change.table} was deleted`];
        if (change.kind !== 'update' || change.table !== 'documents') return [];
        const id = textIn(change.before, 'request_id');
        return isSpoilt(change.before) ? [] : [`${id} was good, and was written over`];
      }),
    ),
  'S14 a reviewed set is imported at most once': (run) => {
    const sets = broughtBack(run).flatMap((changes) =>
      changes.flatMap((change) =>
        change.kind === 'insert' && change.table === 'dr_row_imports' ? [textIn(change.row, 'set_digest')] : [],
      ),
    );
    return sets.filter((set, index) => sets.indexOf(set) !== index).map((set) => `${set} was imported twice`);
  },
};

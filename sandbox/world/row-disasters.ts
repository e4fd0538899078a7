import { after, seconds, toIso } from '../../shared/core/time.ts';
import type { Place } from './kernel.ts';
import type { RowChange, Writer } from './row-change.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { History } from './sql-rows.ts';
import { documentRow, TENANTS } from './sql-schema.ts';
import { SqlTables } from './sql-tables.ts';

// What goes wrong with rows while every server is well: replicas follow it within their lag, so that promoting one brings nothing
// back. Each writer has a name, by which it can be found in the log and kept out.

/** Who deletes by mistake: a person at psql. */
export const DELETER: Writer = { user: 'postgres', application: 'psql' };

/** Who writes what is wrong: a job that somebody has just deployed. */
export const CORRUPTER: Writer = { user: 'dms', application: 'bulk-import' };

/** Where both of them connect from. */
const AT: Record<'person' | 'job', Place> = { person: 'internet', job: 'pods' };

/** From one wrong transaction to the next, and how many documents each takes. */
const CORRUPTS_EVERY = seconds(5);
const CORRUPTS_AT_ONCE = 20;

/** Writes and deletes rows that nobody should. */
export class RowDisasters {
  readonly #fleet: SqlFleet;

  constructor(fleet: SqlFleet) {
    this.#fleet = fleet;
  }

  /** Deletes every document of one customer, or of all, with what hangs on them; how many, or why the server refused. */
  massDelete(instance: string, which: 'tenant' | 'table'): { readonly deleted: number } | { readonly refused: string } {
    const { servers } = this.#fleet;
    const tables = SqlTables.of(this.#fleet.server(instance).history);
    const documents = tables.rows('documents').filter((row) => which === 'table' || row['tenant_id'] === TENANTS[1].id);
    const ids = new Set(documents.map((row) => row['id']));
    const versions = tables.rows('document_versions').filter((row) => ids.has(row['document_id']));
    const changes = [
      ...versions.map((before): RowChange => ({ kind: 'delete', table: 'document_versions', before })),
      ...documents.map((before): RowChange => ({ kind: 'delete', table: 'documents', before })),
    ];
    const outcome = servers.write(AT.person, instance, { kind: 'transaction', writer: DELETER, changes });
    if (outcome.kind === 'written') return { deleted: documents.length };
    return { refused: outcome.kind === 'refusedByServer' ? outcome.message : outcome.kind };
  }

  /**
   * Writes nonsense over the newest documents, again and again, on the instance that `primary` names each time. What the server refuses
   * is tried again later, and nothing is written while the job does not run. Returns what ends it; what was written stays.
   */
  corrupt(primary: () => string, isRunning: () => boolean = () => true): () => void {
    const { clock, servers } = this.#fleet;
    let cancel = (): void => {};
    const strike = (): void => {
      const instance = primary();
      const server = servers.server(instance);
      const changes = server === undefined || !isRunning() ? [] : this.#nonsense(server.history);
      if (changes.length > 0) servers.write(AT.job, instance, { kind: 'transaction', writer: CORRUPTER, changes });
      cancel = clock.schedule(after(clock.now(), CORRUPTS_EVERY), strike);
    };
    strike();
    return () => cancel();
  }

  #nonsense(history: History): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (let index = history.count() - 1; index >= history.oldest(); index--) {
      const written = history.row(index);
      if (written?.content.kind !== 'application') continue;
      const { id } = written.content;
      if (!history.hasApplicationRow(id) || history.isAltered(id)) continue;
      const before = documentRow(id, written.committedAt);
      const row = { ...before, body: NONSENSE, updated_at: toIso(this.#fleet.clock.now()) };
      changes.push({ kind: 'update', table: 'documents', before, row });
      if (changes.length === CORRUPTS_AT_ONCE) break;
    }
    return changes;
  }
}

/** What is left of a text that was read in the wrong encoding twice. */
const NONSENSE = 'Ã\u0083Â¤Ã\u0083Â¶Ã\u0083Â¼';

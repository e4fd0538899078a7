import { SecretText } from '../../shared/core/redact.ts';
import { instant, seconds } from '../../shared/core/time.ts';
import type { RowPlace, Rows, TableName } from '../../shared/ports/rows.ts';
import { createPostgresRows } from '../../shared/providers/postgres-rows.ts';
import { compareDatabases, type Comparison } from '../../shared/rows/compare-databases.ts';
import { type ImportOutcome, importSet } from '../../shared/rows/import-set.ts';
import { type Operation, readReviewedSet } from '../../shared/rows/reviewed-set.ts';
import { selectTables } from '../../shared/rows/select-tables.ts';
import { findTenantPaths } from '../../shared/rows/tenant-paths.ts';
import { instanceName } from '../../shared/system/names.ts';
import type { EngineKind } from '../../sandbox/postgres/engine.ts';
import { PERSON, PRIMARY } from '../world/sql-world.ts';
import { PASSWORDS, realFleet } from './fleet.ts';

/** What a comparison is asked for, where a test says something of its own. */
interface Wanted {
  readonly operations?: readonly Operation[];
  readonly tenant?: string;
  readonly only?: readonly TableName[];
}

/** Which import, and what happens while it goes on. */
interface Importing {
  readonly triggers?: ReadonlySet<string>;
  readonly mayGoOn?: () => Promise<void>;
}

/** A fleet with real databases, our own sessions on them, and a place for files. */
export function rowStage(kind: EngineKind) {
  const fleet = realFleet(kind);
  let comparisons = 0;
  const files = new Map<string, string>();
  const serverOf = async ({ instance, login }: RowPlace) => {
    const { port } = await fleet.open(instance);
    const password = new SecretText(login === 'another' ? 'of another time' : PASSWORDS.dms);
    return { host: '127.0.0.1', port, user: 'dms', password, tls: undefined };
  };
  const rows: Rows = createPostgresRows(serverOf);
  const place = (name: string): RowPlace => ({ instance: instanceName(name), database: 'dms', login: 'none' });

  /** A clone of the primary as it is now, under a name. */
  const clone = (name: string): void => {
    const { world } = fleet;
    const moment = world.clock.now();
    world.clock.advanceBy(seconds(120));
    world.finish(world.admin.clone(PERSON, PRIMARY, name, moment));
  };
  const compare = async (source: string, wanted: Wanted = {}): Promise<{ text: string; found: Comparison }> =>
    rows.reading(place(source), (mine) =>
      rows.reading(place(PRIMARY), async (theirs) => {
        const production = await theirs.schema();
        const rules = { only: wanted.only, leaveOut: [], include: [] };
        const { tables } = selectTables(await mine.schema(), production, rules);
        const { paths } = findTenantPaths(tables, { columns: ['tenant_id'], home: 'public.tenants' });
        let text = '';
        const compared = await compareDatabases(
          {
            incident: 'inc-rows',
            at: instant(++comparisons),
            source: { place: place(source), reader: mine },
            production: { place: place(PRIMARY), reader: theirs },
            tables,
            tenant: wanted.tenant === undefined ? undefined : { value: wanted.tenant, paths },
            operations: wanted.operations ?? ['insert', 'update'],
            hidden: new Set(['public.documents.body']),
          },
          async (more) => {
            text += more;
          },
        );
        if (!compared.ok) throw new Error(`a cycle: ${compared.error.tables.join()}`);
        return { text, found: compared.value };
      }),
    );
  const importText = async (text: string, importing: Importing = {}): Promise<ImportOutcome> => {
    const set = await readReviewedSet([Buffer.from(text)]);
    if (!set.ok) throw new Error(`line ${set.error.line}: ${set.error.problem}`);
    return rows.changing(place(PRIMARY), (writer) =>
      importSet(writer, {
        set: set.value,
        incident: 'inc-rows',
        triggers: importing.triggers ?? new Set(),
        keep: async (what, lines) => {
          const name = `${what}-${files.size + 1}`;
          files.set(name, lines.join(''));
          return name;
        },
        mayGoOn: importing.mayGoOn ?? (async () => {}),
      }),
    );
  };
  return { ...fleet, rows, place, files, clone, compare, importText };
}

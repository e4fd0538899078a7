import type { JsonObject } from '../shared/core/json.ts';
import { IMPORT_ROWS } from '../shared/ports/copy-labels.ts';
import { instanceName } from '../shared/system/names.ts';
import { tenantTargetOf } from '../shared/system/topology.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { REFERENCE } from '../sandbox/world/reference-system.ts';
import { REFERENCE_ROW_FILES } from '../sandbox/world/reference-world.ts';
import { TENANTS } from '../sandbox/world/sql-schema.ts';
import { SqlTables } from '../sandbox/world/sql-tables.ts';
import { changes, effects, ledger, resolved, served, type Story } from './story.ts';

const PRODUCTION = 'coditect-dms-db';

const [, { id: TENANT }] = TENANTS;

/** What a copy takes to be made and to go; files are beside it. */
const COPY = ['cloudsql.instances.create', 'cloudsql.instances.restoreBackup', 'cloudsql.instances.delete'];

/** A document of before the world began. */
const isFormer = (row: JsonObject): boolean =>
  typeof row['request_id'] === 'string' && row['request_id'].startsWith('before-');

const formerOf = ({ world }: Sandbox): number =>
  SqlTables.of(world.sql.fleet.server(PRODUCTION).history)
    .rows('documents')
    .filter((row) => row['tenant_id'] === TENANT && isFormer(row)).length;

const rowFiles = ({ world }: Sandbox): readonly string[] =>
  world.storage.list(REFERENCE_ROW_FILES.name, {}).map(({ name }) => name.replace(/^.*\//, ''));

/** One customer's documents are deleted; they come back from a backup, reviewed, and nobody else's are touched. */
export const TENANT_STORY: Story = {
  runbook: 'tenant-restore',
  title:
    'Somebody deletes one customer’s documents; they come back from a backup, after a person has reviewed them row by row',
  fault: 'mass-delete',
  variant: 'tenant',
  asks: 'Borealis Shipping has no documents',
  target: tenantTargetOf(instanceName(PRODUCTION), TENANT),
  says: [[IMPORT_ROWS]],
  approvals: 2,
  withinMs: 90 * 60_000,
  check: (sandbox, state, _system, _evidence, failedAtMs) => {
    const { fleet } = sandbox.world.sql;
    const { history } = fleet.server(PRODUCTION);
    const imports = SqlTables.of(history).rows('dr_row_imports').length;
    const back = formerOf(sandbox);
    const { lost, newestLostAt } = sandbox.load.loss((id) => history.hasApplicationRow(id));
    const allowed = [...COPY, 'storage.objects.create'];
    const others = changes(sandbox).filter((change) => !allowed.some((permission) => change.startsWith(permission)));
    return [
      resolved(state),
      { name: 'the customer’s documents are back', held: back > 50, figure: `${back} documents` },
      { name: 'one set was imported, once', held: imports === 1, figure: `${imports} imports` },
      {
        name: 'an undo set is stored beside what was reviewed',
        held: rowFiles(sandbox).some((name) => name.startsWith('undo-')),
        figure: rowFiles(sandbox).join(', '),
      },
      {
        name: 'one copy was made, and is gone',
        held:
          fleet.find(REFERENCE.restored) === undefined &&
          COPY.every((permission) => effects(sandbox, permission).length === 1),
        figure: COPY.map((permission) => `${effects(sandbox, permission).length} ${permission}`).join(', '),
      },
      {
        name: 'nothing that users wrote since is lost',
        held: newestLostAt === undefined || newestLostAt <= failedAtMs,
        figure: `${lost} documents were written after the newest backup and before the deletion, and are in no backup`,
      },
      { name: 'users are served', held: served(sandbox), figure: '' },
      { name: 'nothing else was changed', held: others.length === 0, figure: others.join(', ') || 'nothing' },
      ledger(sandbox),
    ];
  },
};

import type { IncidentState } from '../shared/incident/state.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { REFERENCE } from '../sandbox/world/reference-system.ts';
import { REFERENCE_ROW_FILES } from '../sandbox/world/reference-world.ts';
import { isSpoilt, textIn } from '../sandbox/world/sql-schema.ts';
import { SqlTables } from '../sandbox/world/sql-tables.ts';
import { toIso, instant } from '../shared/core/time.ts';
import { changes, type Check, ledger, resolved, served } from './story.ts';

const effectsOf = ({ world }: Sandbox, permission: string) => world.kernel.audit.effects(permission);

const PRODUCTION = 'coditect-dms-db';

/** What a recovery may change besides files of its own. */
const ALLOWED = [
  'cloudsql.instances.clone',
  'cloudsql.instances.update',
  'cloudsql.instances.delete',
  'k8s.apps.deployments/scale.patch',
  'storage.objects.create',
];

/** What must be true of a recovery of rows that came to its end. */
export function recoveryChecks(sandbox: Sandbox, state: IncidentState, failedAtMs: number): readonly Check[] {
  const { world, load } = sandbox;
  const { fleet } = world.sql;
  const { history } = fleet.server(PRODUCTION);
  const tables = SqlTables.of(history);
  const broken = toIso(instant(failedAtMs));
  const documents = tables.rows('documents');
  const spoilt = documents.filter(isSpoilt);
  const former = spoilt.filter((row) => textIn(row, 'created_at') < broken).length;
  const { lost } = load.loss((id) => history.hasApplicationRow(id), instant(failedAtMs));
  const imports = tables.rows('dr_row_imports');
  const files = world.storage.list(REFERENCE_ROW_FILES.name, {}).map(({ name }) => name.replace(/^.*\//, ''));
  const job = world.kubernetes.store.get('Deployment', REFERENCE.namespace, REFERENCE.bulkImport);
  const others = changes(sandbox).filter((change) => !ALLOWED.some((permission) => change.startsWith(permission)));
  const decided = state.approvals
    .flatMap(({ decisions }) => decisions.map(({ at }) => at))
    .toSorted((a, b) => a - b)[0];
  const [clone, ...more] = effectsOf(sandbox, 'cloudsql.instances.clone');
  const paused = effectsOf(sandbox, 'k8s.apps.deployments/scale.patch').filter(({ call }) =>
    call.resource.includes(REFERENCE.bulkImport),
  );
  return [
    resolved(state),
    {
      name: 'no document of before the damage is spoilt any more',
      held: former === 0,
      figure: `${former} of ${documents.length}; written since and then spoilt, in no clone of that moment: ${spoilt.length}`,
    },
    { name: 'nothing that users wrote is lost', held: lost === 0, figure: `${lost} writes` },
    {
      name: 'rows were brought back once, and the undo set was stored before',
      held: imports.length === 1 && files.some((name) => name.startsWith('undo-')),
      figure: `${imports.length} imports; ${files.join(', ')}`,
    },
    {
      name: 'one clone was made, begun before anybody had decided, and is gone',
      held:
        clone !== undefined &&
        more.length === 0 &&
        decided !== undefined &&
        clone.at < decided &&
        fleet.find(REFERENCE.clones[0]) === undefined,
      figure: `${more.length + (clone === undefined ? 0 : 1)} clones`,
    },
    {
      name: 'the job was paused once, and nobody gave it back',
      held: paused.length === 1 && job?.spec.replicas === 0,
      figure: `scaled ${paused.length} times, ${job?.spec.replicas ?? 'no'} replicas`,
    },
    { name: 'users were served throughout', held: served(sandbox), figure: '' },
    { name: 'nothing else was changed', held: others.length === 0, figure: others.join(', ') || 'nothing' },
    ledger(sandbox),
  ];
}

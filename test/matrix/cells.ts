import type { FunctionName, RunbookName } from '../../shared/system/names.ts';

// What the matrix consists of: each step of each plan, with the change of the world that it makes, and the four points at which its
// worker is killed. A plan that is drawn with other steps than these fails every cell of its story (verdict.ts).

/** Where the kill falls, in the order of a step's life (perform-step.ts). */
export const POINTS = ['before-intent', 'intent-effect', 'effect-outcome', 'after'] as const;
export type Point = (typeof POINTS)[number];

/** A step, and the call that is its effect; a step without one only looks. */
export interface Row {
  readonly step: string;
  readonly effect?: { readonly permission: string; readonly resource: string };
}

/** A plan that is played, and who performs it. */
export interface MatrixStory {
  readonly runbook: RunbookName;
  readonly fault: string;
  readonly worker: FunctionName;
  readonly rows: readonly Row[];
}

/** One cell. */
export interface Cell {
  readonly story: MatrixStory;
  readonly row: Row;
  readonly point: Point;
}

const scaleGke = {
  permission: 'k8s.apps.deployments/scale.patch',
  resource: 'namespaces/coditect-dms/deployments/coditect-dms-api/scale',
};
const scaleRun = { permission: 'run.services.update', resource: 'services/coditect-dms-api' };
const sql = (verb: string, resource: string) => ({
  permission: `cloudsql.${verb}`,
  resource: `instances/coditect-dms-db${resource}`,
});

/** The plans of the reference system, steps in their order. */
export const MATRIX: readonly MatrixStory[] = [
  {
    runbook: 'database-failover',
    fault: 'primary-database',
    worker: 'recover',
    rows: [
      { step: 'confirm' },
      { step: 'hold-api-gke', effect: scaleGke },
      { step: 'hold-api-run', effect: scaleRun },
      { step: 'drain' },
      { step: 'stop', effect: sql('instances.update', '') },
      { step: 'fence' },
      { step: 'loss' },
      { step: 'promote', effect: sql('instances.promoteReplica', '-replica:promoteReplica') },
      { step: 'epoch' },
      {
        step: 'secret-coditect-dms-database-url',
        effect: { permission: 'secretmanager.versions.add', resource: 'secrets/coditect-dms-database-url:addVersion' },
      },
      { step: 'release-api-gke', effect: scaleGke },
      { step: 'release-api-run', effect: scaleRun },
      { step: 'verify-api-gke' },
      { step: 'verify-api-run' },
      { step: 'hold-well-api-gke' },
      { step: 'hold-well-api-run' },
      { step: 'backup', effect: sql('backupRuns.create', '-replica/backupRuns') },
      { step: 'protect', effect: sql('instances.update', '-replica') },
      // The rest of the new replica's name is drawn from the incident's.
      { step: 'replica', effect: sql('instances.create', '-replica-*') },
    ],
  },
  {
    runbook: 'pod-heal',
    fault: 'pod',
    worker: 'heal',
    rows: [
      { step: 'capture' },
      {
        step: 'evict',
        effect: { permission: 'k8s.pods/eviction.create', resource: 'namespaces/coditect-dms/pods/coditect-dms-api-*' },
      },
      { step: 'hold' },
    ],
  },
];

/** A cell's name on the command line. */
export const cellName = ({ row, point }: Pick<Cell, 'row' | 'point'>): string => `${row.step}/${point}`;

const allCells = (): readonly Cell[] =>
  MATRIX.flatMap((story) => story.rows.flatMap((row) => POINTS.map((point) => ({ story, row, point }))));

/** The cells at the point of no return: its request is on its way, and it has taken effect with nobody told. */
const QUICK = ['promote/intent-effect', 'promote/effect-outcome'];

/** Cells by what the command line says. Throws a sentence when it names something that there is not. */
export function chosenCells(options: {
  readonly story?: string | undefined;
  readonly cells?: string | undefined;
  readonly quick: boolean;
}): readonly Cell[] {
  const { story, quick } = options;
  const known = allCells().filter((cell) => story === undefined || cell.story.runbook === story);
  if (known.length === 0)
    throw new Error(`there is no story ${story ?? ''}; there are ${MATRIX.map(({ runbook }) => runbook).join(', ')}`);
  const named = options.cells?.split(',') ?? (quick ? QUICK : undefined);
  if (named === undefined) return known;
  const unknown = named.find((name) => !known.some((cell) => isNamed(cell, name)));
  if (unknown !== undefined) throw new Error(`there is no cell ${unknown}; cells are STEP or STEP/${POINTS.join('|')}`);
  return known.filter((cell) => named.some((name) => isNamed(cell, name)));
}

const isNamed = (cell: Cell, name: string): boolean => name === cell.row.step || name === cellName(cell);

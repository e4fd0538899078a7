import { ACTIONS, REMEDY_ACTIONS } from './actions.ts';
import type { Summary } from './report.ts';

// Which fault met which step, and how that run ended (decisions.md 29). Runs that led to no step don't count.

/** Faults of which each must have met each step of a failover. */
const FAULTS = [
  'killed before a call',
  'killed after a call',
  'frozen before a call',
  'frozen after a call',
  'call loseReplyBefore',
  'call loseReplyAfter',
  'call serverError',
  'call serverErrorAfter',
  'call throttled',
  'call slow',
  'call arriveLate',
  'store refuses',
  'store losesReplies',
  'store hangs',
] as const;

/** Steps that ask nothing at the door of the APIs, so that no fault there can meet them. */
const BESIDE_THE_DOOR: ReadonlySet<string> = new Set(['drain-replica', 'check-loss-bound', 'verify-epoch']);

/**
 * Counted runs from which on a cell at 0 is a failure; fewer are too few for chance to reach them all. Remedies are shown and not
 * asked for: only a third of the plots list any.
 */
export const COVERED_FROM = 3_000;

/** How often each fault met each step, by outcome. */
export class Coverage {
  readonly #cells = new Map<string, Map<string, number>>();
  readonly #titles = new Map<string, Map<string, number>>();
  #runs = 0;

  add({ title, outcome, counts, meetings }: Summary): void {
    count(this.#titles, title, outcome);
    if (!counts) return;
    this.#runs += 1;
    const cells = new Set(
      meetings.flatMap(({ what, positions }) => positions.map((position) => `${what}|${position}`)),
    );
    for (const cell of cells) count(this.#cells, cell, outcome);
  }

  /** Cells that must not be empty and are; only asked when enough runs counted. */
  missing(): readonly string[] {
    if (this.#runs < COVERED_FROM) return [];
    return FAULTS.flatMap((fault) =>
      ACTIONS.database
        .filter((action) => this.#sum(`${fault}|${action}`) === 0)
        .filter((action) => !(fault.startsWith('call') && BESIDE_THE_DOOR.has(action)))
        .map((action) => `${fault} never met ${action}`),
    );
  }

  /** The tables, for people. */
  show(): string {
    const whats = [...new Set([...this.#cells.keys()].map((cell) => cell.split('|')[0] ?? ''))].toSorted();
    const columns = [
      ...ACTIONS.database,
      ...REMEDY_ACTIONS,
      'capture-pod-evidence',
      'evict-pod',
      'undo-rollout',
      'restart-rollout',
      ...ACTIONS.deployment,
      ...ACTIONS.service,
      ...ACTIONS.recovery.filter((action) => action !== 'hold-workload'),
      ...ACTIONS.cluster.filter((action) => !ACTIONS.service.some((other) => other === action)),
      'remember-region',
      'check-secondary',
      'confirm-region-lost',
      'ask-stop',
      'await-return',
      'count-divergence',
      'restart-stale',
      'await-replica',
      'check-way',
      'see-replica-follow',
      'mark-last-write',
      'point-at-replica',
      'read-replica',
      'forget-region',
    ];
    const others = [...new Set([...this.#cells.keys()].map((cell) => cell.split('|')[1] ?? ''))]
      .filter((position) => !columns.some((column) => column === position))
      .toSorted();
    const legend = [...columns, ...others].map((name, index) => `${letterOf(index)} ${name}`).join(', ');
    const header = `${''.padEnd(38)}${[...columns, ...others].map((_, index) => letterOf(index).padStart(5)).join('')}`;
    const rows = whats.map((what) => {
      const cells = [...columns, ...others].map((position) => {
        const sum = this.#sum(`${what}|${position}`);
        return (sum === 0 ? '.' : String(sum)).padStart(5);
      });
      return `${what.padEnd(38)}${cells.join('')}`;
    });
    const ends = whats.map((what) => `${what.padEnd(38)} ${showCounts(this.#endsOf(what))}`);
    const titles = [...this.#titles].map(([title, outcomes]) => `${title.padEnd(38)} ${showCounts(outcomes)}`);
    return [
      'Disasters and how their runs ended:',
      ...titles.toSorted(),
      '',
      `What met which step, in ${this.#runs} runs that led to one:`,
      header,
      ...rows,
      legend,
      '',
      'What met a run, and how it ended:',
      ...ends,
    ].join('\n');
  }

  #sum(cell: string): number {
    return [...(this.#cells.get(cell)?.values() ?? [])].reduce((sum, times) => sum + times, 0);
  }

  #endsOf(what: string): ReadonlyMap<string, number> {
    const ends = new Map<string, number>();
    for (const [cell, outcomes] of this.#cells)
      if (cell.startsWith(`${what}|`))
        for (const [outcome, times] of outcomes) ends.set(outcome, (ends.get(outcome) ?? 0) + times);
    return ends;
  }
}

function count(table: Map<string, Map<string, number>>, row: string, column: string): void {
  const cells = table.get(row) ?? new Map<string, number>();
  cells.set(column, (cells.get(column) ?? 0) + 1);
  table.set(row, cells);
}

/** a, b, … z, A, B, … */
const letterOf = (index: number): string => String.fromCharCode(index < 26 ? 97 + index : 65 + index - 26);

const showCounts = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, times]) => `${name} ${times}`)
    .join(', ');

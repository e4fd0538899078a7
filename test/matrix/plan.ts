import type { ReadIncident } from '../../cli/read-incidents.ts';
import type { ApiCall } from '../../sandbox/world/kernel.ts';
import type { Millis } from '../../shared/core/time.ts';
import type { FunctionName, RunbookName } from '../../shared/system/names.ts';
import type { Opening, Stage } from '../stories/story.ts';

// The words of the matrix: stories, the plans that are drawn in them, their steps, and the points at which a worker is killed.

/** Where the kill falls, in the order of a step's life (perform-step.ts). */
export const POINTS = ['before-intent', 'intent-effect', 'effect-outcome', 'after'] as const;
export type Point = (typeof POINTS)[number];

/** A call that changes the world; a resource that ends in `*` begins so. */
export interface Change {
  readonly permission: string;
  readonly resource: string;
}

/** A step, and the call that is its effect; a step without one only looks, or writes to our own store. */
export interface Row {
  readonly step: string;
  readonly effect?: Change;
  /** Whether its effect is there, where it is one that no audit names. */
  readonly isDone?: (stage: Stage) => boolean;
  /** Who performs it, where that is not the plan's worker. */
  readonly worker?: FunctionName;
}

/** A plan that is drawn in a story, or several of one incident that follow each other: one table of the page. */
export interface MatrixPlan {
  readonly runbook: RunbookName;
  /** What tells its incident from others of the same runbook in the story, and its table from theirs. */
  readonly target?: string;
  /** Who performs it. */
  readonly worker: FunctionName;
  readonly rows: readonly Row[];
  /** What people are told in the end, where the plan ends with a question to them and not with a resolution. */
  readonly asks?: RegExp;
}

/** What happens, with the plans that it leads to. */
export interface MatrixStory {
  readonly name: string;
  readonly plans: readonly MatrixPlan[];
  /** What happens, and what people do until nothing is left to be done by them. Answers the loss that the page named, if any. */
  readonly play: (stage: Stage) => Promise<Millis | undefined>;
  /** What the sandbox needs that is not as usual. */
  readonly opening?: Omit<Opening, 'name'>;
  /** Changes that others make than the steps of the plans: an earlier plan, or a step that makes several. */
  readonly also?: readonly Change[];
  /** What else must be true in the end, from outside: sentences about what is not. */
  readonly wrongs?: (stage: Stage) => readonly (string | undefined)[];
  /** Most of its steps run side by side: a death anywhere interrupts all that is under way, and a look takes five of them. */
  readonly isWide?: boolean;
  /** The service whose users must be served in the end, where others can't be: all unless given. */
  readonly users?: string;
}

/** The name of a plan's table. */
export const planName = ({ runbook, target }: Pick<MatrixPlan, 'runbook' | 'target'>): string =>
  target === undefined ? runbook : `${runbook} ${target}`;

/** Whether a call of the audit is the effect of this step, or of one that makes the same change at another time. */
export const isEffect = ({ effect }: Row, call: Pick<ApiCall, 'permission' | 'resource'>): boolean =>
  effect !== undefined && isChange(effect, call);

/** Whether a call of the audit makes that change. */
export function isChange(change: Change, { permission, resource }: Pick<ApiCall, 'permission' | 'resource'>): boolean {
  if (permission !== change.permission) return false;
  const [prefix = '', open] = change.resource.split('*');
  return open === undefined ? resource === prefix : resource.startsWith(prefix);
}

/** Whether an incident is the one that a plan of a story is drawn for. */
export const isOf = ({ runbook, target }: MatrixPlan, { state }: Pick<ReadIncident, 'state'>): boolean =>
  state.run?.plan.runbook === runbook && (target === undefined || state.target === target);

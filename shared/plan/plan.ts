import { z } from 'zod';
import type { Brand } from '../core/brand.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { type Millis, millis } from '../core/time.ts';
import { RUNBOOKS, type RunbookName, type TargetId, targetId } from '../system/names.ts';
import { type LossBound, lossBoundWire } from './loss-bound.ts';

// A plan is data: what will be done, in which order, at what risk and cost. People approve its digest; the engine performs it.
// A dry run is a plan that nobody performs, so a run does exactly what its dry run said.

/** A step's name within its plan; given by the runbook, since a plan may hold an action twice. */
export type StepId = Brand<string, 'StepId'>;

/** Makes a step's name. */
export const stepId = (text: string): StepId => text as StepId; // constructor of the brand

/** How much a step can hurt (design.md section 5). */
export const RISKS = ['observe', 'safe', 'destructive'] as const;
export type Risk = (typeof RISKS)[number];

/**
 * What a repeat of the call does (design.md section 5): `terminal` the wanted state absorbs it; `conditional` the API refuses
 * a stale version; `named` it is created under a name derived from the intent; `serialised` nothing protects, so look at
 * operations since the intent and wait the late-arrival time first; `never` a person at the first doubt.
 */
export const REPEAT_CLASSES = ['terminal', 'conditional', 'named', 'serialised', 'never'] as const;
export type RepeatClass = (typeof REPEAT_CLASSES)[number];

/** Which part of the recovery a step's time counts to (failover-rules 26). `after`: the service is back already. */
export const STAGES = ['prepare', 'execute', 'propagate', 'verify', 'after'] as const;
export type Stage = (typeof STAGES)[number];

/** How a step is taken back. */
export type Undo =
  | { readonly kind: 'action'; readonly action: string; readonly input: JsonObject; readonly title: string }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'pointOfNoReturn'; readonly because: string };

/** One node of a plan. */
export interface PlannedStep {
  readonly id: StepId;
  /** The action's kind in the catalogue. */
  readonly action: string;
  readonly input: JsonObject;
  /** In plain words, naming the target; what the approver reads. */
  readonly title: string;
  readonly target: TargetId;
  readonly risk: Risk;
  readonly repeat: RepeatClass;
  /** Steps that must be done before. Steps of a committed section run one after the other in the order of the list. */
  readonly needs: readonly StepId[];
  /**
   * Steps each of which makes this one unnecessary: it waits until they are settled, and is left out once one of them is done.
   * Absent where there are none, so that plans of before it existed keep the digest that was approved.
   */
  readonly unless?: readonly StepId[];
  /**
   * Steps that it comes after, whatever became of them: it waits until they are settled, and their failure keeps it from nothing. Absent
   * where there are none, as above.
   */
  readonly after?: readonly StepId[];
  /** Must not be left half done (design.md section 8). */
  readonly committed: boolean;
  readonly stage: Stage;
  /** A failure is recorded and told, and the rest goes on (rebuilding redundancy, or a remedy that another way follows). */
  readonly optional: boolean;
  readonly estimateMs: number;
  readonly timeLimitMs: number;
  readonly undo: Undo;
}

/** What else could be done, with the same figures (design.md section 7). */
export interface Alternative {
  readonly name: string;
  readonly text: string;
  readonly estimateMs: number | null;
  readonly losesMs: number | null;
  readonly possible: boolean;
  readonly because: string;
  /** The latest moment at which it still meets the RTO, in milliseconds since the epoch. */
  readonly latestStartMs: number | null;
}

/** A guard's objection at planning time (design.md section 6): a brake is released by the approval that lists it, a wall is not. */
export interface GuardBlock {
  readonly guard: string;
  readonly kind: 'brake' | 'wall';
  readonly code: string;
  readonly observed: string;
  readonly limit: string;
  /** When it clears by itself, in milliseconds since the epoch; `null` when it doesn't. */
  readonly clearsAtMs: number | null;
  /** The verb that opens it, or `null` when none does. */
  readonly openedBy: string | null;
}

/** A graph of steps with an estimate, a loss bound and a digest. */
export interface Plan {
  readonly version: 1;
  readonly incident: string;
  readonly runbook: RunbookName;
  readonly scenario: string;
  readonly target: TargetId;
  /** Everything that the run locks for as long as it lasts. */
  readonly holds: readonly TargetId[];
  readonly steps: readonly PlannedStep[];
  readonly lossBound: LossBound;
  readonly alternatives: readonly Alternative[];
  readonly warnings: readonly GuardBlock[];
  /** Facts that must still hold when the run begins, in words of the runbook; predicates that our own steps don't change. */
  readonly bounds: JsonObject;
  readonly failback: string;
}

const json: z.ZodType<Json> = z.json();

const undoWire = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('action'),
    action: z.string(),
    input: z.record(z.string(), json),
    title: z.string(),
  }),
  z.strictObject({ kind: z.literal('nothing') }),
  z.strictObject({ kind: z.literal('pointOfNoReturn'), because: z.string() }),
]);

const stepWire = z.strictObject({
  id: z.string().transform(stepId),
  action: z.string(),
  input: z.record(z.string(), json),
  title: z.string(),
  target: z.string().transform(targetId),
  risk: z.enum(RISKS),
  repeat: z.enum(REPEAT_CLASSES),
  needs: z.array(z.string().transform(stepId)),
  unless: z.array(z.string().transform(stepId)).min(1).exactOptional(),
  after: z.array(z.string().transform(stepId)).min(1).exactOptional(),
  committed: z.boolean(),
  stage: z.enum(STAGES),
  optional: z.boolean(),
  estimateMs: z.number(),
  timeLimitMs: z.number(),
  undo: undoWire,
});

/** An alternative as it is stored. */
export const alternativeWire = z.strictObject({
  name: z.string(),
  text: z.string(),
  estimateMs: z.number().nullable(),
  losesMs: z.number().nullable(),
  possible: z.boolean(),
  because: z.string(),
  latestStartMs: z.number().nullable(),
});

/** A guard's objection as it is stored. */
export const guardBlockWire = z.strictObject({
  guard: z.string(),
  kind: z.enum(['brake', 'wall']),
  code: z.string(),
  observed: z.string(),
  limit: z.string(),
  clearsAtMs: z.number().nullable(),
  openedBy: z.string().nullable(),
});

/** A plan as it is stored; strict, since its digest is what people approve. */
export const planWire: z.ZodType<Plan> = z.strictObject({
  version: z.literal(1),
  incident: z.string(),
  runbook: z.enum(RUNBOOKS),
  scenario: z.string(),
  target: z.string().transform(targetId),
  holds: z.array(z.string().transform(targetId)),
  steps: z.array(stepWire),
  lossBound: lossBoundWire,
  alternatives: z.array(alternativeWire),
  warnings: z.array(guardBlockWire),
  bounds: z.record(z.string(), json),
  failback: z.string(),
});

/** What an approval is bound to. */
export function planDigest(plan: Plan): Digest {
  return digestOf(plan);
}

/** Walls that an approval of this plan opens by name; they stand in its bounds, so that the digest covers them. */
export function opensOf(plan: Plan): readonly string[] {
  const { opens } = plan.bounds;
  return Array.isArray(opens) ? opens.map(String) : [];
}

/**
 * Steps that prepare what people decide on, and hurt nobody if they decide against it: safe or only looking, before everything else,
 * needing nothing but one another. Empty for a plan that has none that changes anything.
 */
export function preparingSteps({ steps }: Pick<Plan, 'steps'>): readonly PlannedStep[] {
  const found: PlannedStep[] = [];
  for (const step of steps) {
    const isLeading = step.needs.every((need) => found.some(({ id }) => id === need));
    if (step.stage === 'prepare' && step.risk !== 'destructive' && !step.committed && isLeading) found.push(step);
  }
  return found.some(({ risk }) => risk === 'safe') ? found : [];
}

/**
 * Whether a step belongs to one of several ways of bringing the service back: another way is spared once it, or what needs it, has
 * held. A failure of any other optional step leaves something to do by hand instead.
 */
export function isOneOfSeveralWays({ id, optional }: PlannedStep, plan: Plan): boolean {
  const leads = (step: StepId): boolean =>
    plan.steps.some(({ unless }) => unless?.includes(step) === true) ||
    plan.steps.some((later) => later.optional && later.needs.includes(step) && leads(later.id));
  return optional && leads(id);
}

/**
 * The longest way through the graph by the steps' estimates: committed steps one after the other, others side by side, and nothing
 * left out.
 */
export function criticalPath(plan: Plan): Millis {
  const finish = new Map<StepId, number>();
  let committedUntil = 0;
  for (const step of plan.steps) {
    const first = comesAfter(step).map((other) => finish.get(other) ?? 0);
    const ready = Math.max(0, ...first, step.committed ? committedUntil : 0);
    const end = ready + step.estimateMs;
    finish.set(step.id, end);
    if (step.committed) committedUntil = end;
  }
  return millis(Math.max(0, ...finish.values()));
}

/** Every step that has to be settled before this one can begin. */
export const comesAfter = ({ needs, unless = [], after = [] }: PlannedStep): readonly StepId[] => [
  ...needs,
  ...unless,
  ...after,
];

/** Whom a step asks and waits for, by the id of `people`; `undefined` for one that asks nobody. */
export function askedBy({ input }: PlannedStep): string | undefined {
  const { person } = input;
  return typeof person === 'string' ? person : undefined;
}

/** Faults of a plan's graph; empty for a sound one. Checked when a plan is drawn, before anybody is asked. */
export function planFaults(plan: Plan): readonly string[] {
  const seen = new Set<StepId>();
  const faults: string[] = [];
  for (const step of plan.steps) {
    if (seen.has(step.id)) faults.push(`step ${step.id} stands twice`);
    for (const need of step.needs)
      if (!seen.has(need)) faults.push(`step ${step.id} needs ${need}, which does not come before it`);
    for (const other of step.unless ?? [])
      if (!seen.has(other)) faults.push(`step ${step.id} makes way for ${other}, which does not come before it`);
    for (const other of step.after ?? [])
      if (!seen.has(other)) faults.push(`step ${step.id} comes after ${other}, which does not come before it`);
    if (step.committed && step.optional) faults.push(`step ${step.id} is committed and can't be optional`);
    seen.add(step.id);
  }
  const committed = plan.steps.map((step) => step.committed);
  if (
    committed.lastIndexOf(true) - committed.indexOf(true) + 1 !== committed.filter(Boolean).length &&
    committed.includes(true)
  ) {
    faults.push('the committed section is not in one piece');
  }
  return faults;
}

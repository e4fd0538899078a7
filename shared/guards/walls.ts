import { type Millis, millis, showDuration } from '../core/time.ts';
import { type LossBound, showLossBound } from '../plan/loss-bound.ts';
import type { GuardBlock } from '../plan/plan.ts';

// Walls stop everything. Each is opened by at most one verb, with an approval of its own; what is not known blocks.

/** The verb that accepts a loss that nobody can state. */
export const ACCEPT_UNKNOWN_LOSS = 'accept-unknown-loss';

/** The verb that accepts a stated loss above the budget of `dr.yaml`. */
export const ACCEPT_LOSS = 'accept-loss';

/** The verb that accepts that nobody can prove the old primary fenced. */
export const ACCEPT_UNFENCED = 'accept-unfenced-primary';

/** Which replica would be promoted, as far as classification could choose one. */
export type ReplicaFitness = { readonly unfit: readonly string[] } | { readonly instance: string };

const wall = (guard: string, code: string, said: Pick<GuardBlock, 'observed' | 'limit' | 'openedBy'>): GuardBlock => ({
  guard,
  kind: 'wall',
  code,
  ...said,
  clearsAtMs: null,
});

/** Only a fit replica is promoted. Nothing opens this; `undefined` means that nobody looked, which blocks. */
export function replicaFitWall(choice: ReplicaFitness | undefined): GuardBlock | undefined {
  if (choice !== undefined && 'instance' in choice) return undefined;
  const observed = choice === undefined ? 'nobody has looked at the replicas' : choice.unfit.join('; ');
  const code = choice === undefined ? 'replicaUnknown' : 'replicaUnfit';
  return wall('replicaFit', code, { observed, limit: 'a replica that is fit for promotion', openedBy: null });
}

/** What may be lost must be known, or accepted as unknown by its own verb. */
export function lossKnownWall(bound: LossBound, opens: readonly string[]): GuardBlock | undefined {
  if (bound.kind !== 'unknown' || opens.includes(ACCEPT_UNKNOWN_LOSS)) return undefined;
  const observed = showLossBound(bound);
  return wall('lossKnown', 'lossUnknown', { observed, limit: 'a known loss', openedBy: ACCEPT_UNKNOWN_LOSS });
}

/** What may be lost by now must fit into the budget of `dr.yaml`, or be accepted by its own verb. */
export function lossBudgetWall(bound: LossBound, budget: Millis, opens: readonly string[]): GuardBlock | undefined {
  if (bound.kind === 'none' || bound.kind === 'unknown') return undefined;
  if (bound.ms <= budget || opens.includes(ACCEPT_LOSS)) return undefined;
  return wall('lossBudget', 'lossAboveBudget', {
    observed: showLossBound(bound),
    limit: `${showDuration(millis(budget))} (lossBudget in dr.yaml)`,
    openedBy: ACCEPT_LOSS,
  });
}

/** A fence that nobody will be able to prove is accepted by its own verb before anybody is asked for the rest, or not done. */
export function fenceWall(dark: string | undefined, opens: readonly string[]): GuardBlock | undefined {
  if (dark === undefined || opens.includes(ACCEPT_UNFENCED)) return undefined;
  return wall('fenceProved', 'regionDark', {
    observed: dark,
    limit: 'positive evidence from every consumer’s place',
    openedBy: ACCEPT_UNFENCED,
  });
}

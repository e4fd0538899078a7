import { z } from 'zod';
import { runsOf, runsThatCount } from './runs.ts';
import type { IncidentState } from './state.ts';

// What an incident gave more of and has not taken back: limits that were still in use when their watch ended.

const limits = z.strictObject({ min: z.number(), max: z.number().nullable() });

const wire = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('service'), application: z.string(), before: limits, wanted: limits }),
  z.strictObject({ kind: z.literal('floor'), application: z.string(), before: z.number(), wanted: z.number() }),
]);

/** Limits of a service, or the floor of a Deployment's autoscaler: what they were, and what they were raised to. */
export type LeftRaised = z.infer<typeof wire>;

/** By what each is taken back. */
const BACK: ReadonlyMap<string, LeftRaised['kind']> = new Map([
  ['restore-service', 'service'],
  ['restore-floor', 'floor'],
]);

const RAISES: ReadonlySet<string> = new Set(['raise-service', 'raise-workload']);

const SCALE_UPS: ReadonlySet<string> = new Set(['service-scale-up', 'deployment-scale-up']);

/** What an incident has left raised, over all its runs: what was taken back is not among it. */
export function leftRaised(state: Pick<IncidentState, 'run' | 'formerRuns'>): readonly LeftRaised[] {
  const left = new Map<string, LeftRaised>();
  for (const run of runsOf(state).filter(({ plan }) => SCALE_UPS.has(plan.runbook))) {
    const raise = run.plan.steps.find(({ action }) => RAISES.has(action));
    const back = run.plan.steps.find(({ action }) => BACK.has(action));
    if (back === undefined || (raise !== undefined && run.steps.get(raise.id)?.kind !== 'done')) continue;
    const { application, before, wanted } = back.input;
    const read = wire.safeParse({ kind: BACK.get(back.action), application, before, wanted });
    if (!read.success) continue;
    const what = `${read.data.kind} ${read.data.application}`;
    if (run.steps.get(back.id)?.kind === 'done') left.delete(what);
    else left.set(what, read.data);
  }
  return [...left.values()];
}

/** What it says of it, in words. */
export function showRaised(raised: LeftRaised): string {
  if (raised.kind === 'floor')
    return `the floor of the autoscaler of ${raised.application} is ${raised.wanted} instead of ${raised.before}`;
  const { application, before, wanted } = raised;
  return `the limits of ${application} are ${wanted.min} to ${wanted.max ?? 'any number of'} instances instead of ${before.min} to ${before.max ?? 'any number'}`;
}

/** Why more was refused for good, in words; `undefined` where no run that counts was refused it. To ask again would be no use. */
export function raiseRefused(state: Parameters<typeof runsThatCount>[0]): string | undefined {
  for (const run of runsThatCount(state).toReversed()) {
    const raise = run.plan.steps.find(({ action }) => RAISES.has(action));
    const progress = raise === undefined ? undefined : run.steps.get(raise.id);
    if (progress?.kind === 'failed' && progress.failure.kind === 'permanent') return progress.failure.detail;
  }
  return undefined;
}

/** Reads what a diagnosis says was left raised; `undefined` where it says nothing of it. Throws for anything else. */
export const parseLeftRaised = (text: string | undefined): LeftRaised | undefined =>
  text === undefined ? undefined : wire.parse(JSON.parse(text));

import { z } from 'zod';
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

/** What the newest run of an incident has left raised; `undefined` where it raised nothing, or has taken it back. */
export function leftRaised({ run }: Pick<IncidentState, 'run'>): LeftRaised | undefined {
  if (run === undefined || !SCALE_UPS.has(run.plan.runbook)) return undefined;
  const raise = run.plan.steps.find(({ action }) => RAISES.has(action));
  const back = run.plan.steps.find(({ action }) => BACK.has(action));
  if (back === undefined || run.steps.get(back.id)?.kind === 'done') return undefined;
  if (raise !== undefined && run.steps.get(raise.id)?.kind !== 'done') return undefined;
  const { application, before, wanted } = back.input;
  const read = wire.safeParse({ kind: BACK.get(back.action), application, before, wanted });
  return read.success ? read.data : undefined;
}

/** Why more was refused for good, in words; `undefined` where the newest run was not refused it. To ask again would be no use. */
export function raiseRefused({ run }: Pick<IncidentState, 'run'>): string | undefined {
  const raise = run?.plan.steps.find(({ action }) => RAISES.has(action));
  const progress = raise === undefined ? undefined : run?.steps.get(raise.id);
  return progress?.kind === 'failed' && progress.failure.kind === 'permanent' ? progress.failure.detail : undefined;
}

/** Reads what a diagnosis says was left raised; `undefined` where it says nothing of it. Throws for anything else. */
export const parseLeftRaised = (text: string | undefined): LeftRaised | undefined =>
  text === undefined ? undefined : wire.parse(JSON.parse(text));

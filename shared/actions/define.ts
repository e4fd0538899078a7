import type { z } from 'zod';
import type { Json, JsonObject } from '../core/json.ts';
import type { Action, ActionContext, Observation, Progress } from '../engine/action.ts';
import type { RepeatClass, Risk } from '../plan/plan.ts';

/** An action in its own types; `define` gives it the engine's face, which parses what the plan and the log hand back. */
export interface ActionDefinition<Input, Version extends Json, Handle extends Json> {
  readonly kind: string;
  readonly risk: Risk;
  readonly repeat: RepeatClass;
  readonly input: z.ZodType<Input>;
  readonly version: z.ZodType<Version>;
  readonly handle: z.ZodType<Handle>;
  readonly observe: (input: Input, context: ActionContext) => Promise<Observation<Version>>;
  readonly start: (input: Input, version: Version, context: ActionContext) => Promise<Progress>;
  readonly poll: (handle: Handle, input: Input, context: ActionContext) => Promise<Progress>;
  readonly verify: (input: Input, context: ActionContext) => Promise<{ readonly ok: boolean; readonly detail: string }>;
}

/** Gives a typed action the engine's face. Input that the plan's schema let through and the action's doesn't is our bug, and throws. */
export function define<Input, Version extends Json, Handle extends Json>(
  own: ActionDefinition<Input, Version, Handle>,
): Action {
  const read = (input: JsonObject): Input => own.input.parse(input);
  return {
    kind: own.kind,
    risk: own.risk,
    repeat: own.repeat,
    observe: (input, context) => own.observe(read(input), context),
    start: (input, version, context) => own.start(read(input), own.version.parse(version), context),
    poll: (handle, input, context) => own.poll(own.handle.parse(handle), read(input), context),
    verify: (input, context) => own.verify(read(input), context),
  };
}

/** What the approved plan gives to an action of this kind: a later step looks again by it, and never by what the log says came of it. */
export const inputOf = (action: string, { run }: Pick<ActionContext, 'run'>): JsonObject | undefined =>
  run.plan.steps.find((step) => step.action === action)?.input;

/** For actions that verify as they poll. */
export const verifiedByPolling = async (): Promise<{ readonly ok: boolean; readonly detail: string }> => ({
  ok: true,
  detail: '',
});

import { z } from 'zod';
import { unreachable } from '../core/assert.ts';
import { err, ok, type Result } from '../core/result.ts';
import { type Instant, minutes, parseInstant } from '../core/time.ts';
import { type IncidentId, incidentId, RUNBOOKS, type RunbookName } from '../system/names.ts';
import { firstIssue, type Malformed, malformed, plainText } from './malformed.ts';

/**
 * What a person or a program asks for on the topic `dr-commands` (decisions.md 5). Who asks is a claim and gives no right: a
 * command can open an incident, dry-run, ask for an approval and switch the kill switch on (design.md section 3).
 */
export type Command =
  | (CommandBase & {
      readonly command: 'start';
      readonly runbook: RunbookName;
      /** A name of `dr.yaml` or a target id; `undefined`: whatever the runbook applies to. */
      readonly target: string | undefined;
      /** Applications that a breach response shall cut off as well. */
      readonly isolate: readonly string[];
      /** The last good moment, for rows that are wanted back; `undefined`: it is looked for, or a backup is taken. */
      readonly moment: Instant | undefined;
    })
  | (CommandBase & { readonly command: 'cancel' | 'resume' | 'takeover'; readonly incident: IncidentId })
  | (CommandBase & { readonly command: 'stop' });

interface CommandBase {
  readonly kind: 'command';
  readonly reason: string;
  /** Unverified. */
  readonly requestedBy: string;
  readonly requestId: string;
  readonly expiresAt: Instant;
  readonly dedupeKey: string;
}

/** The part of a signal's subject in which the moment of a command stands. */
export const MOMENT = 'moment';

/** How long a command is good for unless its publisher says otherwise. */
export const COMMAND_EXPIRES_IN = minutes(15);

/** Longest that a command may be good for: one that lies about for days means a world that is gone. */
const EXPIRES_IN_MAX = minutes(60 * 24);

const moment = z.iso.datetime({ offset: true }).transform((written, context) => {
  const at = parseInstant(written);
  if (at !== undefined) return at;
  context.addIssue({ code: 'custom', message: 'no moment' });
  return z.NEVER;
});

const shared = {
  kind: z.literal('dr.command'),
  version: z.literal(1),
  reason: z
    .string()
    .min(1)
    .max(500)
    .transform((reason) => plainText(reason, 500)),
  requestedBy: z
    .string()
    .min(1)
    .max(200)
    .transform((name) => plainText(name, 200)),
  requestId: z.guid().transform((id) => id.toLowerCase()),
  expiresAt: moment,
};

const id = z
  .string()
  .regex(/^inc-[a-z2-7]{10}$/, 'no incident id')
  .transform(incidentId);

const wire = z.discriminatedUnion('command', [
  z.strictObject({
    ...shared,
    command: z.literal('start'),
    runbook: z.enum(RUNBOOKS),
    target: z
      .string()
      .regex(/^[a-z0-9][a-z0-9/-]{0,199}$/, 'no target')
      .optional(),
    isolate: z
      .array(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'no application'))
      .max(20)
      .default([]),
    moment: moment.optional(),
  }),
  z.strictObject({ ...shared, command: z.enum(['cancel', 'resume', 'takeover']), incident: id }),
  z.strictObject({ ...shared, command: z.literal('stop') }),
]);

/** Reads a command. Unknown and superfluous keys are refused: a misspelt limit must not be a missing one. Never throws. */
export function parseCommand(payload: unknown): Result<Command, Malformed> {
  const read = wire.safeParse(payload);
  if (!read.success) return err(malformed(firstIssue(read.error), payload));
  const { reason, requestedBy, requestId, expiresAt } = read.data;
  const base: CommandBase = {
    kind: 'command',
    reason,
    requestedBy,
    requestId,
    expiresAt,
    dedupeKey: `command/${requestId}`,
  };
  const asked = read.data;
  switch (asked.command) {
    case 'start':
      return ok({
        ...base,
        command: 'start',
        runbook: asked.runbook,
        target: asked.target,
        isolate: asked.isolate,
        moment: asked.moment,
      });
    case 'cancel':
    case 'resume':
    case 'takeover':
      return ok({ ...base, command: asked.command, incident: asked.incident });
    case 'stop':
      return ok({ ...base, command: 'stop' });
    default:
      return unreachable(asked);
  }
}

/** Why a command no longer counts at `now`, or `undefined` while it does. Its last moment counts. */
export function refusalOf(command: Command, now: Instant): string | undefined {
  if (now > command.expiresAt) return `it expired at ${new Date(command.expiresAt).toISOString()}`;
  if (command.expiresAt - now > EXPIRES_IN_MAX) return 'it would be good for more than 24 hours';
  return undefined;
}

import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { z } from 'zod';
import { after, type Instant, instant, parseInstant, toIso } from '../shared/core/time.ts';
import { COMMAND_EXPIRES_IN } from '../shared/signals/command.ts';
import { incidentIdOf, instanceName } from '../shared/system/names.ts';
import { tenantTargetOf } from '../shared/system/topology.ts';
import type { Ending } from './config.ts';
import { control, type Facts, Refusal } from './sandbox-facts.ts';

// The verbs that publish: each is nothing but a Pub/Sub publish on `dr-commands`, as any other publisher would do it
// (docs/commands.md). A command can open, dry-run, ask, take over and stop; it can't approve anything.

const idWire = z.object({ messageIds: z.array(z.string()) });

/** What a person asks for. */
export type Wish =
  | {
      readonly command: 'start';
      readonly runbook: string;
      readonly target: string | undefined;
      readonly isolate?: readonly string[];
      /** The last good moment, RFC 3339; of `point-in-time-recovery` and `tenant-restore`. */
      readonly moment?: string | undefined;
      readonly reason: string;
    }
  | { readonly command: 'takeover' | 'resume'; readonly incident: string; readonly reason: string }
  | { readonly command: 'stop'; readonly reason: string };

/** The target that the options of `trigger` name: one tenant's rows in a database, or what `--target` says. */
export function targetAsked({
  target,
  database,
  tenant,
}: {
  readonly target?: string;
  readonly database?: string;
  readonly tenant?: string;
}): string | undefined {
  if (database === undefined && tenant === undefined) return target;
  if (database === undefined || tenant === undefined || target !== undefined)
    throw new Refusal(2, '--database and --tenant go together, and without --target');
  return tenantTargetOf(instanceName(database), tenant);
}

/** A moment as it was typed. Refuses with 2 what is none. */
export function momentAsked(written: string): Instant {
  const moment = parseInstant(written);
  if (moment === undefined) throw new Refusal(2, `--moment takes a time of RFC 3339, not ${written}`);
  return moment;
}

/** Publishes a command and says what to look at next. Refuses with 2 what nobody could read at the other end. */
export async function publishCommand(facts: Facts, wish: Wish, { json }: { readonly json: boolean }): Promise<Ending> {
  if (wish.command === 'start' && wish.moment !== undefined) momentAsked(wish.moment);
  const requestId = randomUUID();
  const now = instant(facts.startClock + (Date.now() - facts.startWall) * facts.rate);
  const message = {
    kind: 'dr.command',
    version: 1,
    ...wish,
    requestedBy: userInfo().username,
    requestId,
    expiresAt: toIso(after(now, COMMAND_EXPIRES_IN)),
  };
  const answer = await fetch(`${facts.google}/v1/projects/${facts.project}/topics/dr-commands:publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${facts.operatorToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ data: Buffer.from(JSON.stringify(message)).toString('base64') }] }),
  }).catch((error: unknown) => {
    throw new Refusal(4, `Pub/Sub does not answer: ${String(error)}`);
  });
  if (!answer.ok)
    throw new Refusal(answer.status === 403 ? 3 : 4, `Pub/Sub answered ${answer.status}: ${await answer.text()}`);
  const { messageIds } = idWire.parse(await answer.json());
  const opens = wish.command === 'start' ? incidentIdOf(`command/${requestId}`) : undefined;
  if (json)
    return {
      exitCode: 0,
      stdout: `${JSON.stringify({ messageId: messageIds[0], requestId, opens: opens ?? null })}\n`,
      stderr: '',
    };
  const next =
    opens === undefined
      ? 'It takes effect when it arrives: ./dr incidents'
      : `It opens ${opens}, unless an incident of the same target is open already: ./dr incidents, ./dr show ${opens} --follow`;
  return { exitCode: 0, stdout: `Published ${wish.command} as message ${messageIds[0] ?? ''}. ${next}\n`, stderr: '' };
}

/** Asks the `approve` function, as an authenticated operator, for what a message may not do. */
export async function operateCommand(
  facts: Facts,
  wish: Readonly<Record<string, string>>,
  { json }: { readonly json: boolean },
): Promise<Ending> {
  const { idToken } = z.object({ idToken: z.string() }).parse(await control(facts, 'GET', '/identity'));
  const answer = await postToFirst(facts.approve, '/operate', {
    method: 'POST',
    headers: { authorization: `Bearer ${idToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(wish),
  });
  const said = await answer.text();
  if (answer.ok) return { exitCode: 0, stdout: json ? `${said}\n` : `Done: ${said}\n`, stderr: '' };
  throw new Refusal(
    answer.status === 409 || answer.status === 403 ? 3 : answer.status === 400 || answer.status === 404 ? 2 : 4,
    `refused (${answer.status}): ${said}`,
  );
}

/** Asks the first of the regions' functions that answers: one region may be gone, which is when people need this most. */
async function postToFirst(bases: readonly string[], path: string, request: RequestInit): Promise<Response> {
  const silent: string[] = [];
  for (const base of bases) {
    try {
      return await fetch(`${base}${path}`, request);
    } catch (error) {
      silent.push(
        `${base}: ${error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)}`,
      );
    }
  }
  throw new Refusal(4, `the approve function does not answer in any region (${silent.join('; ')})`);
}

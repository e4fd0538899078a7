import { digestOf } from '../core/digest.ts';
import { type Instant, instant, toIso } from '../core/time.ts';
import type { JsonObject } from '../core/json.ts';
import { KILL_SWITCH_KEY } from '../guards/kill-switch.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import type { InboxEntry } from '../ports/store.ts';
import { parseAlert, type Alert } from '../signals/alert.ts';
import { type Command, MOMENT, parseCommand, refusalOf } from '../signals/command.ts';
import { type Malformed, previewOf } from '../signals/malformed.ts';
import type { Suspicion } from '../signals/suspicion.ts';
import { type IncidentId, OF_A_MOMENT, type RunbookName, type TargetId, targetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { regionAim } from '../system/regions.ts';
import {
  APPLICATION_OF,
  applicationOf,
  copyTargetOf,
  databaseWith,
  firstTargetOf,
  policyFor,
  resolveAlertTarget,
  systemTarget,
  targetIdOf,
  targetNamed,
  targetOf,
  tenantOf,
  type TargetRef,
  recoveryTargetOf,
} from '../system/topology.ts';
import type { FlowHome } from './flow-home.ts';
import type { Signal } from './waiting-signal.ts';

// How a signal gets into the inbox, from which it is absorbed (absorb.ts).
//
// I1. A signal is created under its dedupe key before anything is decided; a duplicate is recognised there and nowhere else.
// I4. What can't be read is recorded and shown, and never comes back.

/** What became of a message. */
export type Intake =
  | { readonly kind: 'received' | 'duplicate' | 'stopped' }
  | { readonly kind: 'refused'; readonly because: string };

/** Receives the data of a message on `dr-alerts`. */
export async function receiveAlert(data: unknown, messageId: string, home: FlowHome): Promise<Intake> {
  const alert = parseAlert(data);
  return alert.ok
    ? await receive(signalOfAlert(alert.value, messageId, home.system, home.clock.now()), home)
    : await refuse('dr-alerts', messageId, alert.error, home);
}

/** Receives the data of a message on `dr-commands`. Stop takes effect at once; what needs an authenticated request is refused. */
export async function receiveCommand(data: unknown, messageId: string, home: FlowHome): Promise<Intake> {
  const parsed = parseCommand(data);
  if (!parsed.ok) return await refuse('dr-commands', messageId, parsed.error, home);
  const command = parsed.value;
  const because = refusalOf(command, home.clock.now()) ?? objectionTo(command, home.system);
  if (because !== undefined)
    return await refuse(
      'dr-commands',
      messageId,
      { because, preview: `${command.command} by ${command.requestedBy}: ${command.reason}` },
      home,
    );
  if (command.command === 'stop') return await stop(command, home);
  return await receive(signalOfCommand(command, home.system, home.clock.now()), home);
}

/** Writers that may race for the kill switch: people who press it, and one who releases it. */
const PRESSES_MAX = 10;

/**
 * Switches the kill switch on. A repeat of the same message presses it once: it must not undo a release that came in between.
 * Rejects as `retryable` when it could not be pressed, so that the message comes again.
 */
async function stop(command: Extract<Command, { readonly command: 'stop' }>, home: FlowHome): Promise<Intake> {
  const { documents } = home.store;
  const pressed = `pressed/${command.dedupeKey}`;
  if ((await documents.get(pressed)) !== undefined) return { kind: 'duplicate' };
  const value = { on: true, by: command.requestedBy, reason: command.reason, atMs: home.clock.now() };
  for (let press = 0; press < PRESSES_MAX; press += 1) {
    const known = await documents.get(KILL_SWITCH_KEY);
    if (!(await documents.put(KILL_SWITCH_KEY, value, known?.version ?? 0))) continue;
    await documents.put(pressed, { atMs: value.atMs }, 0);
    return { kind: 'stopped' };
  }
  throw new PortError('retryable', 'contention', 'switching the kill switch on');
}

/** Receives what our own watch suspects. */
export async function receiveSuspicion(suspicion: Suspicion, home: FlowHome): Promise<Intake> {
  const at = home.clock.now();
  // After a failover it is a replica of the file that is the primary.
  const database = databaseWith(home.system, suspicion.instance);
  const record = {
    key: suspicion.dedupeKey,
    source: 'tick' as const,
    relation: 'cause' as const,
    target: targetIdOf({ kind: 'database', instance: database?.instance ?? suspicion.instance }),
    subject: { instance: suspicion.instance },
    summary: suspicion.summary,
    at: suspicion.refusedSince,
    runbook: null,
  };
  return await receive(
    {
      record: { ...record, at: Math.min(at, suspicion.refusedSince) },
      nature: 'suspicion',
      runbook: null,
      incident: null,
      by: null,
    },
    home,
  );
}

/** Receives, for people, that a message was given up on by every function that got it, and what the last of them said. */
export async function receiveUnprocessed(
  topic: string,
  messageId: string,
  because: string,
  home: FlowHome,
): Promise<Intake> {
  const record = {
    key: `unprocessed/${topic}/${messageId}`,
    source: 'tick' as const,
    relation: 'cause' as const,
    target: null,
    subject: {},
    summary: previewOf(`a message of ${topic} that could not be taken in (${because})`),
    at: home.clock.now(),
    runbook: null,
  };
  return await receive({ record, nature: 'alert', runbook: null, incident: null, by: null }, home);
}

/**
 * Receives, for people, that an open incident can't be gone on with by this version, once for each event at which it ends to be
 * understood. About no target: what is done about that is no recovery.
 */
export async function receiveNotUnderstood(id: IncidentId, because: string, home: FlowHome): Promise<Intake> {
  const record = {
    key: `not-understood/${digestOf({ id, because }).slice(0, 32)}`,
    source: 'tick' as const,
    relation: 'cause' as const,
    target: null,
    subject: {},
    summary: previewOf(
      `${id} is open, and this version of dr-autopilot can’t go on with it: deploy the version that wrote it, or go on by hand. ` +
        `Until then no run begins on its targets. ${because}`,
    ),
    at: home.clock.now(),
    runbook: null,
  };
  return await receive({ record, nature: 'alert', runbook: null, incident: null, by: null }, home);
}

/** What our own watch found that is no failure: an application that is well again beside a raised standby, backups that fail. */
export interface Finding {
  readonly target: TargetId;
  readonly since: Instant;
  readonly summary: string;
  readonly dedupeKey: string;
}

/** Receives it; the diagnosis looks for itself. */
export async function receiveFinding(known: Finding, home: FlowHome): Promise<Intake> {
  const record = {
    key: known.dedupeKey,
    source: 'tick' as const,
    relation: 'cause' as const,
    target: known.target,
    subject: {},
    summary: known.summary,
    at: Math.min(home.clock.now(), known.since),
    runbook: null,
  };
  return await receive({ record, nature: 'suspicion', runbook: null, incident: null, by: null }, home);
}

/** Records what can't be read, once per message, where `status` shows it (I4). */
export async function refuse(topic: string, messageId: string, bad: Malformed, home: FlowHome): Promise<Intake> {
  await home.store.documents.put(
    `refused/${topic}/${messageId}`,
    { because: bad.because, preview: bad.preview, atMs: home.clock.now() },
    0,
  );
  home.note('a message was refused', { topic, messageId, because: bad.because });
  return { kind: 'refused', because: bad.because };
}

async function receive(signal: Signal, home: FlowHome): Promise<Intake> {
  const entry: InboxEntry = {
    key: signal.record.key,
    incident: 'unassigned',
    receivedAt: home.clock.now(),
    signal: signal as unknown as JsonObject,
  }; // parsed on the way out
  try {
    return { kind: await home.store.log.receive(entry) };
  } catch (error) {
    // What no store takes would come again until it is a dead letter: people see it at once.
    if (!isPortError(error) || error.code !== 'too large') throw error;
    const bad = { because: 'it is larger than the store takes', preview: previewOf(signal.record.summary) };
    return await refuse('dr-alerts', digestOf(entry.key).slice(0, 32), bad, home);
  }
}

function signalOfAlert(alert: Alert, messageId: string, system: System, now: Instant): Signal {
  const policy = alert.policyName === undefined ? undefined : policyFor(system, alert.policyName);
  // A deed that only people can judge: whatever it was done to, it is about everything that they would have to replace.
  const isOfAll = policy !== undefined && APPLICATION_OF[policy.runbook] === 'system';
  const hinted = alert.targetHint ?? policy?.target;
  const resolved = resolveAlertTarget(system, alert.resource);
  const target: TargetRef | undefined =
    resolved?.target ?? (hinted === undefined ? undefined : targetNamed(system, hinted));
  const part: Record<string, string> =
    resolved?.part.kind === 'pod'
      ? { pod: resolved.part.pod }
      : resolved?.part.kind === 'instance'
        ? { instance: resolved.part.instance }
        : {};
  const key = alert.kind === 'test' ? `${alert.dedupeKey}/${messageId}` : alert.dedupeKey;
  const nature = alert.kind === 'test' ? 'test' : alert.state === 'closed' ? 'closed' : 'alert';
  const at = Math.min(now, alert.startedAt ?? now);
  return {
    record: {
      key,
      source: 'alert',
      relation: nature === 'closed' ? 'closed' : 'cause',
      target: isOfAll ? systemTarget(system) : target === undefined ? null : aimOf(target, policy?.runbook),
      subject: isOfAll ? { ...named(alert.entry) } : part,
      summary: alert.entry === undefined ? alert.summary : summaryOfEntry(alert, system),
      at: alert.state === 'closed' ? now : at,
      runbook: null,
    },
    nature,
    runbook: null,
    incident: null,
    by: null,
  };
}

/** What is told of an entry, by name. */
const named = (entry: Alert['entry']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(entry ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined));

/** Who called what on what, where the policy tells it; and whether dr.yaml names them for it by now, so that the policy is older. */
function summaryOfEntry({ entry, summary, policyName }: Alert, system: System): string {
  const { principal, method, resource } = entry ?? {};
  if (principal === undefined && method === undefined) return summary;
  const call = /[^.]+$/.exec(method ?? '')?.[0] ?? 'something';
  const secret = system.rotation.find(({ name }) => resource?.includes(`/secrets/${name}/`) === true);
  const known = secret?.identities ?? system.administrators;
  const isKnown = principal !== undefined && known.includes(principal);
  const place = resource === undefined ? '' : ` on ${resource}`;
  const note = isKnown ? ` (${policyName ?? 'its alert policy'} is older than dr.yaml, which names them for it)` : '';
  return `${principal ?? 'somebody'} called ${call}${place}${note}`;
}

/** What an alert is about: rows that change are not the server that holds them, which needs nothing. */
const aimOf = (target: TargetRef, runbook: RunbookName | undefined): TargetId =>
  target.kind === 'database' && runbook === 'point-in-time-recovery'
    ? recoveryTargetOf(target.instance)
    : targetIdOf(target);

function signalOfCommand(
  command: Exclude<Command, { readonly command: 'stop' }>,
  system: System,
  now: Instant,
): Signal {
  const starts = command.command === 'start';
  const target = starts ? targetOfStart(command, system) : undefined;
  return {
    record: {
      key: command.dedupeKey,
      source: 'command',
      relation: 'command',
      target: target ?? null,
      subject: {
        ...(starts && command.isolate.length > 0 ? { isolate: command.isolate.join(' ') } : {}),
        ...(starts && command.moment !== undefined ? { [MOMENT]: toIso(command.moment) } : {}),
      },
      summary: `${command.requestedBy}: ${command.reason}`,
      at: instant(now),
      runbook: starts ? command.runbook : null,
    },
    nature: command.command,
    runbook: starts ? command.runbook : null,
    incident: starts ? null : command.incident,
    by: command.requestedBy,
  };
}

function targetOfStart(command: Extract<Command, { readonly command: 'start' }>, system: System): TargetId | undefined {
  if (APPLICATION_OF[command.runbook] === 'system') return systemTarget(system);
  if (APPLICATION_OF[command.runbook] === 'region') {
    const region = command.target?.replace(/^region\//, '') ?? system.regions[0]?.region;
    return region === undefined ? undefined : regionAim(system, command.runbook, region);
  }
  const named = command.target === undefined ? undefined : targetId(command.target);
  // One tenant's rows are what nothing else is about, and what has no first one.
  if (command.runbook === 'tenant-restore' || (named !== undefined && tenantOf(named) !== undefined))
    return command.runbook === 'tenant-restore' &&
      named !== undefined &&
      tenantOf(named) !== undefined &&
      targetOf(system, named) !== undefined
      ? named
      : undefined;
  const ref =
    command.target === undefined
      ? firstTargetOf(system, command.runbook)
      : (targetNamed(system, command.target) ?? targetOf(system, targetId(command.target)));
  if (ref === undefined) return undefined;
  // A restore is about a copy, and so is a recovery; everything else is about what is there.
  if (ref.kind !== 'database') return targetIdOf(ref);
  if (command.runbook === 'backup-restore') return copyTargetOf(ref.instance);
  return command.runbook === 'point-in-time-recovery' ? recoveryTargetOf(ref.instance) : targetIdOf(ref);
}

/** What a command from the topic may not do: its requester is unverified (design.md section 3). */
function objectionTo(command: Command, system: System): string | undefined {
  if (command.command === 'cancel') return 'cancel needs an authenticated request (./dr cancel), not a message';
  if (command.command === 'start' && command.target !== undefined && APPLICATION_OF[command.runbook] === 'system')
    return `${command.runbook} is about the whole system and takes no target`;
  if (command.command === 'start' && command.isolate.length > 0) {
    if (command.runbook !== 'breach-response') return `${command.runbook} isolates nothing`;
    const unknown = command.isolate.find((id) => applicationOf(system, id) === undefined);
    if (unknown !== undefined) return `dr.yaml has no application ${unknown} that could be isolated`;
  }
  if (command.command === 'start' && targetOfStart(command, system) === undefined)
    return `dr.yaml has no target ${command.target ?? 'for this runbook'}`;
  if (command.command === 'start' && command.moment !== undefined && !OF_A_MOMENT.has(command.runbook))
    return `${command.runbook} is about no moment`;
  return undefined;
}

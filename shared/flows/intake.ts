import { z } from 'zod';
import { digestOf } from '../core/digest.ts';
import { type Instant, instant, seconds } from '../core/time.ts';
import type { JsonObject } from '../core/json.ts';
import { KILL_SWITCH_KEY } from '../guards/kill-switch.ts';
import { decideCancel, decideResume, decideTakeover } from '../incident/decide.ts';
import { event, type NewEvent, signalRecordWire } from '../incident/events.ts';
import type { IncidentState } from '../incident/state.ts';
import { beginJournal } from '../log/journal.ts';
import { PortError } from '../ports/port-error.ts';
import type { Head, InboxEntry } from '../ports/store.ts';
import { parseAlert, type Alert } from '../signals/alert.ts';
import { type Command, parseCommand, refusalOf } from '../signals/command.ts';
import type { Malformed } from '../signals/malformed.ts';
import type { Suspicion } from '../signals/suspicion.ts';
import { type IncidentId, incidentId, incidentIdOf, RUNBOOKS, type TargetId, targetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import {
  databaseWith,
  dependenciesOf,
  dependentsOf,
  policyFor,
  resolveAlertTarget,
  type TargetRef,
  targetIdOf,
  targetNamed,
  targetOf,
} from '../system/topology.ts';
import { afterAppend } from './after-append.ts';
import { type FlowHome, journalOf, summarise } from './flow-home.ts';

// How a signal gets into an incident's log: created in the inbox first, then absorbed in batches by one absorber.
//
// I1. A signal is created under its dedupe key before anything is decided; a duplicate is recognised there and nowhere else.
// I2. One absorber at a time gives waiting signals to incidents, so that forty alerts of one failure make one incident.
// I3. A signal related to an open incident by the dependency graph joins it; what it means is for the next look to say.
// I4. What can't be read is recorded and shown, and never comes back.

/** How long another absorber is waited for before its own lease ends; then `tick` absorbs. */
const PATIENCE = 30;

/** From one absorption to the next: under a storm a head is written at most once a second (decisions.md 9). */
const PACE = seconds(1);

/** Signals absorbed at once. */
const BATCH = 200;

/** Incidents that correlation looks at; past that many open at once, the newest are enough to freeze on. */
const OPEN_MAX = 200;

const signalWire = z.strictObject({
  record: signalRecordWire,
  nature: z.enum(['alert', 'test', 'closed', 'start', 'takeover', 'resume', 'cancel', 'suspicion']),
  runbook: z.enum(RUNBOOKS).nullable(),
  incident: z.string().nullable(),
  by: z.string().nullable(),
});
type Signal = z.infer<typeof signalWire>;

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
  return { kind: await home.store.log.receive(entry) };
}

/** Gives every waiting signal to an incident. Returns the incidents that got one; `[]` when another absorber is at it. */
export async function absorb(home: FlowHome): Promise<readonly IncidentId[]> {
  const { store, clock, system } = home;
  const touched = new Set<IncidentId>();
  for (let turn = 0; turn < PATIENCE; turn += 1) {
    if ((await store.log.waiting('unassigned', 1)).length === 0) break;
    const holder = `${home.instance}/${home.chance.uuid()}`;
    // Never given back: it ends by itself, and whoever comes before that finds more signals for the same write.
    const turnTaken = await store.leases.acquire('absorber/pace', holder, PACE);
    const taken =
      turnTaken.kind === 'taken' ? turnTaken : await store.leases.acquire('absorber', holder, system.guards.lease);
    if (taken.kind === 'taken') {
      await clock.sleep(seconds(1));
      continue;
    }
    try {
      for (const id of await absorbBatch(home)) touched.add(id);
    } finally {
      await store.leases.release(taken.lease);
    }
  }
  return [...touched];
}

async function absorbBatch(home: FlowHome): Promise<readonly IncidentId[]> {
  const entries = await home.store.log.waiting('unassigned', BATCH);
  const open = [...(await home.store.log.heads('open', OPEN_MAX))].map((head) => ({
    id: head.incident,
    targets: targetsOf(head),
  }));
  const groups = new Map<IncidentId, { entry: InboxEntry; signal: Signal }[]>();
  for (const entry of entries) {
    const signal = signalWire.parse(entry.signal);
    const id = assign(signal, open, home.system);
    const known = open.find((incident) => incident.id === id);
    const targets = signal.record.target === null ? [] : [targetId(signal.record.target)];
    if (known === undefined) open.push({ id, targets });
    else known.targets = [...known.targets, ...targets];
    groups.set(id, [...(groups.get(id) ?? []), { entry, signal }]);
  }
  for (const [id, group] of groups) await absorbInto(id, group, home);
  return [...groups.keys()];
}

async function absorbInto(
  id: IncidentId,
  group: readonly { readonly entry: InboxEntry; readonly signal: Signal }[],
  home: FlowHome,
): Promise<void> {
  const keys = group.map(({ entry }) => entry.key);
  const records = group.map(({ signal }) => signal.record);
  const journal = await journalOf(id, home);
  const first = group[0];
  if (first === undefined) return;
  if (journal !== undefined) {
    const state = await journal.append(
      (now) => [
        event('signalsAbsorbed', { signals: related(records, now) }),
        ...group.flatMap(({ signal }) => wishes(signal, now, home)),
      ],
      keys,
    );
    await afterAppend(state, home);
    return;
  }
  const { record, runbook, nature } = first.signal;
  const opened = event('opened', {
    dedupeKey: record.key,
    source: record.source,
    target: record.target ?? `unknown/${record.key}`,
    runbook,
    headline: record.summary,
    drill: false,
  });
  const tests =
    nature === 'test'
      ? [event('dismissed', { because: 'test-notification: a test notification was received; nothing was started' })]
      : [];
  const said =
    nature === 'test'
      ? [
          event('noticeDue', {
            notice: {
              id: 'test',
              kind: 'test',
              urgent: false,
              subject: 'Test notification received',
              text: record.summary,
              approval: null,
            },
          }),
        ]
      : [];
  const begun = await beginJournal(
    id,
    [opened, event('signalsAbsorbed', { signals: records }), ...said, ...tests],
    { store: home.store, clock: home.clock, chance: home.chance, summarise: summarise(home) },
    keys,
  );
  await afterAppend(begun.state(), home);
}

/** The relation of a signal to an incident that is open already. */
const related = (records: readonly Signal['record'][], state: IncidentState): Signal['record'][] =>
  records.map((record) =>
    record.relation === 'cause' && record.target !== state.target ? { ...record, relation: 'symptom' } : record,
  );

function wishes(signal: Signal, state: IncidentState, { system, clock }: FlowHome): readonly NewEvent[] {
  const by = signal.by ?? 'somebody';
  const resumption = {
    policy: state.run === undefined ? undefined : system.approvals.perRunbook[state.run.plan.runbook],
    approval: `apr-${digestOf({ incident: state.id, key: signal.record.key }).slice(0, 12)}`,
    now: clock.now(),
  };
  switch (signal.nature) {
    case 'takeover':
      return decideTakeover(state, by);
    case 'resume':
      return decideResume(state, by, resumption);
    case 'cancel':
      return decideCancel(state, by, signal.record.summary);
    case 'alert':
    case 'closed':
    case 'start':
    case 'suspicion':
    case 'test':
      return [];
  }
}

/** The incident that a signal belongs to: the one it names, one that it is related to (I3), or a new one. */
function assign(
  signal: Signal,
  open: readonly { readonly id: IncidentId; readonly targets: readonly TargetId[] }[],
  system: System,
): IncidentId {
  if (signal.incident !== null) return incidentId(signal.incident);
  if (signal.nature !== 'test' && signal.record.target !== null) {
    const ref = targetOf(system, targetId(signal.record.target));
    const near = new Set(
      [signal.record.target, ...(ref === undefined ? [] : connectedTo(system, ref).map(targetIdOf))].map(String),
    );
    const known = open.find((incident) => incident.targets.some((target) => near.has(target)));
    if (known !== undefined) return known.id;
  }
  return incidentIdOf(signal.record.key);
}

/**
 * What may fail together with a target: what it needs, what needs it, and what shares one of its needs. Two applications that fail
 * within a minute are the first that anybody hears of the database that both need.
 */
function connectedTo(system: System, ref: TargetRef): readonly TargetRef[] {
  const needs = dependenciesOf(system, ref);
  return [...needs, ...dependentsOf(system, ref), ...needs.flatMap((need) => dependentsOf(system, need))];
}

const headTargets = z.object({ targets: z.array(z.string()) });

function targetsOf(head: Head): readonly TargetId[] {
  const read = headTargets.safeParse(head.summary);
  return read.success ? read.data.targets.map(targetId) : [];
}

function signalOfAlert(alert: Alert, messageId: string, system: System, now: Instant): Signal {
  const hinted =
    alert.targetHint ?? (alert.policyName === undefined ? undefined : policyFor(system, alert.policyName)?.target);
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
      target: target === undefined ? null : targetIdOf(target),
      subject: part,
      summary: alert.summary,
      at: alert.state === 'closed' ? now : at,
      runbook: null,
    },
    nature,
    runbook: null,
    incident: null,
    by: null,
  };
}

function signalOfCommand(
  command: Exclude<Command, { readonly command: 'stop' }>,
  system: System,
  now: Instant,
): Signal {
  const starts = command.command === 'start';
  const ref = starts ? targetOfStart(command, system) : undefined;
  return {
    record: {
      key: command.dedupeKey,
      source: 'command',
      relation: 'command',
      target: ref === undefined ? null : targetIdOf(ref),
      subject: {},
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

function targetOfStart(
  command: Extract<Command, { readonly command: 'start' }>,
  system: System,
): TargetRef | undefined {
  if (command.target !== undefined)
    return targetNamed(system, command.target) ?? targetOf(system, targetId(command.target));
  const first = command.runbook === 'database-failover' ? system.databases[0] : undefined;
  if (first !== undefined) return { kind: 'database', instance: first.instance };
  const application = system.applications.find(({ kind }) => kind === 'gke');
  return application === undefined ? undefined : { kind: 'application', id: application.id };
}

/** What a command from the topic may not do: its requester is unverified (design.md section 3). */
function objectionTo(command: Command, system: System): string | undefined {
  if (command.command === 'cancel') return 'cancel needs an authenticated request (./dr cancel), not a message';
  if (command.command === 'start' && targetOfStart(command, system) === undefined)
    return `dr.yaml has no target ${command.target ?? 'for this runbook'}`;
  return undefined;
}

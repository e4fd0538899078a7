import { digestOf } from '../core/digest.ts';
import { after, type Instant, instant, type Millis, millis, seconds } from '../core/time.ts';
import { decideCancel, decideResume, decideTakeover } from '../incident/decide.ts';
import { alerted, alertedAgain, reported } from '../incident/breach-pages.ts';
import { event, type NewEvent } from '../incident/events.ts';
import type { IncidentState } from '../incident/state.ts';
import { beginJournal } from '../log/journal.ts';
import { isPortError } from '../ports/port-error.ts';
import type { Head, InboxEntry, Store } from '../ports/store.ts';
import { beginningOf } from '../signals/alert.ts';
import { type IncidentId, incidentId, incidentIdOf, type TargetId, targetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { partsOf, regionAround, regionIn } from '../system/regions.ts';
import {
  dependenciesOf,
  dependentsOf,
  isBeside,
  isSystemTarget,
  type TargetRef,
  targetIdOf,
  targetOf,
} from '../system/topology.ts';
import { afterAppend } from './after-append.ts';
import { deskOf } from './desk.ts';
import { type FlowHome, journalOf, summarise } from './flow-home.ts';
import { readWaiting, type Signal } from './waiting-signal.ts';

// How waiting signals get into incidents' logs, in batches, by one absorber at a time.
//
// A1. One absorber at a time gives signals to incidents, so that forty alerts of one failure make one incident.
// A2. A signal related to an open incident by the dependency graph joins it; what it means is for the next look to say.
// A3. What a signal costs does not grow with the incidents that are open or were: those that it may belong to are found by its
//     targets.
// A4. Under a storm the head of an incident is written at most once a second (decisions.md 9). What comes sooner waits in the inbox,
//     and holds up nothing that belongs to others.
// A5. A log that can't be appended to keeps no signal from people: its signals begin an incident of their own.
// A6. The end of an alert goes into the log that its beginning opened, also where that incident has ended: it is news to nobody.

/** Turns of one call: longer than another absorber's lease can hold it up; what is left then is for `tick`. */
const PATIENCE = 30;

/** From one absorption into an incident to the next (A4), and until another process's absorber is asked again. */
const PACE = seconds(1);

/** Signals absorbed at once. */
const BATCH = 200;

/** Open incidents about one target that a signal may join: there is one, unless a log was damaged (A5) or people drill. */
const RELATED_MAX = 5;

/** Incidents that are written side by side: a store that is far away answers them together. */
const AT_ONCE = 8;

/** Bytes of signals in one event, with room for what surrounds them: an event has at most 262,144. */
const SIGNALS_BYTES_MAX = 200_000;

/**
 * Gives every waiting signal to an incident. `hear` is told at once which incidents got one in each turn; all of them are returned.
 * `[]` when somebody else is at it, who will find what waits now. `arriving` is what is being received meanwhile: it counts as waiting
 * once it resolves, and its rejection is this call's.
 */
export async function absorb(
  home: FlowHome,
  hear: (touched: readonly IncidentId[]) => void = () => undefined,
  arriving?: Promise<unknown>,
): Promise<readonly IncidentId[]> {
  const desk = deskOf(home.store);
  const all = new Set<IncidentId>();
  // Whoever leaves the rest to others has to have put its own into the inbox before (K1). Where writes are paced, a turn is too dear
  // to be taken for what may be a duplicate.
  const isTogether = desk.isFree() && home.store.pace === 0;
  if (!isTogether) await arriving;
  for (let turn = 0; turn < PATIENCE; turn += 1) {
    const done = await desk.absorbInTurn(() => absorbOnce(home, isTogether && turn === 0 ? arriving : undefined));
    if (done === undefined) break;
    hear(done.touched);
    for (const id of done.touched) all.add(id);
    if (done.failed !== undefined) throw done.failed;
    const { again } = done;
    if (again === undefined) break;
    if (again > 0 && !(await desk.pauseForAll(() => home.clock.sleep(again)))) break;
  }
  return [...all];
}

/** What one turn came to. */
interface Turn {
  /** Incidents that got a signal. */
  readonly touched: readonly IncidentId[];
  /** After how long another turn is worth while; `undefined` when nothing waits any more. */
  readonly again: Millis | undefined;
  /** The first of what went wrong; what belongs to others was absorbed all the same. */
  readonly failed: unknown;
}

const NOTHING: Turn = { touched: [], again: undefined, failed: undefined };

async function absorbOnce(home: FlowHome, arriving: Promise<unknown> | undefined): Promise<Turn> {
  const { store, system } = home;
  if (arriving === undefined && (await store.log.waiting('unassigned', 1)).length === 0) return NOTHING;
  const holder = `${home.instance}/${home.chance.uuid()}`;
  if (store.pace > 0) {
    // Never given back: it ends by itself, and whoever comes before that finds more signals for the same write.
    const turn = await store.leases.acquire('absorber/pace', holder, store.pace);
    if (turn.kind === 'taken') return { ...NOTHING, again: PACE };
  }
  // Asked for in one turn of the event loop, what arrives and the lease share one visit to the disk.
  const asking = store.leases.acquire('absorber', holder, system.guards.lease);
  const [received] = await Promise.allSettled([arriving, asking]);
  const taken = await asking;
  if (received.status === 'rejected') {
    if (taken.kind === 'held') await store.leases.release(taken.lease);
    throw received.reason;
  }
  if (taken.kind === 'taken') return { ...NOTHING, again: PACE };
  try {
    return await absorbBatch(home, after(taken.lease.expiresAt, -system.guards.lease / 2));
  } finally {
    await store.leases.release(taken.lease);
  }
}

/** A signal that waits, where it may belong. */
interface Waiting {
  readonly entry: InboxEntry;
  readonly signal: Signal;
  /** The targets whose open incident it may belong to (A2). */
  readonly near: readonly TargetId[];
  /** The incident that the alert whose end it is has opened (A6). */
  readonly begun: IncidentId | undefined;
}

/** What waits, by the incident that it goes to, and when the heads of those that are open may be written again (A4). */
interface Assigned {
  readonly groups: ReadonlyMap<IncidentId, readonly Waiting[]>;
  readonly notBefore: ReadonlyMap<IncidentId, Instant>;
}

async function absorbBatch(home: FlowHome, until: Instant): Promise<Turn> {
  const { store, clock, system } = home;
  const entries = await store.log.waiting('unassigned', BATCH);
  const waiting = await Promise.all(
    entries.map(async (entry): Promise<Waiting> => {
      const signal = readWaiting(entry);
      return { entry, signal, near: nearTo(signal, system), begun: await begunBy(signal, store) };
    }),
  );
  const near = [...new Set(waiting.flatMap((one) => one.near))];
  const { groups, notBefore } = assigned(
    waiting,
    near.length === 0 ? [] : await store.log.openAbout(near, RELATED_MAX),
  );
  const now = clock.now();
  const waits = [...groups.keys()].map((id) => (notBefore.get(id) ?? now) - now).filter((left) => left > 0);
  const ripe = [...groups]
    .filter(([id]) => (notBefore.get(id) ?? now) <= now)
    .map(([id, group]) => [id, firstPart(group)] as const);
  let isMore = entries.length === BATCH || ripe.some(([id, part]) => part.length < (groups.get(id)?.length ?? 0));
  const touched: IncidentId[] = [];
  let failed: unknown;
  for (let begun = 0; begun < ripe.length; begun += AT_ONCE) {
    // Another absorber may begin when the lease ends, and would take the rest for its own.
    isMore ||= clock.now() >= until;
    if (clock.now() >= until) break;
    const parts = ripe.slice(begun, begun + AT_ONCE).map(([id, part]) => absorbInto(id, part, home));
    for (const done of await Promise.allSettled(parts))
      if (done.status === 'fulfilled') touched.push(done.value);
      else failed ??= done.reason;
  }
  const next = isMore && touched.length > 0 ? 0 : Math.min(...waits, isMore ? PACE : Number.POSITIVE_INFINITY);
  return { touched, failed, again: Number.isFinite(next) ? millis(next) : undefined };
}

/** The incident of each signal: the one it names, its alert's own (A6), one that is about what it is near to (A2), or a new one. */
function assigned(waiting: readonly Waiting[], open: readonly Head[]): Assigned {
  const byTarget = new Map<TargetId, IncidentId>();
  const learn = (targets: readonly TargetId[], id: IncidentId): void => {
    for (const target of targets) if (!byTarget.has(target)) byTarget.set(target, id);
  };
  for (const head of open) learn(head.targets, head.incident);
  const groups = new Map<IncidentId, Waiting[]>();
  for (const one of waiting) {
    const { incident, record } = one.signal;
    const related = one.near.find((target) => byTarget.has(target));
    const found = related === undefined ? undefined : byTarget.get(related);
    const id = incident === null ? (one.begun ?? found ?? incidentIdOf(record.key)) : incidentId(incident);
    const group = groups.get(id) ?? [];
    group.push(one);
    groups.set(id, group);
    if (one.near.length > 0 && record.target !== null) learn([targetId(record.target)], id);
  }
  const notBefore = open.flatMap(({ incident, summary: { absorbedAtMs } }) =>
    typeof absorbedAtMs === 'number' ? [[incident, after(instant(absorbedAtMs), PACE)] as const] : [],
  );
  return { groups, notBefore: new Map(notBefore) };
}

/** The first signals of a group that one event has room for; the rest waits for the next turn. */
function firstPart(group: readonly Waiting[]): readonly Waiting[] {
  let bytes = 0;
  const end = group.findIndex(({ signal }, index) => {
    bytes += Buffer.byteLength(JSON.stringify(signal.record));
    return index > 0 && bytes > SIGNALS_BYTES_MAX;
  });
  return end < 0 ? group : group.slice(0, end);
}

/** Absorbs the signals into the incident, or into a new one where its log takes nothing any more (A5). Answers which. */
async function absorbInto(id: IncidentId, part: readonly Waiting[], home: FlowHome): Promise<IncidentId> {
  const [first] = part;
  if (first === undefined) return id;
  const own = incidentIdOf(first.signal.record.key);
  try {
    await absorbNow(id, part, home);
    return id;
  } catch (error) {
    if (!isPortError(error) || error.kind !== 'permanent' || own === id) throw error;
    home.note('an incident takes no signal any more; it begins one of its own', {
      incident: id,
      own,
      error: String(error),
    });
    await absorbNow(own, part, home);
    return own;
  }
}

async function absorbNow(id: IncidentId, part: readonly Waiting[], home: FlowHome): Promise<void> {
  const keys = part.map(({ entry }) => entry.key);
  const records = part.map(({ signal }) => signal.record);
  const journal = await journalOf(id, home);
  if (journal !== undefined) {
    const state = await journal.append(
      (now) => [
        event('signalsAbsorbed', { signals: related(records, now) }),
        ...part.flatMap(({ signal }) => [...wishes(signal, now, home), ...pageOfBreach(signal, now)]),
      ],
      keys,
    );
    await afterAppend(state, home);
    return;
  }
  const [first] = part;
  if (first === undefined) return;
  const begun = await beginJournal(
    id,
    [...openingOf(first.signal, records), ...pagesOfOpening(part, id)],
    { store: home.store, clock: home.clock, chance: home.chance, summarise: summarise(home) },
    keys,
  );
  await afterAppend(begun.state(), home);
}

/** How an incident begins. A test notification is answered and starts nothing. */
function openingOf({ record, runbook, nature }: Signal, signals: Signal['record'][]): readonly NewEvent[] {
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
  return [opened, event('signalsAbsorbed', { signals }), ...said, ...tests];
}

/** A breach is told before anybody looks: what is done about it begins with people. */
function pagesOfOpening(part: readonly Waiting[], incident: IncidentId): readonly NewEvent[] {
  const report = part.find(({ signal }) => signal.runbook === 'breach-response');
  const deeds = part.filter(({ signal }) => isDeed(signal)).map(({ signal }) => signal.record);
  return [...(report === undefined ? [] : reported(report.signal.record.summary)), ...alerted(deeds, incident)];
}

function pageOfBreach(signal: Signal, state: IncidentState): readonly NewEvent[] {
  if (signal.runbook === 'breach-response') return reported(signal.record.summary);
  return isDeed(signal) ? alertedAgain(signal.record, state) : [];
}

/** Whether an audit log tells of something that only people can judge. */
const isDeed = ({ nature, record: { target } }: Signal): boolean =>
  nature === 'alert' && target !== null && isSystemTarget(targetId(target));

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
    authenticated: false, // a message is not an identity
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

/** The incident that an alert has opened, if it is the alert's end that has come now (A6). */
async function begunBy({ nature, record }: Signal, store: Store): Promise<IncidentId | undefined> {
  if (nature !== 'closed') return undefined;
  const head = await store.log.head(incidentIdOf(beginningOf(record.key)));
  return head?.incident;
}

/** The targets whose open incident a signal may belong to, its own first (A2). */
function nearTo({ incident, nature, record }: Signal, system: System): readonly TargetId[] {
  if (incident !== null || nature === 'test' || record.target === null) return [];
  const target = targetId(record.target);
  const region = regionIn(target);
  if (region !== undefined) return [target, ...partsOf(system, region)];
  const ref = isBeside(target) ? undefined : targetOf(system, target);
  if (ref === undefined) return [target];
  // A region that may be lost as a whole comes last: what is nearer is more likely what the signal is about.
  return [...new Set([target, ...connectedTo(system, ref).map(targetIdOf), ...regionAround(system, ref)])];
}

/**
 * What may fail together with a target: what it needs, what needs it, and what shares one of its needs. Two applications that fail
 * within a minute are the first that anybody hears of the database that both need.
 */
function connectedTo(system: System, ref: TargetRef): readonly TargetRef[] {
  const needs = dependenciesOf(system, ref);
  return [...needs, ...dependentsOf(system, ref), ...needs.flatMap((need) => dependentsOf(system, need))];
}

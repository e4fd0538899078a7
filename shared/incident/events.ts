import { z } from 'zod';
import type { Json } from '../core/json.ts';
import { guardBlockWire, planWire } from '../plan/plan.ts';
import { diagnosisWire } from './diagnosis.ts';

// All that can happen in the life of an incident. The log stores these; `evolve` folds them; everything else is a projection.
// A new kind may be added; the meaning of an old one never changes (a run stays on the plan it started with).

const json: z.ZodType<Json> = z.json();
const at = z.number(); // milliseconds since the epoch, clock time

/** A signal as the log remembers it. The raw message is evidence, kept outside. */
export const signalRecordWire = z.strictObject({
  key: z.string(),
  source: z.enum(['alert', 'command', 'tick']),
  /** `symptom`: it concerns a dependent of what the incident is about. */
  relation: z.enum(['cause', 'symptom', 'closed', 'command']),
  target: z.string().nullable(),
  subject: z.record(z.string(), z.string()),
  summary: z.string(),
  at,
  /** The runbook that a command asks for. */
  runbook: z.string().nullable().default(null),
});

export type SignalRecord = z.infer<typeof signalRecordWire>;

/** A notice: something a person must be told. */
export const noticeWire = z.strictObject({
  id: z.string(),
  kind: z.enum([
    'opened',
    'diagnosed',
    'approval',
    'approvalDecided',
    'progress',
    'blocked',
    'needsPerson',
    'landing',
    'mitigated',
    'resolved',
    'dismissed',
    'foreignWork',
    'takeover',
    'wouldDo',
    'test',
  ]),
  urgent: z.boolean(),
  subject: z.string(),
  text: z.string(),
  /** The approval that the notice asks for, when it asks for one. */
  approval: z.string().nullable(),
});
export type Notice = z.infer<typeof noticeWire>;

/** Why a step or a run could not go on. */
export const failureWire = z.strictObject({
  /** `voided`: the world moved past what was approved. `wall`: a wall stands. */
  kind: z.enum(['permanent', 'timeLimit', 'wall', 'voided', 'foreignWork', 'refused', 'exhausted', 'notVerified']),
  code: z.string(),
  detail: z.string(),
  /** The wall that stands, when one does. */
  block: guardBlockWire.nullable(),
});
export type StepFailure = z.infer<typeof failureWire>;

const direction = z.enum(['do', 'undo']);

/** What each kind of event carries. */
export const eventWires = {
  opened: z.strictObject({
    dedupeKey: z.string(),
    source: z.enum(['alert', 'command', 'tick']),
    target: z.string(),
    runbook: z.string().nullable(),
    headline: z.string(),
    drill: z.boolean(),
  }),
  signalsAbsorbed: z.strictObject({ signals: z.array(signalRecordWire).min(1) }),
  /** One round of looking at the world; the facts themselves are evidence, by digest. */
  looked: z.strictObject({ round: z.number().int(), facts: z.string(), summary: z.array(z.string()) }),
  diagnosed: z.strictObject({ diagnosis: diagnosisWire }),
  /** Guards that hold back what nobody asked for; each is on the timeline. */
  held: z.strictObject({ blocks: z.array(guardBlockWire).min(1), until: at.nullable() }),
  /** What held the run back is gone; it goes on where it was held, with the approval that it has. */
  released: z.strictObject({ because: z.string() }),
  planDrawn: z.strictObject({
    plan: planWire,
    digest: z.string(),
    evidence: z.string(),
    needsApproval: z.boolean(),
    performed: z.boolean(),
    /** Its leading safe steps may begin unasked, while people decide on the others. Absent in older logs: they may not. */
    prepares: z.boolean().exactOptional(),
  }),
  approvalAsked: z.strictObject({
    approval: z.string(),
    planDigest: z.string(),
    evidence: z.string(),
    lossLimitMs: z.number().nullable(),
    approvers: z.array(z.string()).min(1),
    quorum: z.number().int().min(1),
    expiresAt: at,
    startWithinMs: z.number(),
    opens: z.array(z.string()),
  }),
  linkIssued: z.strictObject({
    approval: z.string(),
    approver: z.string(),
    keyId: z.string(),
    opaqueHash: z.string(),
    tokenIds: z.array(z.string()),
    expiresAt: at,
  }),
  /** A decision with its token (design.md section 4: the one secret of the log; no projection prints it). */
  decided: z.strictObject({
    approval: z.string(),
    approver: z.string(),
    identity: z.string().nullable(),
    decision: z.enum(['approve', 'deny']),
    token: z.string(),
  }),
  /** The leading safe steps of a plan begin while its approval is out. */
  preparationStarted: z.strictObject({ run: z.string(), leaseToken: z.number(), worker: z.string() }),
  /** They don't: what holds back what nobody asked for holds them. They wait for the approval with the others. */
  preparationWithheld: z.strictObject({ run: z.string(), blocks: z.array(guardBlockWire).min(1) }),
  attemptRefused: z.strictObject({ approval: z.string().nullable(), because: z.string() }),
  approvalVoided: z.strictObject({ approval: z.string(), because: z.string() }),
  runStarted: z.strictObject({ run: z.string(), planDigest: z.string(), leaseToken: z.number(), worker: z.string() }),
  stepStarted: z.strictObject({
    step: z.string(),
    direction,
    attempt: z.number().int(),
    /** Of what the step is about, as it was looked at. */
    version: json,
    /** Who began it, by function, version and place: a run may be gone on with by others. Absent in older logs. */
    worker: z.string().exactOptional(),
  }),
  stepWaiting: z.strictObject({ step: z.string(), direction, handle: json, detail: z.string() }),
  stepDone: z.strictObject({ step: z.string(), direction, already: z.boolean(), detail: z.string(), output: json }),
  stepFailed: z.strictObject({ step: z.string(), direction, failure: failureWire }),
  /** A person says that what a step asked for is done. Nothing is believed of it that the step can look at itself. */
  acknowledged: z.strictObject({ step: z.string(), by: z.string(), reason: z.string() }),
  evidenceKept: z.strictObject({ what: z.string(), digest: z.string() }),
  /** A stop inside the run: what is taken back and why (design.md section 8). */
  landingStarted: z.strictObject({ landing: z.enum(['unfence', 'hold']), because: failureWire }),
  landed: z.strictObject({ landing: z.enum(['unfence', 'hold']), position: z.string(), next: z.array(z.string()) }),
  foreignWork: z.strictObject({ who: z.string(), what: z.string(), when: at, instance: z.string() }),
  takenOver: z.strictObject({ by: z.string(), position: z.string(), next: z.array(z.string()) }),
  resumed: z.strictObject({ by: z.string() }),
  cancelled: z.strictObject({ by: z.string(), reason: z.string() }),
  handedOver: z.strictObject({ worker: z.string(), because: z.string() }),
  noticeDue: z.strictObject({ notice: noticeWire }),
  noticeDelivered: z.strictObject({ notice: z.string(), destination: z.string() }),
  noticeFailed: z.strictObject({
    notice: z.string(),
    destination: z.string(),
    detail: z.string(),
    attempt: z.number().int(),
  }),
  /** The plan is done, and the incident is not: something is left of which people have been told, and it is looked after. */
  continued: z.strictObject({ because: z.string() }),
  needsPerson: z.strictObject({ because: z.string(), tried: z.array(z.string()), next: z.array(z.string()) }),
  resolved: z.strictObject({ measures: z.record(z.string(), z.number().nullable()), text: z.string() }),
  dismissed: z.strictObject({ because: z.string() }),
} as const;

/** The kinds of events. */
export type EventKind = keyof typeof eventWires;

/** An event before it has a place in a log. */
export type NewEvent = {
  [K in EventKind]: { readonly kind: K; readonly data: z.infer<(typeof eventWires)[K]> };
}[EventKind];

/** An event of a log. */
export type IncidentEvent = NewEvent & { readonly id: string; readonly sequence: number; readonly at: number };

/** Builds an event; only here does a kind meet its data. */
export function event<K extends EventKind>(kind: K, data: z.infer<(typeof eventWires)[K]>): NewEvent {
  return { kind, data } as NewEvent; // the mapped union can't be inferred from a generic kind
}

const kinds = z.enum(Object.keys(eventWires) as [EventKind, ...EventKind[]]); // keys of a literal object

interface StoredEvent {
  readonly id: string;
  readonly sequence: number;
  readonly at: string;
  readonly kind: string;
  readonly data: unknown;
}

/** Events of records that nobody can change any more, which a store in memory answers again and again. */
const known = new WeakMap<StoredEvent, IncidentEvent>();

/** Reads a stored event. Throws `z.ZodError` on what this version can't read. */
export function parseEvent(record: StoredEvent): IncidentEvent {
  if (!Object.isFrozen(record) || !Object.isFrozen(record.data)) return readEvent(record);
  const found = known.get(record) ?? readEvent(record);
  known.set(record, found);
  return found;
}

function readEvent(record: StoredEvent): IncidentEvent {
  const kind = kinds.parse(record.kind);
  const data = eventWires[kind].parse(record.data);
  return { kind, data, id: record.id, sequence: record.sequence, at: Date.parse(record.at) } as IncidentEvent; // checked by the line above
}

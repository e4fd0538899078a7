import { z } from 'zod';
import type { Json } from '../core/json.ts';
import { sameMailbox } from '../approvals/verify-decisions.ts';
import { digestOf } from '../core/digest.ts';
import { KILL_SWITCH_KEY } from '../guards/kill-switch.ts';
import { decideAcknowledge } from '../incident/acknowledge.ts';
import { decideCancel, decideResume, decideTakeover } from '../incident/decide.ts';
import type { NewEvent } from '../incident/events.ts';
import { hasEnded, type IncidentState } from '../incident/state.ts';
import { HAND_OVER, IMPORT_ROWS } from '../ports/copy-labels.ts';
import { DELETE_CLONES, momentIn, RELEASE_WRITER } from '../ports/recovery-words.ts';
import type { IdentityVerifier } from '../ports/signing.ts';
import { incidentId, MODES, RUNBOOKS } from '../system/names.ts';
import type { Person } from '../system/system.ts';
import { afterAppend } from './after-append.ts';
import { type FlowHome, journalOf } from './flow-home.ts';

// What needs an authenticated person and not a message (design.md section 3): the kill switch off, modes, cancelling, and
// asking for a wall to be opened, and answering what a step asks. None of it acts on the protected system; opening a wall still needs its own approval.

/** What operating runs on. */
export interface OperateHome extends FlowHome {
  /** `undefined` where no issuer is configured: then nobody can operate. */
  readonly identity: IdentityVerifier | undefined;
}

const reason = z.string().min(1).max(500);
const incident = z
  .string()
  .regex(/^inc-[a-z2-7]{10}$/)
  .transform(incidentId);

const wire = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.literal('stop'), reason }),
  z.strictObject({ verb: z.literal('release'), reason }),
  z.strictObject({ verb: z.literal('mode'), runbook: z.enum(RUNBOOKS), mode: z.enum(MODES), reason }),
  z.strictObject({ verb: z.enum(['cancel', 'takeover', 'resume']), incident, reason }),
  z.strictObject({ verb: z.literal('acknowledge'), incident, step: z.string().min(1).max(100), reason }),
  z.strictObject({
    verb: z.literal('accept'),
    incident,
    wall: z.union([
      z.enum([
        'accept-unknown-loss',
        'accept-loss',
        'accept-unfenced-primary',
        HAND_OVER,
        IMPORT_ROWS,
        RELEASE_WRITER,
        DELETE_CLONES,
      ]),
      z.string().refine((verb) => momentIn(verb) !== undefined, 'neither a verb nor last-good/TIME'),
    ]),
    reason,
  }),
]);
type Wish = z.infer<typeof wire>;

/** An answer for a program: status and a JSON body. */
export interface OperateAnswer {
  readonly status: number;
  readonly body: Json;
}

/** Carries out what an authenticated person of `dr.yaml` asks for. `idToken` is the bearer token of the request. */
export async function operate(
  request: { readonly idToken: string | undefined; readonly body: unknown },
  home: OperateHome,
): Promise<OperateAnswer> {
  const email =
    request.idToken === undefined ? undefined : await home.identity?.verify(request.idToken, await home.store.now());
  if (email === undefined) return { status: 401, body: { error: 'an id token of a person of dr.yaml is needed' } };
  const person = home.system.people.find((known) => sameMailbox(known.email, email));
  if (person === undefined) return { status: 403, body: { error: `${email} is nobody of dr.yaml` } };
  const wish = wire.safeParse(request.body);
  if (!wish.success) return { status: 400, body: { error: z.prettifyError(wish.error) } };
  return wish.data.verb === 'acknowledge'
    ? await acknowledge(wish.data, person, home)
    : await carryOut(wish.data, email, home);
}

/** Takes the answer of the person whom a step asks; what it says is looked at by the step itself. */
async function acknowledge(
  { incident: id, step, reason: said }: Extract<Wish, { readonly verb: 'acknowledge' }>,
  person: Person,
  home: OperateHome,
): Promise<OperateAnswer> {
  const journal = await journalOf(id, home);
  if (journal === undefined) return unknownIncident(id);
  let objection: string | undefined;
  const state = await journal.append((current) => {
    const decided = decideAcknowledge(current, { step, by: person, reason: said });
    objection = typeof decided === 'string' ? decided : undefined;
    return typeof decided === 'string' ? [] : decided;
  });
  if (objection !== undefined) return { status: 409, body: { error: objection } };
  await afterAppend(state, home);
  return { status: 200, body: { incident: state.id, step, acknowledgedBy: person.id } };
}

async function carryOut(
  wish: Exclude<Wish, { readonly verb: 'acknowledge' }>,
  by: string,
  home: OperateHome,
): Promise<OperateAnswer> {
  const atMs = home.clock.now();
  switch (wish.verb) {
    case 'stop':
    case 'release':
      return await keep(KILL_SWITCH_KEY, home, () => ({ on: wish.verb === 'stop', by, reason: wish.reason, atMs }));
    case 'mode':
      return await keep(`control/mode/${wish.runbook}`, home, () => ({
        mode: wish.mode,
        by,
        reason: wish.reason,
        atMs,
      }));
    case 'accept': {
      const journal = await journalOf(wish.incident, home);
      if (journal === undefined) return unknownIncident(wish.incident);
      if (hasEnded(journal.state())) return { status: 409, body: { error: `${wish.incident} has ended` } };
      return await keep(`accept/${wish.incident}`, home, (known) => ({
        // What was said last stands last: of two moments that people name, the later word counts.
        verbs: [...acceptedIn(known).filter((verb) => verb !== wish.wall), wish.wall],
        by,
        reason: wish.reason,
        atMs,
      }));
    }
    case 'cancel':
    case 'takeover':
    case 'resume': {
      const journal = await journalOf(wish.incident, home);
      if (journal === undefined) return unknownIncident(wish.incident);
      const before = journal.state().sequence;
      const state = await journal.append((current) => eventsFor(wish, current, by, home));
      await afterAppend(state, home);
      return state.sequence === before
        ? { status: 409, body: { error: `${wish.incident} is ${state.phase.kind}: ${wish.verb} changes nothing` } }
        : { status: 200, body: { incident: state.id, phase: state.phase.kind } };
    }
  }
}

function eventsFor(
  wish: Extract<Wish, { readonly verb: 'cancel' | 'takeover' | 'resume' }>,
  state: IncidentState,
  by: string,
  { system, clock }: OperateHome,
): readonly NewEvent[] {
  switch (wish.verb) {
    case 'cancel':
      return decideCancel(state, by, wish.reason);
    case 'takeover':
      return decideTakeover(state, by);
    case 'resume':
      return decideResume(state, by, {
        policy: state.run === undefined ? undefined : system.approvals.perRunbook[state.run.plan.runbook],
        approval: `apr-${digestOf({ incident: state.id, sequence: state.sequence }).slice(0, 12)}`,
        now: clock.now(),
        authenticated: true,
      });
  }
}

const unknownIncident = (id: string): OperateAnswer => ({ status: 404, body: { error: `there is no incident ${id}` } });

const acceptedWire = z.object({ verbs: z.array(z.string()) });

/** Walls that were accepted before: another one does not close them. */
function acceptedIn(known: Json | undefined): readonly string[] {
  const read = acceptedWire.safeParse(known);
  return read.success ? read.data.verbs : [];
}

async function keep(
  key: string,
  { store }: OperateHome,
  make: (known: Json | undefined) => Json,
): Promise<OperateAnswer> {
  const known = await store.documents.get(key);
  const value = make(known?.value);
  const kept = await store.documents.put(key, value, known?.version ?? 0);
  return kept
    ? { status: 200, body: { [key]: value } }
    : { status: 409, body: { error: 'somebody else changed it at the same moment: look again' } };
}

import { failure, wall } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import type { Contact } from '../ports/data-plane.ts';

// Whether the old primary is fenced: the most dangerous question of a failover, as a pure function of positive evidence
// (design.md section 8, step 5; failover-rules 6 and 7).
//
// F1. A canary that succeeded means that the primary lives: the plan is void.
// F2. Proved in one of two ways: the stop is done, read back, and no consumer's vantage point connects although the same path
//     reaches another instance; or every consumer's vantage point is refused by a server that answers.
// F3. Silence proves nothing. A missing vantage point, or one whose control failed, is unproved.
// F4. A login that is refused proves nothing either: sessions of before a change of the password go on, and write.
//
// It does not protect against a consumer that dr.yaml does not list, nor against a path that no listed vantage point uses.

/** What is known about the old primary at one moment. */
export interface FenceEvidence {
  /** The stop's operation is done, activationPolicy NEVER is read back, and no operation is running. */
  readonly stopped: boolean;
  /** One for each consumer that dr.yaml lists; `undefined` where there is no vantage point. */
  readonly consumers: readonly { readonly application: string; readonly contact: Contact | undefined }[];
  /** From our own place; it can show life but, not being a consumer's place, proves nothing. */
  readonly own: Contact;
}

/** The answer, with what it rests on. */
export type FenceVerdict =
  | { readonly kind: 'proved'; readonly how: string }
  | { readonly kind: 'unproved'; readonly missing: readonly string[] }
  | { readonly kind: 'alive'; readonly detail: string };

/** Judges the fence (F1 to F3). */
export function judgeFence({ stopped, consumers, own }: FenceEvidence): FenceVerdict {
  const seen = [own, ...consumers.flatMap(({ contact }) => (contact === undefined ? [] : [contact]))];
  const alive = seen.find((contact) => contact.outcome.kind === 'written');
  if (alive !== undefined)
    return { kind: 'alive', detail: `a canary from ${alive.vantage} was written: the old primary takes writes` };
  const missing = consumers.flatMap(({ application, contact }) => doubts(application, contact, stopped));
  if (consumers.length === 0) missing.push('no consumer is listed, so no vantage point can speak');
  if (missing.length > 0) return { kind: 'unproved', missing };
  const places = consumers.map(({ application }) => application).join(', ');
  return {
    kind: 'proved',
    how: stopped
      ? `stopped, read back, and no connection from ${places} although their paths work`
      : `a server answered and refused from ${places}`,
  };
}

function doubts(application: string, contact: Contact | undefined, stopped: boolean): string[] {
  if (contact === undefined) return [`${application} has no vantage point (probes.vantage)`];
  if (contact.control !== 'ok')
    return [`the path from ${application} is not known to work (control ${contact.control})`];
  switch (contact.outcome.kind) {
    case 'refusedByServer':
      return [];
    case 'loginRefused':
      // A server runs there, whatever a stop says of itself, and a password can be another one for somebody else (F4).
      return [`from ${application}: a server answers and refuses the login alone (${contact.outcome.detail})`];
    case 'connectionRefused':
    case 'unknown':
      // Without a stop, nobody listening now may listen again in a second (F3).
      return stopped
        ? []
        : [
            `from ${application}: ${contact.outcome.kind === 'unknown' ? contact.outcome.detail : 'nobody listens'}, and the stop is not done`,
          ];
    case 'written':
      return [`a canary from ${application} was written`];
  }
}

/** The verdict as a reason to stop, or `undefined` when the fence is proved. */
export function fenceFailure(verdict: FenceVerdict): StepFailure | undefined {
  switch (verdict.kind) {
    case 'proved':
      return undefined;
    case 'alive':
      return failure('voided', 'primaryAlive', verdict.detail);
    case 'unproved':
      return wall('fenceProved', 'fenceUnproved', {
        observed: verdict.missing.join('; '),
        limit: 'positive evidence from every consumer’s place',
        openedBy: 'accept-unfenced-primary',
      });
  }
}

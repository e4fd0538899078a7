import type { IncidentState } from '../shared/incident/state.ts';
import type { RunbookName } from '../shared/system/names.ts';
import type { System } from '../shared/system/system.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import type { PagedNotice } from './person.ts';

// What a story is, and what is verified of every one. Judged from outside: by the world's audit, the broker's ledger and the load
// (decisions.md 24), beside the incident's own outcome.

/** A verification of a story: a sentence, whether it held, and with what figure. */
export interface Check {
  readonly name: string;
  readonly held: boolean;
  readonly figure: string;
}

/** A story. */
export interface Story {
  readonly runbook: RunbookName;
  readonly title: string;
  /** What breaks; a story without it begins with what a person asks for. */
  readonly fault?: string;
  /** Of which kind it is, where there are several. */
  readonly variant?: string;
  /** What the request names as its target. */
  readonly target?: string;
  /** Applications that the request wants cut off. */
  readonly isolates?: readonly string[];
  /** What is asked for once the incident that comes first is resolved, where nobody asks for it else. */
  readonly asksNext?: { readonly target: string; readonly asks: string };
  /** Why a person asks for the runbook by hand: where something breaks as well, because of it. */
  readonly asks?: string;
  /** What its person says, signed in, each time that a run has stopped with people: verbs of `./dr accept`. */
  readonly says?: readonly (readonly string[])[];
  /** Where it ends; resolved, unless it ends with a person. */
  readonly ends?: 'needsPerson';
  /** A runbook whose incident comes first in it. */
  readonly follows?: RunbookName;
  /** Runbooks of the incidents between that one and its own. */
  readonly between?: readonly RunbookName[];
  /** Approvals that its person gives: one, unless it says so. */
  readonly approvals?: number;
  /** Who gives them: the engineer on call, unless it says so. */
  readonly approver?: string;
  /** What a person does whom a step asks for something, before saying that it is done. Answers what the person says. */
  readonly answers?: (sandbox: Sandbox, asked: PagedNotice) => string;
  /** The wall that its person opens by name, once it is told. */
  readonly accepts?: string;
  /** After how many clock milliseconds the fault is gone again by itself. */
  readonly passesAfterMs?: number;
  /**
   * How many times faster than the wall its clock runs at the most. Where much answers nothing, a look takes as long as our limits say,
   * which are the wall's: on a clock that runs too fast looks are too far apart to count together.
   */
  readonly rateAtMost?: number;
  /** Longest that it may take, in clock milliseconds. */
  readonly withinMs: number;
  check(
    sandbox: Sandbox,
    state: IncidentState,
    system: System,
    evidence: readonly string[],
    failedAtMs: number,
  ): readonly Check[] | Promise<readonly Check[]>;
}

/** What the world’s audit has of a permission. */
export const effects = (sandbox: Sandbox, permission: string): readonly unknown[] =>
  sandbox.world.kernel.audit.effects(permission);

/** Writes of the product's own identities to the protected system, other than canary and heartbeat rows. */
export function changes(sandbox: Sandbox): readonly string[] {
  return sandbox.world.kernel.audit
    .entries()
    .filter(
      ({ call, result }) =>
        call.writes &&
        result === 'effect' &&
        call.principal.startsWith('dr-') &&
        !call.permission.startsWith('pubsub.') &&
        call.permission !== 'cloudsql.instances.login',
    )
    .map(({ call }) => `${call.permission} by ${call.principal.split('@')[0] ?? ''}`);
}

/** The incident’s own outcome. */
export function resolved(state: IncidentState): Check {
  return { name: 'the incident is resolved', held: state.phase.kind === 'resolved', figure: state.phase.kind };
}

/** The broker’s own books. */
export function ledger(sandbox: Sandbox): Check {
  const rows = sandbox.messaging.courier.ledger();
  const lost = rows.filter((row) => row.accepted !== row.acknowledged + row.deadLettered + row.waiting + row.expired);
  return {
    name: 'no accepted message is lost',
    held: lost.length === 0,
    figure: `${rows.reduce((sum, row) => sum + row.accepted, 0)} accepted, ${rows.reduce((sum, row) => sum + row.deadLettered, 0)} dead letters`,
  };
}

/** Nobody is without service now. */
export const served = ({ load }: Sandbox): boolean =>
  load.report().every(({ outages }) => outages.every(({ until }) => until !== undefined));

/** The database password of this world, which must appear nowhere. */
export function passwordOf(sandbox: Sandbox): string {
  const url = sandbox.world.secrets.readSecret('coditect-dms-database-url');
  return url === undefined ? ' ' : new URL(url).password;
}

import type { JsonObject } from '../core/json.ts';
import type { Instant } from '../core/time.ts';
import { dueAt } from '../engine/next-move.ts';
import type { IncidentState } from '../incident/state.ts';
import { type Journal, openJournal } from '../log/journal.ts';
import { isNotUnderstood } from '../log/unreadable.ts';
import type { Home, World } from '../ports/ports.ts';
import type { Head } from '../ports/store.ts';
import type { IncidentId, Topic } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { isSystemTarget } from '../system/topology.ts';

/** What every flow is given; a function's wiring fills it, a simulation fills it with a model. */
export interface FlowHome extends Home {
  readonly system: System;
  /** Unique to this process; with a counter it names the holder of leases. */
  readonly instance: string;
  /** For people who read the logs of a function; never a secret. */
  readonly note: (message: string, fields?: JsonObject) => void;
}

/** A flow that looks at or acts on the protected system. */
export interface WorldHome extends FlowHome {
  readonly world: World;
}

/** What the head of a log shows in listings and when it is due. */
export function summarise(
  home: FlowHome,
): (state: IncidentState, now: Instant) => Pick<Head, 'dueAt' | 'targets' | 'summary'> {
  return (state, now) => ({
    dueAt: dueAt(state, now, home.system.guards.lease),
    // What was named by a look and what a run holds is as much its own as what signals named; but a breach, which may wait for people
    // for days, must not swallow the failures of what it restarts.
    targets: isSystemTarget(state.target)
      ? [state.target]
      : [...new Set([...state.targets, state.target, ...(state.run?.plan.holds ?? [])])],
    summary: {
      headline: state.headline,
      phase: state.phase.kind,
      scenario: state.diagnosis?.scenario ?? null,
      runbook: state.run?.plan.runbook ?? state.requested,
      target: state.target,
      openedAtMs: state.openedAt,
      absorbedAtMs: state.absorbedAt ?? null,
    },
  });
}

/** Opens an incident's log for a flow. Rejects as `permanent` where another version wrote it (log/unreadable.ts). */
export function journalOf(id: IncidentId, home: FlowHome): Promise<Journal | undefined> {
  return openJournal(id, { store: home.store, clock: home.clock, chance: home.chance, summarise: summarise(home) });
}

/**
 * Does what one incident asks for, unless another version wrote its log: then that is noted and `leave` says what follows. Whoever can
 * read it goes on, woken by its own `tick`; a message that is delivered again and again helps nobody.
 */
export async function whereUnderstood<T>(
  id: IncidentId,
  home: FlowHome,
  work: () => Promise<T>,
  leave: (because: string) => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isNotUnderstood(error)) throw error;
    home.note('another version wrote this log: it is left to whoever can read it', {
      incident: id,
      error: error.message,
    });
    return await leave(error.message);
  }
}

/**
 * Wakes whoever has to go on: `{incident, sequence}` and nothing else (decisions.md 8). A publish that fails is noted and left
 * to `tick`, which finds the incident when it is due.
 */
export async function wake(topic: Topic, state: IncidentState, home: FlowHome): Promise<void> {
  try {
    await home.messages.publish(topic, { incident: state.id, sequence: state.sequence });
  } catch (error) {
    home.note('a wake-up could not be published; tick will find the incident', {
      topic,
      incident: state.id,
      error: String(error),
    });
  }
}

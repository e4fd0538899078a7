import { sha256, type Digest } from '../core/digest.ts';
import type { Json } from '../core/json.ts';
import { type Instant, seconds } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  DocumentStore,
  EventRecord,
  EvidenceStore,
  Head,
  InboxEntry,
  LeaseStore,
  LogStore,
  Store,
} from '../ports/store.ts';
import { claimed, isReleasable, renewed, type KeptLease } from './lease-rules.ts';
import {
  checkContinues,
  checkedAppend,
  checkedEntry,
  checkKey,
  checkLimit,
  checkSize,
  copyOf,
  EVIDENCE_BYTES_MAX,
  noHead,
  notWaiting,
} from './stored.ts';

// The store of tests and of the simulation. Every method does its work before it first yields, so methods are atomic. What
// is kept is a frozen copy: neither the writer nor a reader can change it afterwards.

/** A store that lives as long as the process. */
export function createMemoryStore(clock: Pick<Clock, 'now'>): Store {
  return {
    log: memoryLog(),
    leases: memoryLeases(clock),
    documents: memoryDocuments(),
    evidence: memoryEvidence(),
    now: async () => clock.now(),
    pace: seconds(1), // the slowest store's: what is tested here holds there
  };
}

interface MemoryLog {
  readonly head: Head;
  readonly events: EventRecord[];
}

function memoryLog(): LogStore {
  /** In the order in which the incidents were opened. */
  const logs = new Map<string, MemoryLog>();
  const waiting = new Map<string, InboxEntry>();
  const absorbedKeys = new Set<string>();

  return {
    async receive(entry) {
      const checked = frozen(checkedEntry(entry));
      if (waiting.has(checked.key) || absorbedKeys.has(checked.key)) return 'duplicate';
      waiting.set(checked.key, checked);
      return 'received';
    },

    async waiting(incident, limit) {
      checkLimit(limit);
      return [...waiting.values()]
        .filter((entry) => entry.incident === incident)
        .toSorted((a, b) => a.receivedAt - b.receivedAt || inKeyOrder(a.key, b.key))
        .slice(0, limit);
    },

    async append(incident, expected, events, head, absorbed) {
      const append = frozen(checkedAppend({ incident, expected, events, head, absorbed }));
      const stored = logs.get(incident) ?? { head: noHead(incident), events: [] };
      if (stored.head.sequence !== expected) return { kind: 'lost', head: stored.head };
      checkContinues(stored.head, append);
      if (append.absorbed.some((key) => !waiting.has(key))) throw notWaiting(append);
      stored.events.push(...append.events);
      logs.set(incident, { head: append.head, events: stored.events });
      for (const key of append.absorbed) {
        waiting.delete(key);
        absorbedKeys.add(key);
      }
      return { kind: 'appended' };
    },

    async read(incident, afterSequence, limit) {
      checkLimit(limit);
      return logs.get(incident)?.events.slice(afterSequence, afterSequence + limit) ?? [];
    },

    async head(incident) {
      return logs.get(incident)?.head;
    },

    async due(at, limit) {
      checkLimit(limit);
      const isDue = (head: Head): head is Head & { readonly dueAt: Instant } =>
        head.dueAt !== undefined && head.dueAt <= at;
      return [...logs.values()]
        .map((log) => log.head)
        .filter(isDue)
        .toSorted((a, b) => a.dueAt - b.dueAt || inKeyOrder(a.incident, b.incident))
        .slice(0, limit);
    },

    async openAbout(targets, limit) {
      checkLimit(limit);
      const open = [...logs.values()].map((log) => log.head).filter((head) => head.dueAt !== undefined);
      const about = targets.flatMap((target) =>
        open
          .filter((head) => head.targets.includes(target))
          .toReversed()
          .slice(0, limit),
      );
      return open.filter((head) => about.includes(head)).toReversed();
    },

    async heads(filter, limit) {
      checkLimit(limit);
      return [...logs.values()]
        .map((log) => log.head)
        .filter((head) => filter === 'all' || head.dueAt !== undefined)
        .toReversed()
        .slice(0, limit);
    },
  };
}

function memoryLeases(clock: Pick<Clock, 'now'>): LeaseStore {
  const leases = new Map<string, KeptLease>();

  return {
    async acquire(key, holder, length) {
      checkKey(key);
      checkKey(holder);
      const outcome = claimed(leases.get(key), { key, holder, now: clock.now(), length });
      if (outcome.kind === 'held') leases.set(key, frozen({ lease: outcome.lease, released: false }));
      return outcome;
    },

    async renew(lease, length) {
      const next = renewed(leases.get(lease.key), lease, { now: clock.now(), length });
      if (next !== undefined) leases.set(lease.key, frozen({ lease: next, released: false }));
      return next;
    },

    async release(lease) {
      const kept = leases.get(lease.key);
      if (kept !== undefined && isReleasable(kept, lease)) leases.set(lease.key, { ...kept, released: true });
    },

    async read(key) {
      const kept = leases.get(key);
      return kept === undefined || kept.released ? undefined : kept.lease;
    },
  };
}

function memoryDocuments(): DocumentStore {
  const documents = new Map<string, { readonly value: Json; readonly version: number }>();

  return {
    async get(key) {
      return documents.get(key);
    },

    async put(key, value, expected) {
      checkKey(key);
      const copy = frozen(copyOf(value, asJson, `writing ${key}`));
      const version = documents.get(key)?.version ?? 0;
      if (version !== expected) return false;
      documents.set(key, frozen({ value: copy, version: version + 1 }));
      return true;
    },

    async list(prefix, limit) {
      checkLimit(limit);
      return [...documents]
        .filter(([key]) => key.startsWith(prefix))
        .toSorted(([a], [b]) => inKeyOrder(a, b))
        .slice(0, limit)
        .map(([key, document]) => ({ key, ...document }));
    },
  };
}

function memoryEvidence(): EvidenceStore {
  const evidence = new Map<Digest, string>();

  return {
    async keep(content) {
      const digest = sha256(content);
      checkSize(content, EVIDENCE_BYTES_MAX, `keeping evidence ${digest}`);
      // The digest is of UTF-8, which has no lone surrogates.
      evidence.set(digest, content.toWellFormed());
      return digest;
    },

    async read(digest) {
      return evidence.get(digest);
    },
  };
}

/** It was just made by `JSON.parse`. */
const asJson = (value: unknown): Json => value as Json;

/** UTF-8 order, which databases use, and which differs from JavaScript's for characters outside the first plane. */
const inKeyOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

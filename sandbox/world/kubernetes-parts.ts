import { type Instant, type Millis, after } from '../../shared/core/time.ts';
import type { Chance, WorldClock } from './kernel.ts';
import type { EventRecorder } from './kubernetes-events.ts';
import type { Store } from './kubernetes-store.ts';

/** What every controller of a cluster works with. */
export interface ClusterParts {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly store: Store;
  readonly events: EventRecorder;
}

/** Keys that wait to be looked at. Many changes of one object soon after another are looked at once, as controllers do. */
export interface WorkQueue {
  add(key: string): void;
  /** Looks at it again later, whatever happens before; of several such wishes for one key the earliest counts. */
  addAfter(key: string, delay: Millis): void;
}

/** Milliseconds between a change and the moment at which a controller has noticed it: the watch plus its queue. */
const NOTICE_MS = [20, 120] as const;

/** A queue that hands each key to `handle`, one at a time. */
export function createQueue(parts: Pick<ClusterParts, 'clock' | 'chance'>, handle: (key: string) => void): WorkQueue {
  const { clock, chance } = parts;
  const waiting = new Set<string>();
  const later = new Map<string, { readonly at: Instant; readonly cancel: () => void }>();
  return {
    add(key) {
      if (waiting.has(key)) return;
      waiting.add(key);
      clock.schedule(after(clock.now(), chance.between(...NOTICE_MS)), () => {
        waiting.delete(key);
        handle(key);
      });
    },
    addAfter(key, delay) {
      const at = after(clock.now(), delay);
      const planned = later.get(key);
      if (planned !== undefined && planned.at <= at) return;
      planned?.cancel();
      const cancel = clock.schedule(at, () => {
        later.delete(key);
        handle(key);
      });
      later.set(key, { at, cancel });
    },
  };
}

/** The queue's key of a named object. */
export const queueKey = (object: {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;

/** The namespace and name of a key. */
export function splitKey(key: string): readonly [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}

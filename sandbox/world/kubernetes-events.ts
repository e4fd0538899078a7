import { type Instant, after, minutes } from '../../shared/core/time.ts';
import type { WorldClock } from './kernel.ts';
import { type Event, type KubernetesObject, type ObjectReference, referenceTo, stamp } from './kubernetes-objects.ts';
import type { Store } from './kubernetes-store.ts';

/** One thing to tell about an object. */
export interface Told {
  readonly about: KubernetesObject;
  /** The container that it concerns, if any. */
  readonly container?: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Which component tells it. */
  readonly from: string;
  readonly host?: string;
}

/** Writes Events. Telling the same again counts up the Event that is there, as `client-go`'s recorder does. */
export interface EventRecorder {
  tell(told: Told): void;
}

/** Events that were not seen again for that long are gone (`--event-ttl` of the API server). */
const KEPT = minutes(60);

/** A recorder that writes into the store. */
export function createEventRecorder(clock: WorldClock, store: Store): EventRecorder {
  const lastSeen = new Map<string, Instant>();

  const forgetLater = (namespace: string, name: string, seen: Instant): void => {
    clock.schedule(after(seen, KEPT), () => {
      const latest = lastSeen.get(name) ?? seen;
      if (latest > seen) return forgetLater(namespace, name, latest);
      lastSeen.delete(name);
      store.remove('Event', namespace, name);
    });
  };

  return {
    tell(told) {
      const { type, reason, message, from, host } = told;
      const fieldPath = told.container === undefined ? {} : { fieldPath: `spec.containers{${told.container}}` };
      const involvedObject: ObjectReference = { ...referenceTo(told.about), ...fieldPath };
      const namespace = involvedObject.namespace ?? 'default';
      const now = stamp(clock.now());
      const same = store
        .list('Event', namespace)
        .find((event) => event.reason === reason && event.message === message && concerns(event, involvedObject));
      if (same !== undefined) {
        lastSeen.set(same.metadata.name, clock.now());
        store.replace('Event', { ...same, count: same.count + 1, lastTimestamp: now });
        return;
      }
      // Named as client-go does: the object's name and the moment in hexadecimal nanoseconds, kept apart by the revision.
      const moment = (BigInt(clock.now()) * 1_000_000n + BigInt(store.revision())).toString(16);
      const name = `${involvedObject.name}.${moment}`;
      const source = { component: from, ...(host === undefined ? {} : { host }) };
      const times = { firstTimestamp: now, lastTimestamp: now, count: 1 };
      const reporting = { reportingComponent: from, reportingInstance: host ?? '' };
      const event = {
        apiVersion: 'v1',
        kind: 'Event' as const,
        involvedObject,
        reason,
        message,
        source,
        type,
        ...times,
      };
      store.create('Event', { ...event, ...reporting, metadata: { name, namespace } });
      lastSeen.set(name, clock.now());
      forgetLater(namespace, name, clock.now());
    },
  };
}

function concerns({ involvedObject: own }: Event, { uid, fieldPath }: ObjectReference): boolean {
  return own.uid === uid && own.fieldPath === fieldPath;
}

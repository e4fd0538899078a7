import type { Instant, Millis } from '../../shared/core/time.ts';
import { covers } from './iam.ts';
import type { Api, ApiCall, Chance, Principal } from './kernel.ts';

// What can go wrong between a caller and an API. A fault changes how a call is answered and whether its effect happens; it
// never changes the world behind the API (that is disasters.ts).

/**
 * `down`: nothing answers, nothing happens. `throttled`: 429, nothing happens. `serverError`: 503, nothing happens.
 * `serverErrorAfter`: 503 although it happened. `loseReplyBefore`: the request is lost. `loseReplyAfter`: it happens and the
 * answer is lost. `slow`: it happens, and the answer takes `delay`. `arriveLate`: the caller hears nothing, and it happens
 * `delay` later.
 */
export type ApiFaultKind =
  | { readonly kind: 'down' | 'throttled' | 'serverError' | 'serverErrorAfter' | 'loseReplyBefore' | 'loseReplyAfter' }
  | { readonly kind: 'slow' | 'arriveLate'; readonly delay: Millis };

/** The APIs that a fault can be broken on by name. */
export const APIS: readonly Api[] = [
  'sqladmin',
  'kubernetes',
  'run',
  'dns',
  'compute',
  'secretmanager',
  'monitoring',
  'container',
  'redis',
  'logging',
  'storage',
];

/** Which calls a fault strikes: those that agree with every given member. `permission` may end in `*`. */
export interface ApiFaultTarget {
  readonly api?: Api;
  readonly permission?: string;
  readonly principal?: Principal;
  readonly writes?: boolean;
  /** Resources, each with what is below it. */
  readonly within?: readonly string[];
}

/** One fault: what happens, to which calls, and how often (`count` times, until a moment, or until it is taken away). */
export interface ApiFault {
  readonly what: ApiFaultKind;
  readonly on: ApiFaultTarget;
  readonly count?: number;
  readonly until?: Instant;
  /** It belongs to something that is lost, and ends with that: `clear` leaves it. */
  readonly lasting?: boolean;
}

/** How often faults strike by chance: probabilities in [0, 1] for each call that `on` selects. */
export interface ApiFaultRates {
  readonly on: ApiFaultTarget;
  readonly rates: readonly (readonly [ApiFaultKind, number])[];
}

/** The faults at the door. */
export interface Faults {
  /** Adds a fault; returns a function that takes it away. An earlier fault strikes before a later one. */
  inject(fault: ApiFault): () => void;
  /** Draws faults by chance from now on, besides the injected ones; returns a function that ends it. */
  draw(rates: ApiFaultRates): () => void;
  /** What strikes this call, used up by asking. */
  strike(call: ApiCall, now: Instant): ApiFaultKind | undefined;
  /** Takes every fault away that is not lasting. */
  clear(): void;
  /** Tells of each call that is struck, when it is: who counts which fault met what. */
  listen(listener: (what: ApiFaultKind, call: ApiCall) => void): void;
}

/** `instances/a` holds `instances/a:restart` and `instances/a/backupRuns`, and not `instances/a-replica`. */
const isWithin = (called: string, resource: string): boolean =>
  called === resource || called.startsWith(`${resource}:`) || called.startsWith(`${resource}/`);

function strikes(on: ApiFaultTarget, call: ApiCall): boolean {
  return (
    (on.api === undefined || on.api === call.api) &&
    (on.permission === undefined || covers(on.permission, call.permission)) &&
    (on.principal === undefined || on.principal === call.principal) &&
    (on.writes === undefined || on.writes === call.writes) &&
    (on.within === undefined || on.within.some((resource) => isWithin(call.resource, resource)))
  );
}

/** No faults yet. */
export function createFaults(chance: Chance): Faults {
  const injected: { readonly fault: ApiFault; left: number }[] = [];
  const drawn: ApiFaultRates[] = [];
  const listeners: ((what: ApiFaultKind, call: ApiCall) => void)[] = [];

  const remove = <T>(list: T[], item: T): void => {
    const index = list.indexOf(item);
    if (index >= 0) list.splice(index, 1);
  };

  const byChance = (call: ApiCall): ApiFaultKind | undefined => {
    for (const { on, rates } of drawn) {
      if (!strikes(on, call)) continue;
      let roll = chance.next();
      for (const [kind, rate] of rates) {
        if (roll < rate) return kind;
        roll -= rate;
      }
    }
    return undefined;
  };

  return {
    inject(fault) {
      const entry = { fault, left: fault.count ?? Number.POSITIVE_INFINITY };
      injected.push(entry);
      return () => remove(injected, entry);
    },
    draw(rates) {
      drawn.push(rates);
      return () => remove(drawn, rates);
    },
    strike(call, now) {
      const entry = injected.find(
        ({ fault, left }) => left > 0 && (fault.until === undefined || now < fault.until) && strikes(fault.on, call),
      );
      const struck = entry?.fault.what ?? byChance(call);
      if (entry !== undefined) entry.left -= 1;
      if (struck !== undefined) for (const listener of listeners) listener(struck, call);
      return struck;
    },
    clear() {
      injected.splice(0, injected.length, ...injected.filter(({ fault }) => fault.lasting === true));
      drawn.length = 0;
    },
    listen(listener) {
      listeners.push(listener);
    },
  };
}

import { unreachable } from '../../shared/core/assert.ts';
import { type Millis, after } from '../../shared/core/time.ts';
import type { AuditLog } from './audit.ts';
import type { ApiFaultKind, Faults } from './faults.ts';
import { covers } from './iam.ts';
import {
  type ApiCall,
  type ApiDoor,
  ApiError,
  type ApiOutcome,
  type Iam,
  type Network,
  type Place,
  type WorldClock,
} from './kernel.ts';

/** What the door is made of. `placeOf` says where the API that a call addresses is to be reached. */
export interface DoorParts {
  readonly clock: WorldClock;
  readonly network: Network;
  readonly iam: Iam;
  readonly faults: Faults;
  readonly audit: AuditLog;
  readonly placeOf: (call: ApiCall) => Place;
}

/** `lost`: the status that the audit gives to a call which never arrived. */
const NO_STATUS = 0;

/** The one door of every API (kernel.ts). */
export function createDoor(parts: DoorParts): ApiDoor {
  return new Door(parts);
}

class Door implements ApiDoor {
  readonly #parts: DoorParts;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  call<T>(call: ApiCall, effect: () => T, granted: readonly string[] = []): ApiOutcome<T> {
    const { network, placeOf, faults, clock } = this.#parts;
    if (!network.reaches(call.from, placeOf(call))) return this.#lose(call);
    const fault = faults.strike(call, clock.now());
    const arrive = (): ApiOutcome<T> => this.#arrive(call, effect, granted);
    return fault === undefined ? arrive() : this.#struck(fault, call, arrive);
  }

  /** The call as the API sees it once it has arrived: permission, effect, audit. */
  #arrive<T>(call: ApiCall, effect: () => T, granted: readonly string[]): ApiOutcome<T> {
    const { iam, audit } = this.#parts;
    try {
      const isAllowed =
        iam.allows(call.principal, call.permission, call.resource) ||
        granted.some((name) => covers(name, call.permission));
      if (!isAllowed) throw forbidden(call);
      const value = effect();
      audit.record(call, 'effect', 200);
      return { kind: 'answer', value };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return this.#refuse(call, error);
    }
  }

  #refuse<T>(call: ApiCall, error: ApiError): ApiOutcome<T> {
    this.#parts.audit.record(call, 'refused', error.status);
    return { kind: 'error', error };
  }

  #lose<T>(call: ApiCall): ApiOutcome<T> {
    this.#parts.audit.record(call, 'lost', NO_STATUS);
    return { kind: 'silence' };
  }

  #struck<T>(fault: ApiFaultKind, call: ApiCall, arrive: () => ApiOutcome<T>): ApiOutcome<T> {
    const { clock } = this.#parts;
    switch (fault.kind) {
      case 'down':
      case 'loseReplyBefore':
        return this.#lose(call);
      case 'throttled':
        return this.#refuse(call, throttled());
      case 'serverError':
        return this.#refuse(call, unavailable());
      case 'serverErrorAfter':
        arrive();
        return { kind: 'error', error: unavailable() };
      case 'loseReplyAfter':
        arrive();
        return { kind: 'silence' };
      case 'slow':
        return slowed(arrive(), fault.delay);
      case 'arriveLate':
        clock.schedule(after(clock.now(), fault.delay), arrive);
        return { kind: 'silence' };
      default:
        return unreachable(fault);
    }
  }
}

function slowed<T>(outcome: ApiOutcome<T>, delay: Millis): ApiOutcome<T> {
  return outcome.kind === 'silence' ? outcome : { ...outcome, delay };
}

function forbidden(call: ApiCall): ApiError {
  if (call.api === 'kubernetes') {
    return new ApiError(403, 'Forbidden', `User "${call.principal}" cannot ${call.permission} on ${call.resource}`);
  }
  if (call.api === 'storage') {
    // As the JSON API words it.
    const why = `${call.principal} does not have ${call.permission} access to ${call.resource} (or it may not exist).`;
    return new ApiError(403, 'forbidden', why);
  }
  const reason = call.api === 'sqladmin' ? 'notAuthorized' : 'PERMISSION_DENIED';
  return new ApiError(
    403,
    reason,
    `Permission '${call.permission}' denied on resource '${call.resource}' (or it may not exist).`,
  );
}

const throttled = (): ApiError => new ApiError(429, 'rateLimitExceeded', "Quota exceeded for quota metric 'Queries'.");

const unavailable = (): ApiError => new ApiError(503, 'backendError', 'The service is currently unavailable.');

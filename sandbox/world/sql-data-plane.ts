import type { Instant } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import type { Iam, Principal } from './kernel.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { RowContent } from './sql-rows.ts';
import type { Contact, ReadOutcome, Replication, WriteOutcome } from './sql-servers.ts';

// What the agent beside each server answers (the data-plane contract of docs/configuration.md): canary, heartbeat, replication,
// epoch, sessions. It needs the network and a login, and has nothing to do with the management API.

/** What came of a question: an answer, a refusal by the server or for want of the login, or no contact. */
export type DataOutcome<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'refusedByServer'; readonly message: string }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'connectionRefused' | 'timeout' };

/** Sessions that one place holds on a server. */
export interface SessionCount {
  /** The place, such as `pods`. */
  readonly client: string;
  readonly count: number;
}

/** The permission that everything here needs. */
const LOGIN = 'cloudsql.instances.login';

/** The data plane of the fleet. */
export class SqlDataPlane {
  readonly #fleet: SqlFleet;
  readonly #iam: Iam;
  readonly #listeners: ((principal: Principal) => void)[] = [];

  constructor(fleet: SqlFleet, iam: Iam) {
    this.#fleet = fleet;
    this.#iam = iam;
  }

  /** Tells who asked each time that a server has been asked, before the asker hears of it: these questions are in no audit. */
  listen(listener: (principal: Principal) => void): void {
    this.#listeners.push(listener);
  }

  /** What a connection from a place meets before anything is asked. */
  contact(from: string, instance: string): Contact {
    return this.#fleet.servers.contact(from, instance);
  }

  canary(caller: Caller, instance: string, token: string): DataOutcome<undefined> {
    return this.#write(caller, instance, { kind: 'canary', token });
  }

  hasCanary(caller: Caller, instance: string, token: string): DataOutcome<boolean> {
    return this.#read(caller, () =>
      this.#fleet.servers.read(caller.from, instance, (server) => server.history.hasCanary(token)),
    );
  }

  heartbeat(caller: Caller, instance: string, sequence: number, at: Instant): DataOutcome<undefined> {
    return this.#write(caller, instance, { kind: 'heartbeat', sequence, heartbeatAt: at });
  }

  replication(caller: Caller, instance: string): DataOutcome<Replication> {
    return this.#read(caller, () => this.#fleet.servers.replication(caller.from, instance));
  }

  writeEpoch(caller: Caller, instance: string, epoch: string): DataOutcome<undefined> {
    return this.#write(caller, instance, { kind: 'epoch', epoch });
  }

  epoch(caller: Caller, instance: string): DataOutcome<string | undefined> {
    return this.#read(caller, () =>
      this.#fleet.servers.read(caller.from, instance, (server) => server.history.epoch()),
    );
  }

  /** Sessions that clients hold open, by place. */
  sessions(caller: Caller, instance: string): DataOutcome<readonly SessionCount[]> {
    return this.#read(caller, () =>
      this.#fleet.servers.read(caller.from, instance, (server) => {
        const places = [...server.sessions.values()].map(({ place }) => place);
        return [...new Set(places)]
          .sort()
          .map((client) => ({ client, count: places.filter((place) => place === client).length }));
      }),
    );
  }

  #write(caller: Caller, instance: string, content: RowContent): DataOutcome<undefined> {
    const contact = this.contact(caller.from, instance);
    if (contact !== 'ok') return { kind: contact };
    if (!this.#iam.allows(caller.principal, LOGIN)) return { kind: 'forbidden' };
    const outcome: WriteOutcome = this.#fleet.servers.write(caller.from, instance, content);
    this.#tell(caller);
    return outcome.kind === 'written' ? { kind: 'answer', value: undefined } : outcome;
  }

  #read<T>(caller: Caller, ask: () => ReadOutcome<T>): DataOutcome<T> {
    const outcome = ask();
    this.#tell(caller);
    if (outcome.kind !== 'read') return outcome;
    return this.#iam.allows(caller.principal, LOGIN) ? { kind: 'answer', value: outcome.value } : { kind: 'forbidden' };
  }

  #tell({ principal }: Caller): void {
    for (const listener of this.#listeners) listener(principal);
  }
}

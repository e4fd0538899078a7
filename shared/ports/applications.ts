import type { Contact } from './data-plane.ts';

/** Deep health of one copy of an application (contract in docs/configuration.md). */
export interface DeepHealth {
  /** `serving`: it answered that it can write; `failing`: it answered that it can't; `silent`: no answer, which says nothing. */
  readonly kind: 'serving' | 'failing' | 'silent';
  readonly detail: string;
  readonly instance: string | undefined;
  readonly database:
    | {
        readonly address: string;
        readonly epoch: string | undefined;
        readonly inRecovery: boolean;
        readonly writable: boolean;
      }
    | undefined;
}

/** What we ask of the protected applications from outside, by their `dr.yaml` id. No contact is an answer, never a rejection. */
export interface Applications {
  deepHealth(application: string): Promise<DeepHealth>;
  /** Writes a canary through the application and reads it back through it. */
  writeAndRead(
    application: string,
    token: string,
  ): Promise<{ readonly written: boolean; readonly read: boolean; readonly detail: string }>;
  /** Asks the prober in the application's place to try a canary at a database address (`host:port`). */
  contactFrom(application: string, address: string, token: string): Promise<Contact>;
}

import type { Millis } from '../../shared/core/time.ts';

// What can be asked of the reference application and of its prober, and what they answer: the contract of
// docs/configuration.md, without HTTP.

/** `user…` is what customers do; the others are the deep-health paths under `/dr`. */
export type ApplicationRequest =
  | { readonly kind: 'health' }
  | { readonly kind: 'canaryWrite'; readonly token: string }
  | { readonly kind: 'canaryRead'; readonly token: string }
  | { readonly kind: 'probe'; readonly address: string; readonly token: string }
  | { readonly kind: 'userWrite'; readonly id: string }
  | { readonly kind: 'userRead'; readonly id: string }
  /** Asks for what only a session gets. */
  | { readonly kind: 'signedIn'; readonly token: string };

/** Body of `GET /dr/health`. Status 200 when `ok`, 503 when `failing`. `null`: could not be asked. */
export interface HealthBody {
  readonly status: 'ok' | 'failing';
  readonly instance: string;
  /** Which application of the team's it is, where several answer to one name. */
  readonly application: string;
  readonly database: {
    readonly address: string;
    readonly epoch: string | null;
    readonly inRecovery: boolean;
    readonly writable: boolean;
  };
}

/** Body of `POST /dr/probe`. `unreachable`: no host has that address. `control`: whether the same path reached another instance. */
export interface ProbeBody {
  readonly outcome: 'written' | 'refusedByServer' | 'loginRefused' | 'connectionRefused' | 'timeout' | 'unreachable';
  readonly detail: string;
  readonly control: 'ok' | 'failed';
}

/** What one process or the load balancer before it answers. `silence`: the connection is open and nothing comes. */
export type ApplicationReply =
  | { readonly kind: 'reply'; readonly status: number; readonly body: unknown; readonly takes: Millis }
  | { readonly kind: 'silence' };

import type { Instant } from '../../shared/core/time.ts';
import type { ApplicationInstance } from './kernel.ts';
import type { RevisionFailure, RevisionView } from './run-revision.ts';
import type { RunServiceRef, ServiceSpec, TrafficTarget } from './run-spec.ts';

/** A service as the API shows it. */
export interface RunServiceView {
  readonly ref: RunServiceRef;
  readonly spec: ServiceSpec;
  readonly uid: string;
  readonly url: string;
  /** With its quotes. */
  readonly etag: string;
  readonly generation: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  /** `false` until the newest generation has been carried out. */
  readonly settled: boolean;
  /** Since when it is settled, or not. */
  readonly since: Instant;
  /** The newest generation that serves. */
  readonly servingGeneration: number;
  /** Why the latest revision does not serve. */
  readonly failure: RevisionFailure | undefined;
  readonly latestCreated: string;
  readonly latestReady: string;
  /** Oldest first. */
  readonly revisions: readonly RevisionView[];
  /** Which revision each traffic target means now. */
  readonly routes: readonly { readonly target: TrafficTarget; readonly revision: string }[];
}

/**
 * What presses on a service. `crowded`: its requests keep so many instances busy. `stuck`: they wait for something that more
 * instances don't bring, so that all that it may have are busy and half of the requests fail. `slow`: so many instances would do, and
 * until there are, requests queue and nobody is turned away. `waiting`: as `slow`, but what they wait for is something else.
 */
export type RunPressure =
  | { readonly kind: 'crowded' | 'slow'; readonly instances: number }
  | { readonly kind: 'stuck' | 'waiting' };

/** Where a request goes. `starting`: an instance is on its way, ask again. `disabled`: 503, and nothing will start. */
export type RunRoute =
  | { readonly kind: 'instance'; readonly id: string; readonly application: ApplicationInstance }
  | { readonly kind: 'starting' }
  | { readonly kind: 'turnedAway'; readonly status: 429 | 500 }
  | { readonly kind: 'disabled' };

/** What came of an update. */
export type RunOutcome =
  | { readonly kind: 'running' }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string };

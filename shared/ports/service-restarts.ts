import type { ServiceId } from './services.ts';

/** How far a restart of a Cloud Run service has come: whether its newest revision serves. */
export interface ServiceRestart {
  /** What the newest revision was made for, if a restart of ours made it. */
  readonly restartedFor: string | undefined;
  readonly complete: boolean;
  /** Revisions to which users are led by name: no newer revision gets them, however ready it is. */
  readonly pinnedTo: readonly string[];
  /** Secrets that its template reads at a version of its own, and not at the latest: a restart gives it no newer one. */
  readonly fixedSecrets: readonly { readonly secret: string; readonly version: string }[];
  /** Goes with the change; stale is `conflict`. */
  readonly etag: string;
}

/**
 * Restarting every instance of a Cloud Run service by a new revision of the same template, so that each reads its secrets anew. Named:
 * what carries the name already was restarted for it. Rejects with `PortError`.
 */
export interface ServiceRestarts {
  inspect(service: ServiceId): Promise<ServiceRestart>;
  restart(service: ServiceId, why: string, etag: string): Promise<void>;
}

/** The annotation of a revision's template that says what it was made for. */
export const RESTARTED_FOR = 'dr-autopilot-restarted-for';

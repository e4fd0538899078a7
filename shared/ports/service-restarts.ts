import type { ServiceId } from './services.ts';

/** How far a restart of a Cloud Run service has come: whether its newest revision serves. */
export interface ServiceRestart {
  /** What the newest revision was made for, if a restart of ours made it. */
  readonly restartedFor: string | undefined;
  readonly complete: boolean;
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

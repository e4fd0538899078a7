import type { Chance, Kernel } from './kernel.ts';
import type { FieldValidation } from './kubernetes-admission.ts';
import type { Draft, Kind, Kinds } from './kubernetes-objects.ts';
import type { ClusterParts } from './kubernetes-parts.ts';

/** How a write is meant. */
export interface WriteOptions {
  /** Decides and answers as if, and stores nothing. */
  readonly dryRun?: boolean;
  readonly fieldValidation?: FieldValidation;
}

/** What the halves of the API share. */
export interface ClusterContext {
  readonly kernel: Kernel;
  readonly parts: ClusterParts;
  /** For the names that clients let the server choose. */
  readonly nameChance: Chance;
  readonly evictionRetryAfterSeconds: number;
  /** A draft as it would have been stored: the answer of a dry run. */
  pretend<K extends Kind>(kind: K, draft: Draft<K>): Kinds[K];
}

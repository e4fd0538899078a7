import type { Labels } from './backups.ts';

// How a copy says whose it is and what is in it. Labels of Cloud SQL have lower-case letters, digits and dashes.

/** The labels that a copy of ours carries. */
export const LABELS = {
  /** The incident that made it. */
  incident: 'dr-incident',
  /** The instance whose backup is in it. */
  source: 'dr-source',
  backup: 'dr-backup',
  /** Milliseconds since the epoch: what was committed before is in it. */
  takenAt: 'dr-taken-at',
  /** What it is for, where nobody may use or delete it: `forensics`. */
  purpose: 'dr-purpose',
} as const;

/** The verb by which a person asks that consumers get the copy. */
export const HAND_OVER = 'hand-over-restore';

/** The verb by which a person who has reviewed a set of rows asks that it is imported. */
export const IMPORT_ROWS = 'import-reviewed-rows';

/** Whether these are the labels of the copy that this incident made. */
export const isCopyOf = (labels: Labels, incident: string | undefined): boolean =>
  incident !== undefined && labels[LABELS.incident] === incident;

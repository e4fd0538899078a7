import type { DatabaseEvidence, Evidence } from './evidence.ts';
import { type Match, observerReasons, type Reason, type Rule, symptomReasons } from './rule.ts';

// What the rules about databases have in common.

/** The first database for which a rule matches, in the order of the file. */
export function forDatabase(
  match: (database: DatabaseEvidence, evidence: Evidence) => Match | undefined,
): Rule['when'] {
  return (evidence) => {
    for (const database of evidence.databases) {
      const found = match(database, evidence);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** A database of which nobody would say that it is well. */
export const isInDoubt = ({ now, isConcerned }: DatabaseEvidence): boolean =>
  now.standing !== 'serving' && (now.standing !== 'unreachable' || isConcerned);

/** The observers agree that it failed, and have done so for the whole confirmation window. */
export const isConfirmed = ({ now, isSteady }: DatabaseEvidence): boolean => now.standing === 'failed' && isSteady;

/** What a rule says of a database, with what every observer says of it. */
export function about(
  database: DatabaseEvidence,
  evidence: Evidence,
  match: Pick<Match, 'confidence' | 'outcome' | 'text' | 'wouldChangeMind'>,
  more: readonly Reason[] = [],
): Match {
  return {
    ...match,
    target: database.target,
    subject: { instance: database.facts.primaryName },
    reasons: [...more, ...observerReasons(database), ...symptomReasons(evidence, database.target)],
    failedSince: database.failedSince,
  };
}

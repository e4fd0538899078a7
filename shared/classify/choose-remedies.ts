import { type Instant, toIso } from '../core/time.ts';
import type { Diagnosis } from '../incident/diagnosis.ts';
import { REMEDIES, type Remedy, type RemedyVerdict } from '../plan/remedy.ts';
import type { OperationStatus } from '../ports/databases.ts';
import { chooseReplica, type ReplicaChoice } from './choose-replica.ts';
import { type DatabaseFacts, isReadable } from './facts.ts';

// What may be tried on a failed database, by what dr.yaml lists and by what the look shows; the order is the runbook's.

/** Google's names for the operations that a remedy is. */
const OPERATION: Readonly<Record<Remedy, string>> = { failover: 'FAILOVER', restart: 'RESTART' };

/** Each remedy that leaves the primary what it is, the least first. `since`: when the failure began, as far as that is known. */
export function chooseRemedies(facts: DatabaseFacts, since: Instant | undefined): readonly RemedyVerdict[] {
  return REMEDIES.map((remedy) => {
    const because = whyNot(remedy, facts) ?? whyTried(remedy, facts, since);
    return { remedy, isPossible: because === undefined, because: because ?? 'listed in remedies' };
  });
}

/** Whether anything is left to try before a promotion. */
export const hasRemedy = (facts: DatabaseFacts, since: Instant | undefined): boolean =>
  chooseRemedies(facts, since).some(({ isPossible }) => isPossible);

/** What dr.yaml lists and can't be tried, for people: that it was tried in vain, or that there is no standby. */
export function remediesSpent(
  facts: DatabaseFacts,
  since: Instant | undefined,
): readonly Diagnosis['reasons'][number][] {
  return chooseRemedies(facts, since)
    .filter(({ remedy, isPossible }) => !isPossible && facts.database.remedies.includes(remedy))
    .map(({ remedy, because }) => ({ code: 'remedySpent', text: `${remedy}: ${because}` }));
}

/** The replica that may take the primary's place, or why none may. */
export function choosePromotion(facts: DatabaseFacts): ReplicaChoice {
  return facts.database.remedies.includes('promote')
    ? chooseReplica(facts)
    : { unfit: ['dr.yaml lists no promote among the remedies'] };
}

function whyNot(remedy: Remedy, { database, primary, primaryName }: DatabaseFacts): string | undefined {
  if (remedy === 'failover' && isReadable(primary) && primary.availability !== 'regional')
    return `${primaryName} is ZONAL: it has no standby`;
  if (!database.remedies.includes(remedy)) return 'not listed in remedies of dr.yaml';
  return isReadable(primary) && primary.activation === 'never' ? `${primaryName} is stopped on purpose` : undefined;
}

/** What has been tried since the failure began, by whoever it was, and has not helped: a second time would only cost time. */
function whyTried(remedy: Remedy, { operations, primaryName }: DatabaseFacts, since: Instant | undefined) {
  if (!isReadable(operations) || since === undefined) return undefined;
  const isTry = ({ instance, type, state, insertedAt }: OperationStatus): boolean =>
    instance === primaryName && type === OPERATION[remedy] && state === 'done' && insertedAt >= since;
  const tried = operations.find(isTry);
  return tried === undefined ? undefined : `tried at ${toIso(tried.insertedAt)}, and it did not help`;
}

import type { Chance } from './kernel.ts';

// What we don't know about the real cloud and yet build a safety argument on. Each is one named assumption, both of whose
// values the model implements: a world is made with one set of values, and the simulation draws them.

/** One thing that `facts.md` marks as known by experience only, or open. */
interface Assumption {
  /** What is so when the value is `true`. */
  readonly statement: string;
  /** Where it comes from. */
  readonly source: string;
  /** What breaks, or must be done differently, when it is not so. */
  readonly ifFalse: string;
}

/** The assumptions, by name. */
export const ASSUMPTIONS = {
  stopPrimaryWithReplicas: {
    statement: 'Cloud SQL for PostgreSQL lets a primary that has read replicas be stopped (activationPolicy NEVER).',
    source:
      'Open: the reference documents only that a replica itself can not be stopped; other engines are said to refuse.',
    ifFalse:
      'The stop is refused with 400; the fence has to be proved by refusals from every vantage point, or by people.',
  },
  stoppedInstanceRefuses: {
    statement: 'A connection to a stopped instance is refused at once.',
    source: 'Experience with hosts whose server is down; the address of a stopped instance stays reserved.',
    ifFalse:
      'Connections to a stopped instance time out, which proves nothing by itself: only the stop, done and read back, does.',
  },
  settingsVersionChecked: {
    statement: 'A patch that carries a stale settings.settingsVersion is refused with 412.',
    source: 'The field is documented as needed for optimistic locking on updates.',
    ifFalse: 'A stop decided on old settings overwrites newer ones; the read-back afterwards must notice.',
  },
  dnsPatchKeepsTtl: {
    statement: 'A record set that is patched without a ttl keeps the one that it had.',
    source: 'The reference says "according to the rules of patch semantics"; the runbook\'s own command sends no ttl.',
    ifFalse: 'The record gets a ttl of 0; whoever patches must send the ttl that is wanted.',
  },
  manualZeroHoldsService: {
    statement:
      'A Cloud Run service that is scaled manually to 0 has no instance, and none starts when a request comes.',
    source:
      'Manual scaling: revisions without an instance answer "as if disabled"; proto HEALTH_CHECK_SKIPPED names 0 instances.',
    ifFalse: 'It scales from zero on a request as with a minimum of 0: the hold must be proved by asking the service.',
  },
  runEtagChecked: {
    statement: 'A Cloud Run service update that carries a stale etag is refused with 409 ABORTED.',
    source: 'The field "may be used to detect modification conflict"; the API guidelines demand ABORTED (AIP-154).',
    ifFalse: 'An update decided on an old state overwrites a newer one; the read-back afterwards must notice.',
  },
  stoppedInstanceRefusesRestart: {
    statement: 'An instance that its owner has stopped refuses a restart and an HA failover with 400.',
    source:
      'Calls on the data of a stopped instance are answered "Invalid request since instance is not running"; not seen for these.',
    ifFalse:
      'A restart that arrives after the stop starts the old primary again; only one later than the late-arrival time can.',
  },
  lostRegionTakesOperations: {
    statement:
      'Cloud SQL accepts the stop of an instance whose region is lost, and carries it out when the region returns.',
    source: 'Open: what the Admin API does with a change of an instance that nobody reaches is not documented.',
    ifFalse:
      'The stop is refused with 503 while the region is lost, and the instance writes again when it returns: somebody has to watch for that.',
  },
} as const satisfies Readonly<Record<string, Assumption>>;

/** The value of each assumption in one world. */
export type Assumptions = { readonly [Name in keyof typeof ASSUMPTIONS]: boolean };

/** The values that we believe, or where nobody knows the one that asks more of us. */
export const BELIEVED: Assumptions = {
  stopPrimaryWithReplicas: true,
  stoppedInstanceRefuses: true,
  settingsVersionChecked: true,
  dnsPatchKeepsTtl: true,
  manualZeroHoldsService: true,
  runEtagChecked: true,
  stoppedInstanceRefusesRestart: true,
  lostRegionTakesOperations: false,
};

/** Values drawn by chance, each `true` half of the time. */
export function drawAssumptions(chance: Chance): Assumptions {
  const draw = (): boolean => chance.next() < 0.5;
  return {
    stopPrimaryWithReplicas: draw(),
    stoppedInstanceRefuses: draw(),
    settingsVersionChecked: draw(),
    dnsPatchKeepsTtl: draw(),
    manualZeroHoldsService: draw(),
    runEtagChecked: draw(),
    stoppedInstanceRefusesRestart: draw(),
    lostRegionTakesOperations: draw(),
  };
}

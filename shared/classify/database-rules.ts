import { between, minutes, showDuration, toIso } from '../core/time.ts';
import type { OperationStatus } from '../ports/databases.ts';
import { chooseReplica } from './choose-replica.ts';
import { type DatabaseEvidence, disturbingOperation, type Evidence, votes } from './evidence.ts';
import { isReadable } from './facts.ts';
import {
  type Match,
  nextLook,
  observerReasons,
  OPERATION_MAX,
  type Reason,
  type Rule,
  symptomReasons,
  waitOrPerson,
} from './rule.ts';

// What can be wrong with a database, the innocent causes first. A database is upstream of every application, so these rules
// come before theirs.
//
// R1. Nothing destructive follows while anybody says that the primary serves, or while an operation may explain it.
// R2. A failure counts when two independent observers say so in every look over the confirmation window.
// R3. No wait is for ever: each has a limit, after which people are told.

/** How long the standby of a REGIONAL instance is given; an HA failover takes about a minute (facts.md 3.4). */
const STANDBY_TAKES = minutes(3);

/** The first database for which a rule matches, in the order of the file. */
function forDatabase(match: (database: DatabaseEvidence, evidence: Evidence) => Match | undefined): Rule['when'] {
  return (evidence) => {
    for (const database of evidence.databases) {
      const found = match(database, evidence);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** A database of which nobody would say that it is well. */
const isInDoubt = ({ now, isConcerned }: DatabaseEvidence): boolean =>
  now.standing !== 'serving' && (now.standing !== 'unreachable' || isConcerned);

const isConfirmed = ({ now, isSteady }: DatabaseEvidence): boolean => now.standing === 'failed' && isSteady;

function about(
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

const maintenance: Rule = {
  scenario: 'database-maintenance',
  code: 'maintenanceRuns',
  describe: 'Google maintains the instance: wait for it, and tell people when it takes longer than it should.',
  when: forDatabase((database, evidence) => {
    if (!isInDoubt(database)) return undefined;
    const { primary } = database.facts;
    const operation = disturbingOperation(database.facts);
    const runs = operation?.type.includes('MAINTENANCE') === true ? operation : undefined;
    const says = isReadable(primary) && primary.state === 'maintenance';
    if (runs === undefined && !says) return undefined;
    const what = runs === undefined ? `${database.facts.primaryName} is in maintenance` : showOperation(runs);
    return afterOperation(database, evidence, runs, what);
  }),
};

const operationInProgress: Rule = {
  scenario: 'database-operation-in-progress',
  code: 'operationRuns',
  describe: 'An operation on the topology is under way, by us, by Google or by a person: wait for its end.',
  when: forDatabase((database, evidence) => {
    const operation = disturbingOperation(database.facts);
    if (!isInDoubt(database) || operation === undefined) return undefined;
    return afterOperation(database, evidence, operation, showOperation(operation));
  }),
};

/** Waits for an operation, unless it has run for so long that it explains nothing any more. */
function afterOperation(
  database: DatabaseEvidence,
  evidence: Evidence,
  operation: OperationStatus | undefined,
  what: string,
): Match | undefined {
  const { state } = evidence.inquiry;
  const since = operation?.insertedAt ?? state.openedAt;
  const took = between(since, evidence.facts.at);
  const isLate = took > OPERATION_MAX;
  // Whoever asks for the failover by hand has seen the operation hang, and decides with it on the page.
  if (isLate && state.requested === 'database-failover') return undefined;
  return about(database, evidence, {
    confidence: 'confirmed',
    outcome: isLate ? { kind: 'person' } : nextLook(evidence),
    text: isLate ? `${what}, for ${showDuration(took)} already, which is too long` : what,
    wouldChangeMind: ['the operation ends', `the primary still does not serve when it has ended`],
  });
}

const showOperation = ({ type, instance, user, insertedAt, name }: OperationStatus): string =>
  `${type} runs on ${instance} since ${toIso(insertedAt)}${user === undefined ? '' : `, asked for by ${user}`} (${name})`;

const operationsUnreadable: Rule = {
  scenario: 'unknown',
  code: 'operationsUnknown',
  describe: 'The operations can not be read, so nobody can rule out that one explains the failure.',
  when: forDatabase((database, evidence) => {
    const { operations, primary, primaryName } = database.facts;
    if (!isInDoubt(database) || (isReadable(operations) && isReadable(primary))) return undefined;
    const code = !isReadable(operations) ? operations.unreadable : !isReadable(primary) ? primary.unreadable : '';
    return about(database, evidence, {
      confidence: 'unknown',
      outcome: waitOrPerson(evidence),
      text: `the management API does not tell what is going on with ${primaryName} (${code})`,
      wouldChangeMind: ['the management API answers'],
    });
  }),
};

const stoppedOnPurpose: Rule = {
  scenario: 'database-operation-in-progress',
  code: 'stoppedOnPurpose',
  describe: 'Somebody has stopped the primary: only people say whether that was meant.',
  when: forDatabase((database, evidence) => {
    const { primary, primaryName } = database.facts;
    if (!isInDoubt(database) || !isReadable(primary) || primary.activation !== 'never') return undefined;
    if (evidence.inquiry.state.requested === 'database-failover') return undefined;
    return about(database, evidence, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `${primaryName} is stopped (activation policy NEVER), which nothing but a request does`,
      wouldChangeMind: [
        'it is started again',
        './dr trigger database-failover, if another instance has to take its place',
      ],
    });
  }),
};

const standbyTakesOver: Rule = {
  scenario: 'database-standby-takes-over',
  code: 'standbyExpected',
  describe: 'A REGIONAL instance has a standby that takes over by itself: wait for it, then people.',
  when: forDatabase((database, evidence) => {
    const { primary, primaryName } = database.facts;
    if (database.now.standing !== 'failed' || !isReadable(primary) || primary.availability !== 'regional') {
      return undefined;
    }
    const since = database.failedSince ?? evidence.inquiry.state.openedAt;
    const isLate = between(since, evidence.facts.at) > STANDBY_TAKES && database.isSteady;
    if (isLate && evidence.inquiry.state.requested === 'database-failover') return undefined;
    return about(database, evidence, {
      confidence: isLate ? 'confirmed' : 'likely',
      outcome: isLate ? { kind: 'person' } : nextLook(evidence),
      text: isLate
        ? `the standby of ${primaryName} has not taken over since ${toIso(since)}`
        : `${primaryName} has a standby in another zone, which takes over by itself`,
      wouldChangeMind: [
        'the primary takes writes again',
        `an HA failover by hand: gcloud sql instances failover ${primaryName}`,
      ],
    });
  }),
};

const alreadyPromoted: Rule = {
  scenario: 'database-replica-unfit',
  code: 'alreadyPromoted',
  describe: 'Another listed instance is a primary already, which we did not make in this look: people.',
  when: forDatabase((database, evidence) => {
    const { facts, now } = database;
    if (now.standing !== 'failed' && now.standing !== 'suspect') return undefined;
    const roles = facts.replicas.filter(({ role }) => role === 'primary').map(({ instance }) => instance);
    const words = facts.replication.filter(({ status }) => status?.role === 'primary').map(({ instance }) => instance);
    const listed = new Set(facts.database.replicas.map(({ instance }) => instance));
    const promoted = [...new Set([...roles, ...words])].filter((instance) => listed.has(instance));
    if (promoted.length === 0) return undefined;
    return about(database, evidence, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `${facts.primaryName} does not serve, and ${promoted.join(', ')} is a primary already: promoting another would make two`,
      wouldChangeMind: ['the applications are moved to it', 'dr.yaml names it as the primary'],
    });
  }),
};

const notYetConfirmed: Rule = {
  scenario: 'database-primary-failure',
  code: 'notYetConfirmed',
  describe: 'The observers agree that the primary failed, but not yet for the whole confirmation window.',
  when: forDatabase((database, evidence) => {
    if (database.now.standing !== 'failed' || database.isSteady) return undefined;
    return about(database, evidence, {
      confidence: 'likely',
      outcome: nextLook(evidence),
      text: `${database.facts.primaryName} seems to have failed, so far for ${showDuration(database.steadyFor)} of ${showDuration(evidence.window)}`,
      wouldChangeMind: ['one look that finds it serving'],
    });
  }),
};

const promotionNotAllowed: Rule = {
  scenario: 'database-primary-failure',
  code: 'promotionNotAllowed',
  describe: 'The primary failed and dr.yaml does not list promotion among its remedies.',
  when: forDatabase((database, evidence) => {
    if (!isConfirmed(database) || database.facts.database.remedies.includes('promote')) return undefined;
    return about(database, evidence, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `${database.facts.primaryName} failed, and dr.yaml allows no promotion for it`,
      wouldChangeMind: ['the primary takes writes again', 'promote among its remedies in dr.yaml'],
    });
  }),
};

const replicaUnfit: Rule = {
  scenario: 'database-replica-unfit',
  code: 'noReplicaFit',
  describe: 'The primary failed and no replica can take its place.',
  when: forDatabase((database, evidence) => {
    if (!isConfirmed(database)) return undefined;
    const choice = chooseReplica(database.facts);
    if (!('unfit' in choice)) return undefined;
    const why = choice.unfit.map((text) => ({ code: 'unfit', text }));
    return about(
      database,
      evidence,
      {
        confidence: 'confirmed',
        outcome: { kind: 'person' },
        text: `${database.facts.primaryName} failed, and no replica is fit to take its place`,
        wouldChangeMind: ['a replica becomes fit', 'the primary takes writes again'],
      },
      why,
    );
  }),
};

const primaryFailure: Rule = {
  scenario: 'database-primary-failure',
  code: 'primaryFailed',
  describe: 'The primary failed and a replica can take its place: fail over, with an approval.',
  when: forDatabase((database, evidence) => {
    if (!isConfirmed(database)) return undefined;
    const choice = chooseReplica(database.facts);
    if ('unfit' in choice) return undefined;
    const found = about(
      database,
      evidence,
      {
        confidence: 'confirmed',
        outcome: { kind: 'act', runbook: 'database-failover' },
        text: `${database.facts.primaryName} failed: ${votes(database.now.verdicts, 'failed')} independent observers have said so for ${showDuration(database.steadyFor)}, and none says that it serves`,
        wouldChangeMind: [
          'the primary takes a write',
          'a consumer serves',
          'a replica receives from it',
          'an operation that explains it',
        ],
      },
      [
        { code: 'replicaFit', text: `${choice.instance} is fit to take its place` },
        ...choice.remarks.map((text) => ({ code: 'remark', text })),
      ],
    );
    return { ...found, subject: { ...found.subject, replica: choice.instance } };
  }),
};

const unreachableButServing: Rule = {
  scenario: 'database-unreachable-but-serving',
  code: 'unreachableButServing',
  describe: 'We can not write to the primary, but somebody says that it serves: people, and nothing destructive.',
  when: forDatabase((database, evidence) => {
    if (database.now.standing !== 'unreachable' || !database.isConcerned) return undefined;
    return about(database, evidence, {
      confidence: database.isSteady ? 'confirmed' : 'likely',
      outcome: database.isSteady ? { kind: 'person' } : nextLook(evidence),
      text: `we can't write to ${database.facts.primaryName}, but it is said to serve, so nothing is taken away from it`,
      wouldChangeMind: ['it takes a write from us', 'nobody says any longer that it serves'],
    });
  }),
};

const suspected: Rule = {
  scenario: 'unknown',
  code: 'oneObserverOnly',
  describe: 'Something says that the primary failed, but not two independent observers.',
  when: forDatabase((database, evidence) => {
    if (database.now.standing !== 'suspect') return undefined;
    const cutOff = database.facts.contact.control === 'failed';
    return about(database, evidence, {
      confidence: 'unknown',
      outcome: waitOrPerson(evidence),
      text: cutOff
        ? `${database.facts.primaryName} may have failed, but we reach none of its replicas either: we may be cut off ourselves`
        : `${database.facts.primaryName} may have failed, but two independent observers are needed to say so`,
      wouldChangeMind: ['a second observer says that it failed', 'anybody says that it serves'],
    });
  }),
};

const nothingKnown: Rule = {
  scenario: 'unknown',
  code: 'nobodyAnswers',
  describe: 'Nobody says anything about the primary.',
  when: forDatabase((database, evidence) => {
    if (database.now.standing !== 'unknown') return undefined;
    return about(database, evidence, {
      confidence: 'unknown',
      outcome: waitOrPerson(evidence),
      text: `nobody can tell us about ${database.facts.primaryName}`,
      wouldChangeMind: ['any observer answers'],
    });
  }),
};

/** In the order in which they are asked. */
export const DATABASE_RULES: readonly Rule[] = [
  maintenance,
  operationInProgress,
  operationsUnreadable,
  stoppedOnPurpose,
  alreadyPromoted,
  standbyTakesOver,
  notYetConfirmed,
  promotionNotAllowed,
  replicaUnfit,
  primaryFailure,
  unreachableButServing,
  suspected,
  nothingKnown,
];

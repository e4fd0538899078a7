import { between, showDuration, toIso } from '../core/time.ts';
import type { OperationStatus } from '../ports/databases.ts';
import { FAILURE_RULES } from './database-failure-rules.ts';
import { about, forDatabase, isInDoubt } from './database-match.ts';
import { disturbingOperation } from './disturbing.ts';
import type { DatabaseEvidence, Evidence } from './evidence.ts';
import { isReadable } from './facts.ts';
import { type Match, nextLook, OPERATION_MAX, type Rule, waitOrPerson } from './rule.ts';

// What can be wrong with a database, the innocent causes first. A database is upstream of every application, so these rules
// come before theirs.
//
// R1. Nothing destructive follows while anybody says that the primary serves, or while an operation may explain it.
// R2. A failure counts when two independent observers say so in every look over the confirmation window.
// R3. No wait is for ever: each has a limit, after which people are told.

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
  ...FAILURE_RULES,
  unreachableButServing,
  suspected,
  nothingKnown,
];

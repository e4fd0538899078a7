import { between, minutes, showDuration, toIso } from '../core/time.ts';
import { choosePromotion, hasRemedy, remediesSpent } from './choose-remedies.ts';
import { about, forDatabase, isConfirmed } from './database-match.ts';
import { type DatabaseEvidence, type Evidence, votes } from './evidence.ts';
import { isReadable } from './facts.ts';
import { nextLook, type Rule } from './rule.ts';

// A primary that the observers call failed, once no operation explains it: what may be done about it, and by whom.
//
// R4. What forbids acting is asked before what acts; the least that may help is part of the plan, and its order the runbook's.

/** How long the standby of a REGIONAL instance is given; an HA failover takes about a minute (facts.md 3.4). */
const STANDBY_TAKES = minutes(3);

const standbyTakesOver: Rule = {
  scenario: 'database-standby-takes-over',
  code: 'standbyExpected',
  describe:
    'A REGIONAL instance has a standby that takes over by itself: wait for it, then act if failover is listed, or people.',
  when: forDatabase((database, evidence) => {
    const { primary, primaryName } = database.facts;
    if (database.now.standing !== 'failed' || !isReadable(primary) || primary.availability !== 'regional') {
      return undefined;
    }
    const since = database.failedSince ?? evidence.inquiry.state.openedAt;
    const isLate = between(since, evidence.facts.at) > STANDBY_TAKES && database.isSteady;
    if (isLate && mayAct(database, evidence)) return undefined;
    return about(database, evidence, {
      confidence: isLate ? 'confirmed' : 'likely',
      outcome: isLate ? { kind: 'person' } : nextLook(evidence),
      text: isLate
        ? `the standby of ${primaryName} has not taken over since ${toIso(since)}`
        : `${primaryName} has a standby in another zone, which takes over by itself`,
      wouldChangeMind: [
        'the primary takes writes again',
        `an HA failover by hand: gcloud sql instances failover ${primaryName}`,
        'failover among its remedies in dr.yaml',
      ],
    });
  }),
};

/** A standby that has not taken over is helped on only where dr.yaml says so, or where whoever asks has seen it hang. */
const mayAct = ({ facts }: DatabaseEvidence, { inquiry }: Evidence): boolean =>
  inquiry.state.requested === 'database-failover' || facts.database.remedies.includes('failover');

const alreadyPromoted: Rule = {
  scenario: 'database-replica-unfit',
  code: 'alreadyPromoted',
  describe: 'Another listed instance is a primary already, which we did not make in this look: people.',
  when: forDatabase((database, evidence) => {
    const { facts, now } = database;
    if (now.standing !== 'failed' && now.standing !== 'suspect') return undefined;
    // One that its owner has stopped, as the former primary of a failback, takes nothing.
    const roles = facts.replicas
      .filter(({ role, activation }) => role === 'primary' && activation === 'always')
      .map(({ instance }) => instance);
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
  describe: 'The primary failed, dr.yaml does not list promotion among its remedies, and nothing else is left to try.',
  when: forDatabase((database, evidence) => {
    if (!isConfirmed(database) || database.facts.database.remedies.includes('promote')) return undefined;
    if (hasRemedy(database.facts, database.failedSince)) return undefined;
    return about(
      database,
      evidence,
      {
        confidence: 'confirmed',
        outcome: { kind: 'person' },
        text: `${database.facts.primaryName} failed, and dr.yaml allows no promotion for it`,
        wouldChangeMind: ['the primary takes writes again', 'promote among its remedies in dr.yaml'],
      },
      remediesSpent(database.facts, database.failedSince),
    );
  }),
};

const replicaUnfit: Rule = {
  scenario: 'database-replica-unfit',
  code: 'noReplicaFit',
  describe: 'The primary failed, no replica can take its place, and nothing else is left to try.',
  when: forDatabase((database, evidence) => {
    if (!isConfirmed(database) || hasRemedy(database.facts, database.failedSince)) return undefined;
    const choice = choosePromotion(database.facts);
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
      [...why, ...remediesSpent(database.facts, database.failedSince)],
    );
  }),
};

/** How the failure was named, in one sentence. */
const failure = ({ facts, now, steadyFor }: DatabaseEvidence): string =>
  `${facts.primaryName} failed: ${votes(now.verdicts, 'failed')} independent observers have said so for ${showDuration(steadyFor)}, and none says that it serves`;

/** What would show that it serves after all. */
const LIFE = [
  'the primary takes a write',
  'a consumer serves',
  'a replica receives from it',
  'an operation that explains it',
];

const remedyOnly: Rule = {
  scenario: 'database-primary-failure',
  code: 'primaryFailedRemedyLeft',
  describe: 'The primary failed and nothing can be promoted, but a remedy is listed: try it, with an approval.',
  when: forDatabase((database, evidence) => {
    if (!isConfirmed(database) || !hasRemedy(database.facts, database.failedSince)) return undefined;
    const choice = choosePromotion(database.facts);
    if (!('unfit' in choice)) return undefined;
    return about(
      database,
      evidence,
      {
        confidence: 'confirmed',
        outcome: { kind: 'act', runbook: 'database-failover' },
        text: failure(database),
        wouldChangeMind: LIFE,
      },
      choice.unfit.map((text) => ({ code: 'unfit', text })),
    );
  }),
};

const primaryFailure: Rule = {
  scenario: 'database-primary-failure',
  code: 'primaryFailed',
  describe: 'The primary failed and a replica can take its place: fail over, with an approval.',
  when: forDatabase((database, evidence) => {
    if (!isConfirmed(database)) return undefined;
    const choice = choosePromotion(database.facts);
    if ('unfit' in choice) return undefined;
    const found = about(
      database,
      evidence,
      {
        confidence: 'confirmed',
        outcome: { kind: 'act', runbook: 'database-failover' },
        text: failure(database),
        wouldChangeMind: LIFE,
      },
      [
        { code: 'replicaFit', text: `${choice.instance} is fit to take its place` },
        ...choice.remarks.map((text) => ({ code: 'remark', text })),
        ...remediesSpent(database.facts, database.failedSince),
      ],
    );
    return { ...found, subject: { ...found.subject, replica: choice.instance } };
  }),
};

/** In the order in which they are asked; operations and maintenance, which may explain a failure, come before them. */
export const FAILURE_RULES: readonly Rule[] = [
  alreadyPromoted,
  standbyTakesOver,
  notYetConfirmed,
  promotionNotAllowed,
  replicaUnfit,
  remedyOnly,
  primaryFailure,
];

import { type Instant, toIso } from '../core/time.ts';
import { IMPORT_ROWS } from '../ports/copy-labels.ts';
import { DELETE_CLONES, lastGood, RELEASE_WRITER } from '../ports/recovery-words.ts';
import type { TargetId } from '../system/names.ts';
import type { RecoverySettings } from '../system/system.ts';
import { databaseWith, isAboutRows, recoveryTargetOf, targetOf } from '../system/topology.ts';
import { chooseMoment, showSuspect, suspectsIn, timelineOf } from './choose-moment.ts';
import type { DatabaseEvidence, Evidence } from './evidence.ts';
import { isReadable, type RecoveryFacts, type RowSetFacts, type Unreadable } from './facts.ts';
import { type Match, type Reason, type Rule, waitOrPerson } from './rule.ts';
import { type Clone, whoseClone } from './whose-clone.ts';

// Rows that were spoilt or deleted, as a person has seen: no observer of ours can. These rules say from which moment they could be
// brought back, who changed what since, and what has been made for it; never that anything is wrong. An alert can only tell that many rows
// change: people get who changes them, and what to say if that is damage.
//
// P1. Nothing is made while it is not known what is there.
// P2. The moment is the person's. Until they name one it is just before the first change of whoever changed most, and said to be a guess.
// P3. A clone that was made waits for people; what ends it is their verb and an approval.
// P4. Rows are brought back only as people have reviewed them: by their verb, and an approval of exactly that file.

/** Codes of what people asked for by a verb of their own: which plan follows. */
export const RECOVERY_CODES = { ends: 'recoveryEnds', reviewed: 'rowsReviewed' } as const;

/** What a rule looks at. */
interface Asked {
  readonly evidence: Evidence;
  readonly database: DatabaseEvidence;
  readonly facts: RecoveryFacts;
  readonly settings: RecoverySettings | undefined;
  readonly clones: readonly Clone[];
}

/** Whether this incident is a person's request to bring rows back, and what its looks found. */
const asked = (evidence: Evidence): Asked | undefined =>
  evidence.inquiry.state.requested === 'point-in-time-recovery' ? aboutRows(evidence) : undefined;

/** What the looks found of rows. */
function aboutRows(evidence: Evidence): Asked | undefined {
  const { state, system, incident } = evidence.inquiry;
  const ref = targetOf(system, state.target as TargetId); // a target's id is what an incident is about
  const named = ref?.kind === 'database' ? databaseWith(system, ref.instance) : undefined;
  const index = evidence.databases.findIndex(({ facts }) => facts.database.instance === named?.instance);
  const database = evidence.databases[index];
  const facts = evidence.facts.recoveries?.[index];
  if (database === undefined || facts === undefined) return undefined;
  const clones = facts.clones.map((clone) => whoseClone(clone, incident, system.guards.clockSkew));
  return { evidence, database, facts, settings: database.facts.database.recovery, clones };
}

function about({ evidence, database }: Asked, match: Omit<Match, 'target' | 'subject' | 'failedSince'>): Match {
  const { firstSignalAt, openedAt } = evidence.inquiry.state;
  return {
    ...match,
    target: recoveryTargetOf(database.facts.database.instance),
    subject: { instance: database.facts.primaryName },
    failedSince: firstSignalAt ?? openedAt,
  };
}

const notConfigured: Rule = {
  scenario: 'data-damage',
  code: 'noRecoveryConfigured',
  describe: 'Rows are to be brought back, and dr.yaml does not say how: people.',
  when: (evidence) => {
    const found = asked(evidence);
    if (found === undefined || found.settings !== undefined) return undefined;
    const { instance } = found.database.facts.database;
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `rows of ${instance} are to be brought back, and dr.yaml has no \`recovery\` for it`,
      reasons: changesText(found),
      wouldChangeMind: [`databases[].recovery for ${instance} in dr.yaml`],
    });
  },
};

const cloneUnknown: Rule = {
  scenario: 'data-damage',
  code: 'cloneUnknown',
  describe: 'Nobody can tell whether a clone is there: wait, then people (P1).',
  when: (evidence) => {
    const found = asked(evidence);
    const unknown = found?.clones.find((clone) => clone.kind === 'unreadable');
    if (found === undefined || unknown === undefined) return undefined;
    return about(found, {
      confidence: 'unknown',
      outcome: waitOrPerson(evidence),
      text: `what ${unknown.instance} is can’t be read (${unknown.because})`,
      reasons: [],
      wouldChangeMind: ['the management API answers'],
    });
  },
};

const recoveryEnds: Rule = {
  scenario: 'data-damage',
  code: RECOVERY_CODES.ends,
  describe: 'People end the recovery: what was made for it is deleted, by an approval (P3).',
  when: (evidence) => {
    const found = asked(evidence);
    if (found === undefined || evidence.inquiry.verbs?.includes(DELETE_CLONES) !== true) return undefined;
    const mine = found.clones.filter((clone) => clone.kind === 'ours').map(({ instance }) => instance);
    if (mine.length === 0) return undefined;
    const releases = evidence.inquiry.verbs.includes(RELEASE_WRITER);
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'act', runbook: 'point-in-time-recovery' },
      text: `people need ${mine.join(' and ')} no longer${releases ? ', and give back the writer that was paused' : ''}`,
      reasons: pausedText(found, releases),
      wouldChangeMind: ['a clone is gone, or is another one'],
    });
  },
};

const rowsReviewed: Rule = {
  scenario: 'data-damage',
  code: RECOVERY_CODES.reviewed,
  describe:
    'People have reviewed the rows that are to be brought back: import exactly that set, with an approval (P4).',
  when: (evidence) => {
    const found = asked(evidence);
    if (found === undefined || evidence.inquiry.verbs?.includes(IMPORT_ROWS) !== true) return undefined;
    const fits = cloneFor(found);
    const set = fits === undefined ? undefined : setOf(found, fits);
    if (fits === undefined || set === undefined) return undefined;
    if (!isReadable(set))
      return about(found, {
        confidence: 'unknown',
        outcome: waitOrPerson(evidence),
        text: `the set of rows beside ${fits.instance} can’t be read (${set.unreadable})`,
        reasons: [],
        wouldChangeMind: ['Cloud Storage answers'],
      });
    if (set.problem !== undefined || importedOf(found, fits) === set.digest) return undefined;
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'act', runbook: 'point-in-time-recovery' },
      text: `people have reviewed ${showSet(set)}`,
      reasons: [],
      wouldChangeMind: ['the file is written over, or the clone is gone'],
    });
  },
};

const cloneWaits: Rule = {
  scenario: 'data-damage',
  code: 'cloneWaits',
  describe: 'A clone of the moment is there and waits for people (P3).',
  when: (evidence) => {
    const found = asked(evidence);
    if (found === undefined) return undefined;
    const fits = cloneFor(found);
    if (fits === undefined) return undefined;
    const set = setOf(found, fits);
    const isSet = set !== undefined && isReadable(set);
    const id = evidence.inquiry.incident ?? '';
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `${fits.instance} holds what ${found.facts.source} held at ${toIso(fits.moment)}, and people decide what is brought back${isSet ? `: ${set.problem ?? showSet(set)}${importedOf(found, fits) === set.digest ? ', which is imported' : ''}` : ''}`,
      reasons: changesText(found),
      wouldChangeMind: [
        ...(isSet && set.problem === undefined && importedOf(found, fits) !== set.digest
          ? [
              `./dr accept ${id} ${IMPORT_ROWS} (asks for a plan that imports exactly this generation; nothing is written before that is approved)`,
            ]
          : []),
        `./dr accept ${id} ${lastGood(fits.moment)} (another last good moment gets a clone of its own)`,
        `./dr accept ${id} ${RELEASE_WRITER} and ./dr accept ${id} ${DELETE_CLONES} (end it: asks for a plan)`,
        `./dr cancel ${id} (keeps everything as it is; a clone costs what an instance costs)`,
      ],
    });
  },
};

const noNameFree: Rule = {
  scenario: 'data-damage',
  code: 'cloneNameTaken',
  describe: 'Every name that a clone may get is taken: people (P1).',
  when: (evidence) => {
    const found = asked(evidence);
    if (found === undefined || nextName(found.clones) !== undefined) return undefined;
    const taken = found.clones.map((clone) => {
      if (clone.kind === 'ours') return `${clone.instance} holds ${toIso(clone.moment)}, made by us`;
      const whose = clone.kind === 'foreign' ? clone.whose : undefined;
      return `${clone.instance} is there already${whose === undefined ? ', and is no clone of ours' : `, made by ${whose}`}`;
    });
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `no name is free for a clone: ${taken.join('; ')}; nothing is written over it`,
      reasons: changesText(found),
      wouldChangeMind: ['one of them is gone, once nobody needs it', 'another name in databases[].recovery.instances'],
    });
  },
};

const momentUnreachable: Rule = {
  scenario: 'data-damage',
  code: 'momentUnreachable',
  describe: 'The moment can’t be recovered to now: wait until it is archived, or people.',
  when: (evidence) => {
    const found = asked(evidence);
    if (found?.settings === undefined) return undefined;
    const choice = chooseMoment(found.facts, found.settings);
    if (choice.kind === 'moment') return undefined;
    return about(found, {
      confidence: choice.kind === 'gone' ? 'confirmed' : 'unknown',
      outcome: choice.kind === 'gone' ? { kind: 'person' } : waitOrPerson(evidence),
      text: choice.because,
      reasons: changesText(found),
      wouldChangeMind:
        choice.kind === 'gone'
          ? ['a later moment: ./dr accept INCIDENT last-good/TIME', 'a backup of before: ./dr trigger backup-restore']
          : ['it can be recovered to that moment'],
    });
  },
};

const recoverable: Rule = {
  scenario: 'data-damage',
  code: 'momentFits',
  describe:
    'Rows are to be brought back and the moment is kept: clone it at once, and pause who spoils them by an approval.',
  when: (evidence) => {
    const found = asked(evidence);
    if (found?.settings === undefined) return undefined;
    const choice = chooseMoment(found.facts, found.settings);
    if (choice.kind !== 'moment') return undefined;
    return about(found, {
      // What a person says of the data is not for us to confirm.
      confidence: 'likely',
      outcome: { kind: 'act', runbook: 'point-in-time-recovery' },
      text: `rows of ${found.facts.source} are to be brought back as of ${toIso(choice.moment)}: ${choice.because}`,
      reasons: changesText(found),
      wouldChangeMind: ['another last good moment: ./dr accept INCIDENT last-good/TIME'],
    });
  },
};

const manyChanges: Rule = {
  scenario: 'data-damage',
  code: 'manyChanges',
  describe:
    'An alert tells that many rows change: who changes them goes to people, who alone know whether it is damage.',
  when: (evidence) => {
    const { state } = evidence.inquiry;
    // The end of an alert that nobody took in tells of nothing to look for.
    if (state.requested !== null || !isAboutRows(state.target) || state.firstSignalAt === undefined) return undefined;
    const found = aboutRows(evidence);
    if (found === undefined) return undefined;
    const { source, history } = found.facts;
    if (!isReadable(history))
      return about(found, {
        confidence: 'unknown',
        outcome: waitOrPerson(evidence),
        text: `many rows of ${source} change, and who changes them can’t be asked (${history.unreadable})`,
        reasons: [],
        wouldChangeMind: ['the agent beside the server answers'],
      });
    const [worst] = suspectsIn(history);
    if (worst === undefined)
      return about(found, {
        confidence: 'confirmed',
        outcome: { kind: 'nothing' },
        text: `nobody but dr-autopilot changed or deleted rows of ${source} since ${toIso(history.since)}`,
        reasons: [],
        wouldChangeMind: ['a new signal'],
      });
    const { instance } = found.database.facts.database;
    return about(found, {
      confidence: 'likely',
      outcome: { kind: 'person' },
      text: `many rows of ${source} change, most by ${worst.application} (${worst.user}), and only people know whether they should`,
      reasons: changesText(found),
      wouldChangeMind: [
        `./dr trigger point-in-time-recovery --target ${instance} --reason "…" (it is damage: clones the moment before at once, and asks before it pauses anybody)`,
        `./dr cancel ${evidence.inquiry.incident ?? 'INCIDENT'} (it is meant)`,
      ],
    });
  },
};

/** The clone that people decide on: of the moment that they named, or the only guess. */
export function markedFor(
  clones: readonly Clone[],
  named: Instant | undefined,
): Extract<Clone, { readonly kind: 'ours' }> | undefined {
  const mine = clones.flatMap((clone) => (clone.kind === 'ours' && clone.isMarked ? [clone] : []));
  return mine.find(({ moment }) => named === undefined || moment === named);
}

const cloneFor = ({ clones, facts }: Asked) => markedFor(clones, facts.named);

const setOf = ({ facts }: Asked, { instance }: Clone): RowSetFacts | Unreadable | undefined =>
  facts.clones.find((clone) => clone.instance === instance)?.set;

/** The digest of the set that this incident has brought back last; also while that can't be read, when nothing is brought back. */
function importedOf({ facts, evidence }: Asked, { instance }: Clone): string | undefined {
  const known = facts.clones.find((clone) => clone.instance === instance);
  const { imported, set } = known ?? {};
  if (imported === undefined) return undefined;
  if (!isReadable(imported)) return set !== undefined && isReadable(set) ? set.digest : undefined;
  return imported.incident === evidence.inquiry.incident ? imported.digest : undefined;
}

const showSet = ({ file, rows }: RowSetFacts): string =>
  `gs://${file.bucket}/${file.name}, generation ${file.generation}: ${rows.map((one) => `${one.table}: ${one.rows} ${one.operation}`).join('; ') || 'no row'}`;

/** The name that the next clone gets: the one that is being made, or the first that is free. */
export function nextName(clones: readonly Clone[]): Clone | undefined {
  return (
    clones.find((clone) => clone.kind === 'ours' && !clone.isMarked) ?? clones.find((clone) => clone.kind === 'free')
  );
}

/** Who changed what, each suspect and each minute. */
function changesText({ facts, evidence }: Asked): readonly Reason[] {
  const { history } = facts;
  if (!isReadable(history))
    return [{ code: 'changesUnknown', text: `who changed what can’t be asked (${history.unreadable})` }];
  const suspects = suspectsIn(history);
  if (suspects.length === 0)
    return [{ code: 'noChange', text: `since ${toIso(history.since)} no writer changed or deleted a row` }];
  return [
    ...suspects.map((suspect) => ({ code: 'suspect', text: showSuspect(suspect, evidence.facts.at) })),
    ...timelineOf(history).map((text) => ({ code: 'timeline', text })),
  ];
}

function pausedText({ facts, evidence }: Asked, releases: boolean): readonly Reason[] {
  return facts.writers.flatMap(({ name, paused }) =>
    paused !== undefined && isReadable(paused) && paused.incident === evidence.inquiry.incident && !releases
      ? [{ code: 'staysPaused', text: `${name} stays paused; it had ${paused.replicas} replicas` }]
      : [],
  );
}

/** In the order in which they are asked; before those of databases, which a person's request does not wait for. */
export const RECOVERY_RULES: readonly Rule[] = [
  notConfigured,
  cloneUnknown,
  recoveryEnds,
  rowsReviewed,
  cloneWaits,
  noNameFree,
  momentUnreachable,
  recoverable,
  manyChanges,
];

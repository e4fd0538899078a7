import { showDuration, toIso, between, instant } from '../core/time.ts';
import { copyTargetOf, databaseWith, targetOf, tenantOf } from '../system/topology.ts';
import type { TargetId } from '../system/names.ts';
import { chooseSource, judgeDumps } from './choose-backup.ts';
import { judgeMoment, namedByPeople } from './choose-moment.ts';
import type { DatabaseEvidence, Evidence } from './evidence.ts';
import { isReadable, type RestoredCopy, type RestoreFacts } from './facts.ts';
import { HAND_OVER, IMPORT_ROWS, isCopyOf, LABELS } from '../ports/copy-labels.ts';
import { type Match, type Reason, type Rule, waitOrPerson } from './rule.ts';

// A restore from a backup is asked for by a person, who has seen what no observer of ours can: that data is wrong or missing, or was
// so for longer than point-in-time recovery reaches back. These rules say what could be restored and what has been, and never that
// it is needed.
//
// B1. Nothing is made while it is not known what is there: a copy under that name belongs to somebody.
// B2. A copy that was made waits for people. What becomes of it is their verb, and a plan with an approval of its own.

/** What a rule looks at. */
interface Asked {
  readonly requested: 'backup-restore' | 'tenant-restore';
  readonly evidence: Evidence;
  readonly database: DatabaseEvidence;
  readonly facts: RestoreFacts;
}

/** Whether this incident is a person's request for a restore, and what its looks found. */
function asked(evidence: Evidence): Asked | undefined {
  const { state, system } = evidence.inquiry;
  const { requested } = state;
  if (requested !== 'backup-restore' && requested !== 'tenant-restore') return undefined;
  const ref = targetOf(system, state.target as TargetId); // a target's id is what an incident is about
  const named = ref?.kind === 'database' ? databaseWith(system, ref.instance) : undefined;
  const index = evidence.databases.findIndex(({ facts }) => facts.database.instance === named?.instance);
  const database = evidence.databases[index];
  const facts = evidence.facts.restores?.[index];
  return database === undefined || facts === undefined ? undefined : { requested, evidence, database, facts };
}

function about(
  { requested, evidence, database }: Asked,
  match: Omit<Match, 'target' | 'subject' | 'failedSince'>,
): Match {
  const { firstSignalAt, openedAt, target } = evidence.inquiry.state;
  const tenant = requested === 'tenant-restore' ? tenantOf(target) : undefined;
  return {
    ...match,
    target: tenant === undefined ? copyTargetOf(database.facts.database.instance) : (target as TargetId), // as above
    subject: { instance: database.facts.primaryName, ...(tenant === undefined ? {} : { tenant }) },
    failedSince: firstSignalAt ?? openedAt,
  };
}

const notConfigured: Rule = {
  scenario: 'data-loss',
  code: 'noRestoreConfigured',
  describe: 'A restore was asked for, and dr.yaml does not say how: people.',
  when: (evidence) => {
    const found = asked(evidence);
    if (found === undefined) return undefined;
    const { instance, restore, rows } = found.database.facts.database;
    const isRows = found.requested === 'tenant-restore' && rows?.tenant === undefined;
    if (restore !== undefined && !isRows) return undefined;
    const missing = restore === undefined ? 'restore' : 'rows.tenant';
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `a restore of ${instance} was asked for, and dr.yaml has no \`${missing}\` for it`,
      reasons: backupsText(found),
      wouldChangeMind: [`databases[].${missing} for ${instance} in dr.yaml`],
    });
  },
};

const copyUnknown: Rule = {
  scenario: 'data-loss',
  code: 'copyUnknown',
  describe: 'A restore was asked for, and nobody can tell whether a copy is there: wait, then people (B1).',
  when: (evidence) => {
    const found = asked(evidence);
    if (found?.facts.copy === undefined || isReadable(found.facts.copy)) return undefined;
    return about(found, {
      confidence: 'unknown',
      outcome: waitOrPerson(evidence),
      text: `whether there is a copy already can’t be read (${found.facts.copy.unreadable})`,
      reasons: [],
      wouldChangeMind: ['the management API answers'],
    });
  },
};

const rowsWait: Rule = {
  scenario: 'data-loss',
  code: 'rowsWait',
  describe:
    'One tenant’s rows of the copy that this incident made are compared, then reviewed, then brought back (B2).',
  when: (evidence) => {
    const found = asked(evidence);
    const copy = copyIn(found);
    if (found?.requested !== 'tenant-restore' || copy === undefined || !isOurs(copy, evidence)) return undefined;
    const { set } = found.facts;
    const name = copy.status.instance;
    const act = { confidence: 'confirmed', outcome: { kind: 'act', runbook: 'tenant-restore' }, reasons: [] } as const;
    if (set === undefined)
      return about(found, {
        ...act,
        text: `${name} is there, and its rows have not been compared with those of ${found.facts.source}`,
        wouldChangeMind: ['the copy is gone, or is another one'],
      });
    if (!isReadable(set))
      return about(found, {
        confidence: 'unknown',
        outcome: waitOrPerson(evidence),
        text: `the set of rows for review can’t be read (${set.unreadable})`,
        reasons: [],
        wouldChangeMind: ['Cloud Storage answers'],
      });
    const { file, problem, rows, paths } = set;
    const where = `gs://${file.bucket}/${file.name}`;
    const wants = evidence.inquiry.verbs?.includes(IMPORT_ROWS) === true && problem === undefined;
    const counts = rows.map(({ table, operation, rows: count }) => `${table}: ${count} ${operation}`).join('; ');
    const text = problem ?? (counts === '' ? 'nothing to bring back' : counts);
    const reasons = paths.map((path) => ({ code: 'path', text: `whose a row is: ${path}` }));
    if (wants)
      return about(found, {
        ...act,
        text: `a person has reviewed ${where}, generation ${file.generation}: ${text}`,
        reasons,
        wouldChangeMind: ['the file is written over, or the copy is gone'],
      });
    const id = evidence.inquiry.incident ?? '';
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `${where}, generation ${file.generation}, waits for a person’s review: ${text}`,
      reasons,
      wouldChangeMind: [
        `./dr accept ${id} ${IMPORT_ROWS} (asks for a plan that imports exactly this generation; nothing is written before that is approved)`,
        `another file in its place (docs/runbooks/tenant-restore.md), and then the same`,
        `./dr cancel ${id} (keeps ${name}, which costs what an instance costs)`,
      ],
    });
  },
};

const copyWaits: Rule = {
  scenario: 'data-loss',
  code: 'copyWaits',
  describe: 'The copy that this incident made waits for the person’s decision (B2).',
  when: (evidence) => {
    const found = asked(evidence);
    const copy = copyIn(found);
    if (found === undefined || copy === undefined || !isOurs(copy, evidence)) return undefined;
    const name = copy.status.instance;
    const handsOver = evidence.inquiry.verbs?.includes(HAND_OVER) === true;
    const id = evidence.inquiry.incident ?? '';
    const taken = copy.labels[LABELS.takenAt];
    const since = taken === undefined ? 'the time of its dump' : toIso(instant(Number(taken)));
    return about(found, {
      confidence: 'confirmed',
      outcome: handsOver ? { kind: 'act', runbook: 'backup-restore' } : { kind: 'person' },
      text: handsOver
        ? `a person wants ${name}, with what was there at ${since}, to take the place of ${found.facts.source}`
        : `${name} holds what was there at ${since}, and a person decides what becomes of it`,
      reasons: [],
      wouldChangeMind: handsOver
        ? ['the copy is gone, or is another one']
        : [
            ...(taken === undefined
              ? [`handing it over by hand: it has no users yet (docs/runbooks/backup-restore.md)`]
              : [
                  `./dr accept ${id} ${HAND_OVER} (asks for a plan by which consumers get it, with its loss; nothing moves before that is approved)`,
                ]),
            `./dr cancel ${id} (keeps it for reading; it costs what an instance costs)`,
            `gcloud sql instances delete ${name} (and then ./dr cancel ${id})`,
          ],
    });
  },
};

const nameTaken: Rule = {
  scenario: 'data-loss',
  code: 'copyNameTaken',
  describe: 'An instance has the copy’s name already, and this incident did not make it: people (B1).',
  when: (evidence) => {
    const found = asked(evidence);
    const copy = copyIn(found);
    if (found === undefined || copy === undefined) return undefined;
    const { instance } = copy.status;
    const whose = copy.labels[LABELS.incident];
    return about(found, {
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: `${instance} is there already${whose === undefined ? ', and is no copy of ours' : `, made by ${whose}`}; nothing is written over it`,
      reasons: [],
      wouldChangeMind: [`${instance} is gone: gcloud sql instances delete ${instance}, once nobody needs it`],
    });
  },
};

const momentNamed: Rule = {
  scenario: 'data-loss',
  code: 'momentNamed',
  describe: 'One tenant’s rows were asked for as they were at a moment: a clone of it where it can be recovered to.',
  when: (evidence) => {
    const found = asked(evidence);
    const wanted = found?.facts.moment;
    const restore = found?.database.facts.database.restore;
    if (found === undefined || wanted === undefined || restore === undefined) return undefined;
    const { source } = found.facts;
    const choice = judgeMoment(wanted.named, namedByPeople(wanted.named), wanted.window);
    if (choice.kind === 'moment')
      return about(found, {
        // What a person says of the data is not for us to confirm.
        confidence: 'likely',
        outcome: { kind: 'act', runbook: 'tenant-restore' },
        text: `one tenant’s rows were asked for, of a clone of ${source}: ${choice.because}`,
        reasons: [],
        wouldChangeMind: [`an instance has the name ${restore.instance}`],
      });
    return about(found, {
      confidence: choice.kind === 'unknown' ? 'unknown' : 'confirmed',
      outcome: choice.kind === 'gone' ? { kind: 'person' } : waitOrPerson(evidence),
      text: `no clone of ${source} can be made: ${choice.because}`,
      reasons: [],
      wouldChangeMind: [
        'another moment, or none (the newest backup is taken then): ./dr trigger tenant-restore … --moment TIME',
      ],
    });
  },
};

const restorable: Rule = {
  scenario: 'data-loss',
  code: 'backupFits',
  describe: 'A restore was asked for and a backup fits: make a copy from it, with an approval.',
  when: (evidence) => {
    const found = asked(evidence);
    const restore = found?.database.facts.database.restore;
    if (found === undefined || restore === undefined) return undefined;
    const choice = chooseSource(found.facts, found.database.facts.database, evidence.facts.at);
    if (choice.kind === 'none')
      return about(found, {
        confidence: 'confirmed',
        outcome: isUnreadable(found.facts) ? waitOrPerson(evidence) : { kind: 'person' },
        text: `no backup of ${found.facts.source} can be restored: ${choice.because.join('; ')}`,
        reasons: backupsText(found),
        wouldChangeMind: [
          'a backup that is complete and young enough',
          'a dump, imported by hand (docs/runbooks/backup-restore.md)',
        ],
      });
    const passedOver = choice.passedOver.map((text) => ({ code: 'passedOver', text }));
    if (choice.kind === 'dump')
      return about(found, {
        confidence: 'likely',
        outcome: { kind: 'act', runbook: found.requested },
        text: `a restore was asked for; no backup of Cloud SQL fits, and the newest dump of ${choice.database} does`,
        reasons: [...passedOver, ...backupsText(found)],
        wouldChangeMind: ['a backup of Cloud SQL is complete', 'the dump is replaced'],
      });
    const { id, takenAt } = choice.backup;
    const age = showDuration(between(takenAt, evidence.facts.at));
    return about(found, {
      // What a person says of the data is not for us to confirm.
      confidence: 'likely',
      outcome: { kind: 'act', runbook: found.requested },
      text: `a restore was asked for; backup ${id} of ${found.facts.source}, taken ${age} ago, is complete and fits`,
      reasons: [...passedOver, ...backupsText(found)],
      wouldChangeMind: ['a newer backup is complete', `an instance has the name ${restore.instance}`],
    });
  },
};

const isUnreadable = ({ runs, template }: RestoreFacts): boolean =>
  [runs, template].some((part) => !isReadable(part) && part.unreadable !== 'notFound');

function copyIn(found: Asked | undefined): RestoredCopy | undefined {
  const copy = found?.facts.copy;
  return copy !== undefined && isReadable(copy) ? copy : undefined;
}

const isOurs = (copy: RestoredCopy, { inquiry }: Evidence): boolean => isCopyOf(copy.labels, inquiry.incident);

/** The dumps beside the backups. */
function backupsText({ evidence, database, facts }: Asked): readonly Reason[] {
  const { restore } = database.facts.database;
  if (restore === undefined || facts.dumps === undefined) return [];
  const text = isReadable(facts.dumps)
    ? judgeDumps(facts.dumps, restore, evidence.facts.at).text
    : `they can’t be listed (${facts.dumps.unreadable})`;
  return [{ code: 'dumps', text: `the newest dump: ${text}` }];
}

/** In the order in which they are asked; before those of databases, which a person's request does not wait for. */
export const RESTORE_RULES: readonly Rule[] = [
  notConfigured,
  copyUnknown,
  rowsWait,
  copyWaits,
  nameTaken,
  momentNamed,
  restorable,
];

import { backupFault } from './backup-health.ts';
import { isReadable } from './facts.ts';
import { type Match, type Rule, waitOrPerson } from './rule.ts';
import { databaseWith, isAboutBackups } from '../system/topology.ts';
import { targetId } from '../system/names.ts';

// What `tick` found of the backups of a database, looked at again. Nothing is planned for it: why a backup fails is for people to find out,
// and a good one ends it.

/** The last automated backup failed, or none is young enough. */
export const backupsFailing: Rule = {
  scenario: 'backups-failing',
  code: 'noGoodBackup',
  describe:
    'The last automated backup failed, or none is young enough for a restore: people, until there is a good one.',
  when: (evidence) => {
    const { state, system, incident } = evidence.inquiry;
    if (state.requested !== null || !isAboutBackups(state.target)) return undefined;
    const known = evidence.facts.backups?.[0];
    const settings = known === undefined ? undefined : databaseWith(system, known.database)?.restore;
    const match = (part: Pick<Match, 'confidence' | 'outcome' | 'text' | 'wouldChangeMind'>): Match => ({
      target: targetId(state.target),
      subject: known === undefined ? {} : { instance: known.source },
      reasons: [],
      failedSince: undefined,
      ...part,
    });
    if (known === undefined || settings === undefined || !isReadable(known.runs))
      return match({
        confidence: 'unknown',
        outcome: waitOrPerson(evidence),
        text: `the backups can’t be listed (${known !== undefined && !isReadable(known.runs) ? known.runs.unreadable : 'dr.yaml has no restore for it'})`,
        wouldChangeMind: ['the management API answers'],
      });
    const fault = backupFault(known.source, known.runs, settings.maximumAge, evidence.facts.at);
    if (fault === undefined)
      return match({
        confidence: 'confirmed',
        outcome: { kind: 'nothing' },
        text: `${known.source} has a good backup again, which is young enough`,
        wouldChangeMind: ['another one that fails'],
      });
    return match({
      confidence: 'confirmed',
      outcome: { kind: 'person' },
      text: fault.text,
      wouldChangeMind: [
        `gcloud sql operations list --instance=${known.source} --project=${system.project} --filter=operationType:BACKUP_VOLUME (why it failed)`,
        `gcloud sql backups create --instance=${known.source} --project=${system.project} (a good one ends this incident)`,
        `./dr cancel ${incident ?? 'INCIDENT'} (it is known; the next that fails is told again)`,
      ],
    });
  },
};

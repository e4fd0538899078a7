// The evidence of a breach, before anything that destroys it (runbook 7.2, corrected: first, not afterwards).
//
//   what pods say ─┐
//   what Cloud Logging has ─┴─▶ a bucket that keeps it      a clone of each database, for whoever finds out later
//
// Invariants
//   V1. What a restart takes along is kept before it. What can't be kept keeps no stolen key alive: it is left to do by hand, and told.
//   V2. A bucket that does not keep what it holds is said on the page. Nobody here sets or locks a retention policy: that is for good.
//   V3. A clone is waited for by nothing: a new key takes nothing from what lies in a database. It comes after a new password, since
//       it keeps its source busy for minutes; the password that was is in the backups of before.

import { lackOf } from '../actions/seal-evidence.ts';
import { CLONE_LIMIT } from '../actions/forensic-clone.ts';
import { minutes, seconds } from '../core/time.ts';
import type { GuardBlock } from '../plan/plan.ts';
import { type Retention } from '../ports/evidence-vault.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { Application, Forensics } from '../system/system.ts';
import type { StepDraft } from './steps.ts';

/** What there is to keep evidence in and of. */
export interface EvidenceFacts {
  /** `undefined` where dr.yaml names no place for it; `retention` is a code where it could not be read. */
  readonly forensics: (Forensics & { readonly retention: Retention | string }) | undefined;
  /** The instances to be cloned, as they are now. */
  readonly sources: readonly { readonly instance: InstanceName; readonly tier: string }[];
}

/** Steps, and what the others come after. */
export interface EvidenceSteps {
  readonly drafts: readonly StepDraft[];
  /** Kept in our store: before a key is replaced. */
  readonly kept: readonly string[];
  /** Sealed as well: before a copy is restarted. */
  readonly sealed: readonly string[];
  /** Clones of the databases, once these steps are settled. */
  readonly clonesAfter: (settled: readonly string[]) => readonly StepDraft[];
  readonly warnings: readonly GuardBlock[];
}

/** The steps that keep evidence of the readers and of the databases. */
export function evidenceSteps(
  readers: readonly Application[],
  { forensics, sources }: EvidenceFacts,
  target: TargetId,
  incident: string,
): EvidenceSteps {
  const captures = readers.filter(({ kind }) => kind === 'gke').map(capture);
  if (forensics === undefined) {
    const kept = captures.map(({ id }) => id);
    return { drafts: captures, kept, sealed: kept, clonesAfter: () => [], warnings: [] };
  }
  const logs = readers.map((reader) => logsOf(reader, forensics));
  const kept = [...captures, ...logs].map(({ id }) => id);
  const seal: StepDraft = {
    id: 'seal-evidence',
    action: 'seal-evidence',
    input: { bucket: forensics.bucket, leastMs: forensics.minimumRetention },
    title: `Put all evidence of this incident into gs://${forensics.bucket}, which only takes and gives nothing back`,
    target,
    needs: [],
    after: kept,
    stage: 'prepare',
    optional: true,
    estimate: seconds(30),
    limit: minutes(5),
  };
  return {
    drafts: [...captures, ...logs, seal],
    kept,
    sealed: [seal.id],
    clonesAfter: (settled) => sources.flatMap((source) => cloneOf(source, incident, settled)),
    warnings: warningOf(forensics),
  };
}

const targetOfApplication = ({ id }: Application): TargetId => targetId(`application/${id}`);

/** Describe output, events and logs of pods: what they know goes with the restart. Cloud Run's instances have nothing but their logs. */
const capture = (application: Application): StepDraft => ({
  id: `capture-${application.id}`,
  action: 'capture-application-evidence',
  input: { application: application.id },
  title: `Keep describe output, events and logs of the pods of ${application.id}`,
  target: targetOfApplication(application),
  needs: [],
  stage: 'prepare',
  optional: true,
  estimate: seconds(10),
});

const logsOf = (application: Application, { window }: Forensics): StepDraft => ({
  id: `logs-${application.id}`,
  action: 'capture-logs',
  input: { application: application.id, backMs: window },
  title: `Keep what Cloud Logging has of ${application.id}`,
  target: targetOfApplication(application),
  needs: [],
  stage: 'prepare',
  optional: true,
  estimate: seconds(20),
});

function cloneOf(
  { instance: source, tier }: EvidenceFacts['sources'][number],
  incident: string,
  settled: readonly string[],
): readonly StepDraft[] {
  const copy = forensicName(source, incident);
  const target = targetId(`copy/${source}`);
  return [
    {
      id: `clone-${source}`,
      action: 'clone-for-forensics',
      input: { source, copy },
      title: `Clone ${source} as it is now into ${copy} (${tier} until it is stopped, then as large a disk, until people delete it)`,
      target,
      needs: [],
      after: [...new Set(settled)],
      stage: 'after',
      optional: true,
      estimate: minutes(10),
      limit: CLONE_LIMIT,
    },
    {
      id: `keep-${source}`,
      action: 'keep-clone',
      input: { source, copy },
      title: `Stop ${copy}, so that nobody changes it, label it with this incident, and protect it from being deleted`,
      target,
      needs: [`clone-${source}`],
      stage: 'after',
      optional: true,
      estimate: minutes(1),
      limit: minutes(20),
    },
  ];
}

/** Longest name of an instance. */
const NAME_MAX = 97;

/** One clone of each database for each incident. */
export function forensicName(source: InstanceName, incident: string): string {
  const suffix = `-forensic-${incident.replace(/^inc-/, '')}`;
  return `${source.slice(0, NAME_MAX - suffix.length)}${suffix}`;
}

/** V2. */
function warningOf({
  bucket,
  minimumRetention,
  retention,
}: NonNullable<EvidenceFacts['forensics']>): readonly GuardBlock[] {
  const lack =
    typeof retention === 'string'
      ? `whose retention policy can’t be read (${retention})`
      : lackOf(retention, minimumRetention);
  if (lack === undefined) return [];
  return [
    {
      guard: 'evidence-bucket',
      kind: 'brake',
      code: 'evidenceNotKept',
      observed: `evidence goes into gs://${bucket}, ${lack}`,
      limit:
        'a locked retention policy, which only its owner sets: gcloud storage buckets update --lock-retention-period',
      clearsAtMs: null,
      openedBy: null,
    },
  ];
}

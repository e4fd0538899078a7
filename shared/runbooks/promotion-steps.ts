import { digestOf } from '../core/digest.ts';
import type { JsonObject } from '../core/json.ts';
import { millis, minutes, seconds } from '../core/time.ts';
import type { InstanceName, TargetId } from '../system/names.ts';
import type { Guards } from '../system/system.ts';
import { type Consumer, holdStep, releaseStep } from './consumer-steps.ts';
import type { StepDraft } from './steps.ts';

// One instance takes the place of another: the committed section, the verification of each consumer, and the redundancy that is rebuilt
// afterwards (invariants F1 to F4 of database-failover.ts). A replica is promoted; a copy from a backup is adopted.

/** Cloud SQL's data port for PostgreSQL. */
const PORT = 5432;

/** An instance with the address under which consumers find it. */
export interface Place {
  readonly instance: InstanceName;
  readonly address: string;
  readonly region: string;
}

/** What a promotion is drawn from. */
export interface PromotionDraft {
  readonly incident: string;
  readonly target: TargetId;
  readonly primary: Place;
  readonly replica: Place;
  readonly consumers: readonly Consumer[];
  /** Whose places must be refused, where those are more than the consumers that are taken away; by their ids. */
  readonly places?: readonly string[];
  /** Since when every vantage point is refused without a gap; bounds what is lost. */
  readonly endedAtMs: number | null;
  readonly holdTime: Guards['holdTime'];
}

/** The promotion of a replica: every step from the committed section on; the first of them need `after`. */
export function promotionSteps(draft: PromotionDraft, after: string): readonly StepDraft[] {
  return takeOverSteps(draft, promotionActs(draft), after);
}

/** What `hand-over` is drawn from: `replica` is the copy. */
export interface HandOverDraft extends Omit<PromotionDraft, 'endedAtMs'> {
  readonly backup: string;
}

/** The hand-over to a copy from a backup; what was written since the backup stays with the old primary. */
export function handOverSteps(draft: HandOverDraft, after: string): readonly StepDraft[] {
  const { target, primary, replica: copy, backup } = draft;
  const acts: readonly StepDraft[] = [
    stopStep(draft),
    fenceStep(draft),
    {
      id: 'epoch',
      action: 'adopt-copy',
      input: { copy: copy.instance, former: primary.instance, epoch: epochOf(draft), backup },
      title: `Make ${copy.instance} the primary: write and read an epoch row on it`,
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(5),
      limit: minutes(10),
      undo: {
        kind: 'pointOfNoReturn',
        because: `from here on consumers write to ${copy.instance}, which has a history of its own`,
      },
    },
  ];
  return takeOverSteps(draft, acts, after);
}

/** What both have in common: who takes over from whom, for whom. */
export type TakeOver = Omit<PromotionDraft, 'endedAtMs'>;

/** What the new primary is known by. */
export const epochOf = ({ incident, replica }: Pick<TakeOver, 'incident' | 'replica'>): string =>
  `${incident}-${digestOf({ incident, replica: replica.instance }).slice(0, 8)}`;

/** Stops the old primary; until something is promoted it can be started again. */
export const stopStep = ({ primary, target }: TakeOver): StepDraft => ({
  id: 'stop',
  action: 'stop-instance',
  input: { instance: primary.instance },
  title: `Stop the old primary ${primary.instance}`,
  target,
  needs: [],
  stage: 'execute',
  estimate: minutes(1),
  limit: minutes(8),
  undo: {
    kind: 'action',
    action: 'start-instance',
    input: { instance: primary.instance },
    title: `Start ${primary.instance} again`,
  },
});

/** Proves that the old primary takes no writes. */
export const fenceStep = ({ primary, replica, target, consumers, places }: TakeOver): StepDraft => ({
  id: 'fence',
  action: 'prove-fence',
  input: {
    instance: primary.instance,
    address: `${primary.address}:${PORT}`,
    consumers: [...(places ?? consumers.map(({ application }) => application.id))],
    control: replica.instance,
  },
  title: `Prove from every consumer’s place that ${primary.instance} takes no writes`,
  target,
  needs: [],
  stage: 'execute',
  estimate: seconds(10),
  limit: minutes(5),
});

/** Draining, stopping, fencing and promoting, between taking the consumers away and pointing them elsewhere. */
export function promotionActs(draft: PromotionDraft): readonly StepDraft[] {
  const { target, primary, replica, endedAtMs } = draft;
  return [
    {
      id: 'drain',
      action: 'drain-replica',
      input: { primary: primary.instance, replica: replica.instance },
      title: `Wait until ${replica.instance} has replayed what ${primary.instance} can still send`,
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(5),
      limit: minutes(5),
    },
    stopStep(draft),
    fenceStep(draft),
    {
      id: 'loss',
      action: 'check-loss-bound',
      input: { replica: replica.instance, endedAtMs, fenceStep: 'fence' },
      title: 'Compute the loss bound again and compare it with what was approved',
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(1),
    },
    promoteStep(draft),
    epochStep(draft),
  ];
}

/** The promotion itself; `more` goes with its input. */
export const promoteStep = ({ target, primary, replica }: TakeOver, more: JsonObject = {}): StepDraft => ({
  id: 'promote',
  action: 'promote-replica',
  input: { replica: replica.instance, upstream: primary.instance, ...more },
  title: `Promote ${replica.instance} to primary`,
  target,
  needs: [],
  stage: 'execute',
  estimate: minutes(4),
  limit: minutes(20),
  undo: {
    kind: 'pointOfNoReturn',
    because: 'a promoted replica has its own history of writes and can’t follow again',
  },
});

/** The first write to the new primary, which is ours. */
export const epochStep = (draft: TakeOver): StepDraft => ({
  id: 'epoch',
  action: 'verify-epoch',
  input: { instance: draft.replica.instance, former: draft.primary.instance, epoch: epochOf(draft) },
  title: `Write and read an epoch row on ${draft.replica.instance}`,
  target: draft.target,
  needs: [],
  stage: 'execute',
  estimate: seconds(5),
  limit: minutes(5),
});

/** The section around `acts`, and what comes after it. */
function takeOverSteps(draft: TakeOver, between: readonly StepDraft[], after: string): readonly StepDraft[] {
  const { target, consumers, holdTime } = draft;
  const secrets = [
    ...new Set(
      consumers.flatMap(({ application }) =>
        application.databaseSecret === undefined ? [] : [application.databaseSecret],
      ),
    ),
  ];
  const holds = consumers.map(holdStep);
  const acts: readonly StepDraft[] = [
    ...holds,
    ...between,
    ...secrets.map((secret) => secretStep(secret, draft)),
    ...consumers.map(releaseStep),
  ];
  const section = acts.map((step): StepDraft => ({ ...step, committed: true, needs: [after] }));
  const release = section.slice(-consumers.length).map((step) => step.id);
  const verified = consumers.map(({ application }) => ({ ...verifyStep(application, draft), needs: release }));
  const verifyIds = verified.map((step) => step.id);
  const rest: StepDraft[] = [
    ...consumers.map(
      ({ application, kind }): StepDraft => ({
        id: `hold-well-${application.id}`,
        action: 'stay-healthy',
        input: { application: application.id, kind, holdMs: holdTime },
        title: `${application.id} stays well`,
        target,
        needs: verifyIds,
        stage: 'after',
        estimate: millis(holdTime + 5_000),
        limit: millis(holdTime + minutes(18)),
      }),
    ),
    ...redundancySteps(draft, verifyIds),
  ];
  return [...section, ...verified, ...rest];
}

/** Points an application's secret at the new primary. */
export const secretStep = (secret: string, { replica, target }: Pick<TakeOver, 'replica' | 'target'>): StepDraft => ({
  id: `secret-${secret}`,
  action: 'point-secret',
  input: { secret, host: replica.address },
  title: `Point secret ${secret} at ${replica.instance} (${replica.address}); the password stays inside the secret`,
  target,
  needs: [],
  stage: 'execute',
  estimate: seconds(5),
  limit: minutes(8),
});

/** One consumer is seen to be on the new primary. */
export const verifyStep = (
  { id, kind }: Pick<Consumer['application'], 'id' | 'kind'>,
  draft: Pick<TakeOver, 'incident' | 'replica' | 'target'>,
): StepDraft => ({
  id: `verify-${id}`,
  action: 'verify-consumer',
  input: { application: id, kind, epoch: epochOf(draft), host: draft.replica.address },
  title: `${id} writes and reads on ${draft.replica.instance}`,
  target: draft.target,
  needs: [],
  stage: 'verify',
  estimate: seconds(45),
  limit: minutes(10),
});

/** What the new primary lacks of a primary is given to it. */
export function redundancySteps(
  { incident, target, replica }: Pick<TakeOver, 'incident' | 'target' | 'replica'>,
  after: readonly string[],
): readonly StepDraft[] {
  return [
    {
      id: 'backup',
      action: 'take-backup',
      input: { instance: replica.instance, description: `first backup after ${incident}` },
      title: `Take the first backup of ${replica.instance}`,
      target,
      needs: after,
      stage: 'after',
      optional: true,
      estimate: minutes(2),
      limit: minutes(30),
    },
    {
      id: 'protect',
      action: 'protect-instance',
      input: { instance: replica.instance },
      title: `Turn on HA, backups, point-in-time recovery and deletion protection of ${replica.instance}`,
      target,
      needs: ['backup'],
      stage: 'after',
      optional: true,
      estimate: minutes(2),
      limit: minutes(30),
    },
    {
      id: 'replica',
      action: 'create-replica',
      input: {
        primary: replica.instance,
        replica: `${replica.instance}-${digestOf(incident).slice(0, 6)}`,
        region: replica.region,
      },
      title: `Ask for a new replica of ${replica.instance} in ${replica.region}`,
      target,
      needs: ['protect'],
      stage: 'after',
      optional: true,
      estimate: seconds(10),
      limit: minutes(30),
    },
  ];
}

import type { Brand } from '../core/brand.ts';
import { shortId } from '../core/digest.ts';

// The names that cross rooms, in one alphabetical registry. A name is a text of one kind; mixing two does not type-check.

/** An approval object: who may decide on one plan of one incident. */
export type ApprovalId = Brand<string, 'ApprovalId'>;

/** A named approver or contact of `dr.yaml` (`people[].id`). */
export type PersonId = Brand<string, 'PersonId'>;

/** One disaster: `inc-` and ten base32 characters. */
export type IncidentId = Brand<string, 'IncidentId'>;

/** A Cloud SQL instance, without its project. */
export type InstanceName = Brand<string, 'InstanceName'>;

/** What protects itself from two runs at once: `database/coditect-dms-db`, `deployment/coditect-dms/coditect-dms-api`, … */
export type TargetId = Brand<string, 'TargetId'>;

/** Makes a brand of a text that an edge has already checked. */
export const approvalId = (text: string): ApprovalId => text as ApprovalId;
export const personId = (text: string): PersonId => text as PersonId;
export const incidentId = (text: string): IncidentId => text as IncidentId;
export const instanceName = (text: string): InstanceName => text as InstanceName;
export const targetId = (text: string): TargetId => text as TargetId;

/** The incident that a first signal opens: the same signal always names the same incident (decisions.md 3). */
export const incidentIdOf = (dedupeKey: string): IncidentId => incidentId(`inc-${shortId(dedupeKey, 10)}`);

/** The runbooks that exist: what `trigger`, `plan` and `demo` take. */
export const RUNBOOKS = [
  'backup-restore',
  'breach-response',
  'cluster-failback',
  'cluster-failover',
  'database-failover',
  'deployment-scale-up',
  'lift-isolation',
  'pod-force-delete',
  'pod-heal',
  'point-in-time-recovery',
  'region-failback',
  'region-failover',
  'region-rebuild',
  'region-return',
  'rollout-restart',
  'rollout-undo',
  'service-scale-up',
  'tenant-restore',
] as const;
export type RunbookName = (typeof RUNBOOKS)[number];

/** Runbooks for which a person may name a moment: that of the rows which are wanted back. */
export const OF_A_MOMENT: ReadonlySet<RunbookName> = new Set(['point-in-time-recovery', 'tenant-restore']);

/** Topics (decisions.md 2); each has a dead-letter topic `<name>-dead`. */
export const TOPICS = ['dr-alerts', 'dr-commands', 'dr-heal', 'dr-recover', 'dr-notices', 'dr-ticks'] as const;
export type Topic = (typeof TOPICS)[number];

/** The functions, each a process and an identity of its own. */
export const FUNCTIONS = ['classify', 'heal', 'recover', 'approve', 'notify', 'tick', 'status'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** How far the product may go without being asked: say, ask, or act. */
export const MODES = ['observe', 'approve', 'auto'] as const;
export type Mode = (typeof MODES)[number];

import type { Millis } from '../core/time.ts';
import { minutes, seconds } from '../core/time.ts';
import type { RunbookName } from './names.ts';

// Times that are fixed in the code and that the numbers of `dr.yaml` must fit to. Nobody varies them per system.

/**
 * Longest a call to an API may take before we give up on its reply. A request is sent only if what remains of the lease
 * exceeds it (design.md section 5); Google's own clients default to 30 s and more.
 */
export const CALL_DEADLINE_MAX: Millis = seconds(30);

/** Time between two ticks: Cloud Scheduler knows nothing shorter. Worst-case resume = lease + one tick (decisions.md 7). */
export const TICK_PERIOD: Millis = minutes(1);

/** Longest a runbook takes until there are measurements of our own: the upper end of the human runbook's estimates. */
export const RUNBOOK_ESTIMATE: Readonly<Record<RunbookName, Millis>> = {
  'backup-restore': minutes(45), // a new instance, and a backup read into it
  'breach-response': minutes(30), // two rolling restarts; what people have to do is not in it
  'cluster-failback': minutes(25), // traffic back, drained, and the standby's scaling taken back
  'cluster-failover': minutes(20), // the standby warm, traffic moved and seen to have moved
  'database-failover': minutes(30), // runbook 3.1: 15-30 minutes
  'deployment-scale-up': minutes(25), // raised, watched for at most 20 minutes, and given back
  'lift-isolation': minutes(15), // new copies, and users seen to arrive
  'pod-force-delete': minutes(5),
  'pod-heal': minutes(5),
  'point-in-time-recovery': minutes(60), // a clone takes as long as the data is large; what people review is not in it
  'region-failback': minutes(30), // a planned switchover: hold, prove, promote, and the users
  'region-failover': minutes(45), // runbook 5.1: 30-45 minutes
  'region-rebuild': minutes(30), // a replica takes as long as the data is large
  'region-return': minutes(10), // from the return on; how long that takes nobody knows
  'rollout-restart': minutes(15),
  'rollout-undo': minutes(15),
  'service-scale-up': minutes(25), // raised, watched for at most 20 minutes, and taken back
  'tenant-restore': minutes(45), // a copy from a backup, compared; what people take to review it is not in it
};

/** Whether a runbook has destructive steps, which nothing but an approval allows, whatever the mode (design.md section 5). */
export const IS_DESTRUCTIVE: Readonly<Record<RunbookName, boolean>> = {
  'backup-restore': true,
  'breach-response': true,
  'cluster-failback': true,
  'cluster-failover': true,
  'database-failover': true,
  'deployment-scale-up': false,
  'lift-isolation': true,
  'pod-force-delete': true,
  'pod-heal': false,
  'point-in-time-recovery': true,
  'region-failback': true,
  'region-failover': true,
  'region-rebuild': true,
  'region-return': true,
  'rollout-restart': true,
  'rollout-undo': true,
  'service-scale-up': false,
  'tenant-restore': true,
};

/**
 * Whether a runbook with destructive steps begins with safe ones: in mode auto those start unasked, while the others wait for their
 * approval. For every other such runbook auto would promise what it never does.
 */
export const BEGINS_SAFELY: Readonly<Record<RunbookName, boolean>> = {
  'backup-restore': false,
  'breach-response': false,
  'cluster-failback': true, // when only the standby's scaling is left to be taken back
  'cluster-failover': true,
  'database-failover': false,
  'deployment-scale-up': false,
  'lift-isolation': false,
  'pod-force-delete': false,
  'pod-heal': false,
  'point-in-time-recovery': true, // the clone, before what it is made from is no longer kept
  'region-failback': false,
  'region-failover': true,
  'region-rebuild': false,
  'region-return': false,
  'rollout-restart': false,
  'rollout-undo': false,
  'service-scale-up': false,
  'tenant-restore': false,
};

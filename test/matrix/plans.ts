import { REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';
import {
  addVersion,
  deletion,
  disable,
  eviction,
  files,
  floor,
  move,
  policy,
  runService,
  scale,
  scaleGke,
  sql,
  template,
  updateRun,
} from './changes.ts';
import { customerHasDocuments, everybodyIsBack, imports, limitsAreBack, rowsAreGood, thiefIsOut } from './ends.ts';
import {
  approved,
  askedFor,
  clusterFails,
  crowdComes,
  customerLosesDocuments,
  databaseFails,
  heals,
  jobSpoilsRows,
  keyIsStolen,
} from './happenings.ts';
import type { MatrixPlan, MatrixStory, Row } from './plan.ts';
import { redundancy, REGION_STORIES } from './region-plans.ts';

// The plans of the matrix: their steps in their order, and the change of the world that each step makes. A plan that is drawn with
// other steps than these fails every cell of its story (verdict.ts).

const PRIMARY = 'coditect-dms-db';
const REPLICA = `${PRIMARY}-replica`;
const [CLONE] = REFERENCE.clones;
const COPY = REFERENCE.restored;
const JWT = REFERENCE.signingSecret;
const PAYMENT = REFERENCE.paymentSecret;

/** A story of one plan, under its runbook's name. */
const alone = (
  plan: MatrixPlan,
  play: MatrixStory['play'],
  more: Pick<MatrixStory, 'also' | 'wrongs'> = {},
): MatrixStory => ({ name: plan.runbook, plans: [plan], play, ...more });

const DATABASE: MatrixPlan = {
  runbook: 'database-failover',
  worker: 'recover',
  rows: [
    { step: 'confirm' },
    { step: 'hold-api-gke', effect: scaleGke },
    { step: 'hold-api-run', effect: updateRun },
    { step: 'drain' },
    { step: 'stop', effect: sql('instances.update', PRIMARY) },
    { step: 'fence' },
    { step: 'loss' },
    { step: 'promote', effect: sql('instances.promoteReplica', REPLICA, ':promoteReplica') },
    { step: 'epoch' },
    { step: `secret-${REFERENCE.databaseSecret}`, effect: addVersion(REFERENCE.databaseSecret) },
    { step: 'release-api-gke', effect: scaleGke },
    { step: 'release-api-run', effect: updateRun },
    { step: 'verify-api-gke' },
    { step: 'verify-api-run' },
    { step: 'hold-well-api-gke' },
    { step: 'hold-well-api-run' },
    ...redundancy(REPLICA),
  ],
};

/** Its effect is a transaction in the database, which no audit names: the record of it commits with the rows. */
const importing: Row = { step: 'import', isDone: (stage) => imports(stage) > 0 };

/** Rows that a job spoilt: three plans of one incident, each after a word of people. */
const RECOVERY: MatrixPlan = {
  runbook: 'point-in-time-recovery',
  worker: 'recover',
  rows: [
    { step: 'remember-bulk-import' },
    { step: 'pause-bulk-import', effect: scale(REFERENCE.bulkImport) },
    { step: 'window', worker: 'heal' },
    { step: 'remember', worker: 'heal' },
    { step: 'clone', worker: 'heal', effect: sql('instances.clone', PRIMARY, ':clone') },
    { step: 'mark', effect: sql('instances.update', CLONE) },
    { step: 'validate' },
    { step: 'compare' },
    { step: 'rows' },
    { step: 'review' },
    { step: 'production' },
    importing,
    { step: 'written' },
    { step: 'end' },
    { step: 'release-bulk-import', effect: scale(REFERENCE.bulkImport) },
    { step: 'forget-bulk-import' },
    { step: `unprotect-${CLONE}`, effect: sql('instances.update', CLONE) },
    { step: `delete-${CLONE}`, effect: sql('instances.delete', CLONE) },
    { step: `forget-${CLONE}` },
  ],
};

const [URL, EAST] = [REFERENCE.databaseSecret, SECONDARY.databaseSecret];

/** With the cluster's copies cut off, so that they are not restarted (breach-isolation.ts, C2). */
const BREACH: MatrixPlan = {
  runbook: 'breach-response',
  worker: 'recover',
  rows: [
    { step: 'remember-api-gke' },
    { step: 'isolate-api-gke', effect: policy('create') },
    { step: 'capture-api-gke' },
    { step: 'logs-api-gke' },
    { step: 'logs-api-run' },
    { step: 'logs-api-east' },
    { step: 'seal-evidence' },
    { step: `rotate-${JWT}`, effect: addVersion(JWT) },
    { step: `confirm-${URL}` },
    { step: `store-${URL}`, effect: addVersion(URL) },
    { step: `store-${EAST}`, effect: addVersion(EAST) },
    { step: `set-${URL}`, effect: sql('users.update', PRIMARY, '/users/dms') },
    { step: `put-back-${URL}` },
    { step: `put-back-${EAST}` },
    { step: `follow-${URL}` },
    { step: `clone-${PRIMARY}`, effect: sql('instances.clone', PRIMARY, ':clone') },
    { step: `keep-${PRIMARY}` },
    { step: 'restart-api-gke' },
    { step: 'restart-api-run', effect: updateRun },
    { step: 'restart-api-east', effect: runService(SECONDARY.api) },
    { step: `disable-${JWT}-1`, effect: disable(JWT) },
    { step: `disable-${URL}-1`, effect: disable(URL) },
    { step: `disable-${EAST}-1`, effect: disable(EAST) },
    { step: 'end-sessions' },
    { step: `ask-${PAYMENT}` },
    { step: `restart-api-gke-for-${PAYMENT}` },
    { step: `restart-api-run-for-${PAYMENT}`, effect: updateRun },
    { step: `grace-${PAYMENT}` },
    { step: `disable-${PAYMENT}-1`, effect: disable(PAYMENT) },
  ],
};

const LIFT: MatrixPlan = {
  runbook: 'lift-isolation',
  worker: 'recover',
  rows: [
    { step: 'hold-api-gke', effect: scaleGke },
    { step: 'lift-api-gke', effect: policy('delete') },
    { step: 'release-api-gke', effect: scaleGke },
    { step: 'serves-api-gke' },
    { step: 'arrive-dms-api' },
    { step: 'forget-api-gke' },
  ],
};

const CLUSTER: readonly MatrixPlan[] = [
  {
    runbook: 'cluster-failover',
    worker: 'recover',
    rows: [
      { step: 'remember', worker: 'heal' },
      { step: 'raise', worker: 'heal', effect: updateRun },
      { step: 'ready', worker: 'heal' },
      { step: 'confirm' },
      { step: 'move-dms-api', effect: move },
      { step: 'shift-dms-api' },
      { step: 'hold' },
    ],
  },
  {
    runbook: 'cluster-failback',
    worker: 'recover',
    rows: [
      { step: 'well' },
      { step: 'move-dms-api', effect: move },
      { step: 'shift-dms-api' },
      { step: 'drain-dms-api' },
      { step: 'restore', effect: updateRun },
      { step: 'forget' },
      { step: 'hold' },
    ],
  },
];

/** Pods: what is captured before, the change, and the time in which all stays well. */
const pods = (step: string, effect: Row['effect'] & object): readonly Row[] => [
  { step: 'capture' },
  { step, effect },
  { step: 'hold' },
];

/** All of them. */
export const MATRIX: readonly MatrixStory[] = [
  alone(DATABASE, databaseFails),
  alone({ runbook: 'pod-heal', worker: 'heal', rows: pods('evict', eviction) }, heals('pod')),
  alone(
    { runbook: 'rollout-undo', worker: 'recover', rows: pods('undo', template) },
    approved('bad-revision', 'image'),
  ),
  alone({ runbook: 'rollout-restart', worker: 'recover', rows: pods('restart', template) }, approved('pod', 'all')),
  alone({ runbook: 'pod-force-delete', worker: 'recover', rows: pods('delete', deletion) }, approved('stuck-pod'), {
    also: [eviction],
  }),
  alone(
    {
      runbook: 'service-scale-up',
      worker: 'heal',
      rows: [
        { step: 'raise', effect: updateRun },
        { step: 'watch' },
        { step: 'restore', effect: updateRun },
        { step: 'relieved' },
      ],
    },
    crowdComes('cloud-run-pressure', 'service-scale-up'),
    { wrongs: limitsAreBack },
  ),
  alone(
    {
      runbook: 'deployment-scale-up',
      worker: 'heal',
      rows: [
        { step: 'raise', effect: floor },
        { step: 'watch' },
        { step: 'restore', effect: floor },
        { step: 'relieved' },
      ],
    },
    crowdComes('deployment-pressure', 'deployment-scale-up'),
  ),
  { name: 'cluster', plans: CLUSTER, play: clusterFails, wrongs: everybodyIsBack },
  alone(
    {
      runbook: 'backup-restore',
      worker: 'recover',
      asks: /rows newer in production/,
      rows: [
        { step: 'backup' },
        { step: 'create', effect: sql('instances.create', COPY) },
        { step: 'restore', effect: sql('instances.restoreBackup', COPY, ':restoreBackup') },
        { step: 'validate' },
        { step: 'compare' },
        { step: 'decide' },
      ],
    },
    askedFor('backup-restore'),
  ),
  alone(
    {
      runbook: 'tenant-restore',
      worker: 'recover',
      rows: [
        { step: 'backup' },
        { step: 'create', effect: sql('instances.create', COPY) },
        { step: 'restore', effect: sql('instances.restoreBackup', COPY, ':restoreBackup') },
        { step: 'validate' },
        { step: 'compare' },
        { step: 'review' },
        importing,
        { step: 'delete-copy', effect: sql('instances.delete', COPY) },
      ],
    },
    customerLosesDocuments,
    { also: [files], wrongs: customerHasDocuments },
  ),
  alone(RECOVERY, jobSpoilsRows, { also: [files], wrongs: rowsAreGood }),
  {
    name: 'breach',
    plans: [BREACH, LIFT],
    isWide: true,
    play: keyIsStolen,
    wrongs: thiefIsOut,
    also: [files, sql('instances.update', `${PRIMARY}-forensic-*`)],
  },
  ...REGION_STORIES,
];

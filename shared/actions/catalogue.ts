import type { Action, Catalogue } from '../engine/action.ts';
import { adoptCopy } from './adopt-copy.ts';
import { captureApplicationEvidence } from './capture-application.ts';
import { captureLogs } from './capture-logs.ts';
import { awaitRowsReview, compareRows } from './compare-rows.ts';
import {
  awaitReview,
  cloneAt,
  confirmWindow,
  deleteClone,
  forgetClone,
  markClone,
  rememberClone,
} from './clone-copy.ts';
import { compareCloneRows } from './compare-clone-rows.ts';
import { awaitEnd, confirmProduction, rememberImport } from './recovery-import.ts';
import { confirmRelief } from './await-relief.ts';
import { checkLossBound } from './check-loss-bound.ts';
import { confirmDatabaseFailed } from './confirm-database-failed.ts';
import { drainReplica } from './drain-replica.ts';
import { cloneForForensics, keepClone } from './forensic-clone.ts';
import { forceDeletePod } from './force-delete-pod.ts';
import { capturePodEvidence, captureRevisionEvidence, evictPod, stayHealthy } from './heal-pod.ts';
import { holdService, holdWorkload, releaseService, releaseWorkload } from './hold-consumers.ts';
import { deleteCopy, importRows } from './import-rows.ts';
import { admitCopy, confirmDump, createDatabase, dismissCopy, importDump } from './import-dump.ts';
import { confirmBackup, createCopy, restoreCopy } from './make-copy.ts';
import { checkSecondary, confirmRegionLost, rememberRegion } from './lost-region.ts';
import { awaitReturn, countDivergence, nameStale, restartStale } from './returned-primary.ts';
import { awaitDrain, moveTraffic, seeTrafficShift } from './move-traffic.ts';
import {
  forgetIsolation,
  isolateApplication,
  liftIsolation,
  rememberIsolation,
  seeApplicationServe,
} from './isolate-application.ts';
import { forgetWriter, rememberWriter } from './pause-writer.ts';
import { checkWay, markLastWrite, seeReplicaFollow } from './planned-switchover.ts';
import { pointSecret } from './point-secret.ts';
import { promoteReplica } from './promote-replica.ts';
import { proveFence } from './prove-fence.ts';
import { createReplica, protectInstance, takeBackup } from './rebuild-redundancy.ts';
import { awaitReplica, forgetRegion, pointAtReplica, readReplica } from './region-replica.ts';
import { restartApplication } from './restart-application.ts';
import { sealEvidence } from './seal-evidence.ts';
import { endSessions } from './end-sessions.ts';
import { failoverInstance, restartInstance } from './revive-instance.ts';
import {
  confirmDatabaseUser,
  putBackPassword,
  seePasswordFollow,
  setDatabasePassword,
  storePassword,
} from './rotate-password.ts';
import { awaitIssuedSecret, disableSecretVersion, passGrace, rotateSecret } from './rotate-secret.ts';
import { raiseService, restoreService, watchRelief } from './scale-service.ts';
import { restartRollout, undoRollout } from './change-rollout.ts';
import { checkStandby, confirmClusterDown, forgetStandby, rememberStandby } from './stand-in.ts';
import { raiseWorkload, restoreFloor, watchCrowd } from './scale-workload.ts';
import { askStop, startInstance, stopInstance } from './stop-instance.ts';
import { awaitDecision, compareCopy, validateCopy } from './validate-copy.ts';
import { verifyConsumer } from './verify-consumer.ts';
import { verifyEpoch } from './verify-epoch.ts';
import { primaryStaysWell, verifyPrimaryServes } from './verify-primary.ts';

const byKind = (actions: readonly Action[]): Catalogue =>
  Object.fromEntries(actions.map((action) => [action.kind, action]));

/** What `heal` can do: nothing else is in its reach, even if its code were to try. */
export const HEAL_CATALOGUE: Catalogue = byKind([
  capturePodEvidence,
  captureRevisionEvidence,
  evictPod,
  stayHealthy,
  raiseService,
  watchRelief,
  restoreService,
  confirmRelief,
  rememberStandby,
  checkStandby,
  forgetStandby,
  rememberRegion,
  checkSecondary,
  raiseWorkload,
  watchCrowd,
  restoreFloor,
  confirmWindow,
  rememberClone,
  cloneAt,
]);

/** What `recover` can do, which includes all that a destructive plan may hold. */
export const RECOVER_CATALOGUE: Catalogue = byKind([
  ...Object.values(HEAL_CATALOGUE),
  confirmClusterDown,
  confirmRegionLost,
  moveTraffic,
  seeTrafficShift,
  awaitDrain,
  confirmDatabaseFailed,
  failoverInstance,
  restartInstance,
  verifyPrimaryServes,
  primaryStaysWell,
  forceDeletePod,
  undoRollout,
  restartRollout,
  holdWorkload,
  releaseWorkload,
  holdService,
  releaseService,
  drainReplica,
  seeReplicaFollow,
  checkWay,
  markLastWrite,
  awaitReplica,
  pointAtReplica,
  readReplica,
  forgetRegion,
  awaitReturn,
  countDivergence,
  restartStale,
  nameStale,
  stopInstance,
  askStop,
  startInstance,
  proveFence,
  checkLossBound,
  promoteReplica,
  verifyEpoch,
  pointSecret,
  verifyConsumer,
  protectInstance,
  takeBackup,
  createReplica,
  confirmBackup,
  createCopy,
  restoreCopy,
  validateCopy,
  compareCopy,
  awaitDecision,
  adoptCopy,
  confirmDump,
  createDatabase,
  admitCopy,
  importDump,
  dismissCopy,
  compareRows,
  awaitRowsReview,
  importRows,
  deleteCopy,
  captureApplicationEvidence,
  captureLogs,
  cloneForForensics,
  keepClone,
  sealEvidence,
  rememberIsolation,
  isolateApplication,
  liftIsolation,
  seeApplicationServe,
  forgetIsolation,
  rotateSecret,
  confirmDatabaseUser,
  storePassword,
  setDatabasePassword,
  putBackPassword,
  seePasswordFollow,
  restartApplication,
  awaitIssuedSecret,
  passGrace,
  disableSecretVersion,
  endSessions,
  rememberWriter,
  forgetWriter,
  markClone,
  deleteClone,
  forgetClone,
  awaitReview,
  compareCloneRows,
  confirmProduction,
  rememberImport,
  awaitEnd,
]);

import { REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { addVersion, move, runService, scaleGke, sql, template, updateRun } from './changes.ts';
import { everythingIsHome, secondaryServes } from './ends.ts';
import { REBUILT, regionGoesHome, regionReturns } from './happenings.ts';
import type { MatrixPlan, MatrixStory, Row } from './plan.ts';

// The plans of a whole region that is lost, comes back, and gets everything back.

const PRIMARY = 'coditect-dms-db';
const [HOME, THERE] = REFERENCE.spares;

/** What the new primary lacks; the rest of the new replica's name is drawn from the incident's. */
export const redundancy = (instance: string): readonly Row[] => [
  { step: 'backup', effect: sql('backupRuns.create', instance, '/backupRuns') },
  { step: 'protect', effect: sql('instances.update', instance) },
  { step: 'replica', effect: sql('instances.create', `${instance}-*`) },
];

const SECRETS = [REFERENCE.databaseSecret, SECONDARY.databaseSecret] as const;
const updateEast = runService(SECONDARY.api);
const eastSecrets = SECRETS.map((secret): Row => ({ step: `secret-${secret}`, effect: addVersion(secret) }));

const REGION: readonly MatrixPlan[] = [
  {
    runbook: 'region-failover',
    worker: 'recover',
    rows: [
      { step: 'remember', worker: 'heal' },
      { step: 'raise', worker: 'heal', effect: updateEast },
      { step: 'ready', worker: 'heal' },
      { step: 'confirm' },
      { step: 'drain' },
      { step: 'stop' },
      { step: 'fence' },
      { step: 'loss' },
      { step: 'promote', effect: sql('instances.promoteReplica', SECONDARY.instance, ':promoteReplica') },
      { step: 'epoch' },
      ...eastSecrets,
      { step: 'verify-api-east' },
      { step: 'move-dms-api', effect: move },
      { step: 'shift-dms-api' },
      { step: 'hold' },
      ...redundancy(SECONDARY.instance),
    ],
  },
  {
    runbook: 'region-return',
    worker: 'recover',
    rows: [
      { step: 'await' },
      { step: 'count' },
      { step: 'stop', effect: sql('instances.update', PRIMARY) },
      { step: 'fence' },
      { step: 'restart-api-gke' },
      { step: 'restart-api-run' },
      { step: 'stale' },
    ],
  },
];

const HOMECOMING: readonly MatrixPlan[] = [
  {
    runbook: 'region-rebuild',
    target: REBUILT.home,
    worker: 'recover',
    rows: [{ step: 'create', effect: sql('instances.create', HOME) }, { step: 'await' }],
  },
  {
    runbook: 'region-failback',
    worker: 'recover',
    rows: [
      { step: 'well-api-gke' },
      { step: 'well-api-run' },
      { step: 'way-dms-api' },
      { step: 'follows' },
      { step: 'hold-api-gke', effect: scaleGke },
      { step: 'hold-api-run', effect: updateRun },
      { step: 'hold-api-east', effect: updateEast },
      { step: 'last' },
      { step: 'stop', effect: sql('instances.update', SECONDARY.instance) },
      { step: 'fence' },
      { step: 'promote', effect: sql('instances.promoteReplica', HOME, ':promoteReplica') },
      { step: 'epoch' },
      ...eastSecrets,
      { step: 'release-api-gke', effect: scaleGke },
      { step: 'release-api-run', effect: updateRun },
      { step: 'release-api-east', effect: updateEast },
      { step: 'verify-api-gke' },
      { step: 'move-dms-api', effect: move },
      { step: 'verify-api-run' },
      { step: 'verify-api-east' },
      { step: 'shift-dms-api' },
      { step: 'drain-dms-api' },
      { step: 'hold-well-api-gke' },
      { step: 'hold-well-api-run' },
      ...redundancy(HOME),
    ],
  },
  {
    runbook: 'region-rebuild',
    target: REBUILT.there,
    worker: 'recover',
    rows: [
      { step: 'create', effect: sql('instances.create', THERE) },
      { step: 'await' },
      { step: 'secret', effect: addVersion(SECONDARY.databaseSecret) },
      { step: 'read' },
      { step: 'restore', effect: updateEast },
      { step: 'forget' },
    ],
  },
];

/** A look at a dark region takes as long as our limits say, which are the wall's. */
const DARK = { rate: 8 } as const;

/** Its stories: away, and home. */
export const REGION_STORIES: readonly MatrixStory[] = [
  {
    name: 'region',
    plans: REGION,
    play: regionReturns,
    users: SERVICES.entrance,
    wrongs: secondaryServes,
    opening: DARK,
    also: [sql('instances.update', PRIMARY), template, updateRun],
  },
  {
    name: 'homecoming',
    plans: HOMECOMING,
    play: regionGoesHome,
    wrongs: everythingIsHome,
    opening: DARK,
    also: [
      sql('instances.promoteReplica', SECONDARY.instance, ':promoteReplica'),
      sql('backupRuns.create', SECONDARY.instance, '/backupRuns'),
      sql('instances.create', `${SECONDARY.instance}-*`),
      sql('instances.update', PRIMARY),
      ...SECRETS.map(addVersion),
      template,
      updateRun,
      updateEast,
      move,
    ],
  },
];

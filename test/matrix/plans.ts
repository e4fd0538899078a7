import { publishCommand } from '../../cli/commands.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { type Millis, minutes } from '../../shared/core/time.ts';
import { stepId } from '../../shared/plan/plan.ts';
import type { FunctionName, RunbookName } from '../../shared/system/names.ts';
import { approveWhenAsked, lossOnPage, READING, type Stage } from '../stories/story.ts';

// The plans of the matrix: what happens and what people do in each, its steps in their order, and the change of the world that each
// step makes. A plan that is drawn with other steps than these fails every cell of its story (verdict.ts).

/** Where the kill falls, in the order of a step's life (perform-step.ts). */
export const POINTS = ['before-intent', 'intent-effect', 'effect-outcome', 'after'] as const;
export type Point = (typeof POINTS)[number];

/** A call that changes the world; a resource that ends in `*` begins so. */
export interface Change {
  readonly permission: string;
  readonly resource: string;
}

/** A step, and the call that is its effect; a step without one only looks. */
export interface Row {
  readonly step: string;
  readonly effect?: Change;
  /** Who performs it, where that is not the story's worker. */
  readonly worker?: FunctionName;
  /** The points that it has; all four unless given. One that is done when it is first looked at has neither intent nor outcome. */
  readonly points?: readonly Point[];
}

/** A plan that is played. */
export interface MatrixStory {
  readonly runbook: RunbookName;
  /** What happens, and what people do until nothing is left to be done by them. Answers the loss that the page named, if any. */
  readonly play: (stage: Stage) => Promise<Millis | undefined>;
  /** Who performs it. */
  readonly worker: FunctionName;
  readonly rows: readonly Row[];
  /** Changes that an earlier plan of the same incident makes. */
  readonly before?: readonly Change[];
  /** What people are told in the end, where the plan ends with a question to them and not with a resolution. */
  readonly asks?: RegExp;
}

const scaleGke = {
  permission: 'k8s.apps.deployments/scale.patch',
  resource: 'namespaces/coditect-dms/deployments/coditect-dms-api/scale',
};
const scaleRun = { permission: 'run.services.update', resource: 'services/coditect-dms-api' };
const template = {
  permission: 'k8s.apps.deployments.patch',
  resource: 'namespaces/coditect-dms/deployments/coditect-dms-api',
};
const eviction = {
  permission: 'k8s.pods/eviction.create',
  resource: 'namespaces/coditect-dms/pods/coditect-dms-api-*',
};
const sql = (verb: string, resource: string) => ({
  permission: `cloudsql.${verb}`,
  resource: `instances/coditect-dms-db${resource}`,
});
const copy = (verb: string, method = '') => ({
  permission: `cloudsql.instances.${verb}`,
  resource: `instances/${REFERENCE.restored}${method}`,
});

/** A step that answers when it is first looked at. */
const ATONCE: readonly Point[] = ['before-intent', 'after'];

/** Something breaks, and whoever is on call approves what is proposed. */
const approved =
  (fault: string, variant?: string): MatrixStory['play'] =>
  async (stage) => {
    stage.break(fault, undefined, variant);
    await approveWhenAsked(stage);
    return undefined;
  };

/** A database fails, and the page says what may be lost. */
async function databaseFails(stage: Stage): Promise<Millis> {
  stage.break('primary-database');
  const { links } = await stage.asked();
  const { atMost } = await lossOnPage(links);
  await approveWhenAsked(stage);
  return atMost;
}

/** The cluster is lost, and people read until its standby is ready: what prepares their decision is done by then. */
async function clusterFails(stage: Stage): Promise<undefined> {
  stage.break('cluster');
  const { links } = await stage.asked();
  await stage.until('the standby is ready', async () => {
    const [newest] = await stage.incidents();
    return newest?.state.run?.steps.get(stepId('ready'))?.kind === 'done' ? true : undefined;
  });
  await stage.pass(READING);
  await stage.decide(links, 'approve');
}

/** A crowd comes to a service, and goes some minutes after its limits were raised. */
async function crowdComes(stage: Stage): Promise<undefined> {
  const former = maxOf(stage);
  stage.break('cloud-run-pressure', undefined, 'crowded');
  await stage.until('its limits are raised', () => (maxOf(stage) > former ? true : undefined));
  await stage.pass(minutes(4));
  stage.mend('cloud-run-pressure');
}

const maxOf = ({ sandbox }: Stage): number =>
  sandbox.world.run.service({ location: REFERENCE.region, service: REFERENCE.api }).spec.scaling.max ?? 0;

/** Nothing is broken: a person asks for it, and approves. */
const askedFor =
  (runbook: RunbookName, target?: string): MatrixStory['play'] =>
  async (stage) => {
    const wish = { command: 'start' as const, runbook, target, reason: 'a person asks for it' };
    await publishCommand(stage.sandbox.facts, wish, { json: true });
    await approveWhenAsked(stage);
    return undefined;
  };

/** The plans of the reference system. */
export const MATRIX: readonly MatrixStory[] = [
  {
    runbook: 'database-failover',
    play: databaseFails,
    worker: 'recover',
    rows: [
      { step: 'confirm' },
      { step: 'hold-api-gke', effect: scaleGke },
      { step: 'hold-api-run', effect: scaleRun },
      { step: 'drain' },
      { step: 'stop', effect: sql('instances.update', '') },
      { step: 'fence' },
      { step: 'loss' },
      { step: 'promote', effect: sql('instances.promoteReplica', '-replica:promoteReplica') },
      { step: 'epoch' },
      {
        step: 'secret-coditect-dms-database-url',
        effect: { permission: 'secretmanager.versions.add', resource: 'secrets/coditect-dms-database-url:addVersion' },
      },
      { step: 'release-api-gke', effect: scaleGke },
      { step: 'release-api-run', effect: scaleRun },
      { step: 'verify-api-gke' },
      { step: 'verify-api-run' },
      { step: 'hold-well-api-gke' },
      { step: 'hold-well-api-run' },
      { step: 'backup', effect: sql('backupRuns.create', '-replica/backupRuns') },
      { step: 'protect', effect: sql('instances.update', '-replica') },
      // The rest of the new replica's name is drawn from the incident's.
      { step: 'replica', effect: sql('instances.create', '-replica-*') },
    ],
  },
  {
    runbook: 'pod-heal',
    play: async (stage) => void stage.break('pod'),
    worker: 'heal',
    rows: [
      { step: 'capture' },
      {
        step: 'evict',
        effect: eviction,
      },
      { step: 'hold' },
    ],
  },
  {
    runbook: 'rollout-undo',
    play: approved('bad-revision', 'image'),
    worker: 'recover',
    rows: [{ step: 'capture' }, { step: 'undo', effect: template }, { step: 'hold' }],
  },
  {
    runbook: 'rollout-restart',
    play: approved('pod', 'all'),
    worker: 'recover',
    rows: [{ step: 'capture' }, { step: 'restart', effect: template }, { step: 'hold' }],
  },
  {
    runbook: 'pod-force-delete',
    play: approved('stuck-pod'),
    worker: 'recover',
    before: [eviction],
    rows: [
      { step: 'capture' },
      {
        step: 'delete',
        effect: { permission: 'k8s.pods.delete', resource: 'namespaces/coditect-dms/pods/coditect-dms-api-*' },
      },
      { step: 'hold' },
    ],
  },
  {
    runbook: 'service-scale-up',
    play: crowdComes,
    worker: 'heal',
    rows: [
      { step: 'raise', effect: scaleRun },
      { step: 'watch' },
      { step: 'restore', effect: scaleRun },
      { step: 'relieved', points: ATONCE },
    ],
  },
  {
    runbook: 'cluster-failover',
    play: clusterFails,
    worker: 'recover',
    rows: [
      { step: 'remember', worker: 'heal', points: ATONCE },
      { step: 'raise', worker: 'heal', effect: scaleRun },
      { step: 'ready', worker: 'heal' },
      { step: 'confirm', points: ATONCE },
      {
        step: 'move-dms-api',
        effect: { permission: 'compute.urlMaps.update', resource: 'urlMaps/coditect-dms-ingress' },
      },
      { step: 'shift-dms-api' },
      { step: 'hold' },
    ],
  },
  {
    runbook: 'backup-restore',
    play: askedFor('backup-restore'),
    worker: 'recover',
    asks: /rows newer in production/,
    rows: [
      { step: 'backup', points: ATONCE },
      { step: 'create', effect: copy('create') },
      { step: 'restore', effect: copy('restoreBackup', ':restoreBackup') },
      { step: 'validate' },
      { step: 'compare' },
      { step: 'decide', points: ['before-intent'] },
    ],
  },
];

/** The points of a row, in their order. */
export const pointsOf = ({ points }: Row): readonly Point[] => points ?? POINTS;

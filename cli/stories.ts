import { instant, millis, showDuration } from '../shared/core/time.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import { stepId } from '../shared/plan/plan.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { REFERENCE } from '../sandbox/world/reference-system.ts';
import { IMPORT_ROWS } from '../shared/ports/copy-labels.ts';
import { DELETE_CLONES } from '../shared/ports/recovery-words.ts';
import { BREACH_STORY, ISOLATION_STORY } from './breach-story.ts';
import { recoveryChecks } from './recovery-checks.ts';
import { REGION_STORIES } from './region-stories.ts';
import { changes, type Check, effects, ledger, passwordOf, resolved, served, type Story } from './story.ts';
import { TENANT_STORY } from './tenant-story.ts';

// The stories that a demo plays, and what must be true at their end.

const shown = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? 'not measured' : showDuration(millis(ms));

const API_ON_RUN = { location: REFERENCE.region, service: REFERENCE.api } as const;

const RUN_BACKEND = 'coditect-dms-run';

/** The backend service that users get. */
const leadsTo = ({ world }: Sandbox): string => world.balancers.urlMap('coditect-dms-ingress').defaultService;

function moves(sandbox: Sandbox, times: number): Check {
  const { length } = effects(sandbox, 'compute.urlMaps.update');
  return {
    name: `traffic was moved ${times === 1 ? 'once' : 'there and back'}`,
    held: length === times,
    figure: `${length} moves`,
  };
}

/** How long before the first decision the standby began to be made ready; `undefined` when it was not before. */
function preparedBefore({ run, approvals }: IncidentState): number | undefined {
  const [first] = approvals.flatMap(({ decisions }) => decisions.map(({ at }) => at)).toSorted((a, b) => a - b);
  const raise = run?.plan.steps.find(({ action }) => action === 'raise-service');
  const begun = raise === undefined ? undefined : run?.intents.get(`do:${raise.id}`);
  return begun === undefined || first === undefined || begun > first ? undefined : first - begun;
}

/** All stories. */
export const STORIES: readonly Story[] = [
  ...REGION_STORIES,
  {
    runbook: 'backup-restore',
    title:
      'A person asks for yesterday’s data: a copy is made from the newest backup, checked, compared, and waits for a decision',
    asks: 'documents are missing since the night',
    ends: 'needsPerson',
    withinMs: 60 * 60_000,
    check: (sandbox, state) => {
      const { fleet } = sandbox.world.sql;
      const copy = fleet.find(REFERENCE.restored);
      const made = ['cloudsql.instances.create', 'cloudsql.instances.restoreBackup'];
      const others = changes(sandbox).filter((change) => !made.some((permission) => change.startsWith(permission)));
      const decide = state.run?.steps.get(stepId('decide'));
      const waits = decide?.kind === 'failed' && decide.failure.code === 'copyAwaitsDecision';
      const rows = fleet.servers.server(REFERENCE.restored)?.history.applicationRows().length ?? 0;
      return [
        {
          name: 'the incident waits for a person’s decision, who was told what production has that the copy lacks',
          held: state.phase.kind === 'needsPerson' && waits && decide.failure.detail.includes('newer in production'),
          figure: waits ? decide.failure.detail : state.phase.kind,
        },
        {
          name: 'one instance was created, and one backup read into it',
          held: made.every((permission) => effects(sandbox, permission).length === 1),
          figure: made.map((permission) => `${effects(sandbox, permission).length} ${permission}`).join(', '),
        },
        {
          name: 'it holds the documents of before',
          held: copy?.state === 'RUNNABLE' && rows > 100,
          figure: `${rows} documents, ${copy?.state ?? 'no instance'}`,
        },
        { name: 'nothing else was changed', held: others.length === 0, figure: others.join(', ') || 'nothing' },
        ledger(sandbox),
      ];
    },
  },
  BREACH_STORY,
  ISOLATION_STORY,
  {
    runbook: 'point-in-time-recovery',
    title: 'A job spoils documents: it is paused, what was there before is cloned, compared, reviewed and brought back',
    fault: 'data-corruption',
    asks: 'documents are garbled',
    says: [[IMPORT_ROWS], [DELETE_CLONES]],
    approvals: 3,
    withinMs: 120 * 60_000,
    check: (sandbox, state, _system, _evidence, failedAtMs) => recoveryChecks(sandbox, state, failedAtMs),
  },
  TENANT_STORY,
  {
    runbook: 'pod-heal',
    title: 'A pod of the API hangs and heals by itself',
    fault: 'pod',
    withinMs: 25 * 60_000,
    check: (sandbox, state, _system, evidence) => [
      resolved(state),
      {
        name: 'one pod was evicted, once',
        held: effects(sandbox, 'k8s.pods/eviction.create').length === 1,
        figure: `${effects(sandbox, 'k8s.pods/eviction.create').length} evictions`,
      },
      { name: 'nothing else was changed', held: changes(sandbox).length === 1, figure: changes(sandbox).join(', ') },
      {
        name: 'no person was asked',
        held: state.approvals.length === 0,
        figure: `${state.approvals.length} approvals`,
      },
      {
        name: 'evidence was kept, redacted',
        held: evidence.length >= 2 && !evidence.some((text) => text.includes(passwordOf(sandbox))),
        figure: `${evidence.length} pieces`,
      },
      ledger(sandbox),
    ],
  },
  {
    runbook: 'rollout-undo',
    title: 'A release of the API names an image that does not exist; a person approves the release before it',
    fault: 'bad-revision',
    withinMs: 30 * 60_000,
    check: (sandbox, state) => {
      const { store } = sandbox.world.kubernetes;
      const { containers } = store.read('Deployment', REFERENCE.namespace, REFERENCE.api).spec.template.spec;
      const [asked] = state.approvals;
      return [
        resolved(state),
        {
          name: 'one release was taken back, and nothing else was changed',
          held: changes(sandbox).length === 1 && effects(sandbox, 'k8s.apps.deployments.patch').length === 1,
          figure: changes(sandbox).join(', '),
        },
        {
          name: 'what ran before runs again',
          held: containers.every(({ image }) => image.endsWith(':1.14.2')),
          figure: containers.map(({ image }) => image.split('/').at(-1)).join(', '),
        },
        {
          name: 'a person was asked once',
          held: state.approvals.length === 1 && asked?.decisions.length === 1,
          figure: `${state.approvals.length} approvals`,
        },
        ledger(sandbox),
      ];
    },
  },
  {
    runbook: 'service-scale-up',
    title: 'The API on Cloud Run is crowded, gets more instances, and gives them back when the crowd has gone',
    fault: 'cloud-run-pressure',
    passesAfterMs: 8 * 60_000,
    withinMs: 30 * 60_000,
    check: (sandbox, state) => {
      const { scaling } = sandbox.world.run.service(API_ON_RUN).spec;
      return [
        resolved(state),
        {
          name: 'its limits were raised and taken back, and nothing else was changed',
          held: changes(sandbox).length === 2 && effects(sandbox, 'run.services.update').length === 2,
          figure: changes(sandbox).join(', '),
        },
        {
          name: 'they are what they were',
          held: scaling.min === 1 && scaling.max === 4,
          figure: `${scaling.min ?? 0} to ${scaling.max ?? 0} instances`,
        },
        {
          name: 'no person was asked',
          held: state.approvals.length === 0,
          figure: `${state.approvals.length} approvals`,
        },
        ledger(sandbox),
      ];
    },
  },
  {
    runbook: 'cluster-failover',
    title: 'The cluster is lost; the standby is made ready at once, and a person approves that users are led to it',
    fault: 'cluster',
    withinMs: 40 * 60_000,
    check: (sandbox, state) => [
      resolved(state),
      moves(sandbox, 1),
      {
        name: 'the standby began to be made ready before anybody had decided',
        held: preparedBefore(state) !== undefined,
        figure: shown(preparedBefore(state)),
      },
      {
        name: 'users are served by Cloud Run',
        held: leadsTo(sandbox) === RUN_BACKEND && served(sandbox),
        figure: leadsTo(sandbox),
      },
      ledger(sandbox),
    ],
  },
  {
    runbook: 'cluster-failback',
    title: 'The cluster is lost and comes back: its users are led to Cloud Run, and back, and Cloud Run is what it was',
    fault: 'cluster',
    follows: 'cluster-failover',
    approvals: 2,
    passesAfterMs: 14 * 60_000,
    withinMs: 75 * 60_000,
    check: (sandbox, state) => {
      const { scaling } = sandbox.world.run.service(API_ON_RUN).spec;
      return [
        resolved(state),
        moves(sandbox, 2),
        {
          name: 'users are served in the cluster',
          held: leadsTo(sandbox) === 'coditect-dms-gke' && served(sandbox),
          figure: leadsTo(sandbox),
        },
        {
          name: 'the standby is what it was',
          held: scaling.min === 1 && scaling.max === 4,
          figure: `${scaling.min ?? 0} to ${scaling.max ?? 0} instances`,
        },
        ledger(sandbox),
      ];
    },
  },
  {
    runbook: 'database-failover',
    title: 'The primary database is lost; a person approves the promotion of its replica',
    fault: 'primary-database',
    withinMs: 45 * 60_000,
    check: (sandbox, state, system, evidence, failedAtMs) => {
      const promotions = effects(sandbox, 'cloudsql.instances.promoteReplica');
      const primary = sandbox.world.primaryInUse();
      const loss = sandbox.load.loss(
        (id) => sandbox.world.sql.fleet.servers.server(primary)?.history.hasApplicationRow(id) === true,
        instant(failedAtMs),
      );
      const limit = state.approvals.at(-1)?.lossLimitMs ?? null;
      const rto = state.measures?.['rto'] ?? null;
      return [
        resolved(state),
        { name: 'promote was called once', held: promotions.length === 1, figure: `${promotions.length} promotions` },
        {
          name: 'a person approved it',
          held: state.approvals.some((approval) => approval.decisions.some(({ decision }) => decision === 'approve')),
          figure: state.approvals.flatMap(({ decisions }) => decisions.map(({ approver }) => approver)).join(', '),
        },
        {
          name: 'users write and read on the new primary',
          held: sandbox.load.report().every((report) => report.outages.every((outage) => outage.until !== undefined)),
          figure: primary,
        },
        {
          name: 'what was lost is within what was approved',
          held: limit !== null && loss.rpo <= limit,
          figure: `${loss.lost} writes, ${showDuration(loss.rpo)} (approved: at most ${shown(limit)})`,
        },
        {
          name: 'RTO is met',
          held: rto !== null && rto <= system.objectives.rto,
          figure: `${shown(rto)} (objective ${showDuration(system.objectives.rto)})`,
        },
        {
          name: 'RPO is met',
          held: loss.rpo <= system.objectives.rpo,
          figure: `${showDuration(loss.rpo)} (objective ${showDuration(system.objectives.rpo)})`,
        },
        {
          name: 'no password is in the evidence',
          held: !evidence.some((text) => text.includes(passwordOf(sandbox))),
          figure: `${evidence.length} pieces`,
        },
        ledger(sandbox),
      ];
    },
  },
];

import { operateCommand, publishCommand } from '../../cli/commands.ts';
import type { PagedNotice } from '../../cli/person.ts';
import { OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import { type Millis, millis, minutes, seconds } from '../../shared/core/time.ts';
import { stepId } from '../../shared/plan/plan.ts';
import { IMPORT_ROWS } from '../../shared/ports/copy-labels.ts';
import { DELETE_CLONES, RELEASE_WRITER } from '../../shared/ports/recovery-words.ts';
import type { RunbookName } from '../../shared/system/names.ts';
import { approveWhenAsked, lossOnPage, READING, type Stage } from '../stories/story.ts';
import type { MatrixStory } from './plan.ts';

// What happens in the stories of the matrix, and what people do: until nothing is left to be done by them.

type Play = MatrixStory['play'];

/** Longest that people wait for what a plan does whose worker is killed at each step, clock time. */
const PATIENCE = minutes(240);

/** Something breaks, and whoever is on call approves what is proposed. */
export const approved =
  (fault: string, variant?: string): Play =>
  async (stage) => {
    stage.break(fault, undefined, variant);
    await approveWhenAsked(stage);
    return undefined;
  };

/** Something breaks that heals without anybody. */
export const heals =
  (fault: string): Play =>
  async (stage) => {
    stage.break(fault);
    return undefined;
  };

/** A database fails, and the page says what may be lost. */
export async function databaseFails(stage: Stage): Promise<Millis> {
  stage.break('primary-database');
  const { links } = await stage.asked();
  const { atMost } = await lossOnPage(links);
  await approveWhenAsked(stage);
  return atMost;
}

/** The cluster is lost, and people read until its standby is ready: what prepares their decision is done by then. It comes back. */
export async function clusterFails(stage: Stage): Promise<undefined> {
  stage.break('cluster');
  const { links } = await stage.asked();
  await isDone(stage, 'cluster-failover', 'ready');
  await approve(stage, links);
  await comesTo(stage, 'cluster-failover', 'resolved');
  const seen = stage.paged.length;
  stage.mend('cluster');
  const back = await stage.asked('oncall', seen);
  await approve(stage, back.links);
  await comesTo(stage, 'cluster-failback', 'resolved');
  return undefined;
}

/** A crowd comes, and goes some minutes after there is more room for it. */
export const crowdComes =
  (fault: string, runbook: RunbookName): Play =>
  async (stage) => {
    stage.break(fault, undefined, 'crowded');
    await isDone(stage, runbook, 'raise');
    await stage.pass(minutes(4));
    stage.mend(fault);
    return undefined;
  };

/** Nothing is broken: a person asks for it, and approves. */
export const askedFor =
  (runbook: RunbookName, target?: string): Play =>
  async (stage) => {
    await ask(stage, runbook, 'a person asks for it', { target });
    await approveWhenAsked(stage);
    return undefined;
  };

/** One customer's documents are deleted, and come back once people have reviewed them. */
export async function customerLosesDocuments(stage: Stage): Promise<undefined> {
  stage.break('mass-delete', undefined, 'tenant');
  const target = `tenant/coditect-dms-db/${TENANTS[1].id}`;
  await ask(stage, 'tenant-restore', 'a customer has no documents', { target });
  await approveWhenAsked(stage);
  await comesTo(stage, 'tenant-restore', 'needsPerson');
  await say(stage, 'tenant-restore', IMPORT_ROWS);
  await comesTo(stage, 'tenant-restore', 'resolved');
  return undefined;
}

/** A job spoils rows; people see the clone, review what it brings back, and end it. */
export async function jobSpoilsRows(stage: Stage): Promise<undefined> {
  stage.break('data-corruption');
  await stage.pass(minutes(2));
  await ask(stage, 'point-in-time-recovery', 'documents are garbled');
  const { links } = await stage.asked();
  await isDone(stage, 'point-in-time-recovery', 'clone');
  await approve(stage, links);
  await comesTo(stage, 'point-in-time-recovery', 'needsPerson');
  await say(stage, 'point-in-time-recovery', IMPORT_ROWS);
  await asksPeople(stage, 'point-in-time-recovery', 'end');
  await accept(stage, 'point-in-time-recovery', RELEASE_WRITER);
  await say(stage, 'point-in-time-recovery', DELETE_CLONES);
  await comesTo(stage, 'point-in-time-recovery', 'resolved');
  return undefined;
}

/** A region is lost; people accept what nobody can prove, and approve. Answers the loss that they approved. */
async function regionIsLost(stage: Stage): Promise<Millis> {
  stage.break('region');
  await stage.until('the wall is told', async () =>
    (await stage.incidents()).some(({ state }) => state.phase.kind === 'held') ? true : undefined,
  );
  await accept(stage, 'region-failover', 'accept-unfenced-primary');
  const { links } = await stage.asked();
  await isDone(stage, 'region-failover', 'ready');
  await approve(stage, links);
  await comesTo(stage, 'region-failover', 'resolved');
  const { state } = await found(stage, 'region-failover');
  return millis(state.approvals.at(-1)?.lossLimitMs ?? 0);
}

/** The region comes back, with a primary that writes: it is met as people approved beforehand. */
export async function regionReturns(stage: Stage): Promise<Millis> {
  const seen = stage.paged.length;
  const atMost = await regionIsLost(stage);
  const { links } = await stage.until('people are asked about its return', () =>
    stage.paged.slice(seen).find(({ subject, link }) => link !== undefined && subject.includes('region-return')),
  );
  await approve(stage, links);
  await stage.until('its return is waited for', async () =>
    (await incidentOf(stage, 'region-return'))?.state.phase.kind === 'running' ? true : undefined,
  );
  stage.mend('region');
  await comesTo(stage, 'region-return', 'resolved');
  return atMost;
}

/** Then everything goes home, as people approve it plan by plan. */
export async function regionGoesHome(stage: Stage): Promise<undefined> {
  let seen = stage.paged.length;
  await regionReturns(stage);
  await stage.until(
    'everything is home',
    async () => {
      const fresh = stage.paged.slice(seen).filter(({ person, subject }) => person === 'oncall' && isWayHome(subject));
      seen = stage.paged.length;
      for (const { links } of fresh) await approve(stage, links);
      const there = (await stage.incidents()).find(({ state }) => state.target === REBUILT.there);
      return there?.state.phase.kind === 'resolved' ? true : undefined;
    },
    PATIENCE,
  );
}

const isWayHome = (subject: string): boolean => /region-rebuild|region-failback/.test(subject);

/** What the two rebuilds are about: at home, and in the secondary. */
export const REBUILT = { home: 'rebuild/us-central1', there: 'rebuild/us-east1' } as const;

/** Somebody has the key of the sessions. The cluster's copies are cut off, and let back when all is done. */
export async function keyIsStolen(stage: Stage): Promise<undefined> {
  stage.break('leaked-secret');
  await stage.pass(seconds(30));
  await ask(stage, 'breach-response', 'sessions that nobody signed in to', { isolate: ['api-gke'] });
  await approve(stage, (await stage.asked('security')).links);
  const { facts, world } = stage.sandbox;
  const [, incident = '', step = ''] = await stage.until('a person is asked for what only the provider has', () =>
    stage.paged.map(questionOf).find((question) => question !== null),
  );
  world.secretsApi.addVersion(
    { principal: OPERATOR, from: 'internet' },
    REFERENCE.paymentSecret,
    Buffer.from('sk_live_new'),
  );
  await operateCommand(facts, { verb: 'acknowledge', incident, step, reason: 'rolled' }, { json: true });
  await comesTo(stage, 'breach-response', 'resolved');
  const seen = stage.paged.length;
  await ask(stage, 'lift-isolation', 'the image is clean', { target: 'api-gke' });
  await approve(stage, (await stage.asked('security', seen)).links);
  await comesTo(stage, 'lift-isolation', 'resolved');
  return undefined;
}

/** What a page asks its reader to acknowledge: incident and step. */
const questionOf = ({ text }: PagedNotice) => /\.\/dr acknowledge (\S+) (\S+)/.exec(text);

async function approve(stage: Stage, links: readonly string[]): Promise<void> {
  await stage.pass(READING);
  await stage.decide(links, 'approve');
}

/** A person asks from a shell. */
async function ask(
  stage: Stage,
  runbook: RunbookName,
  reason: string,
  { target, isolate = [] }: { readonly target?: string | undefined; readonly isolate?: readonly string[] } = {},
): Promise<void> {
  await publishCommand(stage.sandbox.facts, { command: 'start', runbook, target, isolate, reason }, { json: true });
}

async function found(stage: Stage, runbook: RunbookName) {
  const incident = await incidentOf(stage, runbook);
  if (incident === undefined) throw new Error(`there is no incident of ${runbook}`);
  return incident;
}

async function incidentOf(stage: Stage, runbook: RunbookName) {
  return (await stage.incidents()).find(({ state }) => state.run?.plan.runbook === runbook);
}

/** Until the newest incident of a runbook stands there. */
async function comesTo(stage: Stage, runbook: RunbookName, phase: 'resolved' | 'needsPerson'): Promise<void> {
  await stage.until(
    `${runbook} comes to ${phase}`,
    async () => {
      const found = (await incidentOf(stage, runbook))?.state.phase;
      if (found?.kind === 'needsPerson' && phase === 'resolved') throw new Error(`people are asked: ${found.because}`);
      return found?.kind === phase ? true : undefined;
    },
    PATIENCE,
  );
}

/** Until a step of it is done. */
async function isDone(stage: Stage, runbook: RunbookName, step: string): Promise<void> {
  await stage.until(
    `${step} of ${runbook} is done`,
    async () =>
      (await incidentOf(stage, runbook))?.state.run?.steps.get(stepId(step))?.kind === 'done' ? true : undefined,
    PATIENCE,
  );
}

/** Until the step has asked its question, with which its run ends. */
async function asksPeople(stage: Stage, runbook: RunbookName, step: string): Promise<void> {
  await stage.until(
    `${step} of ${runbook} asks`,
    async () => {
      const { phase, run } = (await incidentOf(stage, runbook))?.state ?? {};
      return phase?.kind === 'needsPerson' && run?.steps.get(stepId(step))?.kind === 'failed' ? true : undefined;
    },
    PATIENCE,
  );
}

/** A person says a word that goes with a verb of its own. */
async function accept(stage: Stage, runbook: RunbookName, wall: string): Promise<void> {
  const incident = (await found(stage, runbook)).state.id;
  const wish = { verb: 'accept', incident, wall, reason: 'we have looked at it' };
  await operateCommand(stage.sandbox.facts, wish, { json: true });
}

/** A person says a word, and approves the plan that it leads to. */
async function say(stage: Stage, runbook: RunbookName, wall: string): Promise<void> {
  const told = stage.paged.length;
  await accept(stage, runbook, wall);
  await approve(stage, (await stage.asked('oncall', told)).links);
}

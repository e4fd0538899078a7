import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { operateCommand, publishCommand } from '../../cli/commands.ts';
import { passwordOf } from '../../cli/story.ts';
import { connectTo } from '../../sandbox/host/redis-server.ts';
import { OPERATOR, REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_EVIDENCE, SERVICES } from '../../sandbox/world/reference-world.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { changes, unbalanced } from './judge.ts';
import { onStage, type Stage } from './story.ts';

const { signingSecret: JWT, paymentSecret: PAYMENT, databaseSecret: DATABASE } = REFERENCE;
const { databaseSecret: EAST } = SECONDARY;

const states = (stage: Stage, secret: string): readonly string[] =>
  stage.sandbox.world.secrets.versions(secret).map(({ number, state }) => `${number} ${state}`);

/** A person reports it from a shell. */
const report = (stage: Stage, ...isolate: readonly string[]) =>
  publishCommand(
    stage.sandbox.facts,
    {
      command: 'start',
      runbook: 'breach-response',
      target: undefined,
      isolate,
      reason: 'sessions that nobody signed in to',
    },
    { json: true },
  );

/** The pods of the API, by name. */
const pods = (stage: Stage): readonly string[] =>
  stage.sandbox.world.kubernetes.store
    .list('Pod', REFERENCE.namespace)
    .flatMap(({ metadata }) => (metadata.labels?.['app'] === REFERENCE.api ? [metadata.name] : []))
    .toSorted();

/** Evidence as it lies in the bucket that gives nothing back. */
const sealed = (stage: Stage): readonly string[] =>
  stage.sandbox.world.storage.list(REFERENCE_EVIDENCE.name, {}).map(({ content }) => Buffer.from(content).toString());

/** When the thief was last let in anywhere. */
const lastAdmitted = (stage: Stage): number =>
  Math.max(...stage.sandbox.world.intruder.report().map(({ lastAdmittedAt }) => lastAdmittedAt ?? 0));

/** Files of the sandbox that hold a text: its state, keys and settings. */
const holding = (stage: Stage, text: string): readonly string[] =>
  readdirSync(stage.folder, { withFileTypes: true })
    // The sandbox's own, for people at psql: nothing of ours reads or writes it.
    .filter((entry) => entry.isFile() && entry.name !== 'pgpass')
    .filter((entry) => readFileSync(join(stage.folder, entry.name)).includes(text))
    .map(({ name }) => name);

/** Keys of the real Redis; `undefined` where none is installed, and then nothing is said of sessions. */
async function keysOf(stage: Stage): Promise<readonly string[] | undefined> {
  if (stage.sandbox.redis === undefined) return undefined;
  const client = await connectTo(stage.sandbox.redis);
  try {
    return await client.keys('*');
  } finally {
    client.destroy();
  }
}

/** Whether PostgreSQL itself lets the application's user in by that password. */
async function logsIn({ sandbox }: Stage, password: string): Promise<boolean> {
  const { ports, primary } = await sandbox.databases.addresses();
  const user = REFERENCE.databaseUser;
  const client = new pg.Client({ host: '127.0.0.1', port: ports[primary] ?? 0, database: 'dms', user, password });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: '28P01' });
    return false;
  } finally {
    await client.end();
  }
}

/** Of the sessions of before none is left; what else was there is. */
async function sessionsEnded(stage: Stage, before: readonly string[] | undefined): Promise<void> {
  const now = await keysOf(stage);
  if (before === undefined || now === undefined) return;
  const [sessions, others] = [true, false].map((wanted) =>
    before.filter((key) => key.startsWith('session:') === wanted),
  );
  expect(sessions?.length).toBeGreaterThanOrEqual(500);
  expect(sessions?.filter((key) => now.includes(key))).toEqual([]);
  expect(others?.filter((key) => !now.includes(key))).toEqual([]);
}

describe('somebody has the key of the sessions', () => {
  it('is let in nowhere any more once people have approved, and the payment provider’s key follows when its person has it', () =>
    onStage({ name: 'breach' }, async (stage) => {
      const { world } = stage.sandbox;
      const before = await keysOf(stage);
      const stolen = world.secrets.readSecret(JWT) ?? '';
      const stolenPassword = passwordOf(stage.sandbox);
      stage.break('leaked-secret');
      await stage.pass(seconds(30));
      expect(world.intruder.report().every(({ admitted }) => admitted > 0)).toBe(true);

      await report(stage);
      const page = await stage.until('the security lead is paged', () =>
        stage.paged.find(({ person }) => person === 'security'),
      );
      expect(page).toMatchObject({ subject: 'SECURITY BREACH reported', link: undefined });
      const asked = await stage.asked('security');
      expect(changes(stage)).toEqual([]);
      await stage.decide(asked.links, 'approve');
      await stage.until('the stolen key is disabled', () =>
        states(stage, JWT)[1] === '1 DISABLED' ? true : undefined,
      );
      await stage.pass(seconds(10));
      const since = lastAdmitted(stage);

      const question = await stage.until('a person is asked for what only the provider has', () =>
        stage.paged.find(({ person, subject }) => person === 'oncall' && subject.includes(`a new ${PAYMENT}`)),
      );
      const step = /\.\/dr acknowledge (\S+) (\S+)/.exec(question.text);
      await stage.pass(minutes(3));
      expect(states(stage, PAYMENT)).toEqual(['1 ENABLED']);
      world.secretsApi.addVersion({ principal: OPERATOR, from: 'internet' }, PAYMENT, Buffer.from('sk_live_brandnew'));
      await operateCommand(
        stage.sandbox.facts,
        { verb: 'acknowledge', incident: step?.[1] ?? '', step: step?.[2] ?? '', reason: 'rolled in the dashboard' },
        { json: true },
      );
      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(states(stage, PAYMENT)).toEqual(['2 ENABLED', '1 DISABLED']);
      expect(states(stage, JWT)).toEqual(['2 ENABLED', '1 DISABLED']);
      expect(lastAdmitted(stage)).toBe(since);
      await sessionsEnded(stage, before);
      expect(stage.sandbox.load.report().flatMap(({ outages }) => outages)).toEqual([]);
      // Two versions of the keys are disabled and one is added; of the two URLs both.
      expect(changes(stage).filter((change) => change.startsWith('secretmanager'))).toHaveLength(7);
      for (const secret of [DATABASE, EAST]) expect(states(stage, secret)).toEqual(['2 ENABLED', '1 DISABLED']);
      expect(await logsIn(stage, stolenPassword)).toBe(false);
      const password = passwordOf(stage.sandbox);
      expect(await logsIn(stage, password)).toBe(true);
      for (const value of [stolen, world.secrets.readSecret(JWT) ?? '', 'sk_live_brandnew', stolenPassword, password]) {
        expect(holding(stage, value)).toEqual([]);
        expect(stage.output.filter((line) => line.includes(value))).toEqual([]);
      }
      expect(unbalanced(stage)).toEqual([]);
    }));

  it('is cut off from the cluster at once, whose pods stay as they are until people let users back to new ones', () =>
    onStage({ name: 'breach-isolated' }, async (stage) => {
      const { world } = stage.sandbox;
      const before = pods(stage);
      stage.break('leaked-secret');
      await stage.pass(seconds(30));
      await report(stage, 'api-gke');
      await stage.decide((await stage.asked('security')).links, 'approve');
      await stage.until('the stolen key is disabled', () =>
        states(stage, JWT)[1] === '1 DISABLED' ? true : undefined,
      );
      const [inCluster] = world.intruder.report().map(({ lastAdmittedAt }) => lastAdmittedAt);
      expect(pods(stage)).toEqual(before);
      await stage.until('a clone of the database is kept', () =>
        world.sql.fleet
          .all()
          .find(({ name, settings }) => name.includes('-forensic-') && settings.deletionProtectionEnabled),
      );
      expect(sealed(stage).filter((text) => text.includes(before[0] ?? ' ')).length).toBeGreaterThan(0);

      const asked = stage.paged.length;
      await publishCommand(
        stage.sandbox.facts,
        { command: 'start', runbook: 'lift-isolation', target: 'api-gke', reason: 'the image is clean' },
        { json: true },
      );
      const page = await stage.until('the security lead is asked to lift it', () =>
        stage.paged
          .slice(asked)
          .find(
            ({ person, link, subject }) =>
              person === 'security' && link !== undefined && subject.includes('lift-isolation'),
          ),
      );
      await stage.decide(page.links, 'approve');
      await stage.until('the isolation is lifted', () =>
        world.kubernetes.store.list('NetworkPolicy', REFERENCE.namespace).length === 0 ? true : undefined,
      );
      await stage.until('users are served in the cluster', () =>
        world.front.isWell(SERVICES.apiGke) ? true : undefined,
      );

      expect(pods(stage).filter((pod) => before.includes(pod))).toEqual([]);
      expect(world.intruder.report()[0]?.lastAdmittedAt).toBe(inCluster);
      expect(changes(stage).filter((change) => change.startsWith('k8s.networking'))).toEqual([
        expect.stringContaining('k8s.networking.networkpolicies.create'),
        expect.stringContaining('k8s.networking.networkpolicies.delete'),
      ]);
    }));

  it('keeps it when the approvers say no', () =>
    onStage({ name: 'breach-denied' }, async (stage) => {
      stage.break('leaked-secret');
      await report(stage);
      const asked = await stage.asked('security');
      await stage.decide(asked.links, 'deny');
      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('needsPerson');
      await stage.pass(minutes(2));
      expect(changes(stage)).toEqual([]);
      expect(states(stage, JWT)).toEqual(['1 ENABLED']);
    }));
});

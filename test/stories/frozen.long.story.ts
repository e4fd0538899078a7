import { describe, expect, it } from '@jest/globals';
import { openForReading } from '../../cli/read-incidents.ts';
import { millis, seconds } from '../../shared/core/time.ts';
import { changes, effects, loss, promotions, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage, type Stage } from './story.ts';

/** How long a lease of the sandbox lasts at the most, clock time; a frozen worker sleeps through it. */
const LEASE = seconds(180);

/** The process that holds the incident's lease, by the region that its holder names. */
async function workerOf(stage: Stage): Promise<number> {
  const { state } = await stage.incident();
  const copies = stage.sandbox.copies.all().filter(({ name }) => name === 'recover');
  const store = openForReading(stage.sandbox.facts.store);
  const lease = await store.leases.read(`incident/${state.id}`);
  await store.close();
  const pid = copies.find(({ region }) => lease?.holder.includes(region) === true)?.process.pid;
  if (pid === undefined) throw new Error('nobody works');
  return pid;
}

/** Stops `recover` as a host that swaps would, for longer than its lease, and lets it go on. */
async function freeze(stage: Stage): Promise<void> {
  const recover = stage.sandbox.functions.get('recover');
  stage.note(`SIGSTOP recover (${recover?.pid ?? 'none runs'})`);
  recover?.kill('SIGSTOP');
  await stage.pass(millis(LEASE + seconds(60 + stage.chance.between(0, 120))));
  stage.note('SIGCONT recover');
  recover?.kill('SIGCONT');
}

/** Freezes at the moment in which a request of that permission has had its effect. */
async function freezeAt(stage: Stage, permission: string): Promise<void> {
  await stage.until(`${permission} has happened`, () => effects(stage, permission)[0]);
  await stage.pass(seconds(stage.chance.between(0, 4)));
  await freeze(stage);
}

async function finishedOrLanded(stage: Stage, promised: number): Promise<void> {
  const { state } = await stage.settled();
  expect(promotions(stage).length).toBeLessThanOrEqual(1);
  expect(unbalanced(stage)).toEqual([]);
  if (state.phase.kind === 'resolved') {
    expect(promotions(stage).length).toBe(1);
    expect(withoutService(stage)).toEqual([]);
    expect(loss(stage).rpo).toBeLessThanOrEqual(promised);
    return;
  }
  expect(state.phase.kind).toBe('needsPerson');
  await stage.until('a landing is paged', () => stage.paged.find(({ subject }) => /landed \(/.test(subject)));
}

describe('a worker that is frozen inside the committed section for longer than its lease', () => {
  it.each([
    ['while consumers are held', 'k8s.apps.deployments/scale.patch'],
    ['while the old primary stops', 'cloudsql.instances.update'],
    ['while the replica is promoted', 'cloudsql.instances.promoteReplica'],
    ['while the secret is pointed', 'secretmanager.versions.add'],
  ])('%s: finishes or lands, and promotes at most once', (_when, permission) =>
    onStage({ name: `frozen/${permission}` }, async (stage) => {
      stage.break('primary-database');
      const promised = await lossOnPage((await stage.asked()).link);
      await approveWhenAsked(stage);
      await freezeAt(stage, permission);
      await finishedOrLanded(stage, promised.atMost);
    }),
  );

  it.each([
    ['while the old primary stops', 'cloudsql.instances.update'],
    ['while the replica is promoted', 'cloudsql.instances.promoteReplica'],
  ])('%s, and wakes beside the successor that has gone on: everything is done once', (_when, permission) =>
    onStage({ name: `frozen-two/${permission}`, regions: 2 }, async (stage) => {
      stage.break('primary-database');
      const promised = await lossOnPage((await stage.asked()).link);
      await approveWhenAsked(stage);
      await stage.until(`${permission} has happened`, () => effects(stage, permission)[0]);
      // Whichever of the two copies works, it is the one that must sleep; the other has found the lease taken.
      const worker = await workerOf(stage);
      stage.note(`SIGSTOP ${worker}`);
      process.kill(worker, 'SIGSTOP');
      const done = changes(stage).length;
      await stage.until('the successor goes on', () => (changes(stage).length > done ? true : undefined));
      stage.note(`SIGCONT ${worker}`);
      process.kill(worker, 'SIGCONT');

      await finishedOrLanded(stage, promised.atMost);

      expect((await stage.incident()).state.phase.kind).toBe('resolved');
      expect(changes(stage).length).toBe(10);
    }),
  );
});

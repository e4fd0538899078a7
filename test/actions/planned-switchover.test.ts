import { describe, expect, it } from '@jest/globals';
import { checkWay, markLastWrite, seeReplicaFollow } from '../../shared/actions/planned-switchover.ts';
import { promoteReplica } from '../../shared/actions/promote-replica.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { planDigest } from '../../shared/plan/plan.ts';
import type { ActionContext, Progress } from '../../shared/engine/action.ts';
import { EAST, instance, SYSTEM } from '../classify/looks.ts';
import { countingChance, JumpingClock, planOf, step } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const HOME = 'coditect-dms-db-2';
const CONSUMERS = ['api-gke', 'api-run', 'api-east'];

/** A primary elsewhere and its replica at home, with just what a planned switchover asks of them. */
class Pair {
  readonly clock = new JumpingClock();
  /** Rows on the replica: what the primary takes arrives there, unless it is frozen. */
  readonly rows = new Set<string>();
  readonly written: string[] = [];
  isFrozen = false;
  upstream = String(EAST);
  replicas = 0;
  instances = 0;
  sessions: readonly { readonly client: string; readonly count: number }[] | undefined = [];
  canary = 'written';
  ttlMs: number | undefined;
  leadsTo = 'api-east';
  /** What the fence looks at: whether the old primary is stopped, and what each place meets. */
  activation: 'always' | 'never' = 'never';

  context(): ActionContext {
    return contextOf({
      clock: this.clock,
      chance: countingChance(),
      system: SYSTEM,
      run: { plan: PLAN },
      world: {
        databases: {
          inspect: async (name: string) =>
            name === HOME
              ? instance({ instance: instance().instance, role: 'replica', upstream: this.upstream as typeof EAST })
              : instance({ instance: EAST, activation: this.activation }),
          operations: async () => [],
        },
        dataPlane: {
          canary: async (_name: string, token: string) => {
            if (this.activation === 'never' && token !== ROW && !token.startsWith('follow-'))
              return { kind: 'connectionRefused' };
            if (this.canary === 'written') {
              this.written.push(token);
              if (!this.isFrozen) this.rows.add(token);
            }
            return { kind: this.canary };
          },
          hasCanary: async (_name: string, token: string) => this.rows.has(token),
          sessions: async () => this.sessions,
          replication: async () => ({ role: 'replica', receiving: true, position: 1 }),
        },
        workloads: {
          inspect: async () => ({ replicas: this.replicas }),
          pods: async () => (this.replicas === 0 ? [] : [{}]),
        },
        services: {
          inspect: async () => ({ settled: true, scaling: { kind: 'manual', instances: this.instances } }),
        },
        applications: {
          contactFrom: async () => ({
            vantage: 'prober',
            at: this.clock.now(),
            outcome: { kind: 'connectionRefused' },
            control: 'ok',
          }),
        },
        traffic: { inspect: async () => ({ leadsTo: this.leadsTo, detail: 'leads', ttlMs: this.ttlMs, version: 'v' }) },
      },
    });
  }
}

const LAST = { primary: EAST, replica: HOME, consumers: CONSUMERS };
const PLAN = planOf([
  step('fence', {
    action: 'prove-fence',
    input: { instance: EAST, address: '10.20.0.5:5432', consumers: CONSUMERS, control: HOME },
  }),
  step('last', { action: 'mark-last-write', input: LAST }),
]);

/** Its name follows from the plan. */
const ROW = `last-${planDigest(PLAN).slice(0, 24)}`;
const FOLLOW = { primary: EAST, replica: HOME, withinMs: seconds(10) };

/** Starts, and polls as often as the action wants to go on, so often at the most. */
async function played(
  action: typeof markLastWrite,
  input: Parameters<typeof markLastWrite.start>[0],
  pair: Pair,
  polls = 30,
): Promise<Progress> {
  const context = pair.context();
  let progress = await action.start(input, null, context);
  for (let poll = 0; poll < polls && progress.kind === 'running'; poll += 1) {
    await pair.clock.sleep(progress.again ?? seconds(5));
    progress = await action.poll(progress.handle, input, context);
  }
  return progress;
}

describe('A replica is seen to follow', () => {
  it('by rows that arrive on it one after the other', async () => {
    const pair = new Pair();
    expect(await played(seeReplicaFollow, FOLLOW, pair)).toMatchObject({ kind: 'done' });
    expect(pair.written).toHaveLength(3);
  });

  it('never by a lag that does not move: one whose replay is frozen voids the plan', async () => {
    const pair = new Pair();
    pair.isFrozen = true;
    expect(await played(seeReplicaFollow, FOLLOW, pair)).toMatchObject({
      kind: 'failed',
      failure: { kind: 'voided', code: 'replicaLags' },
    });
  });

  it('only of the primary that the plan names', async () => {
    const pair = new Pair();
    pair.upstream = 'coditect-dms-db';
    expect(await seeReplicaFollow.observe(FOLLOW, pair.context())).toMatchObject({
      kind: 'refused',
      failure: { code: 'notItsReplica' },
    });
  });
});

describe('The last write', () => {
  it('is written when every writer is away, and done when the replica has it', async () => {
    const pair = new Pair();
    expect(await played(markLastWrite, LAST, pair)).toMatchObject({ kind: 'done' });
    expect(pair.written).toEqual([ROW]);
  });

  it.each<readonly [string, (pair: Pair) => void]>([
    ['a Deployment has pods', (pair) => (pair.replicas = 1)],
    ['a service has instances', (pair) => (pair.instances = 2)],
    ['somebody whom dr.yaml does not list holds a session', (pair) => (pair.sessions = [{ client: 'bulk', count: 1 }])],
    ['nobody knows who holds sessions', (pair) => (pair.sessions = undefined)],
  ])('is not written while %s', async (_, change) => {
    const pair = new Pair();
    change(pair);
    expect(await played(markLastWrite, LAST, pair)).toMatchObject({ kind: 'running' });
    expect(pair.written).toEqual([]);
    expect(await played(markLastWrite, LAST, pair, 90)).toMatchObject({
      kind: 'failed',
      failure: { code: 'notCaughtUp' },
    });
  });

  it('is waited for on the replica, and written once', async () => {
    const pair = new Pair();
    pair.isFrozen = true;
    expect(await played(markLastWrite, LAST, pair)).toMatchObject({ kind: 'running' });
    expect(pair.written).toEqual([ROW]);
  });
});

describe('A promotion that may lose nothing', () => {
  const input = { replica: HOME, upstream: EAST, loses: 'nothing' };

  it('is made where the old side is fenced and the last row is on the replica', async () => {
    const pair = new Pair();
    pair.rows.add(ROW);
    expect(await promoteReplica.observe(input, pair.context())).toMatchObject({ kind: 'toDo' });
  });

  it.each<readonly [string, string, (pair: Pair) => void]>([
    ['the replica lacks the last row, whatever the log says', 'notCaughtUp', (pair) => pair.rows.clear()],
    ['a writer has come back', 'notCaughtUp', (pair) => (pair.replicas = 3)],
    ['the old side is not stopped', 'fenceUnproved', (pair) => (pair.activation = 'always')],
  ])('is refused where %s', async (_, code, change) => {
    const pair = new Pair();
    pair.rows.add(ROW);
    change(pair);
    const found = await promoteReplica.observe(input, pair.context());
    expect(found).toMatchObject({ kind: 'refused' });
    if (code === 'notCaughtUp') expect(found).toMatchObject({ failure: { code } });
  });
});

describe('The way of users before a planned move', () => {
  const way = { entrance: 'dms-api', leadsTo: 'api-east', ttlMs: minutes(1) };

  it('is as the plan says, and known to clients for no longer than the file says', async () => {
    const pair = new Pair();
    pair.ttlMs = minutes(1);
    expect(await checkWay.start(way, null, pair.context())).toMatchObject({ kind: 'done' });
  });

  it.each<readonly [string, string, (pair: Pair) => void]>([
    ['clients know the record for an hour', 'ttlTooLong', (pair) => (pair.ttlMs = minutes(60))],
    ['somebody else has led it elsewhere', 'movedByOthers', (pair) => (pair.leadsTo = 'api-run')],
  ])('holds the move up where %s', async (_, code, change) => {
    const pair = new Pair();
    change(pair);
    expect(await checkWay.start(way, null, pair.context())).toMatchObject({ kind: 'failed', failure: { code } });
  });
});

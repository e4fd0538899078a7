import { describe, expect, it } from '@jest/globals';
import { restartRollout, undoRollout } from '../../shared/actions/change-rollout.ts';
import type { ActionContext } from '../../shared/engine/action.ts';
import type { Rollout } from '../../shared/ports/rollouts.ts';
import { revision, rollout } from '../classify/looks.ts';
import { JumpingClock } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

const FROM = revision(2, { ready: 0 });
const TO = revision(1);
const name = ({ uid, revision: number }: typeof FROM) => ({ uid, revision: number });
const INPUT = { application: 'api-gke', from: name(FROM), to: name(TO) };

/** A Deployment's rollout, as a test makes it. */
class Rolling {
  is: Rollout = rollout([FROM, TO], { version: '7', updated: 1, total: 4 });
  readonly undone: string[] = [];

  context(): ActionContext {
    return contextOf({
      clock: new JumpingClock(),
      run: { plan: { incident: 'inc-a' } },
      world: {
        rollouts: {
          inspect: async () => this.is,
          undo: async (_id: string, uid: string, version: string) => void this.undone.push(`${uid} at ${version}`),
          restart: async (_id: string, version: string, { incident }: { readonly incident: string }) =>
            void this.undone.push(`${incident} at ${version}`),
        },
      },
    });
  }

  observed = () => undoRollout.observe(INPUT, this.context());
  polled = (gaveUpAt: string | null = null) => undoRollout.poll({ gaveUpAt }, INPUT, this.context());

  /** The former revision is what runs now. */
  back(change: Partial<Rollout> = {}): void {
    this.is = rollout([{ ...TO, revision: 3 }, FROM], { version: '8', ...change });
  }
}

describe('undoing a rollout', () => {
  it('gives the revision of the plan again, at the version that was looked at', async () => {
    const deployment = new Rolling();
    const seen = await deployment.observed();
    expect(seen).toEqual({ kind: 'toDo', version: { version: '7', gaveUpAt: null } });

    await undoRollout.start(INPUT, { version: '7', gaveUpAt: null }, deployment.context());

    expect(deployment.undone).toEqual(['set-1 at 7']);
  });

  it('is done already when every pod runs it, and under way while some do not', async () => {
    const deployment = new Rolling();
    deployment.back();
    expect(await deployment.observed()).toMatchObject({ kind: 'already' });
    deployment.back({ updated: 2 });
    expect(await deployment.observed()).toMatchObject({ kind: 'inProgress' });
  });

  it('is void when somebody has deployed another revision, or the former one is forgotten', async () => {
    const deployment = new Rolling();
    deployment.is = rollout([revision(3), FROM, TO]);
    expect(await deployment.observed()).toMatchObject({ failure: { kind: 'voided', code: 'rolledOn' } });
    deployment.is = rollout([FROM]);
    expect(await deployment.observed()).toMatchObject({ failure: { kind: 'voided', code: 'noSuchRevision' } });
  });

  it('is left to whoever has paused the rollout', async () => {
    const deployment = new Rolling();
    deployment.is = { ...deployment.is, paused: true };

    expect(await deployment.observed()).toMatchObject({ kind: 'refused', failure: { code: 'rolloutPaused' } });
  });

  it('does not take more healthy pods away than their budget allows', async () => {
    const deployment = new Rolling();
    deployment.is = { ...deployment.is, keepsAvailable: 1 };
    expect(await deployment.observed()).toMatchObject({ failure: { kind: 'wall', code: 'budgetWouldBreak' } });
    deployment.is = { ...deployment.is, budget: { name: 'api', desiredHealthy: 2, currentHealthy: 1 } };
    expect(await deployment.observed()).toMatchObject({ kind: 'toDo' });
  });

  it('looks again while the controller has not seen the newest template', async () => {
    const deployment = new Rolling();
    deployment.is = { ...deployment.is, observed: false };

    await expect(deployment.observed()).rejects.toMatchObject({ kind: 'retryable' });
    expect(await deployment.polled()).toMatchObject({ kind: 'running' });
  });

  it('is watched until every pod runs it, with replicas at all', async () => {
    const deployment = new Rolling();
    deployment.back({ available: 2 });
    expect(await deployment.polled()).toMatchObject({ kind: 'running' });
    deployment.back({ replicas: 0, updated: 0, total: 0, available: 0 });
    expect(await deployment.polled()).toMatchObject({ kind: 'running' });
    deployment.back();
    expect(await deployment.polled()).toMatchObject({ kind: 'done' });
  });

  it('has failed when the controller gives up on it, and not because it gave up on what was before', async () => {
    const deployment = new Rolling();
    deployment.back({ available: 2, gaveUpAt: 'then' });

    expect(await deployment.polled('then')).toMatchObject({ kind: 'running' });
    expect(await deployment.polled(null)).toMatchObject({ kind: 'failed', failure: { code: 'progressDeadline' } });
  });

  it('is void when somebody deploys another revision while it is watched', async () => {
    const deployment = new Rolling();
    deployment.is = rollout([revision(4), TO]);

    expect(await deployment.polled()).toMatchObject({ kind: 'failed', failure: { kind: 'voided', code: 'rolledOn' } });
  });
});

describe('restarting every pod', () => {
  const RESTART = { application: 'api-gke', from: name(TO) };

  /** A Deployment that runs one revision, complete. */
  function steady(change: Partial<Rollout> = {}): Rolling {
    const deployment = new Rolling();
    deployment.is = rollout([TO], { version: '7', ...change });
    return deployment;
  }
  const observed = (deployment: Rolling) => restartRollout.observe(RESTART, deployment.context());
  const polled = (deployment: Rolling) => restartRollout.poll({ gaveUpAt: null }, RESTART, deployment.context());

  it('names the incident in what it starts, at the version that was looked at', async () => {
    const deployment = steady();
    expect(await observed(deployment)).toEqual({ kind: 'toDo', version: { version: '7', gaveUpAt: null } });

    await restartRollout.start(RESTART, { version: '7', gaveUpAt: null }, deployment.context());

    expect(deployment.undone).toEqual(['inc-a at 7']);
  });

  it('is known again after a lost reply, and not repeated', async () => {
    const deployment = steady();
    deployment.is = rollout([revision(2), TO], { restartedFor: 'inc-a', updated: 1 });
    expect(await observed(deployment)).toMatchObject({ kind: 'inProgress' });
    expect(await polled(deployment)).toMatchObject({ kind: 'running' });
    deployment.is = rollout([revision(2), TO], { restartedFor: 'inc-a' });
    expect(await observed(deployment)).toMatchObject({ kind: 'already' });
    expect(await polled(deployment)).toMatchObject({ kind: 'done' });
  });

  it('is void when the Deployment runs another revision, one that another incident restarted included', async () => {
    const deployment = steady();
    deployment.is = rollout([revision(2), TO], { restartedFor: 'inc-b' });

    expect(await observed(deployment)).toMatchObject({ failure: { kind: 'voided', code: 'rolledOn' } });
    expect(await polled(deployment)).toMatchObject({ failure: { kind: 'voided', code: 'rolledOn' } });
  });

  it('is refused where nothing runs, or where healthy pods would go against their budget', async () => {
    expect(await observed(steady({ replicas: 0 }))).toMatchObject({ failure: { code: 'noReplicas' } });
    expect(await observed(steady({ keepsAvailable: 0 }))).toMatchObject({ failure: { code: 'budgetWouldBreak' } });
  });
});

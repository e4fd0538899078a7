import { describe, expect, it } from '@jest/globals';
import { planFaults } from '../../shared/plan/plan.ts';
import type { Rollout } from '../../shared/ports/rollouts.ts';
import { drawRolloutUndo } from '../../shared/runbooks/rollout-undo.ts';
import type { GkeApplication } from '../../shared/system/system.ts';
import { at, revision, rollout, SYSTEM } from '../classify/looks.ts';

const [application] = SYSTEM.applications.filter((one): one is GkeApplication => one.kind === 'gke');
if (application === undefined) throw new Error('the reference system has a Deployment');

const REVISIONS = [revision(3, { ready: 0 }), revision(2, { ready: 0 }), revision(1)];

const drawn = (is: Partial<Rollout> = {}, which: { readonly from?: string; readonly to?: string } = {}) =>
  drawRolloutUndo(SYSTEM, 'inc-a', 'new-revision-failure', {
    at: at(0),
    application,
    rollout: rollout(REVISIONS, is),
    from: which.from,
    to: which.to,
    warnings: [],
  });

function plan(...args: Parameters<typeof drawn>) {
  const found = drawn(...args);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

describe('a rollout that is undone', () => {
  it('keeps evidence, goes back to exactly the revision that was named, and has to stay healthy', () => {
    const { steps } = plan({}, { from: 'set-3', to: 'set-1' });

    expect(steps.map(({ id, risk }) => `${id} ${risk}`)).toEqual([
      'capture observe',
      'undo destructive',
      'hold observe',
    ]);
    expect(steps[1]?.input).toEqual({
      application: 'api-gke',
      from: { uid: 'set-3', revision: 3 },
      to: { uid: 'set-1', revision: 1 },
    });
  });

  it('goes back by one when nothing is named', () => {
    expect(plan().steps[1]?.input).toMatchObject({ to: { revision: 2 } });
  });

  it('is itself undone by rolling forward, and says how by hand', () => {
    const { steps, failback } = plan();

    expect(steps[1]?.undo).toMatchObject({ action: 'undo-rollout', input: { to: { uid: 'set-3' } } });
    expect(failback).toMatch(/kubectl -n coditect-dms rollout undo deployment\/coditect-dms-api --to-revision=3/);
  });

  it('says on its page that a restart would not help', () => {
    expect(plan().alternatives).toContainEqual(expect.objectContaining({ name: 'restart', possible: false }));
  });

  it('is the same plan at the next look', () => {
    expect(plan({ version: '9', updated: 2 }).steps).toEqual(plan().steps);
    expect(planFaults(plan())).toEqual([]);
  });

  it('is not drawn where nothing older is remembered, or healthy pods would be taken away against their budget', () => {
    expect(drawn({ revisions: REVISIONS.slice(0, 1) })).toMatch(/no revision to go back to/);
    expect(drawn({ keepsAvailable: 0 })).toMatch(/PodDisruptionBudget api wants 2/);
  });
});

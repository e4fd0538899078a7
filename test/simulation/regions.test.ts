import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { ACTIONS } from './actions.ts';
import { atStep, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import { type Deed, REGIONS } from './plot.ts';
import { simulate } from './simulate.ts';

// The loss of a control region in the model; test/stories/regions.long.story.ts plays it with the real processes.

const lost = (region: (typeof REGIONS)[number], forMs: number): Deed => ({
  kind: 'regionLost',
  region,
  lastsMs: forMs,
});

const stepsToPromotion = ACTIONS.database.slice(0, ACTIONS.database.indexOf('promote-replica') + 1);

describe('A control region that is lost', () => {
  it.each(stepsToPromotion)('for good while %s is performed leaves the recovery to the other one', async (action) => {
    for (const region of REGIONS) {
      const run = await simulate(1, calm([atStep(action, lost(region, minutes(120)), 300)], { regions: 2 }));
      expect(violations(run)).toEqual([]);
      expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['resolved']);
      expect(run.stage.world.kernel.audit.effects('cloudsql.instances.promoteReplica')).toHaveLength(1);
    }
  });

  it('and is the only one loses no signal: what came meanwhile is heard when it is back', async () => {
    const run = await simulate(1, calm([later(-minutes(1), lost('east', minutes(6)))]));
    expect(violations(run)).toEqual([]);
    expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['resolved']);
  });
});

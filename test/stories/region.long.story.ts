import { describe, expect, it } from '@jest/globals';
import { operateCommand } from '../../cli/commands.ts';
import { SECONDARY } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, leaks, loss, promotions, unbalanced } from './judge.ts';
import { onStage, READING, type Stage } from './story.ts';

// A whole region of the system is lost, and with it one of our own control regions: everything goes on in the other one, through the
// real clients. Then the region comes back, with a primary that writes.

const OLD = 'coditect-dms-db';

const leadsTo = ({ sandbox }: Stage): string => sandbox.world.balancers.urlMap('coditect-dms-ingress').defaultService;

/** Users who come by the entrance; whoever comes to the lost region without it is led nowhere. */
const isServed = ({ sandbox }: Stage): boolean =>
  sandbox.load
    .report()
    .filter(({ service }) => service === SERVICES.entrance)
    .every(({ outages }) => outages.every(({ until }) => until !== undefined));

/** Approves the next thing that the engineer on call is asked, after so many notices. */
async function approve(stage: Stage, after: number): Promise<void> {
  const { links } = await stage.asked('oncall', after);
  await stage.pass(READING);
  await stage.decide(links, 'approve');
}

describe('a whole region is lost, with every function of ours in one control region', () => {
  it(
    'goes on in its secondary once people accept by name what nobody can prove, and meets the old primary at its return',
    () =>
      onStage({ name: 'region', regions: 2, rate: 5 }, async (stage) => {
        stage.break('region');
        stage.break('control-region', 'us-east4');
        const held = await stage.until('the wall is told', async () => {
          const [first] = await stage.incidents();
          return first?.state.phase.kind === 'held' ? first : undefined;
        });
        expect(held.state.diagnosis).toMatchObject({ scenario: 'region-failure', target: 'region/us-central1' });
        expect(changes(stage)).toEqual([]);
        const wish = { verb: 'accept', incident: held.state.id, wall: 'accept-unfenced-primary', reason: 'it is lost' };
        await operateCommand(stage.sandbox.facts, wish, { json: true });
        await approve(stage, 0);

        const asked = stage.paged.length;
        const failedOver = await stage.until('it is resolved', async () => {
          const found = await stage.incident(held.state.id);
          return found.state.phase.kind === 'resolved' ? found : undefined;
        });
        expect(failedOver.state.run?.plan.runbook).toBe('region-failover');
        expect(promotions(stage).map(({ call }) => call.resource)).toEqual([
          `instances/${SECONDARY.instance}:promoteReplica`,
        ]);
        expect(leadsTo(stage)).toBe(SECONDARY.backendService);
        expect(isServed(stage)).toBe(true);
        const bound = failedOver.state.approvals.at(-1)?.lossLimitMs ?? 0;
        expect(loss(stage).rpo).toBeLessThanOrEqual(bound);

        await approve(stage, asked);
        await stage.until('its return is waited for', async () => {
          const [newest] = await stage.incidents();
          return newest?.state.run?.plan.runbook === 'region-return' && newest.state.phase.kind === 'running'
            ? true
            : undefined;
        });
        stage.mend('region');
        const back = await stage.until('the old primary is met', async () => {
          const found = (await stage.incidents()).find(({ state }) => state.run?.plan.runbook === 'region-return');
          return found?.state.phase.kind === 'resolved' ? found : undefined;
        });

        expect(back.events.some((event) => event.kind === 'stepDone' && event.data.step === 'count')).toBe(true);
        expect(stage.sandbox.world.sql.fleet.server(OLD).power).toBe('stopped');
        expect(promotions(stage).length).toBe(1);
        expect(stage.paged.some(({ subject }) => subject.includes('region-return'))).toBe(true);
        await stage.pass(minutes(1));
        expect(unbalanced(stage)).toEqual([]);
        expect(leaks(stage)).toEqual([]);
      }),
    1_800_000,
  );
});

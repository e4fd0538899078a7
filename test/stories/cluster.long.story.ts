import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, leaks, unbalanced } from './judge.ts';
import { approveWhenAsked, onStage, READING, type Stage } from './story.ts';

const SERVICE = { location: REFERENCE.region, service: REFERENCE.api };

const limits = ({ sandbox }: Stage) => {
  const { min, max } = sandbox.world.run.service(SERVICE).spec.scaling;
  return { min, max };
};

const leadsTo = ({ sandbox }: Stage): string => sandbox.world.balancers.urlMap('coditect-dms-ingress').defaultService;

const SCALED = expect.stringMatching(/^run\.services\.update .*coditect-dms-api/);
const MOVED = expect.stringMatching(/^compute\.urlMaps\.update .*coditect-dms-ingress/);

const areServed = ({ sandbox }: Stage): boolean =>
  sandbox.load.report().every(({ outages }) => outages.every(({ until }) => until !== undefined));

describe('the cluster is lost', () => {
  it('has its standby ready before anybody decides, its users there after the approval, and everything back afterwards', () =>
    onStage({ name: 'cluster' }, async (stage) => {
      const before = limits(stage);
      const { revisions } = stage.sandbox.world.run.service(SERVICE);
      stage.break('cluster');
      const { links } = await stage.asked();
      await stage.until('the standby is raised', () => (limits(stage).min === 3 ? true : undefined));
      expect(leadsTo(stage)).toBe('coditect-dms-gke');
      await stage.pass(READING);
      await stage.decide(links, 'approve');

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(leadsTo(stage)).toBe('coditect-dms-run');
      expect(areServed(stage)).toBe(true);
      const seen = stage.paged.length;
      stage.mend('cluster');
      const back = await stage.asked('oncall', seen);
      await stage.pass(READING);
      await stage.decide(back.links, 'approve');

      const second = await stage.settled(2, minutes(60));

      expect([second.state.run?.plan.runbook, second.state.phase.kind]).toEqual(['cluster-failback', 'resolved']);
      expect(leadsTo(stage)).toBe('coditect-dms-gke');
      expect(limits(stage)).toEqual(before);
      expect(changes(stage)).toEqual([SCALED, MOVED, MOVED, SCALED]);
      expect(stage.sandbox.world.run.service(SERVICE).revisions.length).toBe(revisions.length);
      expect(areServed(stage)).toBe(true);
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));

  it('and comes back before anybody decides: nobody is moved, and the standby is taken back unasked', () =>
    onStage({ name: 'cluster-back' }, async (stage) => {
      const before = limits(stage);
      stage.break('cluster');
      await stage.asked();
      await stage.until('the standby is raised', () => (limits(stage).min === 3 ? true : undefined));
      stage.mend('cluster');

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(limits(stage)).toEqual(before);
      expect(changes(stage)).toEqual([SCALED, SCALED]);
      expect(unbalanced(stage)).toEqual([]);
    }));

  it('where a team switches the address of a record, which clients follow when its ttl has run out', () =>
    onStage(
      {
        name: 'cluster-record',
        config: (document) => {
          // A second region is led to by the load balancer alone.
          document.delete('regions');
          document.setIn(
            ['entrances', 0],
            document.createNode({
              id: 'dms-api',
              via: 'dns',
              host: REFERENCE.publicHost,
              probe: `https://${REFERENCE.publicHost}/dr/health`,
              zone: 'coditect-zone',
              ttl: '60s',
              backends: [
                { application: 'api-gke', address: '203.0.113.10', urlMap: 'coditect-dms-ingress' },
                { application: 'api-run', address: '203.0.113.11', urlMap: 'coditect-dms-standby' },
              ],
            }),
          );
        },
      },
      async (stage) => {
        stage.break('cluster');
        await approveWhenAsked(stage);

        const { state } = await stage.settled();

        expect(state.phase.kind).toBe('resolved');
        expect(stage.sandbox.world.dns.served(`${REFERENCE.publicHost}.`, 'A')?.rrdatas).toEqual(['203.0.113.11']);
        expect(areServed(stage)).toBe(true);
        expect(unbalanced(stage)).toEqual([]);
      },
    ));
});

describe('only the control plane does not answer', () => {
  it('and the pods go on serving: nothing is moved, and nobody is asked to move anything', () =>
    onStage({ name: 'control-plane' }, async (stage) => {
      stage.break('control-plane');
      await stage.pass(minutes(12));

      expect(changes(stage)).toEqual([]);
      expect(stage.paged.filter(({ link }) => link !== undefined)).toEqual([]);
      expect(areServed(stage)).toBe(true);
    }));
});

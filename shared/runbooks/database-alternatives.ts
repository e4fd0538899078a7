import { type Millis, minutes } from '../core/time.ts';
import type { LossBound } from '../plan/loss-bound.ts';
import type { Alternative } from '../plan/plan.ts';
import type { Database, System } from '../system/system.ts';
import type { DatabaseFailoverFacts } from './database-failover.ts';

/** The other ways, with the same figures (design.md section 7). */
export function alternatives(system: System, facts: DatabaseFailoverFacts, bound: LossBound): readonly Alternative[] {
  const { database, primary, failedSince, at } = facts;
  const deadline = (failedSince ?? at) + system.objectives.rto;
  const latest = (estimate: Millis): number => deadline - estimate;
  const listed = (remedy: Database['remedies'][number]): boolean => database.remedies.includes(remedy);
  const restart = minutes(3);
  const failover = minutes(2);
  return [
    {
      name: 'wait',
      text: `Wait for ${primary.instance} to come back`,
      estimateMs: null,
      losesMs: 0,
      possible: true,
      because: 'nobody can say how long',
      latestStartMs: null,
    },
    {
      name: 'restart',
      text: `Restart ${primary.instance}`,
      estimateMs: restart,
      losesMs: 0,
      possible: listed('restart'),
      because: listed('restart') ? 'listed in remedies' : 'not listed in remedies of dr.yaml',
      latestStartMs: latest(restart),
    },
    {
      name: 'ha-failover',
      text: 'HA failover inside the region',
      estimateMs: failover,
      losesMs: 0,
      possible: primary.availability === 'regional' && listed('failover'),
      because:
        primary.availability === 'regional'
          ? 'the instance is REGIONAL'
          : `${primary.instance} is ZONAL: it has no standby`,
      latestStartMs: latest(failover),
    },
    {
      name: 'failover',
      text: `This plan: promote ${facts.replica.instance}`,
      estimateMs: minutes(9),
      losesMs: bound.kind === 'known' || bound.kind === 'growing' ? bound.limitMs : null,
      possible: true,
      because: 'a fit replica exists',
      latestStartMs: latest(minutes(9)),
    },
    {
      name: 'point-in-time-recovery',
      text: 'Clone to the last moment of the write-ahead log',
      estimateMs: minutes(45),
      losesMs: null,
      possible: false,
      because: 'slower than this plan and not needed: the data is not corrupted',
      latestStartMs: latest(minutes(45)),
    },
  ];
}

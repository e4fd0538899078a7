import { describe, expect, it } from '@jest/globals';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { monitoringAgent } from '../../sandbox/world/service-agents.ts';
import { after, millis, minutes, seconds } from '../../shared/core/time.ts';
import { changes, deadLetters, loss, promotions, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage, type Stage } from './story.ts';

const NOTIFICATIONS = 200;
/** Different ones among them; the rest are repetitions under a message id of their own. */
const DIFFERENT = 120;
const WITHIN = seconds(10);

/** What Monitoring watches of the reference system, as its notifications name it. */
const WATCHED = [
  [
    'dr-cloudsql-primary-down',
    'cloudsql_database',
    { database_id: 'coditect-prod:coditect-dms-db', region: 'us-central' },
  ],
  ['dr-app-5xx', 'https_lb_rule', { url_map_name: 'coditect-dms-ingress' }],
  ['dr-cloudrun-5xx', 'cloud_run_revision', { service_name: 'coditect-dms-api', location: 'us-central1' }],
  ['dr-uptime', 'uptime_url', { host: 'dms-api.coditect.ai' }],
] as const;

/** One notification of the failure, of the shape that schema version 1.2 gives it. */
function notification(stage: Stage, number: number): string {
  const [policy, type, labels] = WATCHED[number % WATCHED.length] ?? WATCHED[0];
  const project = stage.sandbox.world.project.id;
  return JSON.stringify({
    version: '1.2',
    incident: {
      incident_id: `0.storm${number}`,
      scoping_project_id: project,
      started_at: Math.floor(stage.brokenAt / 1_000),
      ended_at: null,
      state: 'open',
      summary: `storm ${number} of ${policy}`,
      policy_name: policy,
      condition_name: 'storm',
      resource: { type, labels: { project_id: project, ...labels } },
      metric: { type: 'storm', labels: {} },
    },
  });
}

/** Publishes them as Monitoring does, shuffled, spread over `WITHIN`. */
function storm(stage: Stage): void {
  const { clock, messaging, world } = stage.sandbox;
  const numbers = Array.from({ length: NOTIFICATIONS }, (_, index) => index % DIFFERENT)
    .map((number) => ({ number, order: stage.chance.next() }))
    .toSorted((a, b) => a.order - b.order);
  for (const [index, { number }] of numbers.entries())
    clock.schedule(after(clock.now(), millis((WITHIN * index) / NOTIFICATIONS)), () => {
      const message = { data: dataOf(notification(stage, number)), attributes: {} };
      messaging.courier.publish({ principal: monitoringAgent(world.project), from: 'google' }, 'dr-alerts', [message]);
    });
}

describe('two hundred notifications of one failure within ten seconds', () => {
  it('make one incident, one plan and one promotion, and none is lost', () =>
    onStage({ name: 'storm' }, async (stage) => {
      const { courier, embedded } = stage.sandbox.messaging;
      embedded?.broker.disturb({ duplicates: 0.5, delayMax: seconds(20) });
      stage.break('primary-database');
      await stage.pass(seconds(5));
      storm(stage);
      const promised = await lossOnPage((await stage.asked()).link);
      await approveWhenAsked(stage);

      const { state, events } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect((await stage.incidents()).length).toBe(1);
      expect(state.approvals.length).toBe(1);
      expect(promotions(stage).length).toBe(1);
      expect(changes(stage).length).toBe(10);
      expect(withoutService(stage)).toEqual([]);
      expect(loss(stage).rpo).toBeLessThanOrEqual(promised.atMost);

      // Monitoring goes on to publish: its last "closed" may be on its way when the incident is resolved.
      const alerts = await stage.until('every notification is taken', () =>
        courier.ledger().find(({ subscription, waiting }) => subscription === 'classify-dr-alerts' && waiting === 0),
      );
      expect(alerts.accepted).toBeGreaterThanOrEqual(NOTIFICATIONS);
      expect(unbalanced(stage)).toEqual([]);
      expect(deadLetters(stage)).toBe(0);
      const absorbed = events.flatMap((event) => (event.kind === 'signalsAbsorbed' ? event.data.signals : []));
      const storms = absorbed.flatMap(({ summary }) => /^storm (\d+) /.exec(summary)?.[1] ?? []);
      expect(storms.toSorted()).toEqual(Array.from({ length: DIFFERENT }, (_, number) => String(number)).toSorted());
      // No hot document: the head is written at most once a second.
      const moments = events.filter(({ kind }) => kind === 'signalsAbsorbed').map(({ at }) => at);
      const storming = moments.filter((moment) => moment < stage.brokenAt + minutes(2));
      const lasted = ((storming.at(-1) ?? 0) - (storming[0] ?? 0)) / 1_000;
      expect(storming.length).toBeLessThanOrEqual(Math.ceil(lasted) + 1);
    }));
});

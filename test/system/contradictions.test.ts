import { describe, expect, it } from '@jest/globals';
import { contradictions } from '../../shared/system/contradictions.ts';
import type { Change } from './reference.ts';
import { changed, problemsOf, reference } from './reference.ts';

/** What is refused, by which change of the sound reference, and all that is then said. */
type Case = readonly [what: string, changes: readonly Change[], ...said: readonly string[]];

const policy = ['approvals', 'database-failover'] as const;

const PEOPLE: readonly Case[] = [
  [
    'an empty list of approvers',
    [[[...policy, 'approvers'], []]],
    `${at('approvers')}: is empty, and an empty list means nobody`,
  ],
  [
    'a quorum of nobody',
    [[[...policy, 'quorum'], 0]],
    `${at('quorum')}: is less than one: nothing would have to be decided`,
  ],
  [
    'a quorum that can not come together',
    [
      [[...policy, 'quorum'], 4],
      [['approvals', 'identity'], 'oidc'],
      [['notifications', 0, 'person'], undefined],
    ],
    `${at('quorum')}: needs 4 approvals from 3 approvers, which never comes`,
  ],
  [
    'a quorum of two where the link alone decides',
    [[[...policy, 'quorum'], 2]],
    `${at('quorum')}: counts distinct people, and with \`identity: link\` nobody knows who opened a link`,
  ],
  [
    'an approver whom nobody knows',
    [[[...policy, 'approvers', 2], 'ct']],
    `${at('approvers[2]')}: is nobody of \`people\``,
  ],
  [
    'an approver listed twice',
    [[[...policy, 'approvers', 2], 'oncall']],
    `${at('approvers[2]')}: names "oncall" a second time: a person counts once`,
  ],
  [
    'two approvers who share a mailbox',
    [[['people', 3, 'email'], 'ONCALL@coditect.ai']],
    "people[3].email: is the address of oncall too: what several people read can be told, but can't decide",
  ],
  [
    'two approvers who share a receiver',
    [[['notifications', 3, 'url'], 'https://pager.dms.internal/dr/oncall']],
    "notifications[3].url: gets the links of oncall too: what several people read can't decide",
  ],
  [
    'an approver whom no link can reach',
    [[['notifications', 3], undefined]],
    `${at('approvers[2]')}: has no destination, so the link would never arrive`,
  ],
  [
    'approval links on a terminal in the cloud',
    [[['approvals', 'identity'], 'iap']],
    'notifications[0].kind: prints the approval links of oncall, and in the cloud what is printed is logged',
  ],
  [
    'a second person of the same id',
    [[['people', 2, 'id'], 'cto']],
    'people[3].id: is the id of people[2] too, so nobody knows who "cto" is',
    'notifications[4].person: is nobody of `people`',
  ],
  [
    'a second destination of the same id',
    [[['notifications', 4, 'id'], 'terminal']],
    'notifications[4].id: is the id of notifications[0] too',
  ],
  [
    'a decision in less time than it takes to read',
    [[[...policy, 'expiresIn'], '30s']],
    `${at('expiresIn')}: ends before a person can have read the page`,
  ],
  [
    'a failover that asks nobody',
    [[policy, undefined]],
    'approvals: says nobody who may decide on database-failover, whose mode is approve: it could be asked for, and never be given',
  ],
  [
    'a pod heal that asks nobody',
    [[['mode', 'perRunbook'], undefined]],
    'approvals: says nobody who may decide on pod-heal, whose mode is approve: it could be asked for, and never be given',
  ],
  [
    'a failover that would act alone',
    [[['mode', 'perRunbook', 'database-failover'], 'auto']],
    'mode.perRunbook.database-failover: lets database-failover act alone, but its destructive steps always wait for an approval',
  ],
];

const TARGETS: readonly Case[] = [
  [
    'control regions that all fall with the system',
    [
      [
        ['system', 'controlRegions'],
        ['us-east1', 'us-central1'],
      ],
    ],
    'system.controlRegions: lies wholly in protected regions: what destroys the system would destroy its recovery',
  ],
  [
    'one control region, even if it stands there twice',
    [
      [
        ['system', 'controlRegions'],
        ['us-west1', 'us-west1'],
      ],
    ],
    'system.controlRegions: has fewer than two regions, so the loss of one is the loss of dr-autopilot',
  ],
  [
    'a replica in a region that is not said to be protected',
    [[['system', 'protectedRegions'], ['us-central1']]],
    'databases[0].replicas[1].region: puts something of the system into us-east1, which is not listed as protected',
  ],
  [
    'a zone of a region that is not said to be protected',
    [[['applications', 0, 'location'], 'europe-west1-b']],
    'applications[0].location: puts something of the system into europe-west1, which is not listed as protected',
  ],
  [
    'an instance that stands there twice',
    [[['databases', 0, 'replicas', 1, 'instance'], 'coditect-dms-db']],
    'databases[0].replicas[1].instance: is a name that stands here twice, so nobody knows what "coditect-dms-db" means',
  ],
  [
    'one Deployment under two names',
    [[['applications', 2], { ...gke(), id: 'again' }]],
    'applications[2]: is the same thing as applications[0], and two runs could hold it at once',
  ],
  [
    'a loss budget of nothing',
    [[['databases', 0, 'lossBudget'], '0s']],
    'databases[0].lossBudget: is zero: replication always lags a little, so no promotion could ever be within it',
  ],
  [
    'a loss budget above the objective',
    [[['databases', 0, 'lossBudget'], '2h']],
    'databases[0].lossBudget: is above the rpo of 1h: the objective would be missed without anybody being asked',
  ],
  [
    'remedies that list nothing',
    [[['databases', 0, 'remedies'], []]],
    'databases[0].remedies: lists nothing that could bring the database back',
  ],
  [
    'remedies that only wait',
    [[['databases', 0, 'remedies'], ['wait']]],
    'databases[0].remedies: lists nothing that could bring the database back',
  ],
  [
    'remedies that begin with the worst',
    [
      [
        ['databases', 0, 'remedies'],
        ['promote', 'wait'],
      ],
    ],
    'databases[0].remedies: is not in the order in which they are tried, the least first',
  ],
  [
    'a promotion of nothing',
    [[['databases', 0, 'replicas'], []]],
    'databases[0].remedies: lists promote, and there is no replica to promote',
  ],
  [
    'a database that nobody uses',
    [
      [['applications', 0, 'dependsOn'], []],
      [['applications', 1, 'dependsOn'], []],
      [['applications', 0, 'databaseSecret'], undefined],
      [['applications', 1, 'databaseSecret'], undefined],
      [['alerts'], []],
    ],
    'databases[0].instance: has no consumer here: whoever connects to it would be left on a stale primary',
  ],
  [
    'a database URL for an application without a database',
    [[['applications', 1, 'dependsOn'], ['api-gke']]],
    'applications[1].databaseSecret: is said to hold a database URL, but the application depends on no database of this file',
  ],
  [
    'a consumer that nothing could move',
    [[['applications', 1, 'databaseSecret'], undefined]],
    'applications[1].databaseSecret: is missing: after a promotion nothing could move the application to the new primary',
  ],
  [
    'a consumer without a vantage point',
    [[['applications', 1, 'probes', 'vantage'], undefined]],
    'applications[1].probes.vantage: is missing: with the consumers held, no fence could be proved from where they connect',
  ],
  [
    'a dependency on nothing',
    [[['applications', 0, 'dependsOn', 1], 'redis']],
    'applications[0].dependsOn[1]: is no target of this file',
  ],
  [
    'a dependency on a replica',
    [[['applications', 0, 'dependsOn', 1], 'coditect-dms-db-east']],
    'applications[0].dependsOn[1]: is a replica, and replicas come and go',
  ],
  [
    'dependencies in a circle',
    [
      [['applications', 0, 'dependsOn', 1], 'api-run'],
      [['applications', 1, 'dependsOn', 1], 'api-gke'],
    ],
    'applications[0].dependsOn: leads back to itself: a failure would be a symptom of its own symptom, and nothing would be its cause',
    'applications[1].dependsOn: leads back to itself: a failure would be a symptom of its own symptom, and nothing would be its cause',
  ],
  [
    'one secret for two databases',
    [
      [['databases', 1], otherDatabase()],
      [['applications', 1, 'dependsOn'], ['other-db']],
    ],
    'applications[0].databaseSecret: is shared with api-run, which depends on another database: one secret holds one URL',
    'applications[1].databaseSecret: is shared with api-gke, which depends on another database: one secret holds one URL',
  ],
  [
    'two databases behind one secret',
    [
      [['databases', 1], otherDatabase()],
      [
        ['applications', 1, 'dependsOn'],
        ['coditect-dms-db', 'other-db'],
      ],
    ],
    'applications[1].dependsOn: names two databases, and one secret holds one URL',
  ],
  ['an alert on nothing', [[['alerts', 1, 'target'], 'api-gk']], 'alerts[1].target: is no target of this file'],
  [
    'a policy that stands there twice',
    [[['alerts', 1, 'policy'], 'dr-uptime']],
    'alerts[3].policy: is the policy of alerts[1] too, and a notification carries nothing but its name',
  ],
  [
    'a pod heal of something without pods',
    [[['alerts', 4, 'target'], 'api-run']],
    'alerts[4].target: is nothing that pod-heal could recover',
  ],
  [
    'nothing to protect',
    [
      [['databases'], []],
      [['applications'], []],
      [['alerts'], []],
    ],
    'databases: is empty, and so are the applications: there is nothing to protect',
  ],
];

const GUARDS: readonly Case[] = [
  [
    'an rto beyond the maximum downtime',
    [[['objectives', 'rto'], '5h']],
    'objectives.rto: is above the maximum downtime of 4h: the objective would be met too late',
  ],
  [
    'a lease that ends during a call',
    [[['guards', 'lease'], '40s']],
    'guards.lease: can end while a call is under way, which may take 30s on clocks 5s apart',
  ],
  [
    'a late request that outlives its successor',
    [[['guards', 'lateArrival'], '64s']],
    'guards.lateArrival: is shorter than a lease: a request of a former holder could arrive after its repetition',
  ],
  [
    'clocks that agree perfectly',
    [[['guards', 'clockSkew'], '0s']],
    'guards.clockSkew: is zero, but no two clocks agree: leases and loss bounds would be too good to be true',
  ],
  [
    'a confirmation within a blip',
    [[['guards', 'confirmationWindow'], '29s']],
    'guards.confirmationWindow: is shorter than a normal blip of the network, so blips would be cured as failures',
  ],
  [
    'success at once',
    [[['guards', 'holdTime'], '0s']],
    'guards.holdTime: is zero: a restart would count as a success before anybody could see it fail again',
  ],
  [
    'success before a failure could be confirmed',
    [[['guards', 'holdTime'], '59s']],
    'guards.holdTime: is shorter than the confirmation window: the next failure could not be confirmed before success is declared',
  ],
  ['no budget', [[['guards', 'budgets'], []]], 'guards.budgets: is empty, so a loop of recoveries would have no end'],
  [
    'a budget of no runs',
    [[['guards', 'budgets'], ['0/1h']]],
    'guards.budgets[0]: allows no run, so nothing could ever heal',
  ],
  [
    'budgets out of order',
    [
      [
        ['guards', 'budgets'],
        ['7/1d', '3/1h'],
      ],
    ],
    'guards.budgets[1]: has a window that is not longer than the one before it',
  ],
  [
    'a budget that can never be what stops a run',
    [
      [
        ['guards', 'budgets'],
        ['3/1h', '3/1d'],
      ],
    ],
    'guards.budgets[1]: allows no more runs than the shorter window before it, which could then never be what stops a run',
  ],
  [
    'no cooldown',
    [[['guards', 'cooldown'], '0s']],
    'guards.cooldown: is zero: a run could begin on what the last one has just changed',
  ],
  [
    'a cooldown that swallows a budget',
    [[['guards', 'cooldown'], '1h']],
    'guards.cooldown: is not shorter than the window of the budget 3/1h, which could then never be used up',
  ],
  [
    'a mass failure of one',
    [[['guards', 'massFailure'], '1 targets/2m']],
    'guards.massFailure: would freeze everything whenever a target and something that depends on it fail',
  ],
  [
    'a recovery that ends after the maximum downtime',
    [[[...policy, 'expiresIn'], '4h']],
    `${at('expiresIn')}: allows a recovery that ends after the maximum downtime of 4h: 1m to confirm, 4h to decide, 10m to start, 30m to recover`,
  ],
  [
    'an approval that lapses while a worker is replaced',
    [[[...policy, 'startWithin'], '2m']],
    `${at('startWithin')}: can pass while another worker takes over from one that died (a lease and a tick), and the approval with it`,
  ],
];

const ADDRESSES: readonly Case[] = [
  [
    'a query in an address',
    [[['endpoints'], { google: { run: 'https://run.example.com/?project=x' } }]],
    'endpoints.google.run: carries more than an address: a user, a query or a fragment, in which secrets travel',
  ],
  [
    'tokens in clear text',
    [[['endpoints'], { kubernetes: { c: 'http://10.0.0.1:8080' } }]],
    'endpoints.kubernetes.c: sends tokens in clear text to another machine',
  ],
  [
    'an address that is itself a secret',
    [[['notifications', 1, 'url'], 'https://hooks.slack.com/services/T/B/x']],
    'notifications[1].url: is an address that is itself a secret: whoever reads it can post there',
  ],
  [
    'one prober for two places',
    [[['applications', 1, 'probes', 'vantage'], 'https://prober-gke.dms.internal/dr/probe']],
    'applications[1].probes.vantage: asks the same address as another probe, so one answer would stand for two things',
  ],
  [
    'approval links that die with one region',
    [[['endpoints'], { approve: ['https://approve.example.com'] }]],
    'endpoints.approve: has fewer addresses than there are control regions, so links could die with one of them',
  ],
];

describe('a configuration that contradicts itself', () => {
  it.each(
    [...PEOPLE, ...TARGETS, ...GUARDS, ...ADDRESSES].map(([what, changes, ...said]) => [what, changes, said] as const),
  )('is refused for %s, and for nothing else', (_, changes, said) => {
    expect(problemsOf(changed(...changes))).toEqual(said);
  });
});

describe('a configuration at its limits', () => {
  it.each<readonly [string, readonly Change[]]>([
    ['a lease just longer than a call and the skew', [[['guards', 'lease'], '41s']]],
    ['a late arrival of exactly a lease and the skew', [[['guards', 'lateArrival'], '65s']]],
    ['a loss budget of exactly the objective', [[['databases', 0, 'lossBudget'], '1h']]],
    [
      'a single run a day with a long cooldown',
      [
        [['guards', 'budgets'], ['1/1h']],
        [['guards', 'cooldown'], '1h'],
      ],
    ],
    [
      'one control region among the protected ones',
      [
        [
          ['system', 'controlRegions'],
          ['us-east1', 'us-west1'],
        ],
      ],
    ],
    [
      'plain HTTP on loopback',
      [[['endpoints'], { google: { run: 'http://127.0.0.1:8080' }, approve: ['http://localhost:1'] }]],
    ],
    [
      'no approval policy where nothing is done',
      [
        [['mode'], { default: 'observe' }],
        [policy, undefined],
      ],
    ],
    [
      'two distinct approvers behind an identity',
      [
        [[...policy, 'quorum'], 2],
        [['approvals', 'identity'], 'iap'],
        [['notifications', 0, 'person'], undefined],
      ],
    ],
  ])('may have %s', (_, changes) => {
    expect(problemsOf(changed(...changes))).toEqual([]);
  });

  it('has nothing against the reference', () => {
    expect(contradictions(reference())).toEqual([]);
  });
});

function at(place: string): string {
  return `approvals.database-failover.${place}`;
}

function gke(): object {
  const { cluster, location, namespace, deployment, container, maxReplicas } = gkeApplication();
  const probes = { deepHealth: 'https://a.example.com/h', canary: 'https://a.example.com/c' };
  return { kind: 'gke', cluster, location, namespace, deployment, container, maxReplicas, probes };
}

function gkeApplication() {
  const found = reference().applications.find((application) => application.kind === 'gke');
  if (found === undefined) throw new Error('the reference has an application on GKE');
  return found;
}

function otherDatabase(): object {
  const replicas = [{ instance: 'other-db-replica', region: 'us-east1' }];
  return { instance: 'other-db', region: 'us-east1', replicas, lossBudget: '5m', remedies: ['promote'] };
}

import type { Case } from './contradiction-cases.ts';
import { reference } from './reference.ts';

/** About regions, databases, applications and alerts. */
export const TARGETS: readonly Case[] = [
  [
    'a copy under the name of a replica',
    [[['databases', 0, 'restore', 'instance'], 'coditect-dms-db-replica']],
    'databases[0].restore.instance: is an instance of coditect-dms-db, and a copy is never written over one',
  ],
  [
    'a clone under the name of a copy, and one under the name of another clone',
    [
      [
        ['databases', 0, 'recovery', 'instances'],
        ['coditect-dms-db-restore', 'again', 'again'],
      ],
    ],
    'databases[0].recovery.instances[0]: is the name of another instance, and a clone takes nobody’s place',
    'databases[0].recovery.instances[1]: is the name of another instance, and a clone takes nobody’s place',
    'databases[0].recovery.instances[2]: is the name of another instance, and a clone takes nobody’s place',
  ],
  [
    'no name for a clone',
    [[['databases', 0, 'recovery', 'instances'], []]],
    'databases[0].recovery.instances: is empty, so no clone could be made',
  ],
  [
    'a consumer among what may be paused',
    [[['databases', 0, 'recovery', 'writers', 0, 'deployment'], 'coditect-dms-api']],
    'databases[0].recovery.writers[0]: is an application of this file: pausing it is an outage, and has runbooks of its own',
  ],
  [
    'a check that can’t fail',
    [[['databases', 0, 'restore', 'checks', 0, 'atLeast'], undefined]],
    'databases[0].restore.checks[0]: has no value that it must have, so it can’t fail',
  ],
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
    'databases[0].spares[1].region: puts something of the system into us-east1, which is not listed as protected',
    'applications[2].region: puts something of the system into us-east1, which is not listed as protected',
  ],
  [
    'a zone of a region that is not said to be protected',
    [[['applications', 0, 'location'], 'europe-west1-b']],
    'applications[0].location: puts something of the system into europe-west1, which is not listed as protected',
    'regions[0].application: is reached by no entrance of us-central1: there would be no traffic to move',
  ],
  [
    'an instance that stands there twice',
    [[['databases', 0, 'replicas', 1, 'instance'], 'coditect-dms-db']],
    'databases[0].replicas[1].instance: is a name that stands here twice, so nobody knows what "coditect-dms-db" means',
  ],
  [
    'a spare that has the name of a replica',
    [[['databases', 0, 'spares', 0, 'instance'], 'coditect-dms-db-replica']],
    'databases[0].spares[0].instance: is a name that stands here twice, so nobody knows what "coditect-dms-db-replica" means',
  ],
  [
    'one Deployment under two names',
    [[['applications', 3], { ...gke(), id: 'again' }]],
    'applications[3]: is the same thing as applications[0], and two runs could hold it at once',
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
    'regions[0].region: has coditect-dms-db, whose remedies list no promote',
  ],
  [
    'remedies that only wait',
    [[['databases', 0, 'remedies'], ['wait']]],
    'databases[0].remedies: lists nothing that could bring the database back',
    'regions[0].region: has coditect-dms-db, whose remedies list no promote',
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
    'regions[0].secondary: has no replica of coditect-dms-db, so its data would stay in us-central1',
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
    [
      [['applications', 1, 'dependsOn'], ['api-gke']],
      [['applications', 0, 'standby'], undefined],
    ],
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
      [['applications', 0, 'standby'], undefined],
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
    'an entrance that leads nowhere',
    [[['entrances', 0, 'backends', 1, 'application'], 'api-rum']],
    'applications[0].standby.application: is reached by no entrance of api-gke: there would be no traffic to move',
    'entrances[0].backends[1].application: is no application of this file',
  ],
  [
    'an entrance whose two ends are one',
    [[['entrances', 0, 'backends', 1, 'backendService'], 'coditect-dms-gke']],
    'entrances[0].backends[1]: leads to where backends[0] leads, so nobody could tell which of them is in force',
  ],
  [
    'a probe of the entrance that goes elsewhere',
    [[['entrances', 0, 'probe'], 'https://elsewhere.coditect.ai/dr/health']],
    'entrances[0].probe: does not go through dms-api.coditect.ai, so it would not see where users get',
  ],
  [
    'an application that is asked through the entrance',
    [[['applications', 0, 'probes', 'deepHealth'], 'https://dms-api.coditect.ai/dr/own']],
    'applications[0].probes.deepHealth: goes through the entrance dms-api.coditect.ai: once its traffic has moved, another application would answer for it',
  ],
  [
    'a record that points at Cloud Run, with a ttl that outlasts the objective',
    [[['entrances', 0], byRecord()]],
    'entrances[0].ttl: keeps clients at the old address for 1h: no move could meet the rto',
    'entrances[0].backends[0]: names no load balancer, so nobody could count the users who arrive or leave',
    'entrances[0].backends[1]: points an A record at Cloud Run, which has no address of its own',
    'regions[0].application: is reached by no entrance of us-central1: there would be no traffic to move',
  ],
  [
    'a standby that is none',
    [[['applications', 0, 'standby', 'application'], 'api-gke']],
    'applications[0].standby.application: is no Cloud Run application of this file',
  ],
  [
    'a standby of more instances than it may have',
    [[['applications', 0, 'standby', 'instances'], 11]],
    'applications[0].standby.instances: is more than maxInstances of api-run allows',
  ],
  [
    'a database URL that would be replaced by random bytes',
    [[['rotation'], [{ kind: 'generated', name: 'coditect-dms-database-url', readBy: ['api-gke', 'api-run'] }]]],
    'rotation[0].name: holds the database URL of api-gke, which is not replaced this way: its password is the database’s',
  ],
  ['a secret named twice', [[['rotation', 1, 'name'], 'coditect-dms-jwt-key']], 'rotation[1].name: is rotation[0] too'],
  [
    'a reader that is no application',
    [[['rotation', 0, 'readBy', 0], 'api-gk']],
    'rotation[0].readBy[0]: is no application of this file',
  ],
  [
    'a password of no database',
    [
      [['rotation', 2, 'instance'], 'coditect-dms-dv'],
      [['rotation', 3, 'instance'], 'coditect-dms-dv'],
    ],
    'rotation[2].instance: is no database of this file',
    'rotation[3].instance: is no database of this file',
  ],
  [
    'a reader of a URL that would be locked out by its new password',
    [[['rotation', 2, 'readBy'], ['api-gke']]],
    'rotation[2].readBy: lacks api-run, which reads this URL and would be locked out',
  ],
  [
    'a secondary that would be locked out on the day on which it is needed',
    [[['rotation', 3], { kind: 'generated', name: 'another', readBy: [] }]],
    'rotation[2].instance: has a password changed while api-east reads coditect-dms-database-url-east, which is not changed with it',
  ],
  [
    'a question to somebody who is nobody',
    [[['rotation', 1, 'person'], 'onkall']],
    'rotation[1].person: is nobody of `people`',
  ],
  [
    'an alert about the whole system that has a target',
    [[['alerts', 0, 'runbook'], 'breach-response']],
    'alerts[0].target: is a target, and breach-response is about the whole system',
  ],
  [
    'an alert without a target',
    [[['alerts', 0], { policy: 'dr-other', runbook: 'pod-heal' }]],
    'alerts[0]: has no target',
  ],
  [
    'nothing to protect',
    [
      [['databases'], []],
      [['applications'], []],
      [['entrances'], []],
      [['regions'], []],
      [['alerts'], []],
      [['rotation'], []],
      [['forensics', 'clones'], []],
    ],
    'databases: is empty, and so are the applications: there is nothing to protect',
  ],
];

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

function byRecord(): object {
  const backends = [
    { application: 'api-gke', address: '203.0.113.10' },
    { application: 'api-run', address: '203.0.113.11' },
  ];
  const [entrance] = reference().entrances;
  const { id, host, probe } = entrance ?? {};
  return { id, host, probe, via: 'dns', zone: 'coditect-zone', ttl: '1h', backends };
}

function otherDatabase(): object {
  const replicas = [{ instance: 'other-db-replica', region: 'us-east1' }];
  return { instance: 'other-db', region: 'us-east1', replicas, lossBudget: '5m', remedies: ['promote'] };
}

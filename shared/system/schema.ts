import { z } from 'zod';
import { MODES, personId, RUNBOOKS } from './names.ts';
import type { RunbookName } from './names.ts';
import {
  addresses,
  budget,
  count,
  duration,
  id,
  identity,
  instance,
  kubernetesName,
  line,
  list,
  location,
  map,
  massFailure,
  oneOf,
  optional,
  person,
  region,
  text,
  url,
} from './schema-parts.ts';
import { recovery } from './schema-recovery.ts';
import { rows } from './schema-rows.ts';
import { secrets } from './schema-secrets.ts';

// The form of `dr.yaml`, key by key. It says what one value may be; what values may be together stands in contradictions.ts.
// The descriptions are what an editor shows; docs/configuration.md has the reasons.

/** The same part for each runbook, each key optional. */
function perRunbook<Item extends z.ZodType>(item: Item) {
  const entries = RUNBOOKS.map((name) => [name, z.exactOptional(item)] as const);
  // `fromEntries` forgets its keys, and the keys are exactly the registry's.
  return Object.fromEntries(entries) as Record<RunbookName, z.ZodExactOptional<Item>>;
}

const system = map({
  name: line('the name of the system').describe('What people call the protected system.'),
  project: text('a project id, such as acme-prod', /^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/).describe(
    'The Google Cloud project that holds it.',
  ),
  protectedRegions: list(region(), 'regions').describe('Every region in which something of the system runs.'),
  controlRegions: list(region(), 'regions').describe(
    'Regions in which dr-autopilot itself runs: at least two, at least one of them not protected.',
  ),
});

const objectives = map({
  rto: duration().describe('Recovery time objective: from the failure to verified service.'),
  rpo: duration().describe('Recovery point objective: the most work that may be lost, as time.'),
  maximumDowntime: duration().describe('Maximum tolerable downtime: after it the business itself is in danger.'),
});

const people = map({
  id: id('an id').transform(personId).describe('How the rest of this file names this person.'),
  name: optional(line('a name')).describe('The name, for pages and messages.'),
  role: line('a role').describe('What the person is to the system, in words for people: on-call, security-lead, …'),
  email: text('an e-mail address', /^[^\s@]+@[^\s@]+\.[^\s@]+$/).describe('The identity by which a person decides.'),
  phone: optional(line('a telephone number in quotes')).describe('For the break-glass kit; nothing calls it.'),
});

const policy = map({
  approvers: list(person(), 'ids of people').describe('Who may decide. An empty list is refused: it means nobody.'),
  quorum: count(0).describe('How many of them must approve.'),
  expiresIn: duration().prefault('15m').describe('How long a decision may be made after it was asked for.'),
  startWithin: duration().prefault('10m').describe('How long after the decision the destructive work may still begin.'),
});

const approvals = map({
  identity: oneOf(['iap', 'oidc', 'link']).describe(
    'Who vouches for an approver: Identity-Aware Proxy, OIDC, or the link alone (sandbox, quorum 1).',
  ),
  breachByLink: oneOf(['never', 'sandbox'])
    .prefault('never')
    .describe('Where a link alone may decide on breach-response: nowhere, or in a sandbox, which is all on loopback.'),
  ...perRunbook(policy.describe('Who decides on the destructive steps of this runbook.')),
});

const check = map({
  name: line('what the check says').describe('What it says when it holds, for people: "there are documents".'),
  query: line('a query with one value').describe(
    'A query whose first value of the first row counts. It is run read-only.',
  ),
  atLeast: optional(z.number({ error: 'a number' })).describe('The value must be at least this.'),
  equals: optional(line('the value as text')).describe('The value must be exactly this.'),
});

const restore = map({
  instance: instance().describe('The name that the copy gets. One copy at a time: a name that exists is not touched.'),
  maximumAge: duration().describe('A backup that is older is none: people are told.'),
  dumps: optional(
    text(
      'a place in Cloud Storage, such as gs://acme-backups/daily/',
      /^gs:\/\/[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\/\S{0,500}$/,
    ),
  ).describe('Where dumps of it lie, which are listed beside the backups that Cloud SQL keeps.'),
  database: optional(text('the name of a database, such as orders', /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/)).describe(
    'The database that the dumps are of. Without it dumps are only listed.',
  ),
  template: optional(
    map({
      databaseVersion: text('a version of Cloud SQL, such as POSTGRES_15', /^POSTGRES_[0-9_]+$/).describe(
        'Its version.',
      ),
      tier: text('a machine type, such as db-custom-4-16384', /^db-[a-z0-9-]+$/).describe('Its size.'),
      privateNetwork: optional(line('a network')).describe('The network of its private address.'),
    }),
  ).describe('What the copy is made like when the instance itself is gone; else it is made like that.'),
  checks: list(check, 'checks')
    .prefault([])
    .describe('What must hold in a copy, beside what is checked of every copy.'),
}).describe('Restoring from a backup.');

const placed = (name: string, where: string) =>
  map({ instance: instance().describe(name), region: region().describe(where) });

const database = map({
  instance: instance().describe('The primary, by its Cloud SQL instance name.'),
  region: region().describe('The region of the primary.'),
  replicas: list(placed('The replica, by its Cloud SQL instance name.', 'The region of the replica.'), 'replicas')
    .prefault([])
    .describe('Read replicas that might take its place. Which one fits is observed at run time.'),
  spares: list(placed('The name that the new replica gets.', 'The region in which it is made.'), 'names')
    .prefault([])
    .describe('Names for replicas that are made again where the instance of a region can not follow any more.'),
  lossBudget: duration().describe('The most that a promotion may lose without a verb of its own.'),
  rows: optional(rows).describe('How rows of it are compared and brought back one by one; without it, none are.'),
  restore: optional(restore).describe('How a copy of it is made from a backup; without it, none can be.'),
  recovery: optional(recovery).describe(
    'How rows are brought back from a moment before the damage; without it, none are.',
  ),
  remedies: list(oneOf(['wait', 'failover', 'restart', 'promote']), 'remedies').describe(
    'What may be tried, the least first: wait, failover (REGIONAL instances), restart, promote.',
  ),
});

const application = {
  id: id('an id').describe('How the rest of this file names this application.'),
  databaseSecret: optional(text('the name of a secret in Secret Manager', /^[\w-]{1,255}$/)).describe(
    'The Secret Manager secret from which it reads its database URL when it starts. A name, never the URL.',
  ),
  dependsOn: list(text('an instance or an application of this file', /^[a-z][a-z0-9-]{0,97}$/), 'names')
    .prefault([])
    .describe('What it cannot work without: databases and applications of this file.'),
  probes: map({
    deepHealth: url().describe('GET: how one copy of it is, and which database it is on.'),
    canary: url().describe('POST writes a canary row through it, GET …/{token} reads it.'),
    vantage: optional(url()).describe('A prober in the same place, which proves a fence once the consumers are held.'),
  }).describe('Where to ask the application how it is (contract: docs/configuration.md).'),
};

const applications = z.discriminatedUnion(
  'kind',
  [
    map({
      kind: z.literal('gke').describe('A Deployment on GKE.'),
      ...application,
      cluster: kubernetesName('a GKE cluster').describe('The GKE cluster.'),
      location: location().describe('The zone or region of the cluster.'),
      namespace: kubernetesName('a namespace').describe('The namespace of the Deployment.'),
      deployment: kubernetesName('a Deployment').describe('The Deployment.'),
      container: kubernetesName('a container').describe('The container that serves.'),
      urlMap: optional(kubernetesName('a URL map')).describe(
        'The URL map of the load balancer in front of it: whether its users are turned away is read there.',
      ),
      maxReplicas: count(1).describe('Replicas that heal may at most ask for.'),
      standby: optional(
        map({
          application: id('an id').describe('A Cloud Run application of this file with the same database.'),
          instances: count(1).describe('Instances that it must have before it takes the users of this one.'),
        }),
      ).describe('What takes its users when its cluster fails.'),
    }),
    map({
      kind: z.literal('cloudRun').describe('A Cloud Run service.'),
      ...application,
      service: kubernetesName('a Cloud Run service').describe('The Cloud Run service.'),
      region: region().describe('The region of the service.'),
      maxInstances: count(1).describe('Instances that heal may at most ask for.'),
      slowAfter: optional(duration()).describe(
        'What the 95th percentile of the latency of its answered requests may be. Without it latency is no cause of anything.',
      ),
    }),
  ],
  { error: 'an application of kind gke or cloudRun' },
);

const entranceParts = {
  id: id('an id').describe('How the rest of this file and its runs name this entrance.'),
  host: text('a host name, such as api.example.com', /^[a-z0-9.-]{1,253}$/).describe('What users ask for.'),
  probe: url().describe('GET: deep health through the entrance, which says what application answers.'),
};

const entrances = z.discriminatedUnion(
  'via',
  [
    map({
      via: z.literal('loadBalancer').describe('A URL map whose default service is switched.'),
      ...entranceParts,
      urlMap: text('the name of a URL map', /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/).describe('The URL map.'),
      backends: list(
        map({
          application: id('an id').describe('An application of this file.'),
          backendService: text('the name of a backend service', /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/).describe(
            'The backend service that leads to it.',
          ),
        }),
        'backends',
      ).describe('Where it can lead. The first one is its home.'),
    }),
    map({
      via: z.literal('dns').describe('An A record of Cloud DNS whose address is switched.'),
      ...entranceParts,
      zone: text('the name of a managed zone', /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/).describe('The managed zone.'),
      ttl: duration().describe('How long clients keep the address: the ttl that the record has, and gets again.'),
      backends: list(
        map({
          application: id('an id').describe('An application of this file.'),
          address: text('an IPv4 address', /^(\d{1,3}\.){3}\d{1,3}$/).describe('The address that leads to it.'),
          urlMap: optional(text('the name of a URL map', /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/)).describe(
            'The load balancer that has the address: Cloud Run has none without it, and it counts who arrives.',
          ),
        }),
        'backends',
      ).describe('Where it can lead. The first one is its home.'),
    }),
  ],
  { error: 'an entrance via loadBalancer or dns' },
);

const regions = map({
  region: region().describe('The region that may be lost.'),
  secondary: region().describe('Where everything goes on: a replica of the database of `region` stands there.'),
  application: id('an id').describe(
    'The Cloud Run application of the secondary that takes the users. Until the replica beside it is promoted it only reads: dependsOn is empty.',
  ),
  instances: count(1).describe('Instances that it must have before it takes the users.'),
});

const sessionStore = map({
  id: id('an id').describe('How messages name this store.'),
  instance: text('the name of a Memorystore for Redis instance', /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/).describe(
    'The Memorystore for Redis instance.',
  ),
  region: region().describe('Its region.'),
  database: count(0).prefault(0).describe("Redis's own number of the database."),
  prefix: text('what the key of every session begins with', /^[\x21-\x7e]{2,100}$/).describe(
    'What the key of every session begins with, and no other key: such as session:.',
  ),
  only: oneOf(['yes', 'no'])
    .prefault('no')
    .transform((word) => word === 'yes')
    .describe('Whether the database holds nothing but sessions, and may be emptied as a whole.'),
});

const forensics = map({
  bucket: text('the name of a bucket, such as acme-evidence', /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/).describe(
    'A bucket with a locked retention policy, into which evidence is put.',
  ),
  minimumRetention: duration().prefault('90d').describe('The least time for which the bucket has to keep it.'),
  window: duration().prefault('1d').describe('How far back from the report logs are taken.'),
  clones: list(instance(), 'instances')
    .prefault([])
    .describe(
      'Databases that are cloned as they are. Each clone is stopped, and costs its disk until people delete it.',
    ),
}).describe('Where the evidence of a breach goes, beside our own store.');

const alert = map({
  policy: line("a policy's display name").describe('Display name of the alert policy in Cloud Monitoring.'),
  runbook: oneOf(RUNBOOKS).describe('The runbook that it may lead to. A hint: a diagnosis is never taken from it.'),
  target: optional(text('an instance or an application of this file', /^[a-z][a-z0-9-]{0,97}$/)).describe(
    'What it watches, for alerts whose resource names nothing that we know. None for `breach-response`, which is about everything.',
  ),
});

const guards = map({
  confirmationWindow: duration().prefault('60s').describe('How long observers must agree before a failure counts.'),
  holdTime: duration().prefault('2m').describe('How long a target must stay well before it counts as recovered.'),
  budgets: list(budget(), 'budgets, such as 3/1h')
    .prefault(['3/1h', '7/1d'])
    .describe('Runs per target that nobody asked for, at most, for each window.'),
  cooldown: duration().prefault('10m').describe('Time from the end of a run to the next one on the same target.'),
  massFailure: massFailure()
    .prefault('5 targets/2m')
    .describe('More failing targets than this within the window freeze everything until people resume.'),
  lease: duration().prefault('60s').describe('How long the right to act lasts without being renewed.'),
  clockSkew: duration().prefault('5s').describe('How far two clocks may be apart.'),
  lateArrival: duration().prefault('5m').describe('How late a lost request may still take effect.'),
});

const sharedDestination = {
  id: id('an id').describe('How messages and logs name this destination.'),
  person: optional(person()).describe(
    'Whose it is. Approval links go only to destinations that belong to the approver.',
  ),
};

const destination = z.discriminatedUnion(
  'kind',
  [
    map({ kind: z.literal('terminal').describe('Prints on the terminal.'), ...sharedDestination }),
    map({
      kind: z.literal('webhook').describe('POSTs JSON to an address.'),
      ...sharedDestination,
      url: url().describe('The receiver. It carries no credential.'),
    }),
  ],
  { error: 'a destination of kind terminal or webhook' },
);

const endpoints = map({
  google: addresses('names of Google APIs, such as sqladmin', /^[a-z][a-z0-9]{0,62}$/).describe('API to base URL.'),
  kubernetes: addresses('names of clusters', /^[a-z0-9-]{1,63}$/).describe('Cluster to the URL of its API server.'),
  hosts: addresses('host names', /^[a-z0-9.-]{1,253}$/).describe(
    'Host of a probe or webhook, or `.DOMAIN` for every host below it, to what is called instead.',
  ),
  dataPlane: addresses('Cloud SQL instances', /^[a-z][a-z0-9-]{0,97}$/).describe('Instance to its data plane.'),
  postgres: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,97}$/, { error: 'Cloud SQL instances' }),
      text('a port of this machine, such as 127.0.0.1:5432', /^(127\.0\.0\.1|localhost):[0-9]{1,5}$/),
      { error: 'a map of Cloud SQL instances to ports of this machine' },
    )
    .prefault({})
    .describe('Instance to its PostgreSQL port, on loopback only: a connection there has no TLS.'),
  approve: list(url(), 'addresses')
    .prefault([])
    .describe('Public addresses of the approve function, one for each control region.'),
});

/** The form of `dr.yaml`. Only parse-system.ts reads with it, and json-schema.ts shows it to editors. */
export const wire = map({
  version: z.literal(1, { error: 'version: 1' }).describe('The form of this file.'),
  system: system.describe('What is protected, and from where.'),
  objectives: objectives.describe('What a recovery is measured against.'),
  mode: map({
    default: oneOf(MODES).describe('For every runbook that is not named.'),
    perRunbook: map(perRunbook(oneOf(MODES).describe('For this runbook.')))
      .prefault({})
      .describe('For one runbook.'),
  }).describe('How far the product may go without being asked: observe says, approve asks, auto acts.'),
  people: list(people, 'people').describe('Who can be told, and perhaps may decide.'),
  approvals: approvals.describe('Who decides on what.'),
  databases: list(database, 'databases').describe('Cloud SQL primaries and their replicas.'),
  applications: list(applications, 'applications').describe('Every consumer of a database, and what else is healed.'),
  entrances: list(entrances, 'entrances').prefault([]).describe('How users reach applications, and where else.'),
  regions: list(regions, 'regions').prefault([]).describe('Regions that can be lost as a whole (runbook 5.1).'),
  rotation: list(secrets, 'secrets').prefault([]).describe('Secrets that a breach makes worthless, by name.'),
  sessions: list(sessionStore, 'session stores').prefault([]).describe('Where sessions are kept that a breach ends.'),
  forensics: optional(forensics),
  administrators: list(identity(), 'Google identities')
    .prefault([])
    .describe(
      'Who changes the policy of the project and the users of databases: alert policies about audit logs leave them out.',
    ),
  alerts: list(alert, 'alert policies').describe('The alert policies that feed us.'),
  guards: guards.prefault({}).describe('Numbers of the guards.'),
  notifications: list(destination, 'destinations').describe('Where notices go.'),
  endpoints: endpoints.prefault({}).describe("Addresses that differ from the vendors' own. Empty in the cloud."),
});

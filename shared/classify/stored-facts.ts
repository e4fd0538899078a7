import { z } from 'zod';
import { instant, millis } from '../core/time.ts';
import { cloneRecordWire, importedRecordWire, pausedRecordWire } from '../ports/recovery-records.ts';
import { regionRecordWire } from '../ports/region-record.ts';
import { rolloutWire } from '../ports/rollouts.ts';
import { serviceLoadWire } from '../ports/service-load.ts';
import { isolationRecordWire, isolationStatusWire } from '../ports/isolation.ts';
import { standbyRecordWire } from '../ports/standby-record.ts';
import { watchReadingWire } from '../ports/watch-reading.ts';
import { workloadLoadWire } from '../ports/workload-load.ts';
import { instanceName } from '../system/names.ts';
import type { Facts } from './facts.ts';

// Facts as evidence keeps them: canonical JSON without the members that are undefined. Version 1.

/** A member that may be missing, and then is `undefined`. */
const maybe = <Item extends z.ZodType>(item: Item) => item.optional().transform((value) => value);

const moment = z.number().transform(instant);
const name = z.string().transform(instanceName);
const unreadable = z.strictObject({ unreadable: z.string() });

const status = z.strictObject({
  instance: name,
  role: z.enum(['primary', 'replica']),
  upstream: maybe(name),
  replicas: z.array(name),
  state: z.enum(['runnable', 'suspended', 'pendingCreate', 'pendingDelete', 'maintenance', 'failed', 'unknown']),
  activation: z.enum(['always', 'never']),
  availability: z.enum(['zonal', 'regional']),
  region: z.string(),
  databaseVersion: z.string(),
  tier: z.string(),
  address: maybe(z.string()),
  version: z.string(),
  backupsEnabled: z.boolean(),
  pointInTimeRecovery: z.boolean(),
  deletionProtection: z.boolean(),
});

const operation = z.strictObject({
  name: z.string(),
  instance: name,
  type: z.string(),
  state: z.enum(['pending', 'running', 'done']),
  error: maybe(z.string()),
  insertedAt: moment,
  endedAt: maybe(moment),
  user: maybe(z.string()),
});

const outcome = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('written') }),
  z.strictObject({ kind: z.literal('refusedByServer'), detail: z.string() }),
  z.strictObject({ kind: z.literal('loginRefused'), detail: z.string() }),
  z.strictObject({ kind: z.literal('connectionRefused') }),
  z.strictObject({ kind: z.literal('unknown'), detail: z.string() }),
]);

const contact = z.strictObject({ vantage: z.string(), at: moment, outcome, control: z.enum(['ok', 'failed', 'none']) });

const replication = z.strictObject({
  role: z.enum(['primary', 'replica']),
  receiving: z.boolean(),
  heartbeat: maybe(z.strictObject({ sequence: z.number(), at: moment })),
  position: z.number(),
});

const rows = z.strictObject({
  database: z.string(),
  databaseSecret: z.string(),
  files: z.string(),
  tenant: maybe(z.strictObject({ columns: z.array(z.string()), table: z.string() })),
  leaveOut: z.array(z.string()),
  include: z.array(z.string()),
  hide: z.array(z.string()),
  triggers: z.array(z.string()),
});

const database = z.strictObject({
  database: z.strictObject({
    instance: name,
    region: z.string(),
    replicas: z.array(z.strictObject({ instance: name, region: z.string() })),
    spares: z.array(z.strictObject({ instance: name, region: z.string() })).default([]),
    lossBudget: z.number().transform(millis),
    rows: maybe(rows),
    restore: maybe(
      z.strictObject({
        instance: name,
        maximumAge: z.number().transform(millis),
        dumps: maybe(z.string()),
        database: maybe(z.string()),
        template: maybe(
          z.strictObject({ databaseVersion: z.string(), tier: z.string(), privateNetwork: maybe(z.string()) }),
        ),
        checks: z.array(
          z.strictObject({
            name: z.string(),
            query: z.string(),
            atLeast: maybe(z.number()),
            equals: maybe(z.string()),
          }),
        ),
      }),
    ),
    recovery: maybe(
      z.strictObject({
        instances: z.array(name),
        lookBack: z.number().transform(millis),
        writers: z.array(
          z.strictObject({
            name: z.string(),
            cluster: z.string(),
            location: z.string(),
            namespace: z.string(),
            deployment: z.string(),
          }),
        ),
      }),
    ),
    remedies: z.array(z.enum(['wait', 'failover', 'restart', 'promote'])),
  }),
  primaryName: name,
  primary: z.union([unreadable, status]),
  replicas: z.array(status),
  operations: z.union([unreadable, z.array(operation)]),
  up: z.union([unreadable, z.array(z.strictObject({ at: moment, value: z.number() }))]),
  replication: z.array(
    z.strictObject({ instance: name, status: maybe(replication), lagMetricSeconds: maybe(z.number()) }),
  ),
  contact,
  watch: maybe(watchReadingWire),
});

const pod = z.strictObject({
  name: z.string(),
  uid: z.string(),
  version: z.string(),
  node: maybe(z.string()),
  startedAt: maybe(moment),
  ready: z.boolean(),
  terminating: z.boolean(),
  endsBy: maybe(moment),
  finalizers: maybe(z.array(z.string())),
  ownVolume: maybe(z.boolean()),
  restarts: z.number(),
  container: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('running') }),
    z.strictObject({ kind: z.literal('waiting'), reason: z.string() }),
    z.strictObject({ kind: z.literal('terminated'), reason: z.string() }),
    z.strictObject({ kind: z.literal('unknown') }),
  ]),
  lastTermination: maybe(z.string()),
  template: maybe(z.string()),
});

const workload = z.strictObject({
  replicas: z.number(),
  ready: z.number(),
  available: z.number(),
  updated: z.number(),
  settled: z.boolean(),
  version: z.string(),
  autoscaler: maybe(z.strictObject({ min: z.number(), max: z.number() })),
});

const service = z.strictObject({
  scaling: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('automatic'), min: z.number(), max: maybe(z.number()) }),
    z.strictObject({ kind: z.literal('manual'), instances: z.number() }),
  ]),
  revisionMax: maybe(z.number()),
  ready: z.boolean(),
  settled: z.boolean(),
  etag: z.string(),
  revision: maybe(z.string()),
  url: maybe(z.string()),
});

const application = z.strictObject({
  application: z.string(),
  health: z.strictObject({
    kind: z.enum(['serving', 'failing', 'silent']),
    detail: z.string(),
    instance: maybe(z.string()),
    database: maybe(
      z.strictObject({ address: z.string(), epoch: maybe(z.string()), inRecovery: z.boolean(), writable: z.boolean() }),
    ),
  }),
  workload: maybe(z.union([unreadable, workload])),
  pods: maybe(z.union([unreadable, z.array(pod)])),
  rollout: maybe(z.union([unreadable, rolloutWire])),
  service: maybe(z.union([unreadable, service])),
  load: maybe(z.union([unreadable, serviceLoadWire])),
  workloadLoad: maybe(z.union([unreadable, workloadLoadWire])),
  standby: maybe(z.union([unreadable, standbyRecordWire])),
  isolated: maybe(z.union([unreadable, isolationRecordWire])),
});

const entrance = z.strictObject({
  entrance: z.string(),
  status: z.union([
    unreadable,
    z.strictObject({
      leadsTo: maybe(z.string()),
      detail: z.string(),
      version: z.string(),
      ttlMs: z.number().exactOptional(),
    }),
  ]),
  answer: z.strictObject({
    kind: z.enum(['serving', 'failing', 'silent']),
    detail: z.string(),
    application: maybe(z.string()),
  }),
  uptime: z.union([unreadable, z.array(z.strictObject({ checker: z.string(), at: moment, passed: z.boolean() }))]),
});

const region = z.strictObject({
  region: z.string(),
  standby: application,
  contact: maybe(contact),
  record: maybe(z.union([unreadable, regionRecordWire])),
});

const run = z.strictObject({
  id: z.string(),
  instance: name,
  kind: z.enum(['automated', 'onDemand', 'other']),
  state: z.enum(['successful', 'failed', 'pending']),
  startedAt: maybe(moment),
  endedAt: maybe(moment),
  databaseVersion: z.string(),
});

const dump = z.strictObject({
  bucket: z.string(),
  name: z.string(),
  generation: z.string(),
  bytes: z.number(),
  crc32c: z.string(),
  writtenAt: moment,
});

const template = z.strictObject({
  databaseVersion: z.string(),
  tier: z.string(),
  region: z.string(),
  edition: maybe(z.string()),
  diskGb: maybe(z.number()),
  privateNetwork: maybe(z.string()),
  flags: z.array(z.strictObject({ name: z.string(), value: z.string() })),
});

const rowSet = z.strictObject({
  file: z.strictObject({ bucket: z.string(), name: z.string(), generation: z.string(), bytes: z.number() }),
  digest: z.string(),
  problem: maybe(z.string()),
  rows: z.array(z.strictObject({ table: z.string(), operation: z.string(), rows: z.number() })),
  paths: z.array(z.string()),
});

const window = z.union([unreadable, z.strictObject({ earliest: moment, latest: moment })]);

const restores = z.array(
  z.strictObject({
    source: name,
    runs: z.union([unreadable, z.array(run)]),
    dumps: maybe(z.union([unreadable, z.array(dump)])),
    template: z.union([unreadable, template]),
    copy: maybe(z.union([unreadable, z.strictObject({ status, labels: z.record(z.string(), z.string()) })])),
    set: maybe(z.union([unreadable, rowSet])).exactOptional(),
    moment: z.strictObject({ named: moment, window }).exactOptional(),
  }),
);

const recoveries = z.array(
  z.strictObject({
    source: name,
    askedAt: moment,
    named: maybe(moment),
    window,
    history: z.union([
      unreadable,
      z.strictObject({
        since: moment,
        changes: z.array(
          z.strictObject({
            minute: moment,
            table: z.string(),
            user: z.string(),
            application: z.string(),
            inserted: z.number(),
            updated: z.number(),
            deleted: z.number(),
            firstAt: moment,
            lastAt: moment,
          }),
        ),
      }),
    ]),
    clones: z.array(
      z.strictObject({
        instance: name,
        found: maybe(z.union([unreadable, z.strictObject({ status, labels: z.record(z.string(), z.string()) })])),
        record: maybe(z.union([unreadable, cloneRecordWire])),
        clonedAt: maybe(z.union([unreadable, moment])),
        set: maybe(z.union([unreadable, rowSet])).exactOptional(),
        imported: maybe(z.union([unreadable, importedRecordWire])).exactOptional(),
      }),
    ),
    writers: z.array(
      z.strictObject({
        name: z.string(),
        status: z.union([unreadable, workload]),
        paused: maybe(z.union([unreadable, pausedRecordWire])),
      }),
    ),
  }),
);

const wire: z.ZodType<Facts> = z.strictObject({
  version: z.literal(1),
  at: moment,
  round: z.int(),
  databases: z.array(database),
  applications: z.array(application),
  entrances: z.array(entrance).exactOptional(),
  regions: z.array(region).exactOptional(),
  restores: restores.exactOptional(),
  backups: z
    .array(z.strictObject({ database: name, source: name, runs: z.union([unreadable, z.array(run)]) }))
    .exactOptional(),
  recoveries: recoveries.exactOptional(),
  secrets: z
    .array(
      z.strictObject({
        secret: z.string(),
        versions: z.union([unreadable, z.array(z.strictObject({ version: z.string(), enabled: z.boolean() }))]),
      }),
    )
    .exactOptional(),
  isolations: z
    .array(z.strictObject({ application: z.string(), status: z.union([unreadable, isolationStatusWire]) }))
    .exactOptional(),
  evidenceBucket: z
    .strictObject({
      bucket: z.string(),
      retention: z.union([unreadable, z.strictObject({ seconds: z.number().nullable(), locked: z.boolean() })]),
    })
    .exactOptional(),
});

/** Facts that are kept in memory once they were read: each look reads those of the looks before it again. */
const READ_MAX = 64;
const read = new Map<string, Facts>();

/** Reads facts that were kept as evidence. Throws `z.ZodError`, or `SyntaxError` for what is no JSON. */
export function parseFacts(text: string): Facts {
  const known = read.get(text);
  if (known !== undefined) return known;
  const facts = wire.parse(JSON.parse(text));
  read.set(text, facts);
  for (const oldest of read.keys()) {
    if (read.size <= READ_MAX) break;
    read.delete(oldest);
  }
  return facts;
}

/** Facts that were kept, or `undefined` where another version kept them: what is not understood is not seen. */
export function understoodFacts(text: string): Facts | undefined {
  try {
    return parseFacts(text);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return undefined;
  }
}

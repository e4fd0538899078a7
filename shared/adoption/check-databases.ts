import { between, showDuration } from '../core/time.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import type { Database, System } from '../system/system.ts';
import { instancesOf, namesOf } from '../system/topology.ts';
import type { Facts } from './facts.ts';
import { all, fine, type Finding, judge, wrong } from './finding.ts';
import { passingInstances } from './wanted.ts';

/** Whether the databases are what `dr.yaml` says, and could be recovered by what it promises. */
export function checkDatabases(system: System, facts: Facts): readonly Finding[] {
  const list = `gcloud sql instances list --project ${system.project}`;
  return [
    ...system.databases.flatMap((database) =>
      judge(`database ${database.instance}`, 'the list of instances', facts.fleet, {
        mend: list,
        holds: (fleet) => checkDatabase(system, database, fleet),
      }),
    ),
    ...system.databases.flatMap((database) => checkDumps(database, facts)),
  ];
}

function checkDatabase(system: System, database: Database, fleet: readonly InstanceStatus[]): readonly Finding[] {
  const { instance, replicas } = database;
  const known = new Map(fleet.map((status) => [status.instance, status]));
  const primaries = namesOf(database).flatMap((name) => {
    const status = known.get(name);
    return status?.role === 'primary' && status.activation === 'always' ? [status] : [];
  });
  const [primary, second] = primaries;
  const check = `database ${instance}`;
  const missing = instancesOf(database)
    .filter((name) => !known.has(name))
    .map((name) => wrong(check, `there is no instance ${name}`, inFile(`databases: the name of ${name}`)));
  if (primary === undefined)
    return [...missing, wrong(check, 'none of its instances is a primary that runs', describe(system, instance))];
  if (second !== undefined)
    return [
      ...missing,
      wrong(
        check,
        `${primary.instance} and ${second.instance} are both primaries that run`,
        `find out which of them your applications write to, and stop the other: gcloud sql instances patch INSTANCE --activation-policy NEVER --project ${system.project}`,
      ),
    ];
  return [
    ...missing,
    ...checkPrimary(system, database, primary),
    ...replicas.flatMap((replica) => checkReplica(system, replica, primary, known.get(replica.instance))),
    ...passingInstances(database)
      .filter((name) => fleet.some((status) => status.instance === name))
      .map((name) =>
        wrong(
          check,
          `${name} is there, and a recovery that makes it would be refused`,
          `gcloud sql instances delete ${name} --project ${system.project}   # once nobody needs it, and no incident is open`,
        ),
      ),
  ];
}

function checkPrimary(system: System, database: Database, primary: InstanceStatus): readonly Finding[] {
  const { instance: name, region } = database;
  const patch = (what: string) => `gcloud sql instances patch ${primary.instance} ${what} --project ${system.project}`;
  const regional = database.remedies.includes('failover');
  return all(
    `database ${name}`,
    `${primary.instance} is its primary, with backups, logs for a point in time, and protection`,
    [
      [
        primary.instance === name,
        `its primary is ${primary.instance} now`,
        inFile(`databases: swap ${name} and ${primary.instance}`),
      ],
      [
        primary.instance !== name || primary.region === region,
        `it is in ${primary.region}, and not in ${region}`,
        inFile(`databases: region of ${name}`),
      ],
      [primary.backupsEnabled, 'it has no automated backups', patch('--backup-start-time 03:00')],
      [primary.pointInTimeRecovery, 'it keeps no logs for a point in time', patch('--enable-point-in-time-recovery')],
      [primary.deletionProtection, 'it is not protected from deletion', patch('--deletion-protection')],
      [
        !regional || primary.availability === 'regional',
        'remedies has failover, and it has no standby',
        `${patch('--availability-type REGIONAL')}   # or take failover out of remedies`,
      ],
    ],
  );
}

function checkReplica(
  system: System,
  { instance, region }: Database['replicas'][number],
  primary: InstanceStatus,
  status: InstanceStatus | undefined,
): readonly Finding[] {
  // Its absence, and that it is the primary, are findings of the database.
  if (status === undefined || status.instance === primary.instance) return [];
  const check = `replica ${instance}`;
  const again = describe(system, instance);
  return all(check, `follows ${primary.instance}, made like it`, [
    [
      status.role === 'replica',
      'it is no replica',
      `${again}   # a former primary can’t follow any more: ./dr trigger region-rebuild`,
    ],
    [
      status.role !== 'replica' || status.upstream === primary.instance,
      `it follows ${status.upstream ?? 'nobody'}, and not ${primary.instance}: it would never be promoted`,
      inFile(`databases: replicas of ${primary.instance}`),
    ],
    [
      status.region === region,
      `it is in ${status.region}, and not in ${region}`,
      inFile(`databases: region of ${instance}`),
    ],
    [status.activation === 'always' && status.state === 'runnable', `it does not run (${status.state})`, again],
    [
      status.tier === primary.tier,
      `it is a ${status.tier}, and the primary a ${primary.tier}`,
      `gcloud sql instances patch ${instance} --tier ${primary.tier} --project ${system.project}`,
    ],
    [
      status.databaseVersion === primary.databaseVersion,
      `it is a ${status.databaseVersion}, and the primary a ${primary.databaseVersion}`,
      again,
    ],
  ]);
}

function checkDumps({ instance, restore }: Database, { dumps, now }: Facts): readonly Finding[] {
  const place = restore?.dumps;
  if (restore === undefined || place === undefined) return [];
  const check = `dumps ${place}`;
  const mend = `look at what writes them; a restore takes nothing that is older than maximumAge. gcloud storage ls -l ${place}`;
  return judge(check, place, dumps[place], {
    mend,
    holds: ([newest]) => {
      if (newest === undefined) return [wrong(check, `there is no dump of ${instance}`, mend)];
      const age = between(newest.writtenAt, now);
      const says = `the newest is ${showDuration(age)} old`;
      return age <= restore.maximumAge
        ? [fine(check, says)]
        : [wrong(check, `${says}, above ${showDuration(restore.maximumAge)}`, mend)];
    },
  });
}

const inFile = (where: string): string => `dr.yaml, ${where}`;
const describe = (system: System, instance: string): string =>
  `gcloud sql instances describe ${instance} --project ${system.project}`;

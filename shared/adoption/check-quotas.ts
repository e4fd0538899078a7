import type { CloudRunApplication, Database, System } from '../system/system.ts';
import type { Facts } from './facts.ts';
import { all, type Finding, judge } from './finding.ts';
import { passingInstances } from './wanted.ts';

// Whether what a recovery takes fits into what the project may have, where Google says what that is. What others in the project use beside
// it is not counted.

/**
 * Cloud SQL lets a project have 1,000 instances, or as few as 100 where some are on its former network architecture; replicas count
 * (cloud.google.com/sql/docs/quotas, read 2026-11-27). No API says what one project has: Service Usage knows Cloud SQL's quotas on calls
 * alone. So the smaller number is what is certain.
 */
const SQL_INSTANCES_CERTAIN = 100;

/** Cloud SQL for the project, and Cloud Run region by region. */
export function checkQuotas(
  system: System,
  facts: Pick<Facts, 'fleet' | 'runProcessors' | 'runLimits'>,
): readonly Finding[] {
  const onRun = system.applications.filter((application) => application.kind === 'cloudRun');
  const regions = [...new Set(onRun.map(({ region }) => region))];
  return [
    ...(system.databases.length === 0 ? [] : checkInstances(system, facts)),
    ...regions.flatMap((region) =>
      checkRegion(
        system,
        region,
        onRun.filter((application) => application.region === region),
        facts,
      ),
    ),
  ];
}

/** Instances that recoveries make: those that the file names, a replica in the place of the promoted one, and clones as evidence. */
const madeFor = (database: Database): number =>
  passingInstances(database).length + (database.replicas.length > 0 ? 1 : 0);

function checkInstances(system: System, { fleet }: Pick<Facts, 'fleet'>): readonly Finding[] {
  const check = 'quota of Cloud SQL';
  const made = system.databases.reduce(
    (sum, database) => sum + madeFor(database),
    system.forensics?.clones.length ?? 0,
  );
  const mend = `gcloud sql instances list --project ${system.project}`;
  return judge(check, 'the list of instances', fleet, {
    mend,
    holds: ({ length }) => {
      const says = `${length} instances, and recoveries make up to ${made} more`;
      if (length + made <= SQL_INSTANCES_CERTAIN)
        return all(check, `${says}: within the ${SQL_INSTANCES_CERTAIN} that every project may have`, []);
      return [
        {
          check,
          verdict: 'unknown',
          says: `${says}: more than the ${SQL_INSTANCES_CERTAIN} that every project may have, and no API says how many this one may`,
          mend: 'ask Google’s support what the project’s limit of instances is (cloud.google.com/sql/docs/quotas)',
        },
      ];
    },
  });
}

function checkRegion(
  system: System,
  region: string,
  applications: readonly CloudRunApplication[],
  { runProcessors, runLimits }: Pick<Facts, 'runProcessors' | 'runLimits'>,
): readonly Finding[] {
  const check = `quota of Cloud Run in ${region}`;
  const console = `https://console.cloud.google.com/iam-admin/quotas?project=${system.project} (run.googleapis.com/cpu_allocation, ${region})`;
  return judge(check, 'the quotas of Cloud Run', runLimits, {
    mend: console,
    ask: `look at it by hand, or with serviceusage.quotas.get (roles/servicemanagement.quotaViewer): ${console}`,
    holds: (limits) => {
      const limit = limits.find((one) => one.region === region) ?? limits.find((one) => one.region === undefined);
      if (limit === undefined)
        return [{ check, verdict: 'unknown', says: 'Cloud Run says no quota of processors for it', mend: console }];
      const wanted: number[] = [];
      for (const { id, service, maxInstances } of applications) {
        const each = runProcessors[id];
        // That it is not there is said where applications are judged.
        if (each?.kind === 'absent') continue;
        if (each?.kind !== 'read')
          return judge(check, `what an instance of ${service} takes`, each, { mend: console, holds: () => [] });
        wanted.push(each.value * maxInstances);
      }
      const most = wanted.reduce((sum, one) => sum + one, 0);
      if (limit.milli === undefined) return all(check, 'it is not limited', []);
      const says = `${applications.map(({ id }) => id).join(' and ')} may be raised to ${show(most)} processors, of ${show(limit.milli)} that the region gives`;
      return all(check, says, [
        [
          most <= limit.milli,
          `${says}: heal would raise what can’t be had`,
          `ask for more: ${console}, or dr.yaml, applications: maxInstances`,
        ],
      ]);
    },
  });
}

const show = (milli: number): string => String(milli / 1_000);

import { millis, showDuration } from '../core/time.ts';
import type { Application, Entrance, System } from '../system/system.ts';
import type { Facts } from './facts.ts';
import { all, fine, type Finding, judge, wrong } from './finding.ts';
import { systemSecrets } from './wanted.ts';

/** Whether what users come to, and what that needs, is as `dr.yaml` says. */
export function checkPlaces(system: System, facts: Facts): readonly Finding[] {
  return [
    ...system.applications.flatMap((application) => checkApplication(system, application, facts)),
    ...system.entrances.flatMap((entrance) => checkEntrance(system, entrance, facts)),
    ...checkSessions(system, facts),
    ...systemSecrets(system).flatMap((name) => checkSecret(system, name, facts)),
    ...checkEvidence(system, facts),
  ];
}

function checkApplication(system: System, application: Application, facts: Facts): readonly Finding[] {
  const { id } = application;
  const check = `application ${id}`;
  const platform =
    application.kind === 'gke'
      ? judge(check, `the Deployment ${application.namespace}/${application.deployment}`, facts.workloads[id], {
          mend: `dr.yaml, applications: cluster, location, namespace and deployment of ${id}. kubectl -n ${application.namespace} get deployments`,
          holds: ({ ready, replicas, autoscaler }) =>
            all(check, `${ready} of ${replicas} replicas are ready`, [
              [
                (autoscaler?.max ?? replicas) <= application.maxReplicas,
                `its autoscaler goes up to ${autoscaler?.max ?? replicas}, and maxReplicas is ${application.maxReplicas}: heal could help with less than it has`,
                `dr.yaml, applications: maxReplicas of ${id}`,
              ],
              [ready > 0, 'none of its replicas is ready', `kubectl -n ${application.namespace} get pods`],
            ]),
        })
      : judge(check, `the service ${application.service} in ${application.region}`, facts.services[id], {
          mend: `dr.yaml, applications: service and region of ${id}. gcloud run services list --project ${system.project}`,
          holds: ({ scaling, ready, revisionMax }) => {
            const most = scaling.kind === 'automatic' ? (scaling.max ?? 0) : scaling.instances;
            return all(check, `ready, up to ${most} instances, which heal may raise to ${application.maxInstances}`, [
              [
                most <= application.maxInstances,
                `it goes up to ${most}, and maxInstances is ${application.maxInstances}: heal could help with less than it has`,
                `dr.yaml, applications: maxInstances of ${id}`,
              ],
              [
                revisionMax === undefined || revisionMax >= application.maxInstances,
                `its revision has no more than ${revisionMax ?? 0} instances whatever the service says, and maxInstances is ${application.maxInstances}`,
                `gcloud run services update ${application.service} --region ${application.region} --max-instances ${application.maxInstances} --project ${system.project}`,
              ],
              [
                ready,
                'it is not ready',
                `gcloud run services describe ${application.service} --region ${application.region} --project ${system.project}`,
              ],
            ]);
          },
        });
  return [...platform, ...checkHealth(application, facts)];
}

function checkHealth({ id, probes }: Application, { health }: Facts): readonly Finding[] {
  const check = `probe ${id}`;
  const mend = `curl -sS ${probes.deepHealth}   # the contract is in docs/configuration.md`;
  return judge(check, `the deep health of ${id}`, health[id], {
    mend,
    // Silence says nothing of the application; a replica's own application can't write, and says so.
    holds: ({ kind, detail }) =>
      kind === 'silent'
        ? [
            {
              check,
              verdict: 'unknown',
              says: `${probes.deepHealth} does not answer as the contract asks (${detail})`,
              mend,
            },
          ]
        : [fine(check, `answers: ${kind}`)],
  });
}

function checkEntrance(system: System, entrance: Entrance, facts: Facts): readonly Finding[] {
  const { id, backends } = entrance;
  const check = `entrance ${id}`;
  const home = backends[0]?.application ?? '';
  const [what, mend] =
    entrance.via === 'dns'
      ? [
          `the record ${entrance.host} in ${entrance.zone}`,
          `gcloud dns record-sets list --zone ${entrance.zone} --project ${system.project}`,
        ]
      : [
          `the URL map ${entrance.urlMap}`,
          `gcloud compute url-maps describe ${entrance.urlMap} --project ${system.project}`,
        ];
  return judge(check, what, facts.entrances[id], {
    mend: `dr.yaml, entrances: ${id}. ${mend}`,
    holds: ({ leadsTo, detail, ttlMs }) =>
      all(check, `leads to ${home}`, [
        [
          leadsTo !== undefined,
          `it leads to ${detail}, which is none of its backends: nothing would be moved`,
          `dr.yaml, entrances: backends of ${id}`,
        ],
        [
          leadsTo === undefined || leadsTo === home,
          `it leads to ${leadsTo ?? ''}, and its home is ${home}`,
          `./dr trigger cluster-failback --target ${home} --reason WHY   # or dr.yaml, entrances: the first backend of ${id}`,
        ],
        [
          entrance.via !== 'dns' || ttlMs === undefined || ttlMs <= entrance.ttl,
          `clients keep its address for ${showDuration(millis(ttlMs ?? 0))}`,
          `${mend}   # and a ttl of at most ${entrance.via === 'dns' ? showDuration(entrance.ttl) : ''}`,
        ],
      ]),
  });
}

function checkSessions(system: System, { caches }: Facts): readonly Finding[] {
  return system.sessions.flatMap(({ instance, region }) => {
    const check = `sessions ${instance}`;
    const mend = `gcloud redis instances list --region ${region} --project ${system.project}`;
    return judge(check, 'the list of Redis instances', caches, {
      mend,
      holds: (found) => {
        const own = found.find((cache) => cache.instance === instance && cache.region === region);
        if (own === undefined) return [wrong(check, `there is no Redis instance ${instance} in ${region}`, mend)];
        return all(check, 'is there', [[own.state === 'READY', `it is ${own.state}`, mend]]);
      },
    });
  });
}

function checkSecret(system: System, name: string, { secrets }: Facts): readonly Finding[] {
  const check = `secret ${name}`;
  return judge(check, `the secret ${name}`, secrets[name], {
    mend: `dr.yaml: the name, or gcloud secrets create ${name} --project ${system.project}`,
    holds: ([newest, ...older]) => {
      const add = `gcloud secrets versions add ${name} --data-file=- --project ${system.project}`;
      if (newest === undefined) return [wrong(check, 'it has no version', add)];
      const isEnabled = newest.state === 'enabled';
      const says = `its newest version is ${newest.state}: whatever starts now reads nothing`;
      const enable = `gcloud secrets versions enable ${newest.version} --secret ${name} --project ${system.project}`;
      return all(check, `has an enabled version (of ${older.length + 1})`, [
        [isEnabled, says, newest.state === 'disabled' ? enable : add],
      ]);
    },
  });
}

function checkEvidence({ forensics, project }: System, { retention }: Facts): readonly Finding[] {
  if (forensics === undefined) return [];
  const { bucket, minimumRetention } = forensics;
  const check = `evidence gs://${bucket}`;
  return judge(check, `the bucket ${bucket}`, retention[bucket], {
    mend: `terraform apply with var.evidence, or dr.yaml, forensics: bucket. gcloud storage ls --project ${project}`,
    holds: ({ seconds, locked }) =>
      all(check, 'keeps what is in it, and nobody can shorten that', [
        [
          seconds !== null && seconds * 1_000 >= minimumRetention,
          `it keeps objects for ${seconds === null ? 'no time' : showDuration(millis(seconds * 1_000))}, and minimumRetention is ${showDuration(minimumRetention)}`,
          `gcloud storage buckets update gs://${bucket} --retention-period ${minimumRetention / 1_000}s`,
        ],
        [
          seconds === null || locked,
          'its retention is not locked: whoever breaks in can shorten it',
          `gcloud storage buckets update gs://${bucket} --lock-retention-period   # can’t be undone`,
        ],
      ]),
  });
}

import { type Millis, millis, minutes, seconds, showDuration } from '../core/time.ts';
import type { System } from '../system/system.ts';
import { isLoopback } from '../core/loopback.ts';
import type { Facts } from './facts.ts';
import { all, fine, type Finding, judge, wrong } from './finding.ts';
import { clusterRegions, OWN_SECRETS } from './wanted.ts';

// Whether our own house is in order: APIs, quotas, keys, the doors at which people decide, clocks, and what holds everything back.

/** The share of a region's processors in use above which a scale-up may find none: Google answers requests for more quota in days. */
const CPU_SHARE_MOST = 0.9;

/** It looks every few seconds; one that is being deployed, and the next start after that, are over in less. */
const TICK_QUIET_MOST = minutes(10);

/** A `Date` header has whole seconds, and an answer takes its time. */
const HEADER_SLACK = seconds(2);

/** Our own house. */
export function checkProject(system: System, facts: Facts): readonly Finding[] {
  return [
    ...checkApis(system, facts),
    ...clusterRegions(system).flatMap((region) => checkQuota(system, region, facts)),
    ...OWN_SECRETS.flatMap((name) => checkKey(system, name, facts)),
    ...checkDoors(system, facts),
    ...checkControl(system, facts),
  ];
}

/** The APIs that a system needs: ours, and those of what it has. */
export function apisNeeded(system: System): readonly string[] {
  const { applications, databases, entrances, sessions, forensics, approvals } = system;
  const needs: readonly (readonly [boolean, string])[] = [
    [databases.length > 0, 'sqladmin'],
    [applications.some(({ kind }) => kind === 'gke'), 'container'],
    [entrances.length > 0 || applications.some(({ kind }) => kind === 'gke'), 'compute'],
    [entrances.some(({ via }) => via === 'dns'), 'dns'],
    [sessions.length > 0, 'redis'],
    [forensics !== undefined || databases.some(({ restore, rows }) => restore ?? rows), 'storage'],
    [approvals.identity === 'iap', 'iap'],
  ];
  const ours = 'cloudfunctions cloudscheduler firestore logging monitoring pubsub run secretmanager'.split(' ');
  return [...ours, ...needs.flatMap(([isNeeded, name]) => (isNeeded ? [name] : []))]
    .map((name) => `${name}.googleapis.com`)
    .toSorted();
}

function checkApis(system: System, { enabled }: Facts): readonly Finding[] {
  const needed = apisNeeded(system);
  return judge('APIs', 'the list of enabled APIs', enabled, {
    mend: `gcloud services list --enabled --project ${system.project}`,
    holds: (found) => {
      const missing = needed.filter((name) => !found.includes(name));
      return all(
        'APIs',
        `all ${needed.length} that are needed are enabled`,
        missing.map((name) => [
          false,
          `${name} is not enabled`,
          `gcloud services enable ${name} --project ${system.project}`,
        ]),
      );
    },
  });
}

function checkQuota(system: System, region: string, { quotas }: Facts): readonly Finding[] {
  const check = `quota ${region}`;
  return judge(check, `the region ${region}`, quotas[region], {
    mend: `gcloud compute regions describe ${region} --project ${system.project}`,
    holds: (found) => {
      const cpus = found.find(({ metric }) => metric === 'CPUS');
      if (cpus === undefined)
        return [
          {
            check,
            verdict: 'unknown',
            says: 'it has no quota of the name CPUS',
            mend: `gcloud compute regions describe ${region} --project ${system.project}`,
          },
        ];
      const says = `${cpus.usage} of ${cpus.limit} processors are in use`;
      return all(check, says, [
        [
          cpus.usage <= cpus.limit * CPU_SHARE_MOST,
          `${says}: nodes for a scale-up, or for a cluster’s pods that come back, may not be had`,
          `ask for more: https://console.cloud.google.com/iam-admin/quotas?project=${system.project} (compute.googleapis.com/cpus, ${region})`,
        ],
      ]);
    },
  });
}

const KEY_SOURCE: Readonly<Record<(typeof OWN_SECRETS)[number], string>> = {
  'dr-form-key': `openssl rand -base64 32 | tr -d '\\n' | gcloud secrets versions add dr-form-key --data-file=-`,
  'dr-heartbeat-url':
    'printf %s "$PING_URL" | gcloud secrets versions add dr-heartbeat-url --data-file=-   # of a party outside Google, and heartbeat = true',
  'dr-public-keys': 'docs/deployment.md, "An afternoon", step 1: the public key of dr-signing-key, by its id',
  'dr-signing-key': 'docs/deployment.md, "An afternoon", step 1: openssl genpkey -algorithm ed25519',
};

const WITHOUT: Readonly<Record<(typeof OWN_SECRETS)[number], string>> = {
  'dr-form-key': 'approve does not start',
  'dr-heartbeat-url': 'our own silence pages nobody',
  'dr-public-keys': 'no approval can be verified',
  'dr-signing-key': 'nobody can be asked to approve',
};

function checkKey({ project }: System, name: (typeof OWN_SECRETS)[number], { secrets }: Facts): readonly Finding[] {
  const check = `key ${name}`;
  const mend = `${KEY_SOURCE[name]} --project ${project}`.replace(/^(docs.*) --project .*$/, '$1');
  return judge(check, `the secret ${name}`, secrets[name], {
    mend: `terraform apply -target=module.key, then: ${mend}`,
    holds: ([newest]) =>
      all(check, 'has an enabled version', [
        [newest?.state === 'enabled', `its newest version is ${newest?.state ?? 'missing'}: ${WITHOUT[name]}`, mend],
      ]),
  });
}

function checkDoors(system: System, { doors }: Facts): readonly Finding[] {
  const { endpoints, controlRegions, guards } = system;
  const { length } = endpoints.approve;
  const count = all('links', `carry an address in each of ${controlRegions.length} control regions`, [
    [
      length >= controlRegions.length,
      `carry ${length} of ${controlRegions.length} control regions: who has only the others can’t decide`,
      'dr.yaml, endpoints: approve, one address for each of controlRegions',
    ],
  ]);
  const each = endpoints.approve.flatMap((url) => {
    const check = `link ${url}`;
    const mend = `curl -sSI ${url}/   # the record, the certificate, the load balancer and approve itself (docs/deployment.md, step 4)`;
    return judge(check, url, doors[url], {
      mend,
      holds: ({ status, skew }) => {
        const most = millis(guards.clockSkew + HEADER_SLACK);
        const clock: readonly Finding[] =
          skew === undefined
            ? [{ check: `clock of ${url}`, verdict: 'unknown', says: 'it does not say what time it is', mend }]
            : all(`clock of ${url}`, 'goes with ours', [
                [
                  Math.abs(skew) <= most,
                  `it differs from this machine’s by ${showDuration(millis(Math.abs(skew)))}, above ${showDuration(most)}: expiries and bounds are judged by clocks`,
                  isLoopback(url)
                    ? 'this machine’s clock'
                    : 'timedatectl status   # on this machine: Google’s own clock is right',
                ],
              ]);
        return [
          ...(status < 500 ? [fine(check, `answers (${status})`)] : [wrong(check, `answers ${status}`, mend)]),
          ...clock,
        ];
      },
    });
  });
  return [...count, ...each];
}

function checkControl({ databases, project }: System, { control }: Facts): readonly Finding[] {
  return judge('kill switch', 'the store', control, {
    mend: 'DR_STORE of the functions (docs/deployment.md, "The store")',
    silence: `whether this machine reaches firestore.googleapis.com, and whether the database of --store is there: gcloud firestore databases list --project ${project}. Until then nobody knows here whether the kill switch is on, nor whether tick runs`,
    holds: ({ stopped, modes, watchedAgo }) => [
      ...all('kill switch', 'is off', [
        [stopped === undefined, `is on (${stopped ?? ''}): nothing would be done`, './dr release --reason WHY'],
      ]),
      fine(
        'modes',
        Object.keys(modes).length === 0
          ? 'are those of dr.yaml'
          : `changed by an operator: ${Object.entries(modes)
              .map(([runbook, mode]) => `${runbook} ${mode}`)
              .join(', ')}`,
      ),
      ...(databases.length === 0 ? [] : checkTick(watchedAgo)),
    ],
  });
}

/** A store in which nothing of `tick` is says nothing of the kill switch either: it may be another's. */
function checkTick(watchedAgo: Millis | undefined): readonly Finding[] {
  const mend =
    'the name in --store, against DR_STORE of the functions; then whether it runs: docs/deployment.md, "See it tick"';
  if (watchedAgo === undefined)
    return [
      wrong('tick', 'it has written nothing into this store: it has not run, or the functions have another', mend),
    ];
  return all('tick', `looked at the databases ${showDuration(millis(Math.max(0, watchedAgo)))} ago`, [
    [
      watchedAgo <= TICK_QUIET_MOST,
      `it last looked at a database ${showDuration(watchedAgo)} ago: what is due is not found, nor a failure that nobody alerted on`,
      mend,
    ],
  ]);
}

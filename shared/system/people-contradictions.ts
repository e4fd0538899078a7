import { minutes } from '../core/time.ts';
import type { ConfigPath, Contradiction } from './config-fault.ts';
import { BEGINS_SAFELY, IS_DESTRUCTIVE } from './limits.ts';
import type { PersonId, RunbookName } from './names.ts';
import { RUNBOOKS } from './names.ts';
import { nearestWord } from './nearest-word.ts';
import { repeated } from './repeated.ts';
import type { ApprovalPolicy, Person, System } from './system.ts';
import { modeFor } from './topology.ts';
import { writeDuration } from './write-duration.ts';

/** Shortest time in which a person can be woken, open the page and read it. */
const DECISION_MIN = minutes(1);

/** What people, approvals, modes and destinations can't be together (design.md section 7; failover-rules 17-21). */
export function peopleContradictions(system: System): readonly Contradiction[] {
  return [
    ...repeatedNames(system),
    ...unknownPeople(system),
    ...nobodyTold(system),
    ...modes(system),
    ...breachByLink(system),
    ...policies(system).flatMap(({ policy, path }) => [
      ...countOfApprovers(system, policy, path),
      ...approversApart(system, policy, path),
      ...waysToApprovers(system, policy, path),
    ]),
  ];
}

type PlacedPolicy = { readonly runbook: RunbookName; readonly policy: ApprovalPolicy; readonly path: ConfigPath };

/** The approval policies of the file, each with its place. */
export function policies(system: System): readonly PlacedPolicy[] {
  return RUNBOOKS.flatMap((runbook) => {
    const policy = system.approvals.perRunbook[runbook];
    return policy === undefined ? [] : [{ runbook, policy, path: ['approvals', runbook] }];
  });
}

function repeatedNames(system: System): readonly Contradiction[] {
  return [
    ...repeated(system.people, ({ id }) => id).map(({ index, item, first }) => ({
      path: ['people', index, 'id'],
      problem: `is the id of people[${first}] too, so nobody knows who "${item.id}" is`,
      wanted: 'an id of its own for each person',
    })),
    ...repeated(system.notifications, ({ id }) => id).map(({ index, first }) => ({
      path: ['notifications', index, 'id'],
      problem: `is the id of notifications[${first}] too`,
      wanted: 'an id of its own for each destination',
    })),
  ];
}

function unknownPeople(system: System): readonly Contradiction[] {
  const ids: readonly string[] = system.people.map(({ id }) => id);
  const isUnknown = (person: PersonId | undefined): person is PersonId => person !== undefined && !ids.includes(person);
  const unknown = (path: ConfigPath, person: string): Contradiction => ({
    path,
    problem: 'is nobody of `people`',
    wanted: nearestWord(person, ids) ?? `one of: ${ids.join(', ')}`,
    involves: [['people']],
  });
  return [
    ...policies(system).flatMap(({ policy, path }) =>
      policy.approvers.flatMap((person, index) =>
        isUnknown(person) ? [unknown([...path, 'approvers', index], person)] : [],
      ),
    ),
    ...system.notifications.flatMap(({ person }, index) =>
      isUnknown(person) ? [unknown(['notifications', index, 'person'], person)] : [],
    ),
  ];
}

function nobodyTold(system: System): readonly Contradiction[] {
  if (system.notifications.length > 0) return [];
  const problem = 'is empty, so a recovery that stops would stop unseen';
  return [{ path: ['notifications'], problem, wanted: 'at least one destination' }];
}

function modes(system: System): readonly Contradiction[] {
  return RUNBOOKS.filter((runbook) => isUsed(system, runbook)).flatMap((runbook): readonly Contradiction[] => {
    const mode = modeFor(system, runbook);
    const isNamed = system.mode.perRunbook[runbook] !== undefined;
    const path: ConfigPath = isNamed ? ['mode', 'perRunbook', runbook] : ['mode', 'default'];
    if (mode === 'auto' && IS_DESTRUCTIVE[runbook] && !BEGINS_SAFELY[runbook]) {
      const problem = `lets ${runbook} act alone, but its destructive steps always wait for an approval`;
      return [{ path, problem, wanted: `\`${runbook}: approve\` under mode.perRunbook`, involves: [['mode']] }];
    }
    const asks = mode === 'approve' || (mode === 'auto' && IS_DESTRUCTIVE[runbook]);
    if (!asks || system.approvals.perRunbook[runbook] !== undefined) return [];
    // Outside of a sandbox it has no approvers, and says so: it is told of, and asked nothing.
    if (runbook === 'breach-response' && system.approvals.breachByLink === 'sandbox') return [];
    return [
      {
        path: ['approvals'],
        problem: `says nobody who may decide on ${runbook}, whose mode is ${mode}: it could be asked for, and never be given`,
        wanted: `${runbook}: {approvers: […], quorum: …}, or its mode observe`,
        involves: [['mode'], ['approvals', runbook]],
      },
    ];
  });
}

/** What whoever broke in could decide in their own favour. */
const OF_A_BREACH = ['breach-response', 'lift-isolation'] as const;

/** Whoever broke in may read the approvers' mail: a link alone is no decision on a breach (design.md section 7). */
function breachByLink({ approvals }: System): readonly Contradiction[] {
  if (approvals.identity !== 'link' || approvals.breachByLink === 'sandbox') return [];
  return OF_A_BREACH.filter((runbook) => approvals.perRunbook[runbook] !== undefined).map((runbook) => ({
    path: ['approvals', runbook],
    problem: 'would be decided by whoever holds a link, which in a breach may be who broke in',
    wanted: 'identity iap or oidc, or breachByLink: sandbox for a sandbox alone',
    involves: [
      ['approvals', 'identity'],
      ['approvals', 'breachByLink'],
    ],
  }));
}

/** Whether the system has anything that the runbook is for. */
function isUsed(system: System, runbook: RunbookName): boolean {
  switch (runbook) {
    case 'backup-restore':
      return system.databases.some(({ restore }) => restore !== undefined);
    case 'tenant-restore':
      return system.databases.some(({ restore, rows }) => restore !== undefined && rows?.tenant !== undefined);
    case 'point-in-time-recovery':
      return system.databases.some(({ recovery }) => recovery !== undefined);
    case 'breach-response':
      return system.rotation.length > 0;
    case 'cluster-failback':
    case 'cluster-failover':
      return system.applications.some((application) => application.kind === 'gke' && application.standby !== undefined);
    case 'region-failback':
    case 'region-failover':
    case 'region-rebuild':
    case 'region-return':
      return system.regions.length > 0;
    case 'database-failover':
      return system.databases.length > 0;
    case 'pod-heal':
      return system.applications.some(({ kind }) => kind === 'gke');
    case 'deployment-scale-up':
    case 'lift-isolation':
    case 'pod-force-delete':
    case 'rollout-restart':
    case 'rollout-undo':
    case 'service-scale-up':
      // A file that never speaks of it is told of what was found and asked nothing.
      return system.mode.perRunbook[runbook] !== undefined || system.alerts.some((alert) => alert.runbook === runbook);
  }
}

function countOfApprovers(system: System, policy: ApprovalPolicy, path: ConfigPath): readonly Contradiction[] {
  const found: Contradiction[] = [];
  const { quorum, expiresIn } = policy;
  const approvers = new Set(policy.approvers).size;
  const refuse = (key: string, problem: string, wanted: string, involves: readonly ConfigPath[]): void => {
    found.push({ path: [...path, key], problem, wanted, involves });
  };
  if (approvers === 0) refuse('approvers', 'is empty, and an empty list means nobody', 'at least one person', []);
  if (quorum < 1) refuse('quorum', 'is less than one: nothing would have to be decided', '1 or more', []);
  if (approvers > 0 && quorum > approvers) {
    const problem = `needs ${quorum} approvals from ${approvers} approver${approvers === 1 ? '' : 's'}, which never comes`;
    refuse('quorum', problem, `1 to ${approvers}`, [[...path, 'approvers']]);
  }
  if (quorum > 1 && system.approvals.identity === 'link') {
    const problem = 'counts distinct people, and with `identity: link` nobody knows who opened a link';
    refuse('quorum', problem, '1, or identity iap or oidc', [['approvals', 'identity']]);
  }
  if (expiresIn < DECISION_MIN) {
    refuse('expiresIn', 'ends before a person can have read the page', `${writeDuration(DECISION_MIN)} or more`, []);
  }
  return found;
}

/** Two approvers who are one and the same can't be told apart, so neither decides. */
function approversApart(system: System, policy: ApprovalPolicy, path: ConfigPath): readonly Contradiction[] {
  const known = system.people.filter(({ id }) => policy.approvers.includes(id));
  const place = (person: Person): ConfigPath => ['people', system.people.indexOf(person), 'email'];
  const hooks = system.notifications
    .map((destination, index) => ({ destination, index }))
    .filter(({ destination: { person } }) => person !== undefined && policy.approvers.includes(person));
  const address = (item: (typeof hooks)[number]): string =>
    item.destination.kind === 'webhook' ? item.destination.url : item.destination.id;
  return [
    ...repeated(policy.approvers, (id) => id).map(({ index, item }) => ({
      path: [...path, 'approvers', index],
      problem: `names "${item}" a second time: a person counts once`,
      wanted: 'each approver once',
    })),
    ...repeated(known, ({ email }) => email.toLowerCase())
      .map(({ item, first }) => ({ item, other: known[first] }))
      .filter(({ item, other }) => other?.id !== item.id)
      .map(({ item, other }) => ({
        path: place(item),
        problem: `is the address of ${other?.id} too: what several people read can be told, but can't decide`,
        wanted: 'an address of its own for each approver',
        involves: [[...path, 'approvers']],
      })),
    ...repeated(hooks, address)
      .filter(({ item, first }) => hooks[first]?.destination.person !== item.destination.person)
      .map(({ item, first }) => ({
        path: ['notifications', item.index, 'url'],
        problem: `gets the links of ${hooks[first]?.destination.person} too: what several people read can't decide`,
        wanted: 'a destination of its own for each approver',
        involves: [[...path, 'approvers']],
      })),
  ];
}

function waysToApprovers(system: System, policy: ApprovalPolicy, path: ConfigPath): readonly Contradiction[] {
  const known = system.people.map(({ id }) => id);
  return policy.approvers.flatMap((approver, position) => {
    const own = system.notifications.filter(({ person }) => person === approver);
    if (own.length === 0 && known.includes(approver)) {
      return [
        {
          path: [...path, 'approvers', position],
          problem: 'has no destination, so the link would never arrive',
          wanted: `a destination under notifications with \`person: ${approver}\``,
          involves: [['notifications']],
        },
      ];
    }
    if (system.approvals.identity === 'link') return [];
    return own
      .filter(({ kind }) => kind === 'terminal')
      .map((terminal) => ({
        path: ['notifications', system.notifications.indexOf(terminal), 'kind'],
        problem: `prints the approval links of ${approver}, and in the cloud what is printed is logged`,
        wanted: 'a webhook, or no person here',
        involves: [
          ['approvals', 'identity'],
          [...path, 'approvers'],
        ],
      }));
  });
}

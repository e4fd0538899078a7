import type { Change } from './reference.ts';

/** What is refused, by which change of the sound reference, and all that is then said. */
export type Case = readonly [what: string, changes: readonly Change[], ...said: readonly string[]];

/** The approval policy that the cases change. */
export const policy = ['approvals', 'database-failover'] as const;

/** A place in it, as faults name it. */
export function at(place: string): string {
  return `approvals.database-failover.${place}`;
}

/** About people, approvals, modes and destinations. */
export const PEOPLE: readonly Case[] = [
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
    'approvals.breach-response.approvers[1]: has no destination, so the link would never arrive',
    'approvals.lift-isolation.approvers[1]: has no destination, so the link would never arrive',
    'approvals.backup-restore.approvers[2]: has no destination, so the link would never arrive',
    'approvals.cluster-failback.approvers[2]: has no destination, so the link would never arrive',
    'approvals.cluster-failover.approvers[2]: has no destination, so the link would never arrive',
    'approvals.point-in-time-recovery.approvers[2]: has no destination, so the link would never arrive',
    'approvals.region-failback.approvers[2]: has no destination, so the link would never arrive',
    'approvals.region-failover.approvers[2]: has no destination, so the link would never arrive',
    'approvals.region-rebuild.approvers[2]: has no destination, so the link would never arrive',
    'approvals.region-return.approvers[2]: has no destination, so the link would never arrive',
    'approvals.tenant-restore.approvers[2]: has no destination, so the link would never arrive',
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
    'approvals.breach-response.approvers[0]: is nobody of `people`',
    'approvals.lift-isolation.approvers[0]: is nobody of `people`',
    'notifications[4].person: is nobody of `people`',
  ],
  [
    'a breach that a link alone decides',
    [[['approvals', 'breachByLink'], 'never']],
    'approvals.breach-response: would be decided by whoever holds a link, which in a breach may be who broke in',
    'approvals.lift-isolation: would be decided by whoever holds a link, which in a breach may be who broke in',
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
    [[['mode', 'perRunbook', 'pod-heal'], undefined]],
    'approvals: says nobody who may decide on pod-heal, whose mode is approve: it could be asked for, and never be given',
  ],
  [
    'a failover that would act alone',
    [[['mode', 'perRunbook', 'database-failover'], 'auto']],
    'mode.perRunbook.database-failover: lets database-failover act alone, but its destructive steps always wait for an approval',
  ],
];

/** About addresses. */
export const ADDRESSES: readonly Case[] = [
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

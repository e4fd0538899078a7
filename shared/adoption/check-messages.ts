import type { AlertPolicyStatus, ChannelStatus, SubscriptionStatus } from '../ports/inventory.ts';
import { TOPICS, type Topic } from '../system/names.ts';
import type { System } from '../system/system.ts';
import type { Facts } from './facts.ts';
import { all, type Finding, judge, wrong } from './finding.ts';

// Whether what happens reaches us: alert policies, their channel, topics, subscriptions. Numbers as docs/deployment.md, "Subscriptions", has
// them.

/** Seconds that a push may take: what Pub/Sub allows at most, above the nine minutes of a function. */
const ACK_DEADLINE = 600;
/** Seven days, in which a region that is gone may come back. */
const RETENTION = 604_800;
/** Fewer than this many attempts are over before a function that is being deployed is back. */
const ATTEMPTS_LEAST = 10;

/** What is lost when a message of it is: of the other topics `tick` finds what is due. */
const SIGNALS: readonly Topic[] = ['dr-alerts', 'dr-commands'];

const APPLY = 'terraform apply (modules/topic and modules/function)';

/** What these checks rest on. */
type MessageFacts = Pick<
  Facts,
  'topics' | 'subscriptions' | 'policies' | 'channels' | 'projectNumber' | 'topicPolicies'
>;

/** Alerts, topics and subscriptions. */
export function checkMessages(system: System, facts: MessageFacts): readonly Finding[] {
  return [
    ...checkAlerts(system, facts),
    ...TOPICS.flatMap((topic) => checkTopic(system, topic, facts)),
    ...checkPublishers(facts),
  ];
}

function checkAlerts(system: System, { policies, channels }: MessageFacts): readonly Finding[] {
  const lists = judge('alerts', 'the list of alert policies', policies, {
    mend: 'gcloud alpha monitoring policies list',
    holds: (found) =>
      judge('alerts', 'the list of notification channels', channels, {
        mend: 'gcloud beta monitoring channels list',
        holds: (known) => system.alerts.flatMap(({ policy }) => checkPolicy(system, policy, found, known)),
      }),
  });
  const silent = system.databases
    .filter(({ instance }) => !system.alerts.some(({ target }) => target === instance))
    .map(({ instance }) =>
      wrong(
        'alerts',
        `no alert policy is about ${instance}: only our own watch would find its failure`,
        'dr.yaml, alerts',
      ),
    );
  return [...lists, ...silent];
}

function checkPolicy(
  system: System,
  name: string,
  policies: readonly AlertPolicyStatus[],
  channels: readonly ChannelStatus[],
): readonly Finding[] {
  const check = `alert ${name}`;
  const own = policies.filter(({ displayName }) => displayName === name);
  const [policy] = own;
  if (policy === undefined)
    return [
      wrong(
        check,
        'there is no alert policy of that name',
        'terraform apply (modules/alerts makes those of dr.yaml), or dr.yaml, alerts: the name',
      ),
    ];
  const topic = `projects/${system.project}/topics/dr-alerts`;
  const reaches = policy.channels.some((used) =>
    channels.some(
      (channel) => channel.name === used && channel.type === 'pubsub' && channel.enabled && channel.topic === topic,
    ),
  );
  return all(check, 'is enabled, and its channel publishes on dr-alerts', [
    [
      own.length === 1,
      `${own.length} alert policies have that name`,
      'gcloud alpha monitoring policies delete POLICY   # of those that are not Terraform’s',
    ],
    [
      policy.enabled,
      'it is disabled',
      `gcloud alpha monitoring policies update POLICY --enabled --project ${system.project}`,
    ],
    [
      reaches,
      'none of its channels publishes on dr-alerts, which classify hears',
      `gcloud alpha monitoring policies update POLICY --add-notification-channels CHANNEL --project ${system.project}   # one of type pubsub with the topic ${topic}`,
    ],
  ]);
}

function checkTopic(system: System, topic: Topic, { topics, subscriptions }: MessageFacts): readonly Finding[] {
  const check = `topic ${topic}`;
  const create = (name: string): string =>
    `gcloud pubsub topics create ${name} --project ${system.project}   # or ${APPLY}`;
  return judge(check, 'the list of topics', topics, {
    mend: create(topic),
    holds: (known) => {
      const missing = [topic, `${topic}-dead`].filter((name) => !known.includes(name));
      if (missing.length > 0) return missing.map((name) => wrong(check, `there is no topic ${name}`, create(name)));
      return judge(check, 'the list of subscriptions', subscriptions, {
        mend: APPLY,
        holds: (all) => checkSubscriptions(system, topic, all),
      });
    },
  });
}

function checkSubscriptions(
  system: System,
  topic: Topic,
  subscriptions: readonly SubscriptionStatus[],
): readonly Finding[] {
  const check = `topic ${topic}`;
  const of = (name: string) => subscriptions.filter((one) => one.topic === name);
  const pushed = of(topic).filter(({ pushesTo }) => pushesTo !== undefined);
  const copies = new Set(pushed.map(({ pushesTo }) => pushesTo)).size;
  const regions = system.controlRegions.length;
  const dead = of(`${topic}-dead`);
  const faults = pushed.flatMap((subscription) => checkSubscription(system, topic, subscription));
  const kept = all(check, `pushed to ${copies} copies; dead letters are kept`, [
    [copies >= regions, `it is pushed to ${copies} of ${regions} control regions`, APPLY],
    [dead.some(({ pushesTo }) => pushesTo === undefined), `nobody keeps what ${topic}-dead gets`, APPLY],
    [
      !SIGNALS.includes(topic) || dead.some(({ pushesTo }) => pushesTo !== undefined),
      `tick is not given what ${topic}-dead gets: it would be taken up by nobody`,
      APPLY,
    ],
  ]);
  return faults.length === 0 ? kept : [...faults, ...kept.filter(({ verdict }) => verdict !== 'fine')];
}

function checkSubscription(system: System, topic: Topic, subscription: SubscriptionStatus): readonly Finding[] {
  const { name, ackDeadlineSeconds, retentionSeconds, deadLetterTopic, attempts = 0, isSigned } = subscription;
  const update = (what: string): string =>
    `gcloud pubsub subscriptions update ${name} ${what} --project ${system.project}`;
  return all(`subscription ${name}`, 'as it should be', [
    [
      ackDeadlineSeconds === ACK_DEADLINE,
      `a push may take ${ackDeadlineSeconds} s: work that takes longer is delivered again while it runs`,
      update(`--ack-deadline ${ACK_DEADLINE}`),
    ],
    [
      retentionSeconds >= RETENTION,
      `messages are kept for ${Math.round(retentionSeconds / 3_600)} h, and not for seven days`,
      update('--message-retention-duration 7d'),
    ],
    [
      deadLetterTopic === `${topic}-dead`,
      deadLetterTopic === undefined
        ? 'it has no dead letters: what can’t be read is delivered for ever'
        : `its dead letters go to ${deadLetterTopic}`,
      update(`--dead-letter-topic ${topic}-dead --max-delivery-attempts 20`),
    ],
    [
      deadLetterTopic === undefined || attempts >= ATTEMPTS_LEAST,
      `a message is given up after ${attempts} attempts`,
      update('--max-delivery-attempts 20'),
    ],
    [isSigned, 'its pushes prove nothing, so the function refuses them', APPLY],
  ]).filter(({ verdict }) => verdict !== 'fine');
}

/** Alerts come from Monitoring and ticks from Scheduler, and from nobody else: what they say is believed. */
function checkPublishers({ topicPolicies, projectNumber }: MessageFacts): readonly Finding[] {
  return (
    [
      ['dr-alerts', 'gcp-sa-monitoring-notification', 'Monitoring'],
      ['dr-ticks', 'gcp-sa-cloudscheduler', 'Scheduler'],
    ] as const
  ).flatMap(([topic, agent, who]) => {
    const check = `publishers of ${topic}`;
    return judge(check, `the policy of ${topic}`, topicPolicies[topic], {
      mend: APPLY,
      holds: (bindings) =>
        judge(check, 'the number of the project', projectNumber, {
          mend: 'dr.yaml, system: project',
          holds: (number) => {
            const wanted = `serviceAccount:service-${number}@${agent}.iam.gserviceaccount.com`;
            const members = bindings.filter(({ role }) => PUBLISHING.has(role)).flatMap((binding) => binding.members);
            const others = [...new Set(members.filter((member) => member !== wanted))];
            const give = `--member ${wanted} --role roles/pubsub.publisher`;
            return all(check, `${who} alone may publish`, [
              [
                members.includes(wanted),
                `${who} may not publish there`,
                `gcloud pubsub topics add-iam-policy-binding ${topic} ${give}`,
              ],
              [
                others.length === 0,
                `${others.join(', ')} may publish there too: whatever they say is believed`,
                `gcloud pubsub topics remove-iam-policy-binding ${topic} --member ${others[0] ?? ''} --role roles/pubsub.publisher`,
              ],
            ]);
          },
        }),
    });
  });
}

const PUBLISHING: ReadonlySet<string> = new Set([
  'roles/pubsub.publisher',
  'roles/pubsub.editor',
  'roles/pubsub.admin',
]);

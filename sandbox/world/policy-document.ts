import type { AlertPolicyDocument, ConditionDocument } from './monitoring-policy.ts';
import type { Project } from './project.ts';

// What the alert policies of the reference system have in common.

/** The notification channel that publishes to our alerts topic. */
export const ALERT_CHANNEL_ID = '7300000000000000001';

/** What differs from policy to policy. */
export interface PolicyDraft {
  readonly number: number;
  readonly displayName: string;
  readonly severity: NonNullable<AlertPolicyDocument['severity']>;
  /** A hint for people (decisions.md 1); no diagnosis is taken from it. */
  readonly scenario: string;
  /** What it watches, by its name in `dr.yaml`; the project where it is the whole system. */
  readonly target: string;
  readonly about: string;
  readonly conditions: readonly Omit<ConditionDocument, 'name'>[];
  /** When something is told, and for how long; a threshold's when there is none. */
  readonly alertStrategy?: NonNullable<AlertPolicyDocument['alertStrategy']>;
}

/** The document of a policy. */
export function policy(project: Project, draft: PolicyDraft): AlertPolicyDocument {
  const name = `projects/${project.id}/alertPolicies/${String(1_110_000_000_000_000_000n + BigInt(draft.number))}`;
  return {
    name,
    displayName: draft.displayName,
    combiner: 'OR',
    enabled: true,
    severity: draft.severity,
    conditions: draft.conditions.map((condition, index) => ({
      name: `${name}/conditions/${String(2_220_000_000_000_000_000n + BigInt(10 * draft.number + index))}`,
      ...condition,
    })),
    userLabels: { dr_scenario: draft.scenario, dr_target: draft.target },
    notificationChannels: [channelName(project)],
    documentation: { content: draft.about, mimeType: 'text/markdown' },
    alertStrategy: draft.alertStrategy ?? { autoClose: '1800s', notificationPrompts: ['OPENED', 'CLOSED'] },
  };
}

/** Full name of that channel. */
export const channelName = (project: Project): string =>
  `projects/${project.id}/notificationChannels/${ALERT_CHANNEL_ID}`;

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { checkMessages } from '../../shared/adoption/check-messages.ts';
import type { Reading } from '../../shared/adoption/finding.ts';
import { parseSystem } from '../../shared/system/parse-system.ts';

const parsed = parseSystem(readFileSync('dr.yaml', 'utf8'));
if (!parsed.ok) throw new Error('the reference dr.yaml has faults');
const system = parsed.value;

const read = <T>(value: T): Reading<T> => ({ kind: 'read', value });
const unread = { kind: 'unread', because: 'timeout' } as const;

const MONITORING = 'serviceAccount:service-482913746501@gcp-sa-monitoring-notification.iam.gserviceaccount.com';

/** What is said of who may publish alerts, where these may. */
function saidOf(
  members: readonly string[],
  role = 'roles/pubsub.publisher',
  number: Reading<string> = read('482913746501'),
) {
  const facts = {
    topics: unread,
    subscriptions: unread,
    policies: unread,
    channels: unread,
    projectNumber: number,
    topicPolicies: { 'dr-alerts': read([{ role, members, condition: undefined }]) },
  };
  const found = checkMessages(system, facts);
  return found.filter(({ check }) => check === 'publishers of dr-alerts');
}

describe('who may publish alerts', () => {
  it('is Monitoring, and nobody else', () => {
    expect(saidOf([MONITORING])).toEqual([expect.objectContaining({ verdict: 'fine' })]);
  });

  it('is named where it is a stranger, with the command that takes it back', () => {
    const [found] = saidOf([MONITORING, 'user:eve@example.com']);
    expect(found).toMatchObject({
      verdict: 'wrong',
      says: expect.stringContaining('user:eve@example.com may publish there too'),
      mend: 'gcloud pubsub topics remove-iam-policy-binding dr-alerts --member user:eve@example.com --role roles/pubsub.publisher',
    });
    expect(saidOf(['user:eve@example.com'], 'roles/pubsub.admin')).toHaveLength(2);
  });

  it('is named where it is not Monitoring: no alert would ever arrive', () => {
    expect(saidOf([])).toEqual([
      expect.objectContaining({ verdict: 'wrong', mend: expect.stringContaining(`--member ${MONITORING}`) }),
    ]);
  });

  it('is unknown where nobody can say which project it is', () => {
    expect(saidOf([MONITORING], 'roles/pubsub.publisher', unread)).toEqual([
      expect.objectContaining({ verdict: 'unknown', says: expect.stringContaining('timeout') }),
    ]);
  });

  it('gives nothing with a role that publishes nothing', () => {
    expect(saidOf([MONITORING], 'roles/pubsub.viewer')).toEqual([expect.objectContaining({ verdict: 'wrong' })]);
  });
});

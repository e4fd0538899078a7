import { millis, showDuration } from '../shared/core/time.ts';
import { connectTo } from '../sandbox/host/redis-server.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { OPERATOR, REFERENCE } from '../sandbox/world/reference-system.ts';
import { type Check, ledger, resolved, type Story } from './story.ts';

const { signingSecret: SIGNING, paymentSecret: PAYMENT } = REFERENCE;

/** What the payment provider shows once, in this story. */
const ISSUED = 'sk_live_demo_of_the_new_key';

const states = ({ world }: Sandbox, secret: string): string =>
  world.secrets
    .versions(secret)
    .map(({ number, state }) => `${number} ${state}`)
    .join(', ');

/** Somebody broke in: evidence, isolation, new secrets, and a person for what only an issuer can make. */
export const BREACH_STORY: Story = {
  runbook: 'breach-response',
  title: 'Somebody has the key of the sessions; the security lead approves that what was stolen is made worthless',
  fault: 'leaked-secret',
  asks: 'sessions that nobody signed in to',
  approver: 'security',
  withinMs: 75 * 60_000,
  answers: ({ world }) => {
    world.secretsApi.addVersion({ principal: OPERATOR, from: 'internet' }, PAYMENT, Buffer.from(ISSUED));
    return 'rolled in the dashboard';
  },
  check: async (sandbox, state, _system, evidence) => {
    const met = sandbox.world.intruder.report();
    const values = [ISSUED, sandbox.world.secrets.readSecret(SIGNING) ?? ' '];
    const outages = sandbox.load.report().flatMap(({ outages: all }) => all);
    const breach = state.notices.get('breach');
    return [
      resolved(state),
      {
        name: 'the security lead was paged before a plan was drawn',
        held: breach?.delivered.includes('security-pager') === true && breach.dueAt < (state.run?.drawnAt ?? 0),
        figure: breach?.delivered.join(', ') ?? 'nobody',
      },
      {
        name: 'the thief is let in nowhere any more',
        held: met.every(
          ({ admitted, lastAdmittedAt = 0, lastRefusedAt = 0 }) => admitted > 0 && lastRefusedAt > lastAdmittedAt,
        ),
        figure: met
          .map(({ service, admitted, refused }) => `${service}: ${admitted} let in, then ${refused} refused`)
          .join('; '),
      },
      {
        name: 'both keys are new, and the old ones are disabled',
        held: [SIGNING, PAYMENT].every((secret) => states(sandbox, secret) === '2 ENABLED, 1 DISABLED'),
        figure: [SIGNING, PAYMENT].map((secret) => `${secret}: ${states(sandbox, secret)}`).join('; '),
      },
      ...(await sessionsEnded(sandbox)),
      {
        name: 'no value of a secret is in the evidence',
        held: evidence.length > 2 && !evidence.some((text) => values.some((value) => text.includes(value))),
        figure: `${evidence.length} pieces`,
      },
      {
        name: 'users lost nothing',
        held: outages.length === 0,
        figure: `${outages.length} outages${outages.map(({ from, until }) => (until === undefined ? '' : `, ${showDuration(millis(until - from))}`)).join('')}`,
      },
      ledger(sandbox),
    ];
  },
};

/** Of a real Redis, where one is installed: what lay beside the sessions is still there. Sign-ins go on, so that some are new. */
async function sessionsEnded({ redis }: Sandbox): Promise<readonly Check[]> {
  if (redis === undefined) return [];
  const client = await connectTo(redis);
  try {
    const keys = await client.keys('*');
    const others = keys.filter((key) => !key.startsWith('session:')).toSorted();
    return [
      {
        name: 'queues and locks beside the sessions are still there',
        held: others.join() === 'lock:billing-run,queue:thumbnails,ratelimit:10.0.0.7',
        figure: `${others.join(', ')}, and ${keys.length - others.length} sessions of people who signed in since`,
      },
    ];
  } finally {
    client.destroy();
  }
}

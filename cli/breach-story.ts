import { millis, showDuration } from '../shared/core/time.ts';
import { connectTo } from '../sandbox/host/redis-server.ts';
import type { Sandbox } from '../sandbox/host/sandbox.ts';
import { OPERATOR, REFERENCE, SECONDARY } from '../sandbox/world/reference-system.ts';
import { REFERENCE_EVIDENCE, SERVICES } from '../sandbox/world/reference-world.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import { type Check, ledger, passwordOf, resolved, served, type Story } from './story.ts';

const { signingSecret: SIGNING, paymentSecret: PAYMENT } = REFERENCE;
const URLS = [REFERENCE.databaseSecret, SECONDARY.databaseSecret] as const;

/** What the payment provider shows once, in this story. */
const ISSUED = 'sk_live_demo_of_the_new_key';

const states = ({ world }: Sandbox, secret: string): string =>
  world.secrets
    .versions(secret)
    .map(({ number, state }) => `${number} ${state}`)
    .join(', ');

/** Its person rolls the payment provider's key. */
function rollPaymentKey({ world }: Sandbox): string {
  world.secretsApi.addVersion({ principal: OPERATOR, from: 'internet' }, PAYMENT, Buffer.from(ISSUED));
  return 'rolled in the dashboard';
}

/** Somebody broke in: evidence, isolation, new secrets, and a person for what only an issuer can make. */
export const BREACH_STORY: Story = {
  runbook: 'breach-response',
  title: 'Somebody has the key of the sessions; the security lead approves that what was stolen is made worthless',
  fault: 'leaked-secret',
  asks: 'sessions that nobody signed in to',
  approver: 'security',
  withinMs: 75 * 60_000,
  answers: rollPaymentKey,
  check: async (sandbox, state, _system, evidence) => {
    const values = [ISSUED, sandbox.world.secrets.readSecret(SIGNING) ?? ' ', passwordOf(sandbox)];
    const outages = sandbox.load.report().flatMap(({ outages: all }) => all);
    const breach = state.notices.get('breach');
    return [
      resolved(state),
      {
        name: 'the security lead was paged before a plan was drawn',
        held: breach?.delivered.includes('security-pager') === true && breach.dueAt < (state.run?.drawnAt ?? 0),
        figure: breach?.delivered.join(', ') ?? 'nobody',
      },
      refused(sandbox),
      {
        name: 'both keys are new, and the old ones are disabled',
        held: [SIGNING, PAYMENT].every((secret) => states(sandbox, secret) === '2 ENABLED, 1 DISABLED'),
        figure: [SIGNING, PAYMENT].map((secret) => `${secret}: ${states(sandbox, secret)}`).join('; '),
      },
      passwordReplaced(sandbox),
      ...(await sessionsEnded(sandbox)),
      ...evidenceKept(sandbox),
      {
        name: 'no value of a secret is in the evidence',
        held:
          evidence.length > 2 &&
          ![...evidence, ...sealed(sandbox)].some((text) => values.some((value) => text.includes(value))),
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

/** The same, and the cluster's copies are cut off meanwhile; then users are let back to new ones. */
export const ISOLATION_STORY: Story = {
  runbook: 'lift-isolation',
  title:
    'Somebody has the key of the sessions; the cluster’s copies are cut off and kept, and users are let back to new ones alone',
  fault: 'leaked-secret',
  follows: 'breach-response',
  asks: 'sessions that nobody signed in to',
  isolates: ['api-gke'],
  asksNext: { target: 'api-gke', asks: 'the image is clean' },
  approver: 'security',
  approvals: 2,
  withinMs: 120 * 60_000,
  answers: rollPaymentKey,
  check: (sandbox, state, _system, _evidence, failedAtMs) => {
    const { world } = sandbox;
    const { audit } = world.kernel;
    const [cutOff, ...more] = audit.effects('k8s.networking.networkpolicies.create');
    const lifted = audit.effects('k8s.networking.networkpolicies.delete');
    const inCluster = world.intruder.report().find(({ service }) => service === SERVICES.apiGke);
    const ours = audit
      .effects('k8s.apps.deployments/scale.patch')
      .filter(({ call }) => call.principal.startsWith('dr-'));
    const pods = podsOf(sandbox);
    const former = pods.filter(({ metadata }) => Date.parse(metadata.creationTimestamp) <= failedAtMs);
    return [
      resolved(state),
      {
        name: 'the cluster’s copies were cut off once, and the thief was let in there no more',
        held: cutOff !== undefined && more.length === 0 && (inCluster?.lastAdmittedAt ?? 0) <= cutOff.at,
        figure: cutOff === undefined ? 'never cut off' : `${seconds(cutOff.at - failedAtMs)} s after the theft`,
      },
      {
        name: 'none of them was ended before people had approved that',
        held: ours.length > 0 && ours.every(({ at }) => at > approvedAt(state)),
        figure: `${ours.length} changes of scale`,
      },
      {
        name: 'it was lifted once, and users are served by new copies alone',
        held: lifted.length === 1 && pods.length > 0 && former.length === 0 && served(sandbox),
        figure: `${pods.length} pods, ${former.length} of before`,
      },
      refused(sandbox),
      ...evidenceKept(sandbox),
      ledger(sandbox),
    ];
  },
};

const seconds = (ms: number): number => Math.round(ms / 1_000);

/** When the newest plan was decided on. */
const approvedAt = ({ approvals }: IncidentState): number =>
  Math.max(...(approvals.at(-1)?.decisions.map(({ at }) => at) ?? [Number.POSITIVE_INFINITY]));

const podsOf = ({ world }: Sandbox) =>
  world.kubernetes.store
    .list('Pod', REFERENCE.namespace)
    .filter(({ metadata }) => metadata.labels?.['app'] === REFERENCE.api);

/** Every URL of the application's user names a new password, which is the one that the primary in use lets in. */
function passwordReplaced(sandbox: Sandbox): Check {
  const { world } = sandbox;
  const inForce = world.sql.fleet.servers.passwordOf(world.primaryInUse(), REFERENCE.databaseUser);
  return {
    name: 'the database lets in the new password alone, and the URLs with the old one are disabled',
    held:
      URLS.every((secret) => states(sandbox, secret) === '2 ENABLED, 1 DISABLED') && inForce === passwordOf(sandbox),
    figure: URLS.map((secret) => `${secret}: ${states(sandbox, secret)}`).join('; '),
  };
}

/** What the thief met, everywhere. */
function refused({ world }: Sandbox): Check {
  const met = world.intruder.report();
  return {
    name: 'the thief is let in nowhere any more',
    held: met.every(
      ({ admitted, lastAdmittedAt = 0, lastRefusedAt = 0 }) => admitted > 0 && lastRefusedAt > lastAdmittedAt,
    ),
    figure: met
      .map(({ service, admitted, refused: turned }) => `${service}: ${admitted} let in, then ${turned} refused`)
      .join('; '),
  };
}

/** Evidence as it lies in the bucket that gives nothing back. */
const sealed = ({ world }: Sandbox): readonly string[] =>
  world.storage.list(REFERENCE_EVIDENCE.name, {}).map(({ content }) => Buffer.from(content).toString());

function evidenceKept(sandbox: Sandbox): readonly Check[] {
  const { world } = sandbox;
  const clones = world.sql.fleet.all().filter(({ name }) => name.includes('-forensic-'));
  const pieces = sealed(sandbox);
  const manifests = world.storage.list(REFERENCE_EVIDENCE.name, {}).filter(({ name }) => name.includes('/manifest-'));
  return [
    {
      name: 'evidence lies in the bucket that gives nothing back, with its manifest',
      held: pieces.length > 3 && manifests.length > 0,
      figure: `${pieces.length} objects, ${manifests.length} of them manifests`,
    },
    {
      name: 'one clone of the database is kept, stopped and protected',
      held:
        clones.length === 1 &&
        clones.every(({ settings }) => settings.deletionProtectionEnabled && settings.activationPolicy === 'NEVER'),
      figure: clones.map(({ name, settings }) => `${name}, ${settings.activationPolicy}`).join(', ') || 'none',
    },
  ];
}

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

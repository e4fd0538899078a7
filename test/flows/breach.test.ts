import { describe, expect, it } from '@jest/globals';
import { toIso } from '../../shared/core/time.ts';
import { absorb } from '../../shared/flows/absorb.ts';
import { receiveAlert, receiveCommand } from '../../shared/flows/intake.ts';
import { event } from '../../shared/incident/events.ts';
import { journalOf } from '../../shared/flows/flow-home.ts';
import { flowStage, incidentsOf } from './stage.ts';

/** A command as somebody publishes it. */
const command = (home: ReturnType<typeof flowStage>['home'], more: object, number = 1) => ({
  kind: 'dr.command',
  version: 1,
  command: 'start',
  reason: 'a customer saw documents of another',
  requestedBy: 'ann',
  requestId: `5f0e6f8e-6f1c-4a63-9a52-0d0f5f0f7f0${number}`,
  expiresAt: toIso(home.clock.now()).replace(/T.*/, 'T23:59:59Z'),
  ...more,
});

async function reported() {
  const stage = flowStage();
  await receiveCommand(command(stage.home, { runbook: 'breach-response' }), 'm1', stage.home);
  await absorb(stage.home);
  return stage;
}

describe('a breach that somebody reports', () => {
  it('is told at once and urgently, with who says so, before anybody has looked', async () => {
    const { home } = await reported();

    const [incident] = await incidentsOf(home);
    expect(incident).toMatchObject({ rounds: 0, target: 'system/coditect-prod', requested: 'breach-response' });
    expect([...(incident?.notices.values() ?? [])].map(({ notice }) => notice)).toEqual([
      expect.objectContaining({
        urgent: true,
        subject: 'SECURITY BREACH reported',
        text: expect.stringContaining('ann: a customer saw documents of another'),
      }),
    ]);
  });

  it('is one incident, however many report it', async () => {
    const { home } = await reported();
    await receiveCommand(command(home, { runbook: 'breach-response' }, 2), 'm2', home);
    await absorb(home);

    expect(await incidentsOf(home)).toHaveLength(1);
  });

  it('turns no other incident into a breach, and none joins it', async () => {
    const { home } = await reported();
    await receiveCommand(command(home, { runbook: 'database-failover' }, 2), 'm2', home);
    await absorb(home);

    const all = await incidentsOf(home);
    expect(new Set(all.map(({ requested }) => requested))).toEqual(new Set(['breach-response', 'database-failover']));
    expect(all.every(({ targets }) => targets.length === 1)).toBe(true);
  });

  it('takes no target: it is about the whole system', async () => {
    const { home } = flowStage();
    const intake = await receiveCommand(command(home, { runbook: 'breach-response', target: 'api-gke' }), 'm1', home);

    expect(intake).toEqual({ kind: 'refused', because: expect.stringContaining('takes no target') });
  });

  it('names the applications that are to be cut off, each once, however many ask', async () => {
    const { home } = flowStage();
    const wish = (...isolate: readonly string[]) => ({ runbook: 'breach-response', isolate });
    await receiveCommand(command(home, wish('api-gke')), 'm1', home);
    await absorb(home);
    await receiveCommand(command(home, wish('api-gke', 'api-run'), 2), 'm2', home);
    await absorb(home);

    expect((await incidentsOf(home)).map(({ isolate }) => isolate)).toEqual([['api-gke', 'api-run']]);
  });

  it('cuts off nothing that is no application, and no other runbook cuts off anything', async () => {
    const { home } = flowStage();
    const asked = [
      { runbook: 'breach-response', isolate: ['coditect-dms-db'] },
      { runbook: 'rollout-restart', isolate: ['api-gke'] },
    ];
    for (const [index, wish] of asked.entries())
      expect(await receiveCommand(command(home, wish, index + 1), `m${index}`, home)).toMatchObject({
        kind: 'refused',
      });
  });

  it('is found by nothing but its own target, whatever its run holds', async () => {
    const { home } = await reported();
    const [incident] = await incidentsOf(home);
    const journal = incident === undefined ? undefined : await journalOf(incident.id, home);
    await journal?.append(() => [event('looked', { round: 1, facts: 'f', summary: [] })]);

    const head = incident === undefined ? undefined : await home.store.log.head(incident.id);
    expect(head?.targets).toEqual(['system/coditect-prod']);
  });
});

const READ = 'google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion';
const JWT_KEY = 'projects/123456789012/secrets/coditect-dms-jwt-key/versions/1';

/** A log match as Monitoring notifies of it, with what the lines of our policies' documentation became. */
const logMatch = (id: string, who = 'mallory@example.com', resource = JWT_KEY, policy = 'dr-secret-read') => ({
  version: '1.2',
  incident: {
    incident_id: id,
    state: 'open',
    policy_name: policy,
    resource: { type: 'audited_resource', labels: { project_id: 'coditect-prod', method: READ } },
    metric: { type: '', displayName: '', labels: {} },
    summary: 'Log match condition fired for Audited Resource.',
    condition: { conditionMatchedLog: { filter: 'x' } },
    documentation: { content: `Runbook 7.1.\n\nprincipal: ${who}\nmethod: ${READ}\nresource: ${resource}` },
  },
});

async function alertedTo(...alerts: readonly object[]) {
  const stage = flowStage();
  for (const [index, alert] of alerts.entries()) {
    await receiveAlert(alert, `a${index}`, stage.home);
    await absorb(stage.home);
  }
  return stage;
}

const noticesOf = async (home: ReturnType<typeof flowStage>['home']) =>
  (await incidentsOf(home)).map(({ notices }) => [...notices.values()].map(({ notice }) => notice.subject));

describe('an alert about an audit log', () => {
  it('is told at once and urgently, with who did what, what people may type, and that nothing is done', async () => {
    const { home } = await alertedTo(logMatch('0.a'));

    const [incident] = await incidentsOf(home);
    expect(incident).toMatchObject({ rounds: 0, target: 'system/coditect-prod', requested: null, run: undefined });
    const [page, ...more] = [...(incident?.notices.values() ?? [])].map(({ notice }) => notice);
    expect(more).toEqual([]);
    expect(page).toMatchObject({ urgent: true, subject: 'SECURITY: is this a breach?', approval: null });
    expect(page?.text).toContain(`mallory@example.com called AccessSecretVersion on ${JWT_KEY}`);
    expect(page?.text).toContain('./dr trigger breach-response --reason');
    expect(page?.text).toContain(`./dr cancel ${incident?.id ?? '?'}`);
  });

  it('is one incident, which tells each further deed once', async () => {
    const again = logMatch('0.b');
    const other = (id: string) => logMatch(id, 'mallory@example.com', JWT_KEY.replace('jwt', 'payment'));
    const { home } = await alertedTo(logMatch('0.a'), again, other('0.c'), other('0.d'));

    expect(await noticesOf(home)).toEqual([['SECURITY: is this a breach?', 'SECURITY: something further']]);
  });

  it('tells all deeds that are heard of together in one page', async () => {
    const { home } = flowStage();
    await receiveAlert(logMatch('0.a'), 'a', home);
    await receiveAlert(logMatch('0.b', 'eve@example.com'), 'b', home);
    await absorb(home);

    const [incident] = await incidentsOf(home);
    const [page, ...more] = [...(incident?.notices.values() ?? [])];
    expect(more).toEqual([]);
    expect(page?.notice.text).toContain('mallory@example.com called');
    expect(page?.notice.text).toContain('eve@example.com called');
  });

  it('tells ten further deeds and no more, however many there are', async () => {
    const storm = Array.from({ length: 30 }, (_, index) => logMatch(`0.${index}`, `thief-${index}@example.com`));
    const { home } = await alertedTo(...storm);

    expect((await noticesOf(home)).map(({ length }) => length)).toEqual([11]);
  });

  it('is joined by who reports the breach, and joins one that is reported', async () => {
    const { home } = await alertedTo(logMatch('0.a'));
    await receiveCommand(command(home, { runbook: 'breach-response' }), 'm1', home);
    await absorb(home);
    await receiveAlert(logMatch('0.b', 'eve@example.com'), 'b', home);
    await absorb(home);

    expect(await incidentsOf(home)).toMatchObject([{ requested: 'breach-response', signals: 3 }]);
    expect(await noticesOf(home)).toEqual([
      ['SECURITY: is this a breach?', 'SECURITY BREACH reported', 'SECURITY: something further'],
    ]);
  });

  it('says where dr.yaml names them by now, so that the policy is older', async () => {
    const { home } = await alertedTo(logMatch('0.a', 'dms-api@coditect-prod.iam.gserviceaccount.com'));

    const [incident] = await incidentsOf(home);
    expect(incident?.headline).toContain('(dr-secret-read is older than dr.yaml, which names them for it)');
  });

  it('goes to people as what it is where dr.yaml has no such policy', async () => {
    const { home } = await alertedTo(logMatch('0.a', 'mallory@example.com', JWT_KEY, 'sec-of-another-team'));

    expect(await incidentsOf(home)).toMatchObject([{ requested: null, target: expect.stringMatching(/^unknown/) }]);
    expect(await noticesOf(home)).toEqual([[]]);
  });
});

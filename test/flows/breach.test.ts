import { describe, expect, it } from '@jest/globals';
import { toIso } from '../../shared/core/time.ts';
import { absorb } from '../../shared/flows/absorb.ts';
import { receiveCommand } from '../../shared/flows/intake.ts';
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

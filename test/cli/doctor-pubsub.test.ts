import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { doctorCommand } from '../../cli/doctor.ts';
import { findPubsubEmulator, startPubsubEmulator } from '../../sandbox/host/google-emulators.ts';
import type { Finding } from '../../shared/adoption/finding.ts';
import { startDoctorStage } from './doctor-stage.ts';

const emulator = findPubsubEmulator();
if (emulator.kind === 'missing')
  process.stderr.write(`\nSKIPPED: ${emulator.because}, so nothing is known of ./dr doctor on Google’s Pub/Sub.\n\n`);

/** Java starts in two to five seconds beside every client that is loaded. */
const START_MS_MAX = 120_000;

const PLACE = '/v1/projects/coditect-prod/subscriptions';

// Messages carried by Google's own emulator, behind the sandbox's relay.
(emulator.kind === 'found' ? describe : describe.skip)('./dr doctor, asking Google’s emulator of Pub/Sub', () => {
  let stage: Awaited<ReturnType<typeof startDoctorStage>>;
  beforeAll(async () => {
    if (emulator.kind === 'missing') return;
    stage = await startDoctorStage({ pubsub: await startPubsubEmulator(emulator.classPath) });
    await doctorCommand(stage.facts, { config: 'dr.yaml', json: true }); // loads every client
  }, START_MS_MAX);
  afterAll(() => stage.close());

  const examine = async () => {
    const { stdout } = await doctorCommand(stage.facts, { config: 'dr.yaml', json: true });
    const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
    const topics = findings.filter(({ check }) => check.startsWith('topic '));
    return { named: findings.filter(({ verdict }) => verdict !== 'fine'), topics: topics.map(({ says }) => says) };
  };

  it('finds each topic pushed to both control regions, as it is', async () => {
    const { named, topics } = await examine();
    expect(named).toEqual([]);
    expect(topics).toHaveLength(6);
    expect(new Set(topics)).toEqual(new Set(['pushed to 2 copies; dead letters are kept']));
  });

  it('names a subscription that somebody made by hand and that proves nothing', async () => {
    await stage.asOperator('PUT', `${PLACE}/by-hand`, {
      topic: 'projects/coditect-prod/topics/dr-recover',
      pushConfig: { pushEndpoint: 'http://127.0.0.1:9/' },
      messageRetentionDuration: '600s',
    });
    try {
      expect((await examine()).named.map(({ check, says }) => `${check}: ${says}`)).toEqual([
        expect.stringContaining('subscription by-hand: a push may take 10 s'),
        expect.stringContaining('subscription by-hand: messages are kept for 0 h'),
        expect.stringContaining('subscription by-hand: it has no dead letters'),
        expect.stringContaining('subscription by-hand: its pushes prove nothing'),
      ]);
    } finally {
      await stage.asOperator('DELETE', `${PLACE}/by-hand`);
    }
    expect((await examine()).named).toEqual([]);
  });

  it('names a topic that a control region no longer hears', async () => {
    await stage.asOperator('DELETE', `${PLACE}/heal-dr-heal-us-west1`);
    expect((await examine()).named.map(({ check, says }) => `${check}: ${says}`)).toEqual([
      'topic dr-heal: it is pushed to 1 of 2 control regions',
    ]);
  });
});

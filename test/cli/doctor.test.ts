import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { doctorCommand } from '../../cli/doctor.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import type { Finding } from '../../shared/adoption/finding.ts';
import { plantedFaults } from './doctor-faults.ts';
import { startDoctorStage } from './doctor-stage.ts';
import { besideSilence } from './silent-server.ts';

type Stage = Awaited<ReturnType<typeof startDoctorStage>>;

let stage: Stage;
beforeAll(async () => {
  stage = await startDoctorStage();
  await doctorCommand(stage.facts, { config: 'dr.yaml', json: true }); // loads every client
});
afterAll(() => stage.close());

interface Found {
  readonly exitCode: number;
  readonly named: readonly Finding[];
}

async function examine(facts = stage.facts): Promise<Found> {
  const { exitCode, stdout } = await doctorCommand(facts, { config: 'dr.yaml', json: true });
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
  expect(findings.length).toBeGreaterThan(40);
  return { exitCode, named: findings.filter(({ verdict }) => verdict !== 'fine') };
}

describe('./dr doctor', () => {
  it('names nothing on a system that is whole', async () => {
    expect(await examine()).toEqual({ exitCode: 0, named: [] });
  });

  it.each(plantedFaults(() => stage))(
    'names $fault, with its mending, and nothing else',
    async ({ plant, named, mend }) => {
      await plant();
      try {
        const found = await examine();
        expect(found.exitCode).toBe(1);
        expect(found.named).toEqual(
          named.map(([check, says, how]) => ({
            check: expect.stringContaining(check),
            verdict: 'wrong',
            says: expect.stringMatching(says),
            mend: expect.stringMatching(how),
          })),
        );
      } finally {
        await mend();
      }
    },
  );

  it('says what could not be known, and why, and takes it neither for fine nor for wrong', async () => {
    stage.world.kernel.iam.revoke(OPERATOR, ['serviceusage.*', 'pubsub.*']);
    try {
      const { exitCode, named } = await examine();
      expect(exitCode).toBe(4);
      expect(new Set(named.map(({ verdict }) => verdict))).toEqual(new Set(['unknown']));
      expect(named.map(({ check }) => check)).toEqual(
        expect.arrayContaining(['APIs', 'topic dr-alerts', 'publishers of dr-ticks']),
      );
      expect(named[0]).toMatchObject({
        says: expect.stringContaining('(forbidden)'),
        mend: expect.stringContaining('roles/viewer'),
      });
    } finally {
      stage.world.kernel.iam.grant(OPERATOR, ['serviceusage.*', 'pubsub.*']);
    }
  });

  it('asks a cluster as the user in question where it may not ask about others, and says so where it may do neither', async () => {
    const { iam } = stage.world.kernel;
    iam.revoke(OPERATOR, ['k8s.authorization.*']);
    try {
      expect(await examine()).toEqual({ exitCode: 0, named: [] });
      iam.revoke(OPERATOR, ['k8s.users.impersonate']);
      const { exitCode, named } = await examine();
      expect(exitCode).toBe(4);
      expect(named).toEqual([
        {
          check: 'cluster roles in us-central1-a/coditect-prod-cluster/coditect-dms',
          verdict: 'unknown',
          says: expect.stringContaining('(forbidden)'),
          mend: expect.stringMatching(/kubectl auth can-i --list -n coditect-dms --as dr-/),
        },
      ]);
    } finally {
      iam.grant(OPERATOR, ['k8s.*']);
    }
  });

  it('says that a store in Firestore does not answer, and what to look at, and everything else besides', async () => {
    const { exitCode, named } = await besideSilence((port) =>
      examine({ ...stage.facts, store: `firestore:coditect-prod/dr@127.0.0.1:${port}` }),
    );
    expect([exitCode, named]).toEqual([
      4,
      [
        {
          check: 'kill switch',
          verdict: 'unknown',
          says: 'the store can’t be read (timeout)',
          mend: expect.stringMatching(/reaches firestore\.googleapis\.com.*gcloud firestore databases list --project/),
        },
      ],
    ]);
  });

  it('reports the faults of a dr.yaml that can’t be used, and asks nobody', async () => {
    stage.rewriteConfig('version: 1', 'version: 7');
    const asked = stage.world.kernel.audit.entries().length;
    try {
      const { exitCode, stderr } = await doctorCommand(stage.facts, { config: 'dr.yaml', json: false });
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('version')]);
      expect(
        stage.world.kernel.audit
          .entries()
          .slice(asked)
          .filter(({ call }) => call.principal === OPERATOR),
      ).toEqual([]);
    } finally {
      stage.restoreConfig();
    }
  });

  it('lists what it rests on and nobody has proved, and is read by people', async () => {
    const { stdout } = await doctorCommand(stage.facts, { config: 'dr.yaml', json: false });
    expect(stdout).toMatch(/against the cloud: \d+ fine, 0 wrong, 0 not known\./);
    expect(stdout).toContain(
      'stopPrimaryWithReplicas: Cloud SQL for PostgreSQL lets a primary that has read replicas be stopped',
    );
  });

  it('changes nothing', async () => {
    const writes = () =>
      stage.world.kernel.audit.entries().filter(({ call }) => call.writes && call.principal === OPERATOR).length;
    const count = writes();
    await examine();
    expect(writes()).toBe(count);
  });
});

import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { doctorCommand } from '../../cli/doctor.ts';
import type { Finding } from '../../shared/adoption/finding.ts';
import { watchKey } from '../../shared/ports/watch-reading.ts';
import type { FirestoreAccess } from '../../shared/providers/firestore-client.ts';
import { freshDatabase, onEmulator, withStores } from '../store/firestore-emulator.ts';
import { PRIMARY, startDoctorStage, watchedAt } from './doctor-stage.ts';

/** Every client is loaded once, beside a Java program that starts. */
jest.setTimeout(120_000);

// With the store named as for the cloud, on Google's own emulator.
onEmulator('./dr doctor', (host) => {
  let stage: Awaited<ReturnType<typeof startDoctorStage>>;
  beforeAll(async () => {
    stage = await startDoctorStage();
    await doctorCommand(stage.facts, { config: 'dr.yaml', json: true }); // loads every client
  });
  afterAll(() => stage.close());

  const nameOf = ({ project, database }: FirestoreAccess): string => `firestore:${project}/${database}@${host()}`;

  /** What is not fine, and what is said of kill switch and modes. */
  const examine = async (store: string) => {
    const facts = { ...stage.facts, store };
    const { exitCode, stdout } = await doctorCommand(facts, { config: 'dr.yaml', json: true });
    const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
    const said = findings.filter(({ check }) => check === 'kill switch' || check === 'modes');
    return {
      exitCode,
      named: findings.filter(({ verdict }) => verdict !== 'fine'),
      said: said.map(({ says }) => says),
    };
  };

  /** A database into which a tick has written, as the functions would. */
  const ticked = async (documents: Readonly<Record<string, object>> = {}): Promise<string> => {
    const access = freshDatabase(host());
    const all = { [watchKey(PRIMARY)]: watchedAt(Number.MAX_SAFE_INTEGER), ...documents };
    await withStores([access] as const, async (store) => {
      for (const [key, value] of Object.entries(all)) await store.documents.put(key, { ...value }, 0);
    });
    return nameOf(access);
  };

  it('names nothing on a store in which all is well', async () => {
    expect(await examine(await ticked())).toEqual({
      exitCode: 0,
      named: [],
      said: ['is off', 'are those of dr.yaml'],
    });
  });

  it('reads a kill switch that is on, and a mode that an operator changed', async () => {
    const store = await ticked({
      'control/stop': { on: true, by: 'ann', reason: 'storm', atMs: 1 },
      'control/mode/pod-heal': { mode: 'observe', by: 'ann', atMs: 1 },
    });
    const { exitCode, named, said } = await examine(store);
    expect([exitCode, named.map(({ check }) => check)]).toEqual([1, ['kill switch']]);
    expect(said).toEqual([expect.stringContaining('is on (ann: storm)'), 'changed by an operator: pod-heal observe']);
  });

  it('does not take a database that nobody has written into for one in which all is well', async () => {
    const { exitCode, named } = await examine(nameOf(freshDatabase(host())));
    expect([exitCode, named]).toEqual([
      1,
      [
        expect.objectContaining({
          check: 'tick',
          says: expect.stringContaining('the functions have another'),
          mend: expect.stringContaining('DR_STORE'),
        }),
      ],
    ]);
  });

  it('refuses a name without a database, and asks nobody', async () => {
    await expect(examine('firestore:dr-test')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('firestore:PROJECT/DATABASE'),
    });
  });
});

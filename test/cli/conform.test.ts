import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { conformCommand, type ConformOptions } from '../../cli/conform.ts';
import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import type { Provable } from '../../shared/adoption/conform.ts';
import { startDoctorStage } from './doctor-stage.ts';

/** What the sandbox's cloud is like: a test changes it, and puts it back. */
const assumptions = { ...BELIEVED };

/** A quarter of an hour of Cloud SQL in a second and a half. */
const RATE = 600;

const UUID = '5f0e6f8e-6f1c-4a63-9a52-0d0f5f0f7f01';

let stage: Awaited<ReturnType<typeof startDoctorStage>>;
let before: string;
beforeAll(async () => {
  stage = await startDoctorStage({ rate: RATE, assumptions });
  before = inventory();
});
afterAll(() => stage.close());

/** Everything that is there, by name and as its owner set it. */
const inventory = (): string =>
  JSON.stringify([
    stage.world.sql.fleet.all().map(({ name, settings, state }) => ({ name, settings, state })),
    stage.world.run.services().map(({ ref, spec, generation }) => ({ ref, spec, generation })),
  ]);

/** What the operator changed since some moment, by resource. */
function changesBy(work: { readonly since: number }): readonly string[] {
  return stage.world.kernel.audit
    .entries()
    .slice(work.since)
    .filter(({ call }) => call.principal === OPERATOR && call.writes)
    .map(({ call }) => call.resource);
}
const marked = (): { readonly since: number } => ({ since: stage.world.kernel.audit.entries().length });

/** A run by that id, unless it is another's. */
async function run(
  options: Partial<ConformOptions> = {},
  tell: (line: string, end: () => void) => void = () => undefined,
  uuid = UUID,
) {
  const abort = new AbortController();
  const lines: string[] = [];
  const ending = await conformCommand(
    stage.facts,
    { config: 'dr.yaml', json: true, yes: true, clean: false, ...options },
    {
      chance: { uuid: () => uuid },
      signal: abort.signal,
      tell: (line) => {
        lines.push(line);
        tell(line, () => abort.abort());
      },
    },
  );
  return { ...ending, lines };
}

interface Said {
  readonly verdicts: readonly { readonly id: string; readonly kind: string; readonly ifFalse: string }[];
  readonly left: { readonly kind: string; readonly things: readonly unknown[] };
}
const said = ({ stdout }: { readonly stdout: string }): Said => JSON.parse(stdout) as Said;
const kinds = (of: Said): Readonly<Record<string, string>> =>
  Object.fromEntries(of.verdicts.map(({ id, kind }) => [id, kind]));

const HOLDS: Readonly<Record<Provable, string>> = {
  settingsVersionChecked: 'holds',
  stopPrimaryWithReplicas: 'holds',
  stoppedInstanceRefusesRestart: 'holds',
  runEtagChecked: 'holds',
  manualZeroHoldsService: 'holds',
};
const OTHERS = {
  stoppedInstanceRefuses: 'notProved',
  dnsPatchKeepsTtl: 'notProved',
  lostRegionTakesOperations: 'notProved',
};
const PROVABLE = Object.keys(HOLDS) as readonly Provable[]; // keys of a record of Provable

describe('./dr conform', () => {
  it('says first what it would make, prove and cost, and changes nothing', async () => {
    const mark = marked();
    const { exitCode, stdout } = await run({ yes: false, json: false });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /instance {2}dr-conform-\w{8} {2}POSTGRES_15, db-custom-1-3840, REGIONAL, 10 GiB, us-central1/,
    );
    expect(stdout).toMatch(/service {3}dr-conform-\w{8} {2}\S+\/hello, at most 2 instances, us-central1/);
    expect(stdout).toMatch(/Estimates: \d+ minutes, 0\.\d\d US dollars/);
    expect(stdout).toMatch(/lostRegionTakesOperations: nobody can lose a region/);
    for (const id of PROVABLE) expect(stdout).toContain(`${id}: `);
    expect(changesBy(mark)).toEqual([]);
  });

  it('proves what holds, deletes what it made, and touches nothing else', async () => {
    const mark = marked();
    const ending = await run();
    expect(kinds(said(ending))).toEqual({ ...HOLDS, ...OTHERS });
    expect([ending.exitCode, said(ending).left]).toEqual([0, { kind: 'known', things: [] }]);
    expect(inventory()).toBe(before);
    const changed = changesBy(mark);
    expect(changed.length).toBeGreaterThan(10);
    expect(changed.filter((resource) => !/^(instances|services)\/dr-conform-/.test(resource))).toEqual([]);
  });

  it.each(PROVABLE)('says where %s does not hold, and deletes all the same', async (id) => {
    assumptions[id] = false;
    const ending = await run();
    assumptions[id] = true;
    expect(kinds(said(ending))).toEqual({ ...HOLDS, ...OTHERS, [id]: 'doesNotHold' });
    expect(ending.exitCode).toBe(1);
    expect(inventory()).toBe(before);
  });

  it('makes what the named assumptions need, and no more', async () => {
    const mark = marked();
    const ending = await run({ only: ['settingsVersionChecked'] });
    expect(kinds(said(ending))).toEqual({ settingsVersionChecked: 'holds' });
    expect(changesBy(mark).filter((resource) => /replica|^services/.test(resource))).toEqual([]);
    await expect(run({ only: ['settingsVersionCheckd'] })).rejects.toMatchObject({ exitCode: 2 });
  });

  it('deletes what it made when somebody ends it', async () => {
    const ending = await run({}, (line, end) => {
      if (line.startsWith('creating the replica')) end();
    });
    expect(ending.exitCode).toBe(130);
    expect(kinds(said(ending))).toMatchObject({
      settingsVersionChecked: 'holds',
      stopPrimaryWithReplicas: 'notProved',
    });
    expect(inventory()).toBe(before);
  });

  it('finds and deletes what was made although its answer says that it was not', async () => {
    stage.world.kernel.faults.inject({
      what: { kind: 'serverErrorAfter' },
      on: { permission: 'cloudsql.instances.create' },
      count: 1,
    });
    const ending = await run({ only: ['settingsVersionChecked'] });
    expect([ending.exitCode, kinds(said(ending))]).toEqual([4, { settingsVersionChecked: 'notProved' }]);
    expect(inventory()).toBe(before);
  });

  it('names what it could not delete, and how a person does; --clean does it later', async () => {
    stage.world.kernel.iam.revoke(OPERATOR, ['run.services.delete']);
    const ending = await run({ only: ['runEtagChecked'], json: false });
    expect(ending.exitCode).toBe(4);
    expect(ending.stdout).toMatch(/^holds {10}runEtagChecked/m);
    expect(ending.stdout).toMatch(
      /gcloud run services delete dr-conform-\w{8} --region us-central1 --project coditect-prod/,
    );
    stage.world.kernel.iam.grant(OPERATOR, ['run.*']);

    expect(await run({ yes: false, json: false }, undefined, 'another')).toMatchObject({
      stdout: expect.stringContaining('--clean --yes'),
    });
    expect(await run({ clean: true, yes: false, json: false })).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/service dr-conform-\w{8} in us-central1 \(run \w{8}\)\nNothing was changed/),
    });
    await expect(run({ only: ['runEtagChecked'] })).rejects.toMatchObject({ exitCode: 3 });
    expect(await run({ clean: true })).toMatchObject({ exitCode: 0 });
    expect(inventory()).toBe(before);
  });

  it('leaves alone what has the label or the name, and not both', async () => {
    const make = (name: string, userLabels: object): Promise<void> =>
      stage.asOperator('POST', '/v1/projects/coditect-prod/instances', {
        name,
        region: 'us-central1',
        databaseVersion: 'POSTGRES_15',
        settings: { tier: 'db-custom-1-3840', userLabels },
      });
    await make('dr-conform-of-a-team', {});
    await make('labelled-by-a-team', { 'dr-conform': 'abcdefgh' });
    const mark = marked();
    expect(await run({ clean: true })).toMatchObject({ exitCode: 0 });
    expect(changesBy(mark)).toEqual([]);
  });
});

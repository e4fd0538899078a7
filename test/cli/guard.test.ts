import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { guardCommand } from '../../cli/guard.ts';
import { planWire, refusedChanges } from '../../cli/guard-plan.ts';
import { operatorOf } from '../../cli/operator.ts';
import { Refusal, runningFacts } from '../../cli/sandbox-facts.ts';
import { minutes } from '../../shared/core/time.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { parseSystem } from '../../shared/system/parse-system.ts';
import { instanceName } from '../../shared/system/names.ts';
import { loadSystem } from '../../shared/wiring/environment.ts';
import { startOperatorStage } from './operator-stage.ts';

/** A plan of the files that were there before a recovery, as `terraform show -json` writes it: everything is put back. */
const RECORDED = 'test/fixtures/terraform/puts-back.plan.json';

/** A plan of files that declare what a failover to coditect-dms-db-replica has made true (./dr reality), over a state of before it. */
const DECLARES = 'test/fixtures/terraform/declares.plan.json';

const PRIMARY = instanceName('coditect-dms-db');
const REPLICA = instanceName('coditect-dms-db-east');

const parsed = parseSystem(readFileSync('dr.yaml', 'utf8'));
if (!parsed.ok) throw new Error('the reference dr.yaml has faults');
const system = parsed.value;

const instance = (name: InstanceStatus['instance'], more: Partial<InstanceStatus>): InstanceStatus => ({
  instance: name,
  role: 'primary',
  upstream: undefined,
  replicas: [],
  state: 'runnable',
  activation: 'always',
  availability: 'zonal',
  region: 'us-central1',
  databaseVersion: 'POSTGRES_15',
  tier: 'db-custom-4-16384',
  address: undefined,
  version: '1',
  backupsEnabled: true,
  pointInTimeRecovery: true,
  deletionProtection: true,
  ...more,
});

/** Before anything failed, and after the replica was promoted and the primary stopped. */
const BEFORE = [instance(PRIMARY, { replicas: [REPLICA] }), instance(REPLICA, { role: 'replica', upstream: PRIMARY })];
const AFTER = [instance(PRIMARY, { activation: 'never' }), instance(REPLICA, {})];

/** One change of a plan. */
const change = (type: string, actions: readonly string[], before: object | null, after: object | null) =>
  planWire.parse({
    format_version: '1.2',
    resource_changes: [{ address: `${type}.it`, mode: 'managed', type, change: { actions, before, after } }],
  });

const database = (actions: readonly string[], name: string, after: object | null = { name }) =>
  change('google_sql_database_instance', actions, { name }, after);

const reasons = (plan: ReturnType<typeof change>, fleet: readonly InstanceStatus[], allowed: readonly string[] = []) =>
  refusedChanges(plan, system, fleet, new Set(allowed)).map(({ because }) => because);

describe('what a plan of Terraform would undo', () => {
  it('is the new primary, deleted or made a replica again', () => {
    const again = { name: REPLICA, master_instance_name: PRIMARY };
    expect(reasons(database(['delete', 'create'], REPLICA, again), AFTER)).toEqual([
      `would delete ${REPLICA}, which is the primary now`,
    ]);
    expect(reasons(database(['update'], REPLICA, again), AFTER)).toEqual([
      `would make ${REPLICA}, a primary now, a replica of ${PRIMARY}`,
    ]);
    const stopped = { name: REPLICA, settings: [{ activation_policy: 'NEVER' }] };
    expect(reasons(database(['update'], REPLICA, stopped), AFTER)).toEqual([
      `would stop ${REPLICA}, which is the primary now`,
    ]);
  });

  it('is the fence of the former primary, and what it alone may hold', () => {
    for (const settings of [[{ activation_policy: 'ALWAYS' }], [{}], []])
      expect(reasons(database(['update'], PRIMARY, { name: PRIMARY, settings }), AFTER)).toEqual([
        `would start ${PRIMARY}, which was stopped so that it takes no writes beside ${REPLICA}`,
      ]);
    expect(reasons(database(['delete'], PRIMARY, null), AFTER)).toEqual([
      `would delete ${PRIMARY}, a former primary: it may hold writes that are nowhere else`,
    ]);
    const kept = { name: PRIMARY, settings: [{ activation_policy: 'NEVER' }] };
    expect(reasons(database(['update'], PRIMARY, kept), AFTER)).toEqual([]);
  });

  it('is the last replica, which the next failover needs', () => {
    expect(reasons(database(['delete'], REPLICA, null), BEFORE)).toEqual([
      `would delete ${REPLICA}, a replica of ${PRIMARY}: the next failover needs one`,
    ]);
  });

  it('is the secret by which consumers find the database, and where an entrance leads users', () => {
    const secret = { secret: 'projects/coditect-prod/secrets/coditect-dms-database-url' };
    expect(reasons(change('google_secret_manager_secret_version', ['create'], null, secret), AFTER)).toEqual([
      expect.stringMatching(/^would change coditect-dms-database-url, by which .*api-gke.* find the database$/),
    ]);
    expect(
      reasons(
        change(
          'google_compute_url_map',
          ['update'],
          { name: 'coditect-dms-ingress' },
          { name: 'coditect-dms-ingress' },
        ),
        AFTER,
      ),
    ).toEqual(['would change where dms-api.coditect.ai leads its users']);
  });

  it('is nothing of what a plan declares that was written as ./dr reality says', () => {
    const declares = planWire.parse(JSON.parse(readFileSync(DECLARES, 'utf8')));
    const promoted = instanceName('coditect-dms-db-replica');
    const fleet = [
      instance(PRIMARY, { activation: 'never' }),
      instance(promoted, {}),
      instance(REPLICA, { role: 'replica', upstream: PRIMARY }),
    ];

    expect(declares.resource_changes).toHaveLength(4);
    expect(refusedChanges(declares, system, fleet, new Set())).toEqual([]);
  });

  it('is nothing of what is read only, unknown to dr.yaml, harmless, or let pass by name', () => {
    const update = database(['update'], REPLICA, { name: REPLICA, settings: [{ activation_policy: 'ALWAYS' }] });
    expect(reasons(update, AFTER)).toEqual([]);
    expect(reasons(database(['no-op'], REPLICA), AFTER)).toEqual([]);
    expect(reasons(database(['delete'], 'somebody-elses', null), AFTER)).toEqual([]);
    const secret = { secret_id: 'another' };
    expect(reasons(change('google_secret_manager_secret', ['delete'], secret, null), AFTER)).toEqual([]);
    const deleted = database(['delete'], REPLICA, null);
    expect(reasons(deleted, AFTER, ['google_sql_database_instance.it'])).toEqual([]);
    expect(reasons(deleted, AFTER, ['google_sql_database_instance.other'])).toHaveLength(1);
  });
});

describe('./dr guard', () => {
  let stage: Awaited<ReturnType<typeof startOperatorStage>>;
  let folder: string;

  beforeAll(async () => {
    stage = await startOperatorStage();
    folder = mkdtempSync(join(tmpdir(), 'dr-guard-'));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await stage.close();
  });

  const guard = (path: string, allow: readonly string[] = []) =>
    guardCommand(path, stage.facts, { config: 'dr.yaml', allow, json: false });

  it('lets a plan pass as long as it is what the cloud is, and stops the same plan after a promotion', async () => {
    expect(await guard(RECORDED)).toMatchObject({
      exitCode: 0,
      stdout: 'Nothing in this plan undoes a recovery (4 resources).\n',
    });

    const { databases } = operatorOf(stage.facts, loadSystem(stage.facts.config)).world;
    const { version } = await databases.inspect(PRIMARY);
    await databases.setActivation(PRIMARY, 'never', version);
    stage.sandbox.clock.advanceBy(minutes(5));
    await databases.promote(REPLICA);
    stage.sandbox.clock.advanceBy(minutes(20));

    const { exitCode, stderr } = await guard(RECORDED);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(
      `google_sql_database_instance.replica: would make ${REPLICA}, a primary now, a replica of ${PRIMARY}`,
    );
    expect(stderr).toContain(`google_sql_database_instance.primary: would start ${PRIMARY}`);
    const both = ['google_sql_database_instance.replica', 'google_sql_database_instance.primary'];
    expect(await guard(RECORDED, both)).toMatchObject({ exitCode: 0 });
  });

  it('takes a sandbox’s file that can’t be read for no sandbox’s absence, and asks no project instead', async () => {
    expect(await runningFacts(join(folder, 'nowhere'))).toBeUndefined();
    writeFileSync(join(folder, 'sandbox.json'), '{"pid": 1');
    await expect(runningFacts(folder)).rejects.toBeInstanceOf(SyntaxError);
  });

  it('lets nothing pass where the cloud can’t be asked, and says what a file is not', async () => {
    const { faults } = stage.sandbox.world.kernel;
    faults.inject({ what: { kind: 'serverError' }, on: { api: 'sqladmin' } });
    await expect(guard(RECORDED)).rejects.toMatchObject({ exitCode: 4 });
    faults.clear();
    await expect(guard(join(folder, 'none.json'))).rejects.toBeInstanceOf(Refusal);
    for (const [text, says] of [
      ['{', 'is not JSON'],
      ['{}', 'is no plan of Terraform'],
      ['{"format_version": "2.0"}', 'a format of Terraform that is not known here'],
    ] as const) {
      const path = join(folder, 'plan.json');
      writeFileSync(path, text);
      await expect(guard(path)).rejects.toThrow(says);
    }
  });
});

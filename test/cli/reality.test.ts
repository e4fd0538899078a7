import { readFileSync } from 'node:fs';
import { parse } from '@cdktf/hcl2json';
import { describe, expect, it } from '@jest/globals';
import { declaredReality } from '../../cli/reality-hcl.ts';
import { resourcesOf, type StateResource } from '../../cli/terraform-state.ts';
import { checkTerraform } from '../../scripts/terraform/check.ts';
import { readProviderSchema } from '../../scripts/terraform/provider-schema.ts';
import type { Reality } from '../../shared/incident/reality.ts';
import { instanceName } from '../../shared/system/names.ts';
import { reference } from '../system/reference.ts';

const PRIMARY = instanceName('coditect-dms-db');
const REPLICA = instanceName('coditect-dms-db-replica');
const NEW = instanceName('coditect-dms-db-replica-ab12cd');

/** What a database failover makes true, and a region's as well. */
const FAILED_OVER: Reality = {
  instances: [
    { instance: PRIMARY, stopped: 'seen' },
    { instance: REPLICA, tookPlaceOf: { former: PRIMARY, as: 'replica' }, isProtected: true },
    { instance: NEW, madeAsReplicaOf: { primary: REPLICA, region: 'us-central1' } },
  ],
  secrets: ['coditect-dms-database-url'],
  entrances: [],
  limits: [],
};

const MOVED: Reality = {
  instances: [],
  secrets: [],
  entrances: [{ entrance: 'dms-api', application: 'api-east' }],
  limits: [{ application: 'api-east', min: 3, max: null }],
};

/** What stands in the state before anything failed; `rename` gives addresses that modules or keys make. */
function state(rename: Readonly<Record<string, string>> = {}): readonly StateResource[] {
  const read = resourcesOf(JSON.parse(readFileSync('test/fixtures/terraform/before.state.json', 'utf8')));
  if (typeof read === 'string') throw new Error(read);
  return read.map((one) => ({ ...one, address: rename[one.address] ?? one.address }));
}

const declared = (reality: Reality, resources: readonly StateResource[] | undefined): string =>
  declaredReality({ incident: 'inc-aaaaaaaaaa', system: reference(), reality, resources });

/** The text as Terraform reads it. */
const read = async (text: string): Promise<Record<string, unknown>> => await parse('reality.tf', text);

/** What is wrong with it by the schema of Google's provider. */
const faults = async (text: string): Promise<readonly string[]> =>
  await checkTerraform({ 'reality.tf': text }, readProviderSchema());

describe('what Terraform has to declare after a failover', () => {
  it('is the former primary stopped, the new one on its own and protected, and the new replica imported', async () => {
    const text = declared(FAILED_OVER, state());

    expect(await read(text)).toEqual({
      resource: {
        google_sql_database_instance: {
          primary: [
            expect.objectContaining({
              name: PRIMARY,
              settings: [{ tier: 'db-custom-4-16384', activation_policy: 'NEVER' }],
            }),
          ],
          replica: [
            {
              name: REPLICA,
              region: 'us-central1',
              database_version: 'POSTGRES_15',
              instance_type: 'CLOUD_SQL_INSTANCE',
              settings: [
                {
                  tier: 'db-custom-4-16384',
                  availability_type: 'REGIONAL',
                  deletion_protection_enabled: true,
                  backup_configuration: [{ enabled: true, point_in_time_recovery_enabled: true }],
                },
              ],
            },
          ],
          coditect_dms_db_replica_ab12cd: [
            expect.objectContaining({
              name: NEW,
              master_instance_name: '${google_sql_database_instance.replica.name}',
              instance_type: 'READ_REPLICA_INSTANCE',
            }),
          ],
        },
      },
      import: [
        {
          to: '${google_sql_database_instance.coditect_dms_db_replica_ab12cd}',
          id: `projects/coditect-prod/instances/${NEW}`,
        },
      ],
      removed: [{ from: '${google_secret_manager_secret_version.database_url}', lifecycle: [{ destroy: false }] }],
    });
    expect(text).toContain('Without master_instance_name (it was coditect-dms-db)');
  });

  it('has only names that the provider knows', async () => {
    expect(await faults(declared(FAILED_OVER, state()))).toEqual([]);
    expect(await faults(declared(MOVED, entrances()))).toEqual([]);
  });

  it('moves a replica that was one of many to a resource of its own', async () => {
    const resources = state({ 'google_sql_database_instance.replica': 'google_sql_database_instance.replicas["a"]' });

    const text = declared(FAILED_OVER, resources);

    expect(await read(text)).toMatchObject({
      moved: [
        {
          from: '${google_sql_database_instance.replicas["a"]}',
          to: '${google_sql_database_instance.coditect_dms_db_replica}',
        },
      ],
      resource: {
        google_sql_database_instance: {
          coditect_dms_db_replica: [expect.objectContaining({ name: REPLICA })],
          coditect_dms_db_replica_ab12cd: [
            expect.objectContaining({
              master_instance_name: '${google_sql_database_instance.coditect_dms_db_replica.name}',
            }),
          ],
        },
      },
    });
    expect(await faults(text)).toEqual([]);
  });

  it('writes no block where a module makes the resource: it says what the module has to be given', async () => {
    const resources = state({
      'google_sql_database_instance.primary': 'module.db.google_sql_database_instance.primary',
      'google_sql_database_instance.replica': 'module.db.google_sql_database_instance.replica',
    });

    const text = declared(FAILED_OVER, resources);

    expect(Object.keys((await read(text))['resource'] as object)).toEqual(['google_sql_database_instance']);
    expect(text).toContain('# It is module.db.google_sql_database_instance.primary, which a module makes');
    expect(text).toMatch(/# {3}settings {\n# {5}tier += "db-custom-4-16384"\n# {5}activation_policy = "NEVER"/);
  });

  it('names what it has no address of, and imports what is new all the same', async () => {
    const text = declared(FAILED_OVER, undefined);

    expect(text).toContain('No addresses are known');
    expect(text).toContain('coditect-dms-db is stopped, and stays so');
    expect(await read(text)).toMatchObject({ import: [{ id: `projects/coditect-prod/instances/${NEW}` }] });
    expect(await read(text)).not.toHaveProperty('removed');
  });

  it('is where users are led, and what their application may have', async () => {
    const text = declared(MOVED, entrances());

    expect(await read(text)).toMatchObject({
      resource: {
        google_compute_url_map: { ingress: [expect.objectContaining({ name: 'coditect-dms-ingress' })] },
        google_cloud_run_v2_service: { east: [expect.objectContaining({ scaling: [{ min_instance_count: 3 }] })] },
      },
    });
    expect(text).toMatch(
      /default_service += "projects\/coditect-prod\/global\/backendServices\/coditect-dms-[a-z-]*east/,
    );
  });

  it('keeps what a text says apart from what Terraform would put into it', async () => {
    const odd = instanceName('coditect-dms-db');
    const resources = state().map((one) => ({ ...one, values: { ...one.values, region: '${evil}' } }));
    const text = declared({ ...FAILED_OVER, instances: [{ instance: odd, stopped: 'seen' }] }, resources);

    expect(text).toContain('region           = "$${evil}"');
    await expect(read(text)).resolves.toBeDefined();
  });
});

/** An entrance that no module makes, and the service of the other region. */
function entrances(): readonly StateResource[] {
  return [
    ...state({ 'module.edge.google_compute_url_map.ingress': 'google_compute_url_map.ingress' }),
    {
      address: 'google_cloud_run_v2_service.east',
      type: 'google_cloud_run_v2_service',
      values: { name: 'coditect-dms-api-east', location: 'us-east1' },
    },
  ];
}

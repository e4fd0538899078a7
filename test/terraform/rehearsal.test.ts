import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { isReading } from '../../scripts/permissions/terraform-file.ts';
import type { Permission } from '../../shared/providers/permissions.ts';
import { FUNCTIONS, TOPICS } from '../../shared/system/names.ts';
import { isTerraformHere } from './evaluated.ts';
import { rehearsed, type Rendered } from './rehearsal.ts';

const HOSTS = { 'us-east4': 'dr-east.example.com', 'us-west1': 'dr-west.example.com' };

const written = z
  .looseObject({ system: z.looseObject({}), approvals: z.looseObject({}) })
  .parse(parse(readFileSync('dr.yaml', 'utf8')));

/** Inputs of a team that has gone further, and has private addresses. */
const LATER = {
  heartbeat: true,
  evidence: { location: 'us-west1', retention_days: 90, is_locked: false },
  operators: { issuer: 'https://accounts.google.com', audience: 'dr-operators' },
  private_network: { network: 'default', ranges: { 'us-east4': '10.8.0.0/28', 'us-west1': '10.8.0.16/28' } },
  service_identities: ['api@coditect-prod.iam.gserviceaccount.com'],
  status_readers: { engineering: 'group:engineering@example.com' },
};

/** What differs from the reference system. */
interface Changes {
  readonly identity?: 'iap' | 'oidc';
  readonly controlRegions?: readonly string[];
  readonly evidenceProject?: string;
}

/** The reference system for the cloud, as Terraform would make it in that mode. */
function rehearse(
  mode: string,
  { identity = 'iap', controlRegions, evidenceProject }: Changes = {},
): Promise<readonly Rendered[]> {
  const regions = controlRegions ?? Object.keys(HOSTS);
  const hosts = Object.fromEntries(regions.map((region, index) => [region, Object.values(HOSTS)[index] ?? '']));
  const system = {
    ...written,
    system: { ...written.system, controlRegions: regions },
    mode: { default: mode },
    approvals: { ...written.approvals, identity },
    endpoints: { approve: Object.values(HOSTS).map((host) => `https://${host}`) },
  };
  const bundles = Object.fromEntries(FUNCTIONS.map((name) => [`bundles/${name}.zip`, name]));
  return rehearsed(
    {
      dr_yaml: 'dr.yaml',
      bundles: 'bundles',
      database_location: 'nam7',
      approve_hosts: hosts,
      signing_key_id: '2026-01',
      people_channels: ['projects/coditect-prod/notificationChannels/1'],
      service_maximum: { 'api-run': 4 },
      commanders: { oncall: 'group:oncall@example.com' },
      mode: { default: mode },
      ...(mode === 'observe' ? {} : LATER),
      ...(evidenceProject === undefined ? {} : { evidence_project: evidenceProject }),
    },
    { ...bundles, 'dr.yaml': stringify(system) },
  );
}

/** What each function hears. */
const HEARD = [
  ['classify', 'dr-alerts'],
  ['classify', 'dr-commands'],
  ['heal', 'dr-heal'],
  ['notify', 'dr-notices'],
  ['recover', 'dr-recover'],
  ['tick', 'dr-ticks'],
  ['tick', 'dr-alerts-dead'],
  ['tick', 'dr-commands-dead'],
] as const;

const textOf = (values: Rendered['values'], name: string): string => z.string().parse(values[name]);

/** A text of a block. */
function textIn(values: Rendered['values'], block: string, name: string): string {
  const [inner] = z.array(z.record(z.string(), z.unknown())).parse(values[block]);
  return z.string().parse(inner?.[name]);
}

const roleWire = z.object({
  role_id: z.string(),
  permissions: z.array(z.templateLiteral([z.string(), '.', z.string()])),
});

/** The custom roles, with what they give. */
const rolesOf = (rendered: readonly Rendered[]) =>
  rendered
    .filter(({ type }) => type === 'google_project_iam_custom_role')
    .map(({ values }) => roleWire.parse(values))
    .map(({ role_id: id, permissions }) => ({ id, permissions }));

const whereTerraformIs = isTerraformHere ? describe : describe.skip;

whereTerraformIs('what Terraform would make of the reference system', () => {
  let observing: readonly Rendered[];
  let acting: readonly Rendered[];
  beforeAll(async () => {
    [observing, acting] = await Promise.all([rehearse('observe'), rehearse('approve')]);
  });
  const of = (rendered: readonly Rendered[], type: string) => rendered.filter((one) => one.type === type);

  it('has every function in both control regions, under an identity of its own', () => {
    const functions = of(observing, 'google_cloudfunctions2_function').map(({ values }) => ({
      at: `${textOf(values, 'name')}/${textOf(values, 'location')}`,
      identity: textIn(values, 'service_config', 'service_account_email').split('@')[0],
    }));
    expect(functions.map(({ at }) => at).toSorted()).toEqual(
      FUNCTIONS.flatMap((name) => Object.keys(HOSTS).map((region) => `dr-${name}/${region}`)).toSorted(),
    );
    expect(functions.filter(({ at, identity }) => at.split('/')[0] !== identity)).toEqual([]);
  });

  it('makes the bucket of evidence, and the roles that are given on it, in a project of its own where there is one', async () => {
    const apart = await rehearse('approve', { evidenceProject: 'coditect-evidence' });
    const elsewhere = apart
      .filter(({ values }) => values['project'] === 'coditect-evidence')
      .map(({ type, values }) => `${type} ${textOf(values, type.endsWith('_role') ? 'role_id' : 'name')}`);
    expect(elsewhere.toSorted()).toEqual([
      'google_project_iam_custom_role drClassifyEvidence',
      'google_project_iam_custom_role drRecoverEvidence',
      'google_project_iam_custom_role drTickEvidence',
      'google_storage_bucket coditect-dms-evidence',
    ]);
    expect(acting.filter(({ values }) => values['project'] === 'coditect-evidence')).toEqual([]);
  });

  it('pushes every topic to its function in both regions, with an identity, and gives up into dead letters', () => {
    const heard = of(observing, 'google_pubsub_subscription').filter(({ address }) => address.includes('.heard['));
    const told = heard.map(({ values }) => textOf(values, 'name'));
    expect(told.toSorted()).toEqual(
      HEARD.flatMap(([name, topic]) => Object.keys(HOSTS).map((region) => `dr-${name}-${topic}-${region}`)).toSorted(),
    );
    for (const { values } of heard) {
      expect(values).toMatchObject({ ack_deadline_seconds: 600, message_retention_duration: '604800s' });
      expect(textIn(values, 'push_config', 'push_endpoint')).toMatch(/\/projects\/coditect-prod\/topics\/dr-[a-z-]+$/);
      expect(JSON.stringify(values)).toContain('dr-pubsub-push@');
      const dies = textOf(values, 'topic').endsWith('-dead')
        ? []
        : [expect.objectContaining({ max_delivery_attempts: 20 })];
      expect(values['dead_letter_policy'] ?? []).toEqual(dies);
    }
  });

  it('gives nobody a permission that changes anything while everything observes', () => {
    const permissions = rolesOf(observing).flatMap(({ permissions: own }) => own);
    expect(permissions.length).toBeGreaterThan(0);
    expect(permissions.filter((permission) => !isReading(permission))).toEqual([]);
  });

  it('lets recover alone promote and rotate, and delete copies alone, once plans may be approved', () => {
    const roles = rolesOf(acting);
    const may = (permission: Permission) =>
      roles.filter(({ permissions }) => permissions.includes(permission)).map(({ id }) => id);
    expect(may('cloudsql.instances.promoteReplica')).toEqual(['drRecoverProject']);
    expect(may('secretmanager.versions.disable')).toEqual(['drRecoverSecrets']);
    expect(may('cloudsql.instances.delete')).toEqual(['drRecoverCopies']);
    const [copies] = acting.filter(
      ({ address }) => address === 'module.power["recover"].google_project_iam_member.copies["copies"]',
    );
    expect(JSON.stringify(copies?.values)).toContain('projects/coditect-prod/instances/coditect-dms-db-recovery-2');
  });

  it('leads those that talk to private addresses there, and nobody else', () => {
    const led = of(acting, 'google_cloudfunctions2_function')
      .filter(({ values }) => JSON.stringify(values).includes('"vpc_connector":"connector-id"'))
      .map(({ values }) => textOf(values, 'name'));
    expect([...new Set(led)].toSorted()).toEqual(['dr-classify', 'dr-heal', 'dr-recover', 'dr-tick']);
  });

  it('gives the signing key to notify alone, and the form key to approve alone', () => {
    const readers = (secret: string) =>
      of(acting, 'google_secret_manager_secret_iam_member')
        .filter(({ values }) => values['secret_id'] === secret)
        .map(({ values }) => textOf(values, 'member').replace(/^serviceAccount:dr-|@.*$/g, ''));
    expect(readers('dr-signing-key')).toEqual(['notify']);
    expect(readers('dr-form-key')).toEqual(['approve']);
    expect(readers('dr-heartbeat-url')).toEqual(['tick']);
    expect(readers('dr-public-keys').toSorted()).toEqual(['approve', 'heal', 'recover']);
  });

  it('lets Monitoring alone publish alerts, Scheduler alone ticks, and whoever is named commands', () => {
    const publishers = (topic: string) =>
      of(observing, 'google_pubsub_topic_iam_member')
        .filter(({ values }) => values['topic'] === topic)
        .map(({ values }) => textOf(values, 'member').replace(/^serviceAccount:|@.*$/g, ''));
    expect(publishers('dr-alerts')).toEqual(['service-123456789012']);
    expect(publishers('dr-ticks')).toEqual(['service-123456789012']);
    expect(publishers('dr-commands')).toEqual(['group:oncall']);
    expect(publishers('dr-recover').toSorted()).toEqual(
      FUNCTIONS.filter((name) => name !== 'status')
        .map((name) => `dr-${name}`)
        .toSorted(),
    );
    expect(TOPICS.filter((topic) => publishers(topic).length === 0)).toEqual([]);
  });

  it('lets everybody reach nothing, and the proxy alone call approve', () => {
    expect(JSON.stringify(observing)).not.toMatch(/all(Authenticated)?Users/);
    const callers = of(observing, 'google_cloud_run_service_iam_member').map(
      ({ values }) =>
        `${textOf(values, 'service')} ${
          textOf(values, 'member')
            .replace(/^serviceAccount:/, '')
            .split('.')[0]
        }`,
    );
    expect([...new Set(callers.filter((caller) => caller.startsWith('dr-approve')))]).toEqual([
      'dr-approve service-123456789012@gcp-sa-iap',
    ]);
    expect([...new Set(callers.map((caller) => caller.split(' ')[1] ?? ''))].toSorted()).toEqual([
      'dr-pubsub-push@coditect-prod',
      'service-123456789012@gcp-sa-iap',
    ]);
  });

  it('shows status to those who may read it, behind the proxy alone', () => {
    const readers = of(acting, 'google_iap_web_backend_service_iam_member').filter(
      ({ values }) => values['member'] === 'group:engineering@example.com',
    );
    expect(readers).toHaveLength(2);
    const callers = of(acting, 'google_cloud_run_service_iam_member').filter(
      ({ values }) => values['service'] === 'dr-status',
    );
    expect(new Set(callers.map(({ values }) => textOf(values, 'member').split('@')[1]))).toEqual(
      new Set(['gcp-sa-iap.iam.gserviceaccount.com']),
    );
  });

  it('tells each copy of approve whose assertions it may believe', () => {
    const copies = of(observing, 'google_cloudfunctions2_function').filter(
      ({ values }) => values['name'] === 'dr-approve',
    );
    expect(copies).toHaveLength(2);
    for (const { values } of copies)
      expect(JSON.stringify(values)).toContain('"DR_IAP_AUDIENCE":"/projects/123456789012/global/backendServices/42"');
  });

  it('opens the door to everybody only where dr.yaml says that links or tokens decide', async () => {
    const open = await rehearse('observe', { identity: 'oidc' });
    const everybody = open
      .filter(({ values }) => values['member'] === 'allUsers')
      .map(({ values }) => textOf(values, 'service'));
    expect(everybody).toEqual(['dr-approve', 'dr-approve']);
    expect(of(open, 'google_iap_web_backend_service_iam_member')).toEqual([]);
  });

  it('is refused where every control region is a protected one', async () => {
    await expect(rehearse('observe', { controlRegions: ['us-central1', 'us-east1'] })).rejects.toThrow(
      'At least one control region must be no protected region',
    );
  });
});

import { exportPKCS8, generateKeyPair } from 'jose';
import { ALERT_CHANNEL_ID } from '../../sandbox/world/policy-document.ts';
import { functionPrincipal } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { reference } from '../system/reference.ts';
import type { startDoctorStage } from './doctor-stage.ts';

// What can be wrong with an installation, planted one by one into one that is whole.

type Stage = Awaited<ReturnType<typeof startDoctorStage>>;

/** A fault: how it is planted, what doctor says of it and how it is mended, and how the test takes it back. */
export interface Planted {
  readonly fault: string;
  readonly plant: () => unknown;
  readonly named: readonly (readonly [check: string, says: RegExp, mend: RegExp])[];
  readonly mend: () => unknown;
}

/** As terraform/modules/alerts sets it. */
const READS = { service: 'secretmanager.googleapis.com', type: 'DATA_READ', exempted: [] } as const;

const CHANNEL = `projects/coditect-prod/notificationChannels/${ALERT_CHANNEL_ID}`;

/** All of them. The stage is asked for when one is planted. */
export function plantedFaults(stage: () => Stage): readonly Planted[] {
  let copies: ReturnType<Stage['deployed']> = [];

  const patchPrimary = async (settings: object): Promise<void> => {
    await stage().asOperator('PATCH', '/sql/v1beta4/projects/coditect-prod/instances/coditect-dms-db', { settings });
    await stage().untilIdle('coditect-dms-db');
  };

  return [
    {
      fault: 'a primary without protection from deletion',
      plant: () => patchPrimary({ deletionProtectionEnabled: false }),
      named: [
        [
          'database coditect-dms-db',
          /not protected from deletion/,
          /^gcloud sql instances patch coditect-dms-db --deletion-protection --project coditect-prod$/,
        ],
      ],
      mend: () => patchPrimary({ deletionProtectionEnabled: true }),
    },
    {
      fault: 'a primary that keeps no logs for a point in time',
      plant: () => patchPrimary({ backupConfiguration: { pointInTimeRecoveryEnabled: false } }),
      named: [['database coditect-dms-db', /no logs for a point in time/, /--enable-point-in-time-recovery/]],
      mend: () => patchPrimary({ backupConfiguration: { pointInTimeRecoveryEnabled: true } }),
    },
    {
      fault: 'a replica that dr.yaml misspells',
      plant: () => stage().rewriteConfig('instance: coditect-dms-db-replica', 'instance: coditect-dms-db-replika'),
      named: [['database coditect-dms-db', /there is no instance coditect-dms-db-replika/, /^dr\.yaml, databases/]],
      mend: () => stage().restoreConfig(),
    },
    {
      fault: 'a Deployment and a service by names that they do not have',
      plant: () => stage().rewriteConfig(/(deployment|service): coditect-dms-api$/gm, '$1: coditect-dms-apy'),
      named: [
        [
          'application api-gke',
          /Deployment coditect-dms\/coditect-dms-apy is not there/,
          /kubectl -n coditect-dms get/,
        ],
        ['application api-run', /service coditect-dms-apy in us-central1 is not there/, /^dr\.yaml, applications/],
      ],
      mend: () => stage().restoreConfig(),
    },
    {
      fault: 'a limit of heal below what the service has anyway',
      plant: () =>
        stage().rewriteConfig(
          /service: coditect-dms-api\n(\s+region: us-central1\n\s+maxInstances:) 10/g,
          'service: coditect-dms-api\n$1 3',
        ),
      named: [['application api-run', /goes up to 4, and maxInstances is 3/, /maxInstances of api-run/]],
      mend: () => stage().restoreConfig(),
    },
    {
      fault: 'a secret whose newest version is disabled',
      plant: () => stage().world.secrets.setState('coditect-dms-jwt-key', '1', 'DISABLED'),
      named: [
        [
          'secret coditect-dms-jwt-key',
          /newest version is disabled/,
          /^gcloud secrets versions enable 1 --secret coditect-dms-jwt-key/,
        ],
      ],
      mend: () => stage().world.secrets.setState('coditect-dms-jwt-key', '1', 'ENABLED'),
    },
    {
      fault: 'no key that signs approvals',
      plant: () => stage().world.secrets.setState('dr-signing-key', '1', 'DISABLED'),
      named: [['key dr-signing-key', /nobody can be asked to approve/, /openssl genpkey/]],
      mend: () => stage().world.secrets.setState('dr-signing-key', '1', 'ENABLED'),
    },
    {
      fault: 'a key that signs, and whose other half nobody has',
      plant: async () => {
        const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
        stage().world.secrets.addVersion('dr-signing-key', Buffer.from(await exportPKCS8(privateKey)));
      },
      named: [
        ['signing key', /no key of dr-public-keys verifies what dr-signing-key signs/, /public half of dr-signing-key/],
      ],
      mend: () => {
        const bytes = stage().world.secrets.access('dr-signing-key', '1').data;
        stage().world.secrets.addVersion('dr-signing-key', bytes);
      },
    },
    {
      fault: 'a copy of notify that signs under an id which nobody knows, and one with a version of another day',
      plant: () => {
        const [first, second] = stage().deployed();
        if (first === undefined || second === undefined) throw new Error('notify is deployed in two regions');
        copies = [first, second];
        stage().deploy([
          { ...first, env: { ...first.env, DR_SIGNING_KEY_ID: '2027-01' } },
          { ...second, secrets: { 'dr-signing-key': '1' } },
        ]);
      },
      named: [
        [
          'signing key in us-east4',
          /signs as 2027-01, and dr-public-keys has no key of that id/,
          /signing_key_id = "sandbox-1"/,
        ],
        ['signing key in us-west1', /has version 1 of dr-signing-key, and the newest is 3/, /terraform apply/],
      ],
      mend: () => stage().deploy(copies),
    },
    {
      fault: 'no address of the party that listens for heartbeats',
      plant: () => stage().world.secrets.setState('dr-heartbeat-url', '1', 'DISABLED'),
      named: [['key dr-heartbeat-url', /our own silence pages nobody/, /gcloud secrets versions add dr-heartbeat-url/]],
      mend: () => stage().world.secrets.setState('dr-heartbeat-url', '1', 'ENABLED'),
    },
    {
      fault: 'an alert policy that is gone, and one that is disabled',
      plant: () => {
        const { monitoring } = stage().world;
        stage().keep(monitoring.policies());
        monitoring.setPolicies(
          monitoring
            .policies()
            .filter(({ displayName }) => displayName !== 'dr-uptime')
            .map((policy) => (policy.displayName === 'dr-app-5xx' ? { ...policy, enabled: false } : policy)),
        );
      },
      named: [
        ['alert dr-app-5xx', /disabled/, /gcloud alpha monitoring policies update/],
        ['alert dr-uptime', /no alert policy of that name/, /modules\/alerts/],
      ],
      mend: () => stage().world.monitoring.setPolicies(stage().kept()),
    },
    {
      fault: 'a channel that publishes to another topic',
      plant: () => stage().world.monitoring.setChannel(CHANNEL, 'somewhere-else'),
      named: reference().alerts.map(({ policy }) => [
        `alert ${policy}`,
        /none of its channels publishes on dr-alerts/,
        /topics\/dr-alerts/,
      ]),
      mend: () => stage().world.monitoring.setChannel(CHANNEL, 'dr-alerts'),
    },
    {
      fault: 'a subscription that gives recover ten seconds, keeps nothing that fails and proves nothing',
      plant: () =>
        stage().asOperator('PUT', '/v1/projects/coditect-prod/subscriptions/by-hand', {
          topic: 'projects/coditect-prod/topics/dr-recover',
          pushConfig: { pushEndpoint: 'http://127.0.0.1:9/' },
          messageRetentionDuration: '600s',
        }),
      named: [
        [
          'subscription by-hand',
          /a push may take 10 s/,
          /gcloud pubsub subscriptions update by-hand --ack-deadline 600/,
        ],
        ['subscription by-hand', /kept for 0 h/, /--message-retention-duration 7d/],
        ['subscription by-hand', /no dead letters/, /--dead-letter-topic dr-recover-dead/],
        ['subscription by-hand', /prove nothing/, /terraform apply/],
      ],
      mend: () => stage().asOperator('DELETE', '/v1/projects/coditect-prod/subscriptions/by-hand'),
    },
    {
      fault: 'a project that writes down nobody who reads a secret',
      plant: () =>
        stage().world.audits.set([
          { ...READS, type: 'DATA_WRITE' },
          { ...READS, service: 'storage.googleapis.com' },
        ]),
      named: [
        [
          'audit log of secrets',
          /^nobody writes down who reads a secret.*dr-secret-read would never alert$/,
          /^terraform apply \(modules\/alerts: google_project_iam_audit_config/,
        ],
      ],
      mend: () => stage().world.audits.set([READS]),
    },
    {
      fault: 'somebody whose reading of secrets is not written down',
      plant: () =>
        stage().world.audits.set([READS, { ...READS, service: 'allServices', exempted: ['user:mallory@example.com'] }]),
      named: [
        [
          'audit log of secrets',
          /^what user:mallory@example\.com read is not written down/,
          /take exemptedMembers out/,
        ],
      ],
      mend: () => stage().world.audits.set([READS]),
    },
    {
      fault: 'recover without the right to promote',
      plant: () => stage().world.kernel.iam.revoke(functionPrincipal('recover'), ['cloudsql.instances.promoteReplica']),
      named: [
        [
          'permissions of recover',
          /^it lacks on the project: cloudsql\.instances\.promoteReplica$/,
          /terraform apply, with the mode of dr\.yaml/,
        ],
      ],
      mend: () => stage().world.kernel.iam.grant(functionPrincipal('recover'), ['cloudsql.instances.promoteReplica']),
    },
    {
      fault: 'classify with the right to delete, and heal with one to read every secret',
      plant: () => {
        stage().world.kernel.iam.grant(functionPrincipal('classify'), ['cloudsql.instances.delete']);
        stage().world.kernel.iam.grant(functionPrincipal('heal'), ['secretmanager.versions.access']);
      },
      named: [
        ['permissions of classify', /no step of it needs: cloudsql\.instances\.delete$/, /terraform/],
        ['permissions of heal', /no step of it needs: secretmanager\.versions\.access$/, /terraform/],
        ['permissions of heal', /the key that signs approvals/, /one by one/],
      ],
      mend: () => {
        stage().world.kernel.iam.revoke(functionPrincipal('classify'), ['cloudsql.instances.delete']);
        stage().world.kernel.iam.revoke(functionPrincipal('heal'), ['secretmanager.versions.access']);
      },
    },
    {
      fault: 'recover without the right to change a Deployment, and heal without two',
      plant: () => {
        stage().world.kernel.iam.revoke(functionPrincipal('recover'), ['k8s.apps.deployments.patch']);
        stage().world.kernel.iam.revoke(functionPrincipal('heal'), ['k8s.pods/eviction.create', 'k8s.pods.list']);
      },
      named: [
        [
          'cluster roles of heal in us-central1-a/coditect-prod-cluster/coditect-dms',
          /^it lacks: list pods, create pods\/eviction$/,
          /^kubectl apply -f terraform\/kubernetes\/heal\.yaml .*kubectl auth can-i list pods -n coditect-dms --as dr-heal@coditect-prod\.iam/,
        ],
        [
          'cluster roles of recover',
          /^it lacks: patch deployments\.apps$/,
          /recover\.yaml .*kubectl auth can-i patch deployments\.apps -n coditect-dms/,
        ],
      ],
      mend: () => {
        stage().world.kernel.iam.grant(functionPrincipal('recover'), ['k8s.apps.deployments.patch']);
        stage().world.kernel.iam.grant(functionPrincipal('heal'), ['k8s.pods/eviction.create', 'k8s.pods.list']);
      },
    },
    {
      fault: 'classify with the right to delete pods, and status with every right there is in the cluster',
      plant: () => {
        stage().world.kernel.iam.grant(functionPrincipal('classify'), ['k8s.pods.delete']);
        stage().world.kernel.iam.grant(functionPrincipal('status'), ['k8s.*']);
      },
      named: [
        [
          'cluster roles of classify',
          /no step of it needs: delete pods$/,
          /^kubectl get rolebindings.*grep dr-classify@/,
        ],
        ['cluster roles of status', /it may do anything/, /^kubectl get rolebindings.*grep dr-status@/],
      ],
      mend: () => {
        stage().world.kernel.iam.revoke(functionPrincipal('classify'), ['k8s.pods.delete']);
        stage().world.kernel.iam.revoke(functionPrincipal('status'), ['k8s.*']);
      },
    },
    {
      fault:
        'heal with a role by which it reads secrets and deletes the namespace, and tick with one by which it gives itself more',
      plant: () => {
        stage().world.kernel.iam.grant(functionPrincipal('heal'), ['k8s.secrets.*', 'k8s.namespaces.delete']);
        stage().world.kernel.iam.grant(functionPrincipal('tick'), [
          'k8s.rbac.rolebindings.create',
          'k8s.pods/exec.create',
        ]);
      },
      named: [
        [
          'cluster roles of heal',
          /^it may, and nothing of ours ever does: get secrets, list secrets, delete namespaces$/,
          /^kubectl get rolebindings,clusterrolebindings.*grep dr-heal@/,
        ],
        [
          'cluster roles of tick',
          /^it may, and nothing of ours ever does: create pods\/exec, create rolebindings\.rbac\.authorization\.k8s\.io$/,
          /grep dr-tick@/,
        ],
      ],
      mend: () => {
        stage().world.kernel.iam.revoke(functionPrincipal('heal'), ['k8s.secrets.*', 'k8s.namespaces.delete']);
        stage().world.kernel.iam.revoke(functionPrincipal('tick'), [
          'k8s.rbac.rolebindings.create',
          'k8s.pods/exec.create',
        ]);
      },
    },
    {
      fault: 'a region with hardly a processor left',
      plant: () => stage().world.balancers.quotas.set('us-central1', [{ metric: 'CPUS', limit: 72, usage: 70 }]),
      named: [['quota us-central1', /70 of 72 processors/, /iam-admin\/quotas/]],
      mend: () => stage().world.balancers.quotas.set('us-central1', [{ metric: 'CPUS', limit: 72, usage: 16 }]),
    },
    {
      fault: 'a region that gives Cloud Run fewer processors than heal may raise to',
      plant: () => stage().world.projectApi.giveProcessors('us-central1', 8_000),
      named: [
        [
          'quota of Cloud Run in us-central1',
          /api-run may be raised to 10 processors, of 8 that the region gives/,
          /cpu_allocation, us-central1\), or dr\.yaml, applications: maxInstances/,
        ],
      ],
      mend: () => stage().world.projectApi.giveProcessors('us-central1', 200_000),
    },
    {
      fault: 'an entrance that leads away from home',
      plant: () => {
        const { fingerprint } = stage().world.balancers.urlMap('coditect-dms-ingress');
        stage().world.balancers.patch('coditect-dms-ingress', { defaultService: 'coditect-dms-run', fingerprint });
      },
      named: [
        [
          'entrance dms-api',
          /leads to api-run, and its home is api-gke/,
          /\.\/dr trigger cluster-failback --target api-gke/,
        ],
      ],
      mend: () => {
        const { fingerprint } = stage().world.balancers.urlMap('coditect-dms-ingress');
        stage().world.balancers.patch('coditect-dms-ingress', { defaultService: 'coditect-dms-gke', fingerprint });
      },
    },
    {
      fault: 'a kill switch that somebody forgot',
      plant: () => stage().store.documents.put('control/stop', { on: true, by: 'ann', reason: 'storm', atMs: 1 }, 0),
      named: [['kill switch', /is on \(ann: storm\)/, /\.\/dr release/]],
      mend: () => stage().store.documents.put('control/stop', { on: false, by: 'ann', reason: '', atMs: 2 }, 1),
    },
    {
      fault: 'a tick that has stopped',
      plant: () => stage().lookedAt(stage().now() - minutes(120)),
      named: [['tick', /last looked at a database 2h.* ago: what is due is not found/, /DR_STORE of the functions/]],
      mend: () => stage().lookedAt(),
    },
    {
      fault: 'a control region whose links lead nowhere',
      plant: () => stage().closeDoor(),
      named: [['link ', /is not there/, /^curl -sSI http/]],
      mend: () => stage().openDoor(),
    },
    {
      fault: 'an API that is not enabled',
      plant: () => stage().world.projectApi.disable('redis.googleapis.com'),
      named: [
        [
          'APIs',
          /redis\.googleapis\.com is not enabled/,
          /^gcloud services enable redis\.googleapis\.com --project coditect-prod$/,
        ],
      ],
      mend: () => stage().world.projectApi.enable('redis.googleapis.com'),
    },
  ];
}

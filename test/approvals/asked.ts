import { exportPKCS8, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { SecretText } from '../../shared/core/redact.ts';
import { instant } from '../../shared/core/time.ts';
import type { ApproveHome } from '../../shared/flows/approve.ts';
import { lookOnce } from '../../shared/flows/look.ts';
import { journalOf } from '../../shared/flows/flow-home.ts';
import { absorb } from '../../shared/flows/absorb.ts';
import { receiveAlert } from '../../shared/flows/intake.ts';
import type { NotifyHome } from '../../shared/flows/notify.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import type { Journal } from '../../shared/log/journal.ts';
import type { World } from '../../shared/ports/ports.ts';
import { createTokenSigner, createTokenVerifier } from '../../shared/providers/jose-tokens.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import { instanceName } from '../../shared/system/names.ts';
import type { Database } from '../../shared/system/system.ts';
import { flowStage } from '../flows/stage.ts';
import { reference } from '../system/reference.ts';

// An incident of the reference system whose failover plan waits for people: the world is a handful of answers that all say that
// the primary is dead, everything else is the real thing.

const KEY = 'test-key';

/** What binds forms to their pages. */
export const FORM_KEY = 'form key of the test';

/** A message as a destination got it. */
export interface Delivered {
  readonly destination: string;
  readonly subject: string;
  readonly text: string;
  readonly link: string | undefined;
}

/** What an approval's tests run on. */
export interface AskedStage {
  readonly home: ApproveHome & NotifyHome;
  /** Everything that can be asked of the dead world; what changes it throws. */
  readonly world: World;
  readonly id: IncidentId;
  readonly clock: ReturnType<typeof flowStage>['clock'];
  readonly delivered: Delivered[];
  readonly published: ReturnType<typeof flowStage>['published'];
  readonly dead: Set<string>;
  /** One more look at the dead world. */
  look(): Promise<void>;
  state(): Promise<IncidentState>;
  journal(): Promise<Journal>;
  readonly publicKey: string;
  /** Signs any claims with the right key, or another. */
  forge(
    claims: Readonly<Record<string, unknown>>,
    options?: { readonly key?: 'right' | 'other'; readonly audience?: string; readonly kid?: string },
  ): Promise<string>;
}

const unused = (): never => {
  throw new Error('the test asks for nothing of this');
};

/** Everything says that coditect-dms-db is dead and that its replica is fit. */
function deadPrimary(now: () => number): World {
  const fleet = ['coditect-dms-db', 'coditect-dms-db-replica', 'coditect-dms-db-east'].map((name, index) => ({
    instance: instanceName(name),
    role: index === 0 ? ('primary' as const) : ('replica' as const),
    upstream: index === 0 ? undefined : instanceName('coditect-dms-db'),
    replicas: index === 0 ? [instanceName('coditect-dms-db-replica'), instanceName('coditect-dms-db-east')] : [],
    state: 'runnable' as const,
    activation: 'always' as const,
    availability: 'zonal' as const,
    region: index === 2 ? 'us-east1' : 'us-central1',
    databaseVersion: 'POSTGRES_15',
    tier: 'db-custom-4-16384',
    address: `10.20.0.${index + 3}`,
    version: '1',
    backupsEnabled: true,
    pointInTimeRecovery: true,
    deletionProtection: true,
  }));
  const failing = {
    kind: 'failing' as const,
    detail: 'http 503',
    instance: 'copy-1',
    database: { address: '10.20.0.3:5432', epoch: undefined, inRecovery: false, writable: false },
  };
  return {
    databases: {
      fleet: async () => fleet,
      inspect: async (name) => fleet.find(({ instance }) => instance === name) ?? unused(),
      operations: async () => [],
      operation: unused,
      promote: unused,
      setActivation: unused,
    },
    remedies: { restart: unused, failover: unused },
    backups: { runs: unused, dumps: unused, template: unused, labels: unused, recoveryWindow: unused },
    copies: {
      create: unused,
      clone: unused,
      mark: unused,
      remove: unused,
      restore: unused,
      createDatabase: unused,
      databases: unused,
      importDump: unused,
      isAdmitted: unused,
      admit: unused,
      dismiss: unused,
      keep: unused,
    },
    contents: { inventory: unused, changes: unused, ask: unused },
    rows: { reading: unused, changing: unused },
    rowFiles: { create: unused, newest: unused, read: unused },
    databaseUsers: { list: unused, setPassword: unused, logsIn: unused },
    redundancy: { protect: unused, createReplica: unused, takeBackup: unused, backups: unused },
    isolation: { inspect: unused, deny: unused, admit: unused, setIngress: unused },
    logArchive: { entries: unused },
    vault: { retention: unused, seal: unused, sealed: unused },
    dataPlane: {
      canary: async () => ({ kind: 'connectionRefused' }),
      heartbeat: async () => ({ kind: 'connectionRefused' }),
      replication: async (name) =>
        name === 'coditect-dms-db'
          ? undefined
          : {
              role: 'replica',
              receiving: false,
              heartbeat: { sequence: 7, at: instant(BROKEN_AT - 2_000) },
              position: 4_711,
            },
      hasCanary: unused,
      writeEpoch: unused,
      sessions: async () => undefined,
    },
    applications: {
      deepHealth: async () => failing,
      writeAndRead: unused,
      contactFrom: async (application) => ({
        vantage: application,
        at: instant(now()),
        outcome: { kind: 'connectionRefused' },
        control: 'ok',
      }),
    },
    workloads: {
      inspect: async () => ({
        replicas: 3,
        ready: 0,
        available: 0,
        updated: 3,
        settled: false,
        version: '9',
        autoscaler: undefined,
      }),
      pods: async () => [],
      describePod: unused,
      podLog: unused,
      evict: unused,
      forceDelete: unused,
      raise: unused,
      restoreFloor: unused,
      scale: unused,
    },
    rollouts: {
      inspect: async () => ({
        version: '9',
        replicas: 3,
        total: 3,
        updated: 3,
        available: 0,
        observed: true,
        paused: false,
        keepsAvailable: 3,
        gaveUpAt: undefined,
        current: undefined,
        restartedFor: undefined,
        revisions: [],
        budget: undefined,
      }),
      undo: unused,
      restart: unused,
    },
    services: {
      inspect: async () => ({
        scaling: { kind: 'automatic', min: 1, max: 10 },
        revisionMax: undefined,
        ready: true,
        settled: true,
        etag: 'e',
        revision: 'r',
        url: undefined,
      }),
      setScaling: unused,
      operation: unused,
    },
    traffic: {
      inspect: async () => ({ leadsTo: 'api-gke', detail: 'leads home', version: 'v' }),
      ask: async () => ({ kind: 'failing', detail: 'http 503', application: 'api-gke' }),
      move: unused,
      operation: unused,
    },
    sessions: { count: unused, end: unused },
    serviceRestarts: { inspect: unused, restart: unused },
    secrets: { latest: unused, versions: unused, read: unused, add: unused, disable: unused },
    metrics: { series: async () => [{ resource: {}, metric: {}, points: [{ at: instant(now() - 1_000), value: 0 }] }] },
  };
}

const BROKEN_AT = 1_767_607_200_000;

/** An incident that asks for the approval of a database failover. */
export async function askedStage(
  openStore?: Parameters<typeof flowStage>[1],
  approve: readonly string[] = ['https://east4.example', 'https://west1.example'],
  remedies: Database['remedies'] = ['wait', 'promote'],
): Promise<AskedStage> {
  const known = reference();
  const databases = known.databases.map((database) => ({ ...database, remedies }));
  const { clock, home, published } = flowStage(
    { ...known, databases, endpoints: { ...known.endpoints, approve } },
    openStore,
  );
  const [right, other] = await Promise.all([
    generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true }),
    generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true }),
  ]);
  const delivered: Delivered[] = [];
  const dead = new Set<string>();
  await receiveAlert(
    {
      version: '1.2',
      incident: {
        incident_id: '0.dead',
        state: 'open',
        started_at: clock.now() / 1_000,
        summary: 'Server up is 0',
        resource: {
          type: 'cloudsql_database',
          labels: { project_id: 'coditect-prod', database_id: 'coditect-prod:coditect-dms-db' },
        },
      },
    },
    'm1',
    home,
  );
  const [id] = await absorb(home);
  if (id === undefined) throw new Error('no incident');
  const world = deadPrimary(() => clock.now());
  const journal = async (): Promise<Journal> => {
    const open = await journalOf(id, home);
    if (open === undefined) throw new Error('no log');
    return open;
  };
  const log = await journal();
  for (let look = 0; look < 6 && log.state().phase.kind !== 'awaitingApproval'; look += 1) {
    clock.advance(20_000 as Parameters<typeof clock.advance>[0]);
    await lookOnce(log, { ...home, world });
  }
  if (log.state().phase.kind !== 'awaitingApproval')
    throw new Error(`not asked: ${JSON.stringify(log.state().diagnosis)}`);
  const signer = await createTokenSigner({
    keyId: KEY,
    privateKey: new SecretText(await exportPKCS8(right.privateKey)),
  });
  const verifier = await createTokenVerifier({ [KEY]: await exportSPKI(right.publicKey) });
  return {
    clock,
    world,
    id,
    publicKey: await exportSPKI(right.publicKey),
    delivered,
    dead,
    published,
    journal,
    look: async () => await lookOnce(await journal(), { ...home, world }),
    state: async () => (await journal()).state(),
    home: {
      ...home,
      signer,
      verifier,
      formKey: new SecretText(FORM_KEY),
      delivery: {
        deliver: async (destination, { subject, text, link }) => {
          if (dead.has(destination)) return { delivered: false, detail: 'it is dead' };
          delivered.push({ destination, subject, text, link });
          return { delivered: true, detail: 'ok' };
        },
      },
    },
    forge: (claims, options = {}) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'dr-decision+jwt', kid: options.kid ?? KEY })
        .setAudience(options.audience ?? 'dr-autopilot/decision')
        .sign((options.key === 'other' ? other : right).privateKey),
  };
}

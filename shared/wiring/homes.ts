import { HEAL_CATALOGUE, RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { VERSION } from '../core/version.ts';
import { callDeadline } from '../engine/leases.ts';
import type { ApproveHome } from '../flows/approve.ts';
import type { OperateHome } from '../flows/operate.ts';
import type { NotifyHome } from '../flows/notify.ts';
import type { FlowHome, WorldHome } from '../flows/flow-home.ts';
import type { TickHome } from '../flows/tick.ts';
import type { RunHome } from '../flows/run-incident.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lookout } from '../ports/lookout.ts';
import type { World } from '../ports/ports.ts';
import type { IdentityVerifier, TokenVerifier } from '../ports/signing.ts';
import { createCloudLog } from '../providers/cloud-logging.ts';
import { createCloudRunRestarts } from '../providers/cloud-run-restarts.ts';
import { createCloudRunServices } from '../providers/cloud-run-services.ts';
import { createCloudSqlBackups } from '../providers/cloud-sql-backups.ts';
import { createCloudSqlDatabases } from '../providers/cloud-sql-databases.ts';
import { createCloudSqlUsers } from '../providers/cloud-sql-users.ts';
import { createCloudStorageRowFiles } from '../providers/cloud-storage-row-files.ts';
import { createCloudStorageDumps } from '../providers/cloud-storage-dumps.ts';
import { VANTAGE_LIMIT } from '../providers/deadline.ts';
import { createCloudStorageVault } from '../providers/cloud-storage-vault.ts';
import { createDeliveries } from '../providers/deliveries.ts';
import { createTerminalDelivery } from '../providers/terminal-delivery.ts';
import { createWebhookDelivery } from '../providers/webhook-delivery.ts';
import { createGoogleIdentity, type GoogleIdentity } from '../providers/google-auth.ts';
import type { GoogleAccess } from '../providers/google-call.ts';
import { createGoogleIsolation } from '../providers/google-isolation.ts';
import { createGoogleLogArchive } from '../providers/google-log-archive.ts';
import { createGoogleLookout } from '../providers/google-lookout.ts';
import { createHeartbeatPing } from '../providers/heartbeat-ping.ts';
import { createGoogleTraffic } from '../providers/google-traffic.ts';
import { createHttpApplications } from '../providers/http-applications.ts';
import { createHttpContents } from '../providers/http-contents.ts';
import { createHttpDataPlane } from '../providers/http-data-plane.ts';
import { createTokenSigner, createTokenVerifier } from '../providers/jose-tokens.ts';
import { createKubernetesRollouts } from '../providers/kubernetes-rollouts.ts';
import { createKubernetesWorkloads } from '../providers/kubernetes-workloads.ts';
import { createMonitoringMetrics } from '../providers/monitoring-metrics.ts';
import { createIapIdentity, createOidcIdentity } from '../providers/oidc-identity.ts';
import { createPostgresRows } from '../providers/postgres-rows.ts';
import { createRowServers, createServerAddresses } from '../providers/row-servers.ts';
import { createPubSubMessages, type PubSubMessages } from '../providers/pubsub-messages.ts';
import { createSecretManagerSecrets } from '../providers/secret-manager-secrets.ts';
import { createRedisSessions } from '../providers/redis-sessions.ts';
import { createSystemChance } from '../providers/system-chance.ts';
import { createSystemClock } from '../providers/system-clock.ts';
import type { FunctionName } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { workloadsOf } from '../system/topology.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { openStore } from './open-store.ts';

// Ports made of providers, once for each process and only those that its function uses: a client library is loaded by its
// adapter at the first call.

interface Base {
  readonly environment: Environment;
  readonly home: FlowHome;
  readonly identity: GoogleIdentity;
  readonly access: GoogleAccess;
  readonly messages: PubSubMessages;
}

let known: Base | undefined;

function base(name: FunctionName): Base {
  known ??= make(name);
  return known;
}

function make(name: FunctionName): Base {
  const environment = readEnvironment(process.env);
  const { system } = environment;
  const clock = createSystemClock(environment.clock);
  const identity = createGoogleIdentity(system.project);
  const limit = callDeadline(system.guards.lease, system.guards.clockSkew, clock);
  const access: GoogleAccess = {
    project: system.project,
    endpoints: system.endpoints,
    identity,
    limits: { reads: limit, writes: limit },
  };
  const log = createCloudLog({ service: name });
  const messages = createPubSubMessages(access);
  const home: FlowHome = {
    system,
    clock,
    chance: createSystemChance(),
    store: openStore(environment, clock, access),
    messages,
    instance: `${name}@${VERSION}/${environment.instance}`,
    note: (message, fields) => log.info(message, fields),
  };
  return { environment, home, identity, access, messages };
}

/** Loads what a function wakes the others by, before it has to. */
export const loadPublisher = (name: FunctionName): Promise<void> => base(name).messages.load();

let knownWorld: World | undefined;

/** The protected system, once for each process: clients keep their connections. */
function worldOf(own: Base): World {
  knownWorld ??= makeWorld(own);
  return knownWorld;
}

function makeWorld({ home, access }: Base): World {
  return worldOfSystem(home.system, access, home.clock);
}

/** The ports onto a protected system, by whoever's identity the access carries. */
export function worldOfSystem(system: System, access: GoogleAccess, clock: Clock): World {
  const { applications, endpoints } = system;
  const { identity } = access;
  const onGke = applications.filter((application) => application.kind === 'gke');
  const sql = createCloudSqlDatabases(access);
  const copies = createCloudSqlBackups(access);
  const secrets = createSecretManagerSecrets(access);
  const addressOf = createServerAddresses(access);
  const dumps = createCloudStorageDumps(access, copies);
  // A contact that hangs says nothing; it is given up before a lease could end.
  const limit = access.limits?.reads ?? VANTAGE_LIMIT;
  return {
    databases: sql,
    remedies: sql,
    redundancy: sql,
    backups: { ...copies, ...dumps },
    copies: { ...copies, ...dumps },
    dataPlane: createHttpDataPlane({ endpoints, identity, limit }),
    contents: createHttpContents({ endpoints, identity, limit }),
    databaseUsers: createCloudSqlUsers(access, addressOf),
    rows: createPostgresRows(createRowServers(addressOf, secrets)),
    rowFiles: createCloudStorageRowFiles(access),
    applications: createHttpApplications({ applications, endpoints, clock, limit }),
    workloads: createKubernetesWorkloads(access, workloadsOf(system)),
    rollouts: createKubernetesRollouts(access, onGke),
    services: createCloudRunServices(
      access,
      applications.filter((application) => application.kind === 'cloudRun'),
    ),
    traffic: createGoogleTraffic(access, system.entrances, limit),
    serviceRestarts: createCloudRunRestarts(
      access,
      applications.filter((application) => application.kind === 'cloudRun'),
    ),
    secrets,
    sessions: createRedisSessions(access, system.sessions),
    isolation: createGoogleIsolation(access, system),
    logArchive: createGoogleLogArchive(access, applications),
    vault: createCloudStorageVault(access),
    metrics: createMonitoringMetrics(access),
  };
}

/** What people look at with `./dr` beside the world, by their own identity. */
export function lookoutOfSystem({ applications }: System, access: GoogleAccess): Lookout {
  return createGoogleLookout(
    access,
    applications.filter((application) => application.kind === 'gke'),
  );
}

/** For functions that only look: `classify` and `tick`. */
export async function worldHome(name: 'classify' | 'tick'): Promise<WorldHome> {
  const own = base(name);
  return { ...own.home, world: worldOf(own) };
}

/** For `status`, which reads the store and nothing else. */
export const statusHome = (): FlowHome => base('status').home;

/** For `tick`, which tells a party outside Google when all is well. */
export async function tickHome(): Promise<TickHome> {
  const home = await worldHome('tick');
  const { heartbeatUrl } = base('tick').environment;
  return heartbeatUrl === undefined ? home : { ...home, heartbeat: createHeartbeatPing(heartbeatUrl) };
}

/** For `heal`: nothing destructive is in its catalogue. */
export async function healHome(): Promise<RunHome> {
  const own = base('heal');
  return { ...own.home, world: worldOf(own), role: 'heal', catalogue: HEAL_CATALOGUE, verifier: await verifierOf(own) };
}

/** For `recover`, which knows the public keys and holds none with which an approval could be made. */
export async function recoverHome(): Promise<RunHome> {
  const own = base('recover');
  return {
    ...own.home,
    world: worldOf(own),
    role: 'recover',
    catalogue: RECOVER_CATALOGUE,
    verifier: await verifierOf(own),
  };
}

/** For `notify`, which alone can sign and has power over nothing but messages. */
export async function notifyHome(): Promise<NotifyHome> {
  const { environment, home } = base('notify');
  if (environment.signingKey === undefined) throw new Error('notify needs DR_SIGNING_KEY_FILE and DR_SIGNING_KEY_ID');
  const { notifications, endpoints } = home.system;
  const delivery = createDeliveries(notifications, {
    terminal: createTerminalDelivery((text) => process.stdout.write(text)),
    webhook: createWebhookDelivery(notifications, endpoints.hosts),
  });
  return { ...home, signer: await createTokenSigner(environment.signingKey), delivery };
}

/** What `approve` runs on; it holds public keys only. */
export interface ApproveFunctionHome extends ApproveHome, OperateHome {
  /**
   * The e-mail under which a person is signed in, by what `approvals.identity` names and nothing else: IAP's assertion, or an
   * id token. `undefined` when it vouches for nobody, and with `link`.
   */
  signedIdentity(given: {
    readonly iapAssertion: string | readonly string[] | undefined;
    readonly bearer: string | undefined;
  }): Promise<string | undefined>;
}

/** For `approve`. */
export async function approveHome(): Promise<ApproveFunctionHome> {
  const own = base('approve');
  const { environment, home } = own;
  if (environment.formKey === undefined) throw new Error('approve needs DR_FORM_KEY_FILE');
  knownIdentities ??= identitiesOf(own);
  const { operators, iap } = knownIdentities;
  return {
    ...home,
    verifier: await verifierOf(own),
    formKey: environment.formKey,
    identity: operators,
    signedIdentity: async ({ iapAssertion, bearer }) => {
      const { identity } = home.system.approvals;
      const [verifier, token] =
        identity === 'iap' ? [iap, iapAssertion] : identity === 'oidc' ? [operators, bearer] : [undefined, undefined];
      return verifier === undefined || typeof token !== 'string'
        ? undefined
        : await verifier.verify(token, await home.store.now());
    },
  };
}

interface Identities {
  readonly operators: IdentityVerifier | undefined;
  readonly iap: IdentityVerifier | undefined;
}

let knownIdentities: Identities | undefined;

/** Keeps the keys that they have read. Throws when nobody could vouch for an approver. */
function identitiesOf({ environment, home }: Base): Identities {
  const { approvals, endpoints } = home.system;
  const { operators, iapAudience } = environment;
  if (approvals.identity === 'iap' && iapAudience === undefined)
    throw new Error('approve needs DR_IAP_AUDIENCE, since dr.yaml says identity: iap');
  if (approvals.identity === 'oidc' && operators === undefined)
    throw new Error('approve needs DR_OPERATORS_ISSUER and DR_OPERATORS_AUDIENCE, since dr.yaml says identity: oidc');
  return {
    operators: operators === undefined ? undefined : createOidcIdentity(operators),
    iap: iapAudience === undefined ? undefined : createIapIdentity({ audience: iapAudience, hosts: endpoints.hosts }),
  };
}

const verifierOf = ({ environment }: Base): Promise<TokenVerifier> => createTokenVerifier(environment.publicKeys);

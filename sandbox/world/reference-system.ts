import type { Principal } from './kernel.ts';
import { REFERENCE_PROJECT } from './project.ts';

// The system that the sandbox runs, as the disaster-recovery runbook of CODITECT DMS describes it.

/** Names and places of the reference system. */
export const REFERENCE = {
  project: REFERENCE_PROJECT,
  region: 'us-central1',
  zone: 'us-central1-a',
  cluster: 'coditect-prod-cluster',
  namespace: 'coditect-dms',
  /** Deployment and Cloud Run service alike. */
  api: 'coditect-dms-api',
  /** Deployment and Cloud Run service alike: the vantage point that stays when the API is held. */
  prober: 'coditect-dms-prober',
  databaseSecret: 'coditect-dms-database-url',
  /** The key of sessions, which nobody issues. */
  signingSecret: 'coditect-dms-jwt-key',
  /** The payment provider's key, which only the provider can make. */
  paymentSecret: 'coditect-dms-payment-key',
  database: 'dms',
  /** Under which the application logs in. */
  databaseUser: 'dms',
  databasePort: 5432,
  /** The name that a copy of the primary gets. */
  restored: 'coditect-dms-db-restore',
  /** The names that clones of it get. */
  clones: ['coditect-dms-db-recovery', 'coditect-dms-db-recovery-2'],
  /** The names that replicas get which are made again, one in each region. */
  spares: ['coditect-dms-db-2', 'coditect-dms-db-east-2'],
  /** A job beside the application that writes to the database, while somebody has it deployed. */
  bulkImport: 'coditect-dms-bulk-import',
  /** What users and uptime checks ask for. */
  publicHost: 'dms-api.coditect.ai',
} as const;

/** The second region, in which the same API waits beside the replica that stands there (runbook 5.1, prerequisites). */
export const SECONDARY = {
  region: 'us-east1',
  /** Cloud Run services of their own. */
  api: 'coditect-dms-api-east',
  prober: 'coditect-dms-prober-east',
  databaseSecret: 'coditect-dms-database-url-east',
  /** The replica that its secret names. */
  instance: 'coditect-dms-db-east',
  backendService: 'coditect-dms-east',
  /** Where its instances are. */
  place: 'cloudRun/us-east1',
} as const;

/** An instance of the reference fleet. `primary` is `undefined` for the primary itself. */
export interface ReferenceInstance {
  readonly name: string;
  readonly primary: string | undefined;
  readonly region: string;
  readonly zone: string;
  readonly address: string;
  readonly tier: string;
}

const TIER = 'db-custom-4-16384';

/** The fleet: one zonal primary, one replica beside it, one in the second region. */
export const REFERENCE_FLEET: readonly ReferenceInstance[] = [
  {
    name: 'coditect-dms-db',
    primary: undefined,
    region: 'us-central1',
    zone: 'us-central1-a',
    address: '10.20.0.3',
    tier: TIER,
  },
  {
    name: 'coditect-dms-db-replica',
    primary: 'coditect-dms-db',
    region: 'us-central1',
    zone: 'us-central1-c',
    address: '10.20.0.4',
    tier: TIER,
  },
  {
    name: 'coditect-dms-db-east',
    primary: 'coditect-dms-db',
    region: 'us-east1',
    zone: 'us-east1-b',
    address: '10.20.0.5',
    tier: TIER,
  },
];

/** The person on call: may do everything, with gcloud and kubectl. */
export const OPERATOR: Principal = 'operator@coditect.ai';

/** Identity of one of our functions. */
export function functionPrincipal(name: string, project: string = REFERENCE_PROJECT.id): Principal {
  return `dr-${name}@${project}.iam.gserviceaccount.com`;
}

import type { ServiceSpec } from './run-spec.ts';
import { TEMPLATE_DEFAULTS } from './run-spec.ts';
import { functionPrincipal, REFERENCE, SECONDARY } from './reference-system.ts';
import { type Binding, memberOf } from './storage-policy.ts';

// The parts of the reference system that the runbook takes for granted: Cloud Run services, DNS, Redis, cluster.

const IMAGES = 'us-central1-docker.pkg.dev/coditect-prod/dms';

/** What users and uptime checks ask, by service name: two fronts of the API, and the two probers. */
export const SERVICES = {
  /** What users ask for: whichever of the two the entrance leads to. */
  entrance: 'entrance/dms-api',
  apiGke: 'gke/coditect-dms-api',
  apiRun: 'run/coditect-dms-api',
  proberGke: 'gke/coditect-dms-prober',
  proberRun: 'run/coditect-dms-prober',
} as const;

/** The same in the second region. */
export const SECONDARY_SERVICES = { api: 'run-east/coditect-dms-api', prober: 'run-east/coditect-dms-prober' } as const;

/** `max`: what the service says; `revisionMax`: what its revisions were deployed with, which holds beside it. */
const specOf = (
  image: string,
  max: number,
  revisionMax: number,
  secret: string = REFERENCE.databaseSecret,
): ServiceSpec => ({
  labels: {},
  annotations: {},
  description: '',
  ingress: 'INGRESS_TRAFFIC_ALL',
  scaling: { mode: 'AUTOMATIC', min: 1, max, manual: undefined },
  template: {
    ...TEMPLATE_DEFAULTS,
    image: `${IMAGES}/${image}:1.14.2`,
    env: [{ kind: 'secret', name: 'API_DATABASE_URL', secret }],
    max: revisionMax,
  },
  traffic: [{ revision: undefined, percent: 100 }],
});

/** Cloud Run services. */
export const REFERENCE_RUN_SERVICES = [
  { ref: { location: REFERENCE.region, service: REFERENCE.api }, spec: specOf('api', 4, 10) },
  { ref: { location: REFERENCE.region, service: REFERENCE.prober }, spec: specOf('prober', 1, 1) },
] as const;

/** Cloud Run services of the second region, which read the replica beside them. */
export const SECONDARY_RUN_SERVICES = [
  {
    ref: { location: SECONDARY.region, service: SECONDARY.api },
    spec: specOf('api', 4, 10, SECONDARY.databaseSecret),
  },
  {
    ref: { location: SECONDARY.region, service: SECONDARY.prober },
    spec: specOf('prober', 1, 1, SECONDARY.databaseSecret),
  },
] as const;

/** The public zone. 203.0.113.0/24 is for documentation (RFC 5737). */
export const REFERENCE_ZONES = [
  {
    name: 'coditect-zone',
    dnsName: 'coditect.ai.',
    records: [{ name: `${REFERENCE.publicHost}.`, type: 'A', ttl: 60, rrdatas: ['203.0.113.10'] }],
  },
] as const;

/** Backups, in a region that the primary's is not. */
export const REFERENCE_BUCKET = { name: 'coditect-dms-backups', location: 'us-east1' } as const;

/** Evidence: a year, for good. Who may add to it can neither read nor delete it. */
export const REFERENCE_EVIDENCE = {
  name: 'coditect-dms-evidence',
  location: 'us-east1',
  retention: { seconds: 365 * 86_400, locked: true },
} as const;

/** Rows for review, which hold what the rows hold: a bucket of their own, whose policy says which of our functions use it. */
export const REFERENCE_ROW_FILES = { name: 'coditect-dms-recovery', location: 'us-east1' } as const;

/** Looking reads what is there; recovering writes more, and replaces and deletes nothing. */
export const ROW_FILE_BINDINGS: readonly Binding[] = [
  {
    role: 'roles/storage.objectViewer',
    members: ['classify', 'tick', 'recover'].map((name) => memberOf(functionPrincipal(name))),
  },
  { role: 'roles/storage.objectCreator', members: [memberOf(functionPrincipal('recover'))] },
];

/** The load balancers: the one that users come to, and one before Cloud Run alone, for a team that switches an address. */
export const REFERENCE_BALANCERS = [
  {
    urlMap: 'coditect-dms-ingress',
    address: '203.0.113.10',
    defaultService: 'coditect-dms-gke',
    // Leads to the cluster whatever the default is, so that it can be asked how it is.
    hostRules: [{ host: 'dms-api-gke.coditect.ai', service: 'coditect-dms-gke' }],
  },
  { urlMap: 'coditect-dms-standby', address: '203.0.113.11', defaultService: 'coditect-dms-run', hostRules: [] },
] as const;

/** Where the backend services lead. */
export const REFERENCE_BACKENDS = [
  { name: 'coditect-dms-gke', leadsTo: SERVICES.apiGke },
  { name: 'coditect-dms-run', leadsTo: SERVICES.apiRun },
] as const;

/** Where that of the second region leads. */
export const SECONDARY_BACKEND = { name: SECONDARY.backendService, leadsTo: SECONDARY_SERVICES.api } as const;

/** What lies in the database of the sessions: people who are signed in, and what else the application keeps there. */
export const REFERENCE_KEYS: readonly string[] = [
  ...Array.from({ length: 40 }, (_, index) => `session:${index}`),
  'queue:thumbnails',
  'lock:billing-run',
];

/** Sessions. */
export const REFERENCE_REDIS = [
  {
    name: 'coditect-dms-redis',
    location: REFERENCE.region,
    zone: REFERENCE.zone,
    tier: 'STANDARD_HA',
    memorySizeGb: 5,
    version: 'REDIS_7_0',
    host: '10.30.0.3',
    port: 6378,
    authEnabled: true,
    authString: '8b7f6c7e-1f0e-4f0c-9d8e-5a4b3c2d1e0f',
    caCertificate: undefined,
  },
] as const;

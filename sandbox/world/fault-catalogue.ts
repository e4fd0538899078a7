// Faults by name, in words for people.

/** The faults: what `break` and `mend` take. `target` and `variant` say what their second and third words may be. */
export const FAULTS = {
  'primary-database': {
    does: 'The zone of the primary database is lost, or (`crashed`) its server alone, which a restart brings back.',
    target: 'an instance; the primary in use by default',
    variants: ['refuses', 'hangs', 'crashed'],
  },
  network: {
    does: 'Two places no longer reach each other.',
    target: 'two places, such as `cloudRun,sql/coditect-dms-db`; the default is Cloud Run and the primary in use',
    variants: ['both-ways', 'one-way'],
  },
  'replica-lag': {
    does: 'What the primary commits reaches a replica twenty minutes later.',
    target: 'a replica; the first one by default',
    variants: [],
  },
  'frozen-replica': {
    does: 'A replica stops replaying what it receives, or stops receiving.',
    target: 'a replica; the first one by default',
    variants: ['replay', 'receiver'],
  },
  maintenance: {
    does: 'Google maintains an instance for two minutes; it ends by itself.',
    target: 'an instance; the primary in use by default',
    variants: [],
  },
  'api-throttling': {
    does: 'Half of the API calls are answered with 429.',
    target: 'an API; all by default',
    variants: [],
  },
  'api-errors': {
    does: 'Half of the API calls are answered with 503.',
    target: 'an API; all by default',
    variants: [],
  },
  'api-timeouts-with-effect': {
    does: 'Every second change through an API takes effect, and its caller never hears of it.',
    target: 'an API; all by default',
    variants: [],
  },
  'data-corruption': {
    does: 'A job (`bulk-import`) writes nonsense over the newest documents until it is mended; what it wrote stays.',
    target: 'an instance; the primary in use by default, whichever that is',
    variants: [],
  },
  'mass-delete': {
    does: 'Somebody at psql deletes all documents of one customer, or of all. Mending brings nothing back.',
    target: 'an instance; the primary in use by default',
    variants: ['tenant', 'table'],
  },
  'stop-not-carried-out': {
    does: 'Stopping the primary is accepted and not carried out.',
    target: 'an instance; the primary in use by default',
    variants: ['runsForever', 'doneWithoutEffect'],
  },
  'policies-not-enforced': {
    does: 'The cluster takes NetworkPolicies and enforces none, as one without Dataplane V2.',
    target: 'none',
    variants: [],
  },
  'functions-cut-from-primary': {
    does: 'Our functions do not reach the primary, which serves everybody else.',
    target: 'an instance; the primary in use by default',
    variants: [],
  },
  pod: {
    does: 'A pod of the API hangs, or all that are ready now (`all`).',
    target: 'a pod; one is drawn by default',
    variants: ['one', 'all'],
  },
  'stuck-pod': {
    does: 'A pod of the API hangs, and its node never ends it.',
    target: 'none',
    variants: [],
  },
  cluster: {
    does: 'The zone of the cluster is lost: its nodes, so that no pod serves, and its control plane.',
    target: 'none',
    variants: [],
  },
  'control-plane': {
    does: 'The control plane of the cluster does not answer; its pods go on serving.',
    target: 'none',
    variants: [],
  },
  'cloud-run-pressure': {
    does: 'The API on Cloud Run is asked for more than its instances take (`crowded`: eight would do), or waits for something else (`stuck`); or it turns nobody away and is slow for the same reasons (`slow`, `waiting`).',
    target: 'none',
    variants: ['crowded', 'stuck', 'slow', 'waiting'],
  },
  'cloud-run-quota': {
    does: 'The quota of the region allows the API on Cloud Run no more instances than it may have now.',
    target: 'none',
    variants: [],
  },
  'bad-revision': {
    does: 'Somebody deploys a revision of the API that is no good: no such image, no such Secret, or it ends after each start.',
    target: 'none',
    variants: ['image', 'config', 'crash'],
  },
  'deployment-pressure': {
    does: 'The API on GKE has more to do than its pods take, and its autoscaler is blind (`crowded`: six would do), or waits for something else (`stuck`).',
    target: 'none',
    variants: ['crowded', 'stuck'],
  },
  'failed-backups': {
    does: 'Every backup that Cloud SQL keeps of an instance turns out to have failed (`all`), or its automated ones fail from now on (`next`); dumps are as they were.',
    target: 'an instance; the primary in use by default',
    variants: ['all', 'next'],
  },
  intrusion: {
    does: 'A stranger reads the key of the sessions through Secret Manager and uses it (`secret`), gives the user of the database another password (`password`), or gets a role in the project from a stolen session (`role`). Mending takes nothing back.',
    target: 'none',
    variants: ['secret', 'password', 'role'],
  },
  'leaked-secret': {
    does: 'Somebody has copied the key of the sessions, and makes sessions with it.',
    target: 'none',
    variants: [],
  },
  'control-region': {
    does: 'Every function of ours in one control region ends, until it is mended.',
    target: 'a control region; the first one by default',
    variants: [],
  },
  region: {
    does: 'A region of the system is lost with all that is in it (`lost`), or runs on where nobody outside hears of it (`cut-off`).',
    target: 'a region; us-central1 by default',
    variants: ['lost', 'cut-off'],
  },
  'crash-loop': {
    does: 'The containers of the API end soon after each start.',
    target: 'none',
    variants: ['this', 'next'],
  },
} as const satisfies Readonly<
  Record<string, { readonly does: string; readonly target: string; readonly variants: readonly string[] }>
>;

/** One of them. */
export type FaultName = keyof typeof FAULTS;

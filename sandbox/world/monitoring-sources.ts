import type { ApplicationFront, ResponseCounts } from './application-front.ts';
import type { Place } from './kernel.ts';
import type { Labels, Sample } from './monitoring-series.ts';
import type { Project } from './project.ts';
import { REFERENCE } from './reference-system.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { SqlInstance } from './sql-instance.ts';
import type { History, TupleOperation } from './sql-rows.ts';
import type { SqlServer } from './sql-server.ts';

// Where time series come from. A source is asked once a minute; each is asked at its own second, as real agents are.

/** One producer of series. */
export interface MetricSource {
  readonly name: string;
  /** Least and most seconds until its points are visible; a source keeps about the same delay from point to point. */
  readonly visibleAfter: readonly [number, number];
  samples(): readonly Sample[];
}

/** What Monitoring knows of one container, supplied by the Kubernetes model. */
export interface ContainerMetrics {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly node: string;
  /** Name of the Deployment that the pod belongs to; empty when there is none. */
  readonly deployment: string;
  /** Since the pod was made. */
  readonly restartCount: number;
  /** The pod's Ready condition. */
  readonly ready: boolean;
}

/** The containers of one cluster, at the moment of asking. */
export interface PodMetricsSource {
  readonly cluster: string;
  readonly location: string;
  readonly containers: () => readonly ContainerMetrics[];
}

/** Cloud SQL: sampled every 60 s and invisible for up to 165 s (facts.md 1.4). */
const SQL_VISIBLE_AFTER = [90, 150] as const;
const REQUESTS_VISIBLE_AFTER = [60, 110] as const;
const UPTIME_VISIBLE_AFTER = [5, 20] as const;
const PODS_VISIBLE_AFTER = [20, 50] as const;

const gauge = (valueType: Sample['valueType'], value: number): Pick<Sample, 'kind' | 'valueType' | 'value'> => ({
  kind: 'GAUGE',
  valueType,
  value,
});

const SQL_STATES = [
  'RUNNING',
  'SUSPENDED',
  'RUNNABLE',
  'PENDING_CREATE',
  'MAINTENANCE',
  'FAILED',
  'UNKNOWN_STATE',
] as const;

/** Health and replication of every instance. An instance whose zone swallows packets reports nothing at all. */
export function sqlSource(project: Project, fleet: SqlFleet): MetricSource {
  const grown = tuplesSinceLast();
  const ofInstance = (instance: SqlInstance): readonly Sample[] => {
    const { name, region } = instance;
    const server = fleet.servers.server(name);
    if (server === undefined || !fleet.servers.isHeardOf(name)) return [];
    const about: About = {
      resource: {
        type: 'cloudsql_database',
        // The label has the region without its number, as real payloads show.
        labels: { database_id: `${project.id}:${name}`, project_id: project.id, region: region.replace(/\d+$/, '') },
      },
      metadata: { systemLabels: { name, region }, userLabels: instance.settings.userLabels },
    };
    const up = { ...about, metric: sqlMetric('up'), ...gauge('INT64', Number(server.up())) };
    return [
      up,
      ...oneOf(about, 'instance_state', SQL_STATES, metricState(instance)),
      ...(server.up() && server.role() === 'replica' ? replicaSamples(fleet, name, about) : []),
      ...(server.up() ? followerSamples(fleet, server, about) : []),
      ...(server.up() && server.role() === 'primary' ? tupleSamples(about, grown(server.history)) : []),
    ];
  };
  return { name: 'sql', visibleAfter: SQL_VISIBLE_AFTER, samples: () => fleet.all().flatMap(ofInstance) };
}

type About = Pick<Sample, 'resource' | 'metadata'>;

const sqlMetric = (name: string, labels: Labels = {}): Sample['metric'] => ({
  type: `cloudsql.googleapis.com/database/${name}`,
  labels,
});

/** A series for each state, of which one is true. */
const oneOf = (about: About, metric: string, states: readonly string[], current: string): readonly Sample[] =>
  states.map((state) => ({
    ...about,
    metric: sqlMetric(metric, { state }),
    ...gauge('BOOL', Number(state === current)),
  }));

function replicaSamples(fleet: SqlFleet, name: string, about: About): readonly Sample[] {
  const receiving = fleet.servers.receiving(name);
  // Negative: replication is inactive (facts.md 1.4).
  const lag = receiving ? (fleet.servers.lag(name) ?? 0) / 1_000 : -1;
  return [
    { ...about, metric: sqlMetric('replication/replica_lag'), ...gauge('DOUBLE', lag) },
    ...oneOf(about, 'replication/state', ['Running', 'Stopped', 'Error'], receiving ? 'Running' : 'Error'),
  ];
}

/** Bytes that each replica is behind, which only the server that they follow can tell, and only while it is up. */
function followerSamples(fleet: SqlFleet, server: SqlServer, about: About): readonly Sample[] {
  return fleet.servers.followers(server.name).map(({ name }) => {
    const behind = server.history.position() - fleet.server(name).history.position();
    const labels = { replica_name: name, replica_lag_type: 'replay_location' };
    return {
      ...about,
      metric: sqlMetric('postgresql/replication/replica_byte_lag', labels),
      ...gauge('INT64', behind),
    };
  });
}

type Tuples = Readonly<Record<TupleOperation, number>>;

/** Rows that were processed since a server was asked last; none when it is asked for the first time, or holds another history now. */
function tuplesSinceLast(): (history: History) => Tuples {
  const known = new WeakMap<History, Tuples>();
  return (history) => {
    const now = { ...history.tuples };
    const before = known.get(history) ?? now;
    known.set(history, now);
    return {
      insert: now.insert - before.insert,
      update: now.update - before.update,
      delete: now.delete - before.delete,
    };
  };
}

/** What replication applies is not counted, as in the server's own statistics. */
const tupleSamples = (about: About, tuples: Tuples): readonly Sample[] =>
  Object.entries(tuples).map(([operation, value]) => ({
    ...about,
    metric: sqlMetric('postgresql/tuples_processed_count', { operation_type: operation, database: REFERENCE.database }),
    kind: 'DELTA',
    valueType: 'INT64',
    value,
  }));

/** In an unplanned outage the state stays RUNNING; RUNNABLE means here that the owner stopped it (facts.md 1.4). */
function metricState({ state, settings }: SqlInstance): (typeof SQL_STATES)[number] {
  if (state === 'RUNNABLE') return settings.activationPolicy === 'NEVER' ? 'RUNNABLE' : 'RUNNING';
  return state === 'PENDING_DELETE' ? 'UNKNOWN_STATE' : state;
}

/** Where uptime checks are made from. */
export const CHECKERS = ['usa-iowa', 'usa-virginia', 'eur-belgium', 'apac-singapore', 'sa-brazil-sao_paulo'] as const;

/** One uptime check from one checker: it asks for the deep health of a service, from the internet. */
export function uptimeSource(
  project: Project,
  front: ApplicationFront,
  check: { readonly id: string; readonly host: string; readonly service: string; readonly checker: string },
): MetricSource {
  const from: Place = 'internet';
  return {
    name: `uptime/${check.id}/${check.checker}`,
    visibleAfter: UPTIME_VISIBLE_AFTER,
    samples() {
      const reply = front.request(from, check.service, { kind: 'health' });
      const passed = reply.kind === 'reply' && reply.status < 400;
      const labels = { check_id: check.id, checker_location: check.checker };
      return [
        {
          resource: { type: 'uptime_url', labels: { project_id: project.id, host: check.host } },
          metric: { type: 'monitoring.googleapis.com/uptime_check/check_passed', labels },
          ...gauge('BOOL', Number(passed)),
        },
      ];
    },
  };
}

/** Responses of a front end since the last sample, by class. */
function deltas(counts: () => ResponseCounts): () => readonly (readonly [keyof ResponseCounts, number])[] {
  let before: ResponseCounts = { '2xx': 0, '3xx': 0, '4xx': 0, '429': 0, '5xx': 0 };
  return () => {
    const now = { ...counts() };
    const classes = ['2xx', '3xx', '4xx', '429', '5xx'] as const;
    const grown = classes.map((name) => [name, now[name] - before[name]] as const);
    before = now;
    return grown;
  };
}

/** Requests of one Cloud Run service. `revision`: which one serves. */
export function runSource(
  project: Project,
  service: {
    readonly name: string;
    readonly location: string;
    readonly counts: () => ResponseCounts;
    readonly revision: () => string;
  },
): MetricSource {
  const grown = deltas(service.counts);
  return {
    name: `run/${service.name}`,
    visibleAfter: REQUESTS_VISIBLE_AFTER,
    samples: () =>
      grown().map(([name, count]) => ({
        resource: revisionOf(project, service),
        metric: { type: 'run.googleapis.com/request_count', labels: answeredWith(name) },
        kind: 'DELTA',
        valueType: 'INT64',
        value: count,
      })),
  };
}

/** The one status that means something of its own has its own series; the others are counted by class. */
const answeredWith = (name: keyof ResponseCounts): Labels =>
  name === '429' ? { response_code: '429', response_code_class: '4xx' } : { response_code_class: name };

/** Instances of one Cloud Run service by what they do: `active` ones serve requests, `idle` ones are kept for the next. */
export function runInstancesSource(
  project: Project,
  service: {
    readonly name: string;
    readonly location: string;
    readonly active: () => number;
    readonly running: () => number;
    readonly revision: () => string;
  },
): MetricSource {
  return {
    name: `run-instances/${service.name}`,
    visibleAfter: REQUESTS_VISIBLE_AFTER,
    samples: () => {
      const active = service.active();
      const states = [
        ['active', active],
        ['idle', Math.max(service.running() - active, 0)],
      ] as const;
      return states.map(([state, count]) => ({
        resource: revisionOf(project, service),
        metric: { type: 'run.googleapis.com/container/instance_count', labels: { state } },
        ...gauge('INT64', count),
      }));
    },
  };
}

/** How long the requests of one Cloud Run service took that were answered, and what its instances used of their CPU: distributions. */
export function runDistributionsSource(
  project: Project,
  service: {
    readonly name: string;
    readonly location: string;
    readonly latencies: () => readonly number[];
    readonly cpu: () => readonly number[];
    readonly revision: () => string;
  },
): MetricSource {
  const sample = (metric: Sample['metric'], spread: readonly number[]): readonly Sample[] =>
    spread.length === 0
      ? []
      : [
          {
            resource: revisionOf(project, service),
            metric,
            kind: 'DELTA',
            valueType: 'DISTRIBUTION',
            value: spread.reduce((sum, value) => sum + value, 0) / spread.length,
            spread,
          },
        ];
  return {
    name: `run-distributions/${service.name}`,
    visibleAfter: REQUESTS_VISIBLE_AFTER,
    samples: () => [
      ...sample({ type: 'run.googleapis.com/request_latencies', labels: answeredWith('2xx') }, service.latencies()),
      ...sample({ type: 'run.googleapis.com/container/cpu/utilizations', labels: {} }, service.cpu()),
    ],
  };
}

const revisionOf = (
  project: Project,
  service: { readonly name: string; readonly location: string; readonly revision: () => string },
): Sample['resource'] => ({
  type: 'cloud_run_revision',
  labels: {
    project_id: project.id,
    location: service.location,
    service_name: service.name,
    revision_name: service.revision(),
    configuration_name: service.name,
  },
});

/** Requests of one load balancer to one of its backend services; its classes are numbers (`500`). */
export function loadBalancerSource(
  project: Project,
  balancer: { readonly urlMap: string; readonly backendService: string; readonly counts: () => ResponseCounts },
): MetricSource {
  const grown = deltas(balancer.counts);
  return {
    name: `loadbalancer/${balancer.urlMap}/${balancer.backendService}`,
    visibleAfter: REQUESTS_VISIBLE_AFTER,
    samples: () =>
      grown()
        .filter(([name]) => name !== '429') // the ingress turns nobody away
        .map(([name, count]) => ({
          resource: {
            type: 'https_lb_rule',
            labels: {
              project_id: project.id,
              url_map_name: balancer.urlMap,
              backend_target_name: balancer.backendService,
              backend_target_type: 'BACKEND_SERVICE',
            },
          },
          metric: {
            type: 'loadbalancing.googleapis.com/https/request_count',
            labels: { response_code_class: name.replace('xx', '00') },
          },
          kind: 'DELTA',
          valueType: 'INT64',
          value: count,
        })),
  };
}

/** Restarts of the containers and readiness of the pods of one cluster. */
export function podSource(project: Project, { cluster, location, containers }: PodMetricsSource): MetricSource {
  const ofContainer = (one: ContainerMetrics): Sample => ({
    resource: {
      type: 'k8s_container',
      labels: {
        project_id: project.id,
        location,
        cluster_name: cluster,
        namespace_name: one.namespace,
        pod_name: one.pod,
        container_name: one.container,
      },
    },
    metric: { type: 'kubernetes.io/container/restart_count', labels: {} },
    metadata: metadataOf(one),
    kind: 'CUMULATIVE',
    valueType: 'INT64',
    value: one.restartCount,
  });

  const ofPod = (one: ContainerMetrics): Sample => ({
    resource: {
      type: 'prometheus_target',
      labels: {
        project_id: project.id,
        location,
        cluster,
        namespace: one.namespace,
        job: 'kube-state-metrics',
        instance: one.pod,
      },
    },
    metric: {
      type: 'prometheus.googleapis.com/kube_pod_status_ready/gauge',
      labels: { namespace: one.namespace, pod: one.pod, condition: 'true' },
    },
    metadata: metadataOf(one),
    ...gauge('DOUBLE', Number(one.ready)),
  });

  const metadataOf = ({ node, deployment }: ContainerMetrics): NonNullable<Sample['metadata']> => ({
    systemLabels: {
      node_name: node,
      ...(deployment === '' ? {} : { top_level_controller_name: deployment, top_level_controller_type: 'Deployment' }),
    },
    userLabels: deployment === '' ? {} : { app: deployment },
  });

  return {
    name: `pods/${cluster}`,
    visibleAfter: PODS_VISIBLE_AFTER,
    samples() {
      const all = containers();
      const firstOfPods = all.filter(({ pod }, index) => all.findIndex((other) => other.pod === pod) === index);
      return [...all.map(ofContainer), ...firstOfPods.map(ofPod)];
    },
  };
}

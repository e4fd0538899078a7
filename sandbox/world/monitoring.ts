import type { JsonObject } from '../../shared/core/json.ts';
import { after, type Instant, millis, seconds } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import { ApiError, type ApiOutcome, type Chance, type Kernel } from './kernel.ts';
import { type Aggregation, aggregate, stepAt } from './monitoring-align.ts';
import type { LogEntry } from './logs.ts';
import { Alerting, type IncidentChange } from './monitoring-alerts.ts';
import { type Filter, parseFilter } from './monitoring-filter.ts';
import { LogMatching, readLogMatch } from './monitoring-log-match.ts';
import { notificationOf } from './monitoring-notification.ts';
import { type AlertPolicyDocument, readCondition } from './monitoring-policy.ts';
import { type RecordedSeries, type Series, SeriesStore } from './monitoring-series.ts';
import type { MetricSource } from './monitoring-sources.ts';
import type { Project } from './project.ts';

// Cloud Monitoring of one project: it samples, keeps series, hears of log entries, evaluates the policies that its API returns, and notifies.

/** From one sample of a source to the next. */
const SAMPLE_EVERY = seconds(60);

/** From one evaluation of all policies to the next. */
const EVALUATE_EVERY = seconds(10);

/** Filters that are known at a time; the reference system asks with some twenty. */
const FILTERS_KNOWN = 200;

/** Most that a source's delay varies from point to point, seconds. */
const JITTER_SECONDS = 15;

/** How notifications get lost in order. All times in seconds of the world's clock. */
export interface NotificationDisorder {
  /** Least and most delay of a notification. */
  readonly late: readonly [number, number];
  /** Probability that a notification is sent once more, somewhat later. */
  readonly duplicates: number;
  /** Least and most delay of that second one. */
  readonly duplicateAfter: readonly [number, number];
}

/** How Monitoring behaves on an ordinary day. */
export const ORDINARY_DISORDER: NotificationDisorder = { late: [1, 10], duplicates: 0.2, duplicateAfter: [1, 60] };

/** What Monitoring is made with. */
export interface MonitoringOptions {
  readonly kernel: Kernel;
  readonly project: Project;
  readonly policies: readonly AlertPolicyDocument[];
  /** Topic of each notification channel, by the channel's full name. */
  readonly channels: Readonly<Record<string, string>>;
  /** Publishes to a topic (its short name); nobody else publishes alerts. */
  readonly publish: (topic: string, message: JsonObject) => void;
  readonly disorder?: NotificationDisorder;
}

/** What `timeSeries.list` asks for. */
export interface SeriesQuery {
  readonly filter: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly aggregation?: Aggregation;
}

/** Monitoring. Sources are added while a world is put together; `start` begins to sample and to watch. */
export class Monitoring {
  readonly #options: MonitoringOptions;
  readonly #chance: Chance;
  readonly #store = new SeriesStore();
  readonly #alerting: Alerting;
  readonly #logMatching: LogMatching;
  readonly #sources: MetricSource[] = [];
  readonly #stops: (() => void)[] = [];
  #policies: readonly AlertPolicyDocument[] = [];
  #channels: Readonly<Record<string, string>>;
  /** Filters that were asked with, by their text: the same few are asked with again and again. */
  readonly #filters = new Map<string, Filter>();

  constructor(options: MonitoringOptions) {
    this.#options = options;
    const { clock, chance } = options.kernel;
    this.#chance = chance.fork('monitoring');
    const report = (change: IncidentChange): void => this.#notify(change);
    this.#alerting = new Alerting({ clock, chance: this.#chance.fork('alerting'), store: this.#store, report });
    this.#logMatching = new LogMatching({
      clock,
      chance: this.#chance.fork('log matching'),
      project: options.project,
      report,
    });
    this.#channels = options.channels;
    this.setPolicies(options.policies);
  }

  addSource(source: MetricSource): void {
    this.#sources.push(source);
  }

  /** Replaces all policies. Throws when one can't be evaluated. */
  setPolicies(policies: readonly AlertPolicyDocument[]): void {
    for (const policy of policies)
      for (const condition of policy.conditions)
        if (condition.conditionMatchedLog === undefined) readCondition(condition);
        else readLogMatch(policy, condition, this.#options.project);
    this.#policies = policies;
  }

  /** Matches an entry of Cloud Logging with the policies that are about logs. */
  hear(entry: LogEntry): void {
    this.#logMatching.hear(entry, this.#policies);
  }

  policies(): readonly AlertPolicyDocument[] {
    return this.#policies;
  }

  /** Incidents that are open now, oldest first. */
  openIncidents(): readonly { readonly id: string; readonly policy: string }[] {
    return this.#alerting.open();
  }

  start(): void {
    for (const source of this.#sources) this.#sampleRegularly(source);
    this.#every(EVALUATE_EVERY, EVALUATE_EVERY, () => this.#alerting.evaluate(this.#policies));
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  listTimeSeries(caller: Caller, query: SeriesQuery): ApiOutcome<readonly Series[]> {
    return this.#read(caller, 'monitoring.timeSeries.list', 'timeSeries', () => this.#query(query));
  }

  listAlertPolicies(caller: Caller): ApiOutcome<readonly AlertPolicyDocument[]> {
    return this.#read(caller, 'monitoring.alertPolicies.list', 'alertPolicies', () => this.#policies);
  }

  /** Channels that publish to a topic. */
  listChannels(caller: Caller): ApiOutcome<readonly { readonly name: string; readonly topic: string }[]> {
    return this.#read(caller, 'monitoring.notificationChannels.list', 'notificationChannels', () =>
      Object.entries(this.#channels).map(([name, topic]) => ({ name, topic })),
    );
  }

  /** Lets a channel publish to another topic, or to none. */
  setChannel(name: string, topic: string | undefined): void {
    const { [name]: _, ...others } = this.#channels;
    this.#channels = topic === undefined ? others : { ...others, [name]: topic };
  }

  /** By full name. */
  alertPolicy(caller: Caller, name: string): ApiOutcome<AlertPolicyDocument> {
    return this.#read(caller, 'monitoring.alertPolicies.get', name, () => {
      const policy = this.#policies.find((candidate) => candidate.name === name);
      if (policy === undefined) throw new ApiError(404, 'notFound', `Resource not found: ${name}`);
      return policy;
    });
  }

  #read<T>(caller: Caller, permission: string, resource: string, effect: () => T): ApiOutcome<T> {
    const { door } = this.#options.kernel;
    return door.call({ ...caller, api: 'monitoring', permission, resource, writes: false }, effect);
  }

  #query({ filter: text, from, to, aggregation }: SeriesQuery): readonly Series[] {
    const filter = this.#filter(text);
    if (filter.metricType === undefined) {
      throw new ApiError(400, 'badRequest', 'Field filter must restrict metric.type to one type with "=".');
    }
    if (from > to)
      throw new ApiError(400, 'badRequest', 'Field interval.endTime must not be before interval.startTime.');
    const now = this.#options.kernel.clock.now();
    const lookBack = aggregation?.period ?? millis(0);
    const found = this.#store.visible(filter, now, after(from, -lookBack));
    const visible = found.map((series) => ({ ...series, points: series.points.filter(({ at }) => at <= to) }));
    const kept = visible.filter(({ points }) => points.length > 0);
    return aggregation === undefined ? kept : aggregated(kept, aggregation, from, to);
  }

  #filter(text: string): Filter {
    const known = this.#filters.get(text);
    if (known !== undefined) return known;
    const filter = parseFilter(text);
    if (this.#filters.size >= FILTERS_KNOWN) this.#filters.clear();
    this.#filters.set(text, filter);
    return filter;
  }

  #sampleRegularly(source: MetricSource): void {
    const { clock } = this.#options.kernel;
    const chance = this.#chance.fork(`source ${source.name}`);
    const [least, most] = source.visibleAfter;
    const usual = chance.between(least, most);
    const offset = seconds(chance.between(0, 59));
    let last: readonly RecordedSeries[] = [];
    this.#every(offset, SAMPLE_EVERY, () => {
      const at = clock.now();
      const visibleAt = after(at, seconds(usual + chance.between(0, JITTER_SECONDS)));
      last = source.samples().map((sample, index) => {
        const startAt = sample.kind === 'DELTA' ? after(at, -SAMPLE_EVERY) : sample.startAt;
        const timed = startAt === undefined ? sample : { ...sample, startAt };
        return this.#store.record(timed, at, visibleAt, last[index]);
      });
    });
  }

  #every(first: number, interval: number, what: () => void): void {
    const { clock } = this.#options.kernel;
    const timer = { cancel: () => {} };
    const run = (): void => {
      timer.cancel = clock.schedule(after(clock.now(), interval), run);
      what();
    };
    timer.cancel = clock.schedule(after(clock.now(), first), run);
    this.#stops.push(() => timer.cancel());
  }

  #notify(change: IncidentChange): void {
    const { kernel, project, publish, disorder = ORDINARY_DISORDER } = this.#options;
    const { clock } = kernel;
    const prompts = change.policy.alertStrategy?.notificationPrompts ?? ['OPENED', 'CLOSED'];
    if (!prompts.includes(change.state === 'open' ? 'OPENED' : 'CLOSED')) return;
    const message = notificationOf(change, project);
    const draw = ([least, most]: readonly [number, number]): number => seconds(this.#chance.between(least, most));
    for (const channel of change.policy.notificationChannels) {
      const topic = this.#channels[channel];
      if (topic === undefined) continue; // a channel of another kind
      const first = draw(disorder.late);
      clock.schedule(after(clock.now(), first), () => publish(topic, message));
      if (this.#chance.next() >= disorder.duplicates) continue;
      clock.schedule(after(clock.now(), first + draw(disorder.duplicateAfter)), () => publish(topic, message));
    }
  }
}

function aggregated(series: readonly Series[], how: Aggregation, from: Instant, to: Instant): readonly Series[] {
  const step = how.period;
  const range = { from: after(stepAt(from, step), step), to, step };
  return aggregate(series, how, range).map((one) => ({
    ...one,
    kind: 'GAUGE',
    valueType: 'DOUBLE',
    points: [...one.values].map(([at, value]) => ({ at, startAt: at, value })),
  }));
}

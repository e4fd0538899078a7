import { sha256 } from '../../shared/core/digest.ts';
import { canonicalJson } from '../../shared/core/json.ts';
import { after, between, type Instant, type Millis, millis, minutes } from '../../shared/core/time.ts';
import { ApiError, type Chance, type Place } from './kernel.ts';
import type { Logs, Severity } from './logs.ts';
import type { Project } from './project.ts';
import { type Allotted, allocation } from './run-allocation.ts';
import type { LogLine, RunInstance } from './run-instances.ts';
import {
  createRunRevision,
  INJECTED,
  type RevisionFailure,
  type RevisionView,
  type RunOptions,
  type RunRevision,
} from './run-revision.ts';
import {
  type RevisionTemplate,
  type RunServiceRef,
  INSTANCES_MAX,
  sameTemplate,
  type ServiceSpec,
  type TrafficTarget,
} from './run-spec.ts';
import type { RunOutcome, RunPressure, RunRoute, RunServiceView } from './run-view.ts';

// One service.
//
//   update ──▶ generation n, reconciling ──▶ scaling and traffic in force (seconds)
//                                       └──▶ new revision, if the template changed, ready or failed ──▶ settled
//
// G1. Traffic to "latest" goes to the latest revision that is ready: a failed deployment leaves the old one serving.
// G2. How many instances a revision gets follows from specification, traffic and recent requests (run-allocation.ts).
// G3. MANUAL 0 gives none, and none starts for a request (assumption `manualZeroHoldsService`).
// G4. An update that a newer one overtakes ends with it; what an update came to never changes afterwards.
// G6. Requests beyond what the instances can take are turned away with 429 (docs "Maximum instances"). Where
//     something else is what they wait for, half of them end in 500, however many instances there are.
// G5. A latest revision that failed stays the state of the service until another template is deployed.

/** From an update until its scaling and traffic are in force, milliseconds. */
const APPLY_AFTER: readonly [number, number] = [1_500, 5_000];
/** How long an instance above the minimum stays after the last request (docs: idle instances are kept up to 15 minutes). */
const IDLE = minutes(15);

/** One service, behind its API. */
export interface RunService {
  view(): RunServiceView;
  apply(spec: ServiceSpec): void;
  /** 409 when the template's own name belongs to a revision that differs. */
  checkRevisionName(template: RevisionTemplate): void;
  /** Its instances end, and none starts any more. */
  retire(): void;
  /** Of the update that made this generation. */
  outcomeOf(generation: number): RunOutcome;
  route(): RunRoute;
  instances(): readonly RunInstance[];
  failNextRevision(failure?: RevisionFailure): void;
  /** From now on its requests are so many; `undefined`: no more than one instance takes. */
  press(pressure: RunPressure | undefined): void;
  /** Instances that are serving requests. */
  active(): number;
  delay(): Millis;
  cpu(): number;
}

/** How long requests wait where they queue: below what a contact of ours waits for. */
const QUEUED = millis(2_200);

/** What services are made with. */
export type RunParts = RunOptions & {
  readonly capacity: () => boolean;
  readonly place: Place;
  readonly project: Project;
  readonly logs: Pick<Logs, 'write'>;
};

/** A service whose first revision serves, or, when it was made `now`, is deployed first. */
export function createRunService(
  parts: RunParts,
  ref: RunServiceRef,
  first: ServiceSpec,
  made: 'before' | 'now' = 'before',
): RunService {
  return new Service(parts, ref, first, made === 'before');
}

class Service implements RunService {
  readonly #parts: RunParts;
  readonly #ref: RunServiceRef;
  readonly #uid: string;
  readonly #createdAt: Instant;
  readonly #revisions: RunRevision[] = [];
  readonly #outcomes = new Map<number, RunOutcome>();
  #spec: ServiceSpec;
  /** Of this the scaling and the traffic are in force. */
  #inForce: ServiceSpec;
  #generation = 1;
  #appliedGeneration = 1;
  #servingGeneration = 1;
  #edits = 0;
  #etag: { readonly edits: number; readonly text: string } | undefined;
  #updatedAt: Instant;
  #settledAt: Instant;
  #lastRequest: Instant | undefined;
  #requests = 0;
  #watchingIdle = false;
  #retired = false;
  #breakNext: RevisionFailure | undefined;
  #pressure: RunPressure | undefined;
  /** Says which requests are turned away; a stream of its own. */
  readonly #luck: Chance;

  constructor(parts: RunParts, ref: RunServiceRef, first: ServiceSpec, ready: boolean) {
    this.#parts = parts;
    this.#ref = ref;
    this.#uid = uuidOf(`run/${ref.location}/${ref.service}`);
    this.#spec = first;
    this.#inForce = first;
    this.#luck = parts.chance.fork(`pressure/${ref.service}`);
    const now = parts.clock.now();
    [this.#createdAt, this.#updatedAt, this.#settledAt] = [now, now, now];
    if (ready) this.#outcomes.set(1, { kind: 'done' });
    this.#deploy(ready);
    this.#scale();
  }

  view(): RunServiceView {
    const { location, service } = this.#ref;
    const latest = this.#latest();
    const settled = this.#settled();
    return {
      ref: this.#ref,
      spec: this.#spec,
      uid: this.#uid,
      url: `https://${service}-${this.#parts.project.number}.${location}.run.app`,
      etag: this.#etagNow(),
      generation: this.#generation,
      createdAt: this.#createdAt,
      updatedAt: this.#updatedAt,
      settled,
      since: settled ? this.#settledAt : this.#updatedAt,
      servingGeneration: this.#servingGeneration,
      failure: latest.state.kind === 'failed' ? latest.state.failure : undefined,
      latestCreated: latest.name,
      latestReady: this.#latestReady(),
      revisions: this.#revisions.map((revision) => revision.view()),
      routes: this.#routes(),
    };
  }

  /** Made anew for an edit, and not for each look at it. */
  #etagNow(): string {
    const edits = this.#edits;
    if (this.#etag?.edits !== edits)
      this.#etag = { edits, text: `"${sha256(`${this.#ref.service}/${edits}`).slice(0, 22)}"` };
    return this.#etag.text;
  }

  apply(spec: ServiceSpec): void {
    if (canonicalJson(spec) === canonicalJson(this.#spec)) return;
    const changed = !sameTemplate(spec.template, this.#spec.template);
    this.#spec = spec;
    this.#generation += 1;
    this.#edits += 1;
    this.#updatedAt = this.#parts.clock.now();
    if (changed) this.#deploy(false);
    const generation = this.#generation;
    this.#later(this.#parts.chance.between(...APPLY_AFTER), () => {
      if (generation !== this.#generation) return; // a newer update brings everything with it
      this.#inForce = this.#spec;
      this.#appliedGeneration = generation;
      this.#scale();
      this.#settle();
    });
  }

  retire(): void {
    this.#retired = true;
    this.#scale();
  }

  checkRevisionName(template: RevisionTemplate): void {
    const named = this.#revisions.map((revision) => revision.view()).find(({ name }) => name === template.revision);
    if (named === undefined || sameTemplate(named.template, template)) return;
    const what = `Revision named '${named.name}' with different configuration already exists.`;
    throw new ApiError(409, 'alreadyExists', what);
  }

  outcomeOf(generation: number): RunOutcome {
    return this.#outcomes.get(generation) ?? { kind: 'running' };
  }

  route(): RunRoute {
    const { mode, manual } = this.#inForce.scaling;
    const held = mode === 'MANUAL' && manual === 0 && this.#parts.assumptions.manualZeroHoldsService;
    if (held) return { kind: 'disabled' };
    this.#noteRequest();
    const up = this.#shares()
      .filter(({ percent }) => percent > 0)
      .flatMap(({ revision }) => revision.instances.current())
      .filter(({ application }) => application.state() === 'serving' || application.state() === 'hung');
    const chosen = up[this.#requests % Math.max(up.length, 1)];
    const turnedAway = chosen === undefined ? undefined : this.#turnedAway(up.length);
    if (turnedAway !== undefined) return { kind: 'turnedAway', status: turnedAway };
    return chosen ? { kind: 'instance', id: chosen.id, application: chosen.application } : { kind: 'starting' };
  }

  press(pressure: RunPressure | undefined): void {
    this.#pressure = pressure;
    this.#scale();
  }

  active(): number {
    const up = this.instances().filter(({ application }) => application.state() === 'serving').length;
    return this.#asked() ? Math.min(up, Math.ceil(this.#needed())) : 0;
  }

  /** More than any limit allows, where instances are not what it lacks: they all wait. */
  #needed(): number {
    if (this.#pressure === undefined) return 1;
    return 'instances' in this.#pressure ? this.#pressure.instances : INSTANCES_MAX;
  }

  /** How long the next request waits before it is worked on. */
  delay(): Millis {
    if (this.#pressure?.kind === 'waiting') return QUEUED;
    if (this.#pressure?.kind !== 'slow') return millis(0);
    return this.active() < this.#pressure.instances ? QUEUED : millis(0);
  }

  /** What its busy instances use of their CPU, as a share: those that wait for something else use next to none. */
  cpu(): number {
    switch (this.#pressure?.kind) {
      case undefined:
        return 0.2;
      case 'stuck':
      case 'waiting':
        return 0.08;
      case 'crowded':
      case 'slow':
        return Math.min(0.95, (0.6 * this.#needed()) / Math.max(this.active(), 1));
    }
  }

  /** With what status the next request is turned away: 429 where no instance is free for it (G6). */
  #turnedAway(up: number): 429 | 500 | undefined {
    if (this.#pressure === undefined) return undefined;
    const { kind } = this.#pressure;
    if (kind === 'slow' || kind === 'waiting') return undefined;
    const answered = kind === 'crowded' ? up / this.#pressure.instances : 1 / 2;
    if (this.#luck.next() < answered) return undefined;
    return kind === 'crowded' ? 429 : 500;
  }

  instances(): readonly RunInstance[] {
    return this.#revisions.flatMap((revision) => revision.instances.current());
  }

  failNextRevision(failure: RevisionFailure = INJECTED): void {
    this.#breakNext = failure;
  }

  #latest(): RevisionView {
    const latest = this.#revisions.at(-1);
    if (!latest) throw new Error('a service has a revision');
    return latest.view();
  }

  /** The newest that is ready, in order of creation and not of getting ready; the first one always is. */
  #latestReady(): string {
    const ready = this.#revisions.map((revision) => revision.view()).findLast(({ state }) => state.kind === 'ready');
    return ready?.name ?? this.#latest().name;
  }

  #deploy(ready: boolean): void {
    const { template } = this.#spec;
    const number = String(this.#revisions.length + 1).padStart(5, '0');
    const letters = [0, 1, 2].map(() => 'bcdfghjklmnpqrstvwxz'[this.#parts.chance.between(0, 19)]).join('');
    const name = template.revision ?? `${this.#ref.service}-${number}-${letters}`;
    const broken = ready ? undefined : this.#breakNext;
    if (!ready) this.#breakNext = undefined;
    const settled = (): void => {
      this.#scale();
      this.#settle();
    };
    const warm = (): number => this.#warm(name, template);
    const options = { name, template, generation: this.#generation, broken, ready, warm, settled };
    const log = (line: LogLine): void => this.#write(name, line);
    const revision = createRunRevision({ ...this.#parts, log }, options);
    this.#revisions.push(revision);
  }

  /** What a new revision gets once it is the latest that is ready; one at least, to check it, unless the service is held. */
  #warm(name: string, template: RevisionTemplate): number {
    const { scaling, traffic } = this.#spec;
    const own = traffic.filter(({ revision }) => revision === undefined || revision === name);
    const [count = 0] = this.#allocation(scaling, [{ percent: sumOf(own), routed: own.length > 0, template }]);
    return scaling.mode === 'MANUAL' && scaling.manual === 0 ? count : Math.max(count, 1);
  }

  #settled(): boolean {
    return this.#appliedGeneration === this.#generation && this.#latest().state.kind !== 'deploying';
  }

  #settle(): void {
    if (!this.#settled()) return;
    const { state } = this.#latest();
    this.#edits += 1;
    this.#settledAt = this.#parts.clock.now();
    if (state.kind === 'ready') this.#servingGeneration = this.#generation;
    const outcome: RunOutcome =
      state.kind === 'failed' ? { kind: 'failed', message: state.failure.message } : { kind: 'done' };
    for (let at = this.#generation; at > 0 && !this.#outcomes.has(at); at -= 1) this.#outcomes.set(at, outcome);
  }

  #routes(): RunServiceView['routes'] {
    const latestReady = this.#latestReady();
    return this.#inForce.traffic.map((target) => ({ target, revision: target.revision ?? latestReady }));
  }

  #shares(): readonly (Allotted & { readonly revision: RunRevision })[] {
    const routes = this.#routes();
    return this.#revisions.map((revision) => {
      const { name, template } = revision.view();
      const own = routes.filter((route) => route.revision === name).map(({ target }) => target);
      return { revision, template, percent: sumOf(own), routed: own.length > 0 };
    });
  }

  #allocation(scaling: ServiceSpec['scaling'], revisions: readonly Allotted[]): readonly number[] {
    const manualZeroHolds = this.#parts.assumptions.manualZeroHoldsService;
    return allocation(revisions, { scaling, asked: this.#asked(), needed: this.#needed(), manualZeroHolds });
  }

  /** Tells every revision how many instances it shall have; one that is still deploying sees to itself. */
  #scale(): void {
    const shares = this.#shares();
    const counts = this.#allocation(this.#inForce.scaling, shares);
    for (const [index, { revision }] of shares.entries()) {
      const { kind } = revision.view().state;
      if (kind !== 'deploying' || this.#retired)
        revision.instances.want(kind === 'ready' && !this.#retired ? (counts[index] ?? 0) : 0);
    }
  }

  #asked(): boolean {
    return this.#lastRequest !== undefined && between(this.#lastRequest, this.#parts.clock.now()) < IDLE;
  }

  #noteRequest(): void {
    const before = this.#asked();
    this.#lastRequest = this.#parts.clock.now();
    this.#requests += 1;
    if (!before) this.#scale();
    this.#watchIdle(IDLE);
  }

  /** One callback at a time, however many requests come. */
  #watchIdle(length: number): void {
    if (this.#watchingIdle) return;
    this.#watchingIdle = true;
    this.#later(length, () => {
      this.#watchingIdle = false;
      if (this.#asked() && this.#lastRequest !== undefined) {
        this.#watchIdle(IDLE - between(this.#lastRequest, this.#parts.clock.now()));
      } else {
        this.#scale();
      }
    });
  }

  #write(revision: string, { at, text, instance }: LogLine): void {
    const { location, service } = this.#ref;
    const labels = { project_id: this.#parts.project.id, location, service_name: service, revision_name: revision };
    this.#parts.logs.write({
      log: 'run.googleapis.com/stderr',
      resource: { type: 'cloud_run_revision', labels: { ...labels, configuration_name: service } },
      at,
      severity: severityOf(text),
      text: `${instance} ${text}`,
    });
  }

  #later(length: number, what: () => void): void {
    const { clock } = this.#parts;
    clock.schedule(after(clock.now(), millis(length)), what);
  }
}

/** By the word that a line begins with. */
function severityOf(text: string): Severity {
  const word = /^[A-Z]+/.exec(text)?.[0];
  return word === 'INFO' || word === 'WARNING' || word === 'ERROR' || word === 'DEBUG' ? word : 'DEFAULT';
}

const sumOf = (targets: readonly TrafficTarget[]): number => targets.reduce((sum, { percent }) => sum + percent, 0);

function uuidOf(text: string): string {
  return sha256(text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

import { after, type Instant, millis, minutes, seconds } from '../../shared/core/time.ts';
import type { Assumptions } from './assumptions.ts';
import type { ApplicationLauncher, Chance, WorldClock } from './kernel.ts';
import { createRunInstances, type RunInstances, type RunInstancesOptions } from './run-instances.ts';
import { type RevisionTemplate, secretOf } from './run-spec.ts';

// One revision: deployed once, then ready or failed for good.

/** From the update until the first instance of a new revision is wanted, milliseconds: the image is pulled and checked. */
const PULL: readonly [number, number] = [8_000, 14_000];
/** Longest that a new revision's first instance may take to be ready (docs: TCP start-up probe, 240 s). */
const STARTUP_MAX = minutes(4);
/** How often a starting instance is looked at. */
const PROBE_EVERY = seconds(1);

/** Everything of the world that Cloud Run is made with. */
export interface RunOptions {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly launcher: ApplicationLauncher;
  readonly readSecret: (secret: string) => string | undefined;
  readonly assumptions: Pick<Assumptions, 'manualZeroHoldsService' | 'runEtagChecked'>;
}

/** Why a revision did not become ready: the reason by its name in google.cloud.run.v2.Condition, and a sentence. */
export interface RevisionFailure {
  readonly reason: 'HEALTH_CHECK_CONTAINER_ERROR' | 'SECRETS_ACCESS_CHECK_FAILED' | 'CONTAINER_MISSING' | 'INTERNAL';
  readonly message: string;
}

/** Why a revision fails that somebody made fail, unless told otherwise. */
export const INJECTED: RevisionFailure = {
  reason: 'HEALTH_CHECK_CONTAINER_ERROR',
  message:
    'The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment variable within the allocated timeout.',
};

/** A revision's life. */
export type RevisionState =
  | { readonly kind: 'deploying' }
  | { readonly kind: 'ready'; readonly since: Instant }
  | { readonly kind: 'failed'; readonly since: Instant; readonly failure: RevisionFailure };

/** A revision as the API shows it. */
export interface RevisionView {
  readonly name: string;
  readonly template: RevisionTemplate;
  readonly generation: number;
  readonly createdAt: Instant;
  readonly state: RevisionState;
}

/** What a revision is made with besides: whether there are machines, and who hears what its instances write. */
export type RevisionParts = RunOptions & Pick<RunInstancesOptions, 'capacity' | 'log' | 'place'>;

/** A revision and its instances. */
export interface RunRevision {
  view(): RevisionView;
  readonly instances: RunInstances;
}

/** What a revision is made of. `broken` is why it will fail, when it shall; `settled` is called once, when it has ended well or badly. */
export interface RunRevisionOptions {
  readonly name: string;
  readonly template: RevisionTemplate;
  readonly generation: number;
  readonly broken: RevisionFailure | undefined;
  /** A service's first revision was deployed before the world began. */
  readonly ready: boolean;
  /** How many instances must be ready before it serves: the minimum is warmed first (proto: MIN_INSTANCES_WARMING). 0: none is started to check. */
  readonly warm: () => number;
  readonly settled: () => void;
}

/** Begins to deploy a revision. */
export function createRunRevision(parts: RevisionParts, options: RunRevisionOptions): RunRevision {
  const { clock, chance, readSecret } = parts;
  const { name, template, generation, broken, settled } = options;
  const createdAt = clock.now();
  const secret = secretOf(template);
  const instances = createRunInstances({ ...parts, revision: name, secret });
  let state: RevisionState = options.ready ? { kind: 'ready', since: createdAt } : { kind: 'deploying' };

  const fail = (failure: RevisionFailure): void => {
    instances.want(0);
    state = { kind: 'failed', since: clock.now(), failure };
    settled();
  };

  const succeed = (): void => {
    state = { kind: 'ready', since: clock.now() };
    settled();
  };

  const probe = (deadline: Instant): void => {
    const started = instances.current().map(({ application }) => application);
    const up = started.filter((application) => application.ready()).length;
    if (up >= options.warm()) {
      succeed();
    } else if (clock.now() >= deadline || started.some((application) => application.state() === 'crashed')) {
      fail(failures.startup(name));
    } else {
      instances.want(options.warm());
      clock.schedule(after(clock.now(), PROBE_EVERY), () => probe(deadline));
    }
  };

  const start = (): void => {
    if (broken !== undefined) return fail(broken);
    if (secret !== undefined && readSecret(secret) === undefined) return fail(failures.secret(name, secret));
    probe(after(clock.now(), STARTUP_MAX));
  };

  if (!options.ready) clock.schedule(after(createdAt, millis(chance.between(...PULL))), start);
  return { view: () => ({ name, template, generation, createdAt, state }), instances };
}

/** The sentences in which Cloud Run says why a revision failed. */
const failures = {
  startup: (revision: string): RevisionFailure => ({
    reason: 'HEALTH_CHECK_CONTAINER_ERROR',
    message: `Revision '${revision}' is not ready and cannot serve traffic. The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment variable within the allocated timeout.`,
  }),
  secret: (revision: string, secret: string): RevisionFailure => ({
    reason: 'SECRETS_ACCESS_CHECK_FAILED',
    message: `Revision '${revision}' is not ready and cannot serve traffic. Permission denied on secret '${secret}', or it has no enabled version 'latest'.`,
  }),
};
